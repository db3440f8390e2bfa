from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from shopr.abtest.methods.boundaries import classical_boundaries, spending_boundaries
from shopr.abtest.methods.crossing import Path, exit_probabilities
from shopr.abtest.methods.spending import SPENDING, spent
from shopr.errors import InputError, UnknownNameError

EVEN = {k: np.arange(1, k + 1) / k for k in (1, 2, 3, 4, 5, 10)}


# Jennison and Turnbull 2000, tables 2.1 and 2.3: constants of two-sided designs with equal looks.
@pytest.mark.parametrize(
    ("looks", "alpha", "pocock", "obrien"),
    [
        (2, 0.05, 2.178, 1.977),
        (5, 0.05, 2.413, 2.040),
        (10, 0.05, 2.555, 2.087),
        (3, 0.01, 2.873, 2.595),
        (4, 0.10, 2.067, 1.733),
    ],
)
def test_published_constants(looks: int, alpha: float, pocock: float, obrien: float) -> None:
    assert classical_boundaries(EVEN[looks], alpha, "pocock")[0] == pytest.approx(pocock, abs=5e-4)
    assert classical_boundaries(EVEN[looks], alpha, "obrien-fleming")[-1] == pytest.approx(obrien, abs=5e-4)


# Wang and Tsiatis: table 2.9 of the same book, delta .25, alpha .05.
@pytest.mark.parametrize(("looks", "constant"), [(2, 2.038), (5, 2.136)])
def test_published_constants_of_wang_and_tsiatis(looks: int, constant: float) -> None:
    assert classical_boundaries(EVEN[looks], 0.05, "wang-tsiatis", delta=0.25)[-1] == pytest.approx(constant, abs=5e-4)


# Lan and DeMets 1983 and the programs ldbounds and gsDesign, two-sided .05, five equal looks.
def test_published_spending_boundaries() -> None:
    assert spending_boundaries(EVEN[5]) == pytest.approx([4.8769, 3.3570, 2.6803, 2.2898, 2.0310], abs=1e-4)
    assert spending_boundaries(EVEN[5], 0.05, "pocock") == pytest.approx(
        [2.4380, 2.4268, 2.4102, 2.3966, 2.3860], abs=1e-4
    )
    assert spending_boundaries(EVEN[4], 0.05, sides=1) == pytest.approx([3.74955, 2.53994, 2.01604, 1.72014], abs=5e-5)


def test_two_looks_agree_with_the_bivariate_normal() -> None:
    first, second = spending_boundaries([0.3, 1.0], 0.05, sides=1)
    correlation = np.sqrt(0.3)

    def inside(z: float) -> float:
        return float(stats.norm.pdf(z) * stats.norm.cdf((second - correlation * z) / np.sqrt(1 - correlation**2)))

    assert quad(inside, -12, first, epsabs=1e-13)[0] == pytest.approx(0.95, abs=1e-11)


def test_one_look_is_the_fixed_test() -> None:
    assert spending_boundaries([1.0])[0] == pytest.approx(stats.norm.isf(0.025), abs=1e-12)
    assert classical_boundaries([7.0], 0.1, sides=1)[0] == pytest.approx(stats.norm.isf(0.1), abs=1e-12)


def test_finer_panels_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from shopr.abtest.methods import boundaries, crossing

    times = [0.1, 0.12, 0.5, 0.500001, 0.500002, 0.8, 0.81, 1.0]
    coarse = spending_boundaries(times, 0.05, "pocock")
    boundaries._solve.cache_clear()
    monkeypatch.setattr(crossing, "_PANEL", 0.7)
    assert spending_boundaries(times, 0.05, "pocock") == pytest.approx(coarse, abs=1e-11)
    boundaries._solve.cache_clear()


