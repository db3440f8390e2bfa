from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shopr.abtest.methods.multiplicity import CORRECTIONS, adjust, correct, interval_levels, simultaneous_intervals
from shopr.errors import InputError, UnknownNameError

P = [0.01, 0.04, 0.03, 0.005, 0.8]


# By hand from the definitions; the same as statsmodels' multipletests and R's p.adjust.
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("none", P),
        ("bonferroni", [0.05, 0.2, 0.15, 0.025, 1.0]),
        ("holm", [0.04, 0.09, 0.09, 0.025, 0.8]),
        ("hochberg", [0.04, 0.08, 0.08, 0.025, 0.8]),
        ("hommel", [0.04, 0.08, 0.06, 0.025, 0.8]),
        ("benjamini-hochberg", [0.025, 0.05, 0.05, 0.025, 0.8]),
        ("benjamini-yekutieli", [0.025 * 137 / 60, 0.05 * 137 / 60, 0.05 * 137 / 60, 0.025 * 137 / 60, 1.0]),
        ("sidak", [1 - 0.99**5, 1 - 0.96**5, 1 - 0.97**5, 1 - 0.995**5, 1 - 0.2**5]),
        ("holm-sidak", [1 - 0.99**4, 1 - 0.97**3, 1 - 0.97**3, 1 - 0.995**5, 0.8]),
    ],
)
def test_adjusted_values_by_hand(method: str, expected: list[float]) -> None:
    assert adjust(P, method) == pytest.approx(expected, rel=1e-12)


def closed(p: list[float], local: str) -> list[float]:
    """The adjusted p-values of the closed test: the largest over all subsets that hold the hypothesis."""
    out = []
    for i in range(len(p)):
        worst = 0.0
        for size in range(1, len(p) + 1):
            for subset in itertools.combinations(range(len(p)), size):
                if i in subset:
                    values = np.sort([p[j] for j in subset])
                    ratio = {"bonferroni": size * values[0], "simes": np.min(size * values / np.arange(1, size + 1))}
                    worst = max(worst, float(ratio[local]))
        out.append(min(worst, 1.0))
    return out


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_and_hommel_are_closed_tests(p: list[float]) -> None:
    assert adjust(p, "holm") == pytest.approx(closed(p, "bonferroni"), abs=1e-12)
    assert adjust(p, "hommel") == pytest.approx(closed(p, "simes"), abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_benjamini_hochberg_agrees_with_scipy(p: list[float]) -> None:
    assert adjust(p, "benjamini-hochberg") == pytest.approx(stats.false_discovery_control(p), abs=1e-12)
    assert adjust(p, "benjamini-yekutieli") == pytest.approx(stats.false_discovery_control(p, method="by"), abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.sampled_from(CORRECTIONS))
def test_order_and_missing_values_change_nothing(p: list[float], method: str) -> None:
    plain = adjust(p, method)
    assert adjust(p[::-1], method)[::-1] == pytest.approx(plain)
    holes = adjust([*p, float("nan")], method)
    assert holes[:-1] == pytest.approx(plain)
    assert np.isnan(holes[-1])
    assert np.all(plain >= np.array(p) - 1e-12)


def test_the_tail_stays_exact() -> None:
    assert adjust([1e-200, 1.0], "sidak")[0] == pytest.approx(2e-200)


def test_shapes_are_kept_and_nothing_missing_is_rejected() -> None:
    got = correct([[0.001, np.nan], [0.2, 0.01]], "holm")
    assert got.rejected.tolist() == [[True, False], [False, True]]
    assert adjust([], "holm").shape == (0,)
    assert np.isnan(adjust([np.nan], "hommel")).all()


def test_interval_levels_by_hand() -> None:
    assert interval_levels(P, "holm") == pytest.approx([0.01] * 5)
    assert interval_levels(P, "sidak") == pytest.approx([1 - 0.95**0.2] * 5)
    assert interval_levels(P, "benjamini-hochberg") == pytest.approx([0.04, 0.04, 0.04, 0.04, 0.01])
    assert np.isnan(interval_levels([0.1, np.nan], "bonferroni")).tolist() == [False, True]
    lo, hi = simultaneous_intervals([1.0, 0.0], [0.5, 0.5], [0.04, 1.0], "bonferroni")
    assert (hi[0] - lo[0]) / 2 == pytest.approx(0.5 * stats.norm.isf(0.0125))
    assert simultaneous_intervals([1.0], [0.5], [0.04], alternative="greater")[1].tolist() == [np.inf]


def test_bonferroni_intervals_hold_together() -> None:
    draws = np.random.default_rng(4).normal(size=(4000, 10))
    lo, hi = simultaneous_intervals(draws[0], np.ones(10), np.full(10, 0.5), "holm")
    radius = (hi - lo)[0] / 2
    assert (np.abs(draws) > radius).any(axis=1).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(InputError, match="outside 0 … 1"):
        adjust([0.1, 1.2])
    with pytest.raises(UnknownNameError, match="bonferoni"):
        adjust([0.1], "bonferoni")
