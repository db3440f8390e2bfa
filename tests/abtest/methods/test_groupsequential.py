from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from shopr.abtest.methods.groupsequential import GroupSequential
from shopr.abtest.methods.spending import spent
from shopr.errors import InputError

FIVE = np.arange(1, 6) / 5


# Jennison and Turnbull 2000, tables 2.2 and 2.4: sample size ratios at the planned end, alpha .05.
@pytest.mark.parametrize(
    ("shape", "power", "ratio"),
    [("pocock", 0.8, 1.229), ("pocock", 0.9, 1.207), ("obrien-fleming", 0.8, 1.028), ("obrien-fleming", 0.9, 1.026)],
)
def test_published_inflation(shape: str, power: float, ratio: float) -> None:
    design = GroupSequential(spending=f"classical:{shape}")
    assert design.inflation(FIVE, power) == pytest.approx(ratio, abs=1e-3)


def test_power_under_no_effect_is_the_level() -> None:
    assert GroupSequential().power(0.0, FIVE) == pytest.approx(0.05, abs=1e-9)
    assert GroupSequential(alternative="less").power(-2.8, [1]) == pytest.approx(
        stats.norm.sf(1.6448536 - 2.8), abs=1e-6
    )


def test_a_single_look_is_the_z_test() -> None:
    got = GroupSequential().adjusted([0.25], [0.1], [1.0])
    assert got.p == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-10)
    assert got.estimate == pytest.approx(0.25, abs=1e-9)
    assert (got.lo, got.hi) == pytest.approx((0.25 - 0.1 * 1.959963985, 0.25 + 0.1 * 1.959963985), abs=1e-8)
    assert got.repeated_p == pytest.approx(got.p, rel=1e-6)


def test_many_tests_read_at_once_hold_their_level() -> None:
    looks, tests = 14, 20_000
    draws = np.random.default_rng(3).normal(size=(tests, looks)).cumsum(axis=1)
    count = np.arange(1, looks + 1)
    read = GroupSequential().looks(draws / count, 1 / np.sqrt(count), count / looks)
    assert read.crossed[:, -1].mean() == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / tests))
    assert ((read.lo > 0) | (read.hi < 0)).any(axis=1).mean() == read.crossed[:, -1].mean()
    naive = (np.abs(read.z) > 1.96).any(axis=1).mean()
    assert naive > 0.18


def test_the_adjusted_interval_covers_and_its_p_value_is_uniform() -> None:
    design, times, effect = GroupSequential(spending="pocock"), np.array([0.4, 0.7, 1.0]), 2.0
    rng, covered, p_values = np.random.default_rng(11), 0, []
    for _ in range(150):
        z = np.cumsum(rng.normal(size=3) * np.sqrt(np.diff(times, prepend=0))) / np.sqrt(times)
        errors = 1 / np.sqrt(times)
        shifted = design.adjusted(z * errors + effect, errors, times)
        covered += shifted.lo <= effect <= shifted.hi
        p_values.append(design.adjusted(z * errors, errors, times).p)
    assert covered / 150 > 0.9
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


@given(st.floats(-4, 4), st.floats(-4, 4), st.sampled_from(["greater", "less", "two-sided"]))
def test_interval_and_p_value_agree_on_the_null(first: float, second: float, side: str) -> None:
    design = GroupSequential(alternative=side)  # type: ignore[arg-type]
    got = design.adjusted([first, second], [1.0, 0.8], [0.6, 1.0])
    if abs(got.p - 0.05) > 1e-6:
        assert (got.p < 0.05) == (got.lo > 0 or got.hi < 0)
    assert got.lo <= got.estimate <= got.hi


def test_less_mirrors_greater() -> None:
    up = GroupSequential(alternative="greater").adjusted([0.3, 0.2], [0.2, 0.15], [0.5, 1])
    down = GroupSequential(alternative="less").adjusted([-0.3, -0.2], [0.2, 0.15], [0.5, 1])
    assert (up.p, up.estimate, up.lo, up.hi) == pytest.approx((down.p, -down.estimate, -down.hi, -down.lo))


def test_bad_calls_are_refused() -> None:
    with pytest.raises(InputError, match="effects of shape"):
        GroupSequential().looks([1.0, 2.0], [1.0, 1.0], [1.0])
    with pytest.raises(InputError, match="unknown spending"):
        GroupSequential(spending="bonferroni")
    with pytest.raises(InputError, match="power 0.01 is not above"):
        GroupSequential().inflation([1.0], 0.01)
    with pytest.raises(InputError, match="not all finite"):
        GroupSequential().adjusted([1.0], [0.0], [1.0])
    with pytest.raises(InputError, match="alpha 0"):
        GroupSequential(alpha=0)


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
@pytest.mark.parametrize("z", [8.5, 12.0, 25.0])
def test_repeated_p_values_are_exact_far_in_the_tail(spending: str, z: float) -> None:
    """At its own p-value a look's boundary is the statistic: checked by an integral made by another hand."""
    shares = np.array([0.5, 1.0])
    effects = np.array([0.1, 1.0])
    design = GroupSequential(0.05, "two-sided", spending)
    p = design.adjusted(effects, np.array([1.0, 1.0 / z]), shares).repeated_p
    first = design.boundaries(shares, final=True, alpha=p)[0]
    spread = np.sqrt(0.5)

    def inside_then_above(x: float) -> float:
        return float(stats.norm.pdf(x) * stats.norm.sf((z - x * spread) / spread))

    edges = sorted({max(-first, z * spread - 15), min(first, z * spread), first})
    chance = sum(
        integrate.quad(inside_then_above, a, b, epsabs=0, epsrel=1e-11, limit=500)[0] for a, b in pairwise(edges)
    )
    spent_last = p / 2 - spent(shares, p / 2, spending)[0]
    assert p < 1e-14
    assert chance == pytest.approx(spent_last, rel=1e-8)


def test_one_look_far_in_the_tail_is_the_plain_test() -> None:
    for z in (9.0, 20.0, 36.0):
        p = GroupSequential(0.05).adjusted(np.array([1.0]), np.array([1 / z]), [1.0]).repeated_p
        assert p == pytest.approx(2 * stats.norm.sf(z), rel=1e-8)