@given(
    st.lists(st.floats(0.02, 1), min_size=1, max_size=6),
    st.sampled_from(SPENDING),
    st.sampled_from([1, 2]),
    st.floats(0.001, 0.3),
)
def test_the_error_spent_is_the_error_planned(steps: list[float], spending: str, sides: int, alpha: float) -> None:
    times = np.cumsum(steps) / sum(steps)
    limits = spending_boundaries(times, alpha, spending, sides=sides)
    below, above = exit_probabilities(times, -limits if sides == 2 else np.full(len(times), -np.inf), limits)
    assert np.cumsum(above) == pytest.approx(spent(times, alpha / sides, spending), abs=1e-9)
    assert below.sum() == pytest.approx(above.sum() if sides == 2 else 0, abs=1e-9)


def test_added_looks_leave_the_earlier_boundaries_alone() -> None:
    few, more = spending_boundaries([0.2, 0.5]), spending_boundaries([0.2, 0.5, 0.6, 1.1, 1.3])
    assert few.tolist() == more[:2].tolist()
    assert more[-1] == np.inf  # everything was spent at 1.1


def test_a_final_look_spends_what_is_left() -> None:
    limits = spending_boundaries([0.2, 0.7], final=True)
    _, above = exit_probabilities([0.2, 0.7], -limits, limits)
    assert above.sum() == pytest.approx(0.025, abs=1e-12)


def test_exits_under_drift_agree_with_simulation() -> None:
    times, draws = np.array([0.25, 0.5, 1.0]), np.random.default_rng(7).normal(size=(200_000, 3))
    z = np.cumsum(draws * np.sqrt(np.diff(times, prepend=0)), axis=1) / np.sqrt(times) + 2.0 * np.sqrt(times)
    upper, lower = np.array([2.5, 2.3, 2.0]), np.array([-1.0, 0.0, 1.0])
    out = (z > upper) | (z < lower)
    first = np.where(out.any(axis=1), out.argmax(axis=1), 3)
    below, above = exit_probabilities(times, lower, upper, 2.0)
    for look in range(3):
        mine = z[first == look, look] > upper[look]
        assert mine.sum() / len(z) == pytest.approx(above[look], abs=0.004)
        assert (~mine).sum() / len(z) == pytest.approx(below[look], abs=0.004)


@pytest.mark.parametrize("bad", [[], [0.5, 0.5], [0.5, 0.2], [0.0, 1.0], [float("nan")], [-1.0]])
def test_looks_that_do_not_rise_are_refused(bad: list[float]) -> None:
    with pytest.raises(InputError, match="does not rise"):
        spending_boundaries(bad)


def test_other_bad_calls_are_refused() -> None:
    with pytest.raises(InputError, match="hardly rises"):
        spending_boundaries([0.5, 0.5 + 1e-12])
    with pytest.raises(InputError, match="alpha 1.5 is outside"):
        spending_boundaries([1], 1.5)
    with pytest.raises(InputError, match="3 sides"):
        spending_boundaries([1], sides=3)
    with pytest.raises(UnknownNameError, match="obrien"):
        spending_boundaries([1], 0.05, "obrien")
    with pytest.raises(InputError, match="exponent 0"):
        spending_boundaries([1], 0.05, "power", parameter=0)
    with pytest.raises(InputError, match="delta None"):
        classical_boundaries([1], shape="wang-tsiatis")


def test_no_path_is_left_where_the_limits_meet() -> None:
    assert Path.start().step(1.0, 1.0, 1.0, None).above(0, 2.0) == 0.0


@pytest.mark.parametrize("spending", SPENDING)
def test_spending_starts_at_nothing_and_ends_at_all(spending: str) -> None:
    at = spent([0, 0.2, 0.5, 1, 1.5], 0.025, spending)
    assert at[0] == 0
    assert at[-2:] == pytest.approx([0.025, 0.025], rel=1e-12)
    assert np.all(np.diff(at[:4]) > 0)


def test_hwang_shih_decani_by_hand() -> None:
    expected = 0.05 * (1 - np.exp(4 * 0.5)) / (1 - np.exp(4))
    assert spent(0.5, 0.05, "hwang-shih-decani", -4) == pytest.approx(expected, rel=1e-12)
    assert spent(0.3, 0.05, "hwang-shih-decani", 0) == pytest.approx(0.015)
