"""Tests of differences and lifts: against scipy, hand calculation, simulation, and each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from shopr.abtest.methods.arms import Arm, cuped, plain, scalar
from shopr.abtest.methods.frequentist import (
    Effect,
    critical,
    difference,
    equivalence,
    fieller,
    judge,
    lift,
    log_lift,
    non_inferiority,
    p_value,
)
from shopr.abtest.methods.moments import Moments

RNG = np.random.default_rng(1)
A, B = RNG.gamma(2, 5, size=300), RNG.gamma(2, 5.5, size=260)


def arms(a: np.ndarray = A, b: np.ndarray = B) -> tuple[Arm, Arm]:
    return plain(Moments.of(a)), plain(Moments.of(b))


@pytest.mark.parametrize("side", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("equal", [False, True])
def test_the_difference_is_scipys(side: str, equal: bool) -> None:
    found = judge(difference(*arms(), equal_variance=equal), side=side, alpha=0.1)
    want = stats.ttest_ind(B, A, equal_var=equal, alternative=side)
    assert found.p == pytest.approx(want.pvalue, rel=1e-10)
    assert found.statistic == pytest.approx(want.statistic, rel=1e-12)
    ends = want.confidence_interval(0.9)
    assert (found.lo, found.hi) == pytest.approx((ends.low, ends.high))


def test_p_values_are_exact_far_out() -> None:
    assert p_value(30.0) == pytest.approx(2 * stats.norm.sf(30), rel=1e-12)
    assert p_value(37.0, side="greater") == pytest.approx(stats.norm.sf(37), rel=1e-12)
    assert p_value(40.0, 998.0) == pytest.approx(2 * stats.t.sf(40, 998), rel=1e-9)
    assert p_value(-40.0, 998.0, "less") == pytest.approx(stats.t.sf(40, 998), rel=1e-9)
    assert critical(0.025) == pytest.approx(1.959963984540054)
    assert critical([0.025, 0.025], [10, np.inf])[0] == pytest.approx(stats.t.ppf(0.975, 10))


def test_interval_and_p_say_the_same() -> None:
    for alpha in (0.01, 0.05, 0.2):
        effect = difference(*arms())
        edge = judge(effect, null=float(judge(effect, alpha=alpha).lo), alpha=alpha)
        assert edge.p == pytest.approx(alpha)


def test_no_variance_gives_no_p() -> None:
    found = judge(Effect(*(np.asarray(x, dtype=float) for x in (1.0, 0.0, 10.0, 12.0))))
    assert np.isnan(found.p)


def test_lifts_cover_the_truth() -> None:
    rng = np.random.default_rng(2)
    tests = 4000
    a, b = rng.gamma(2, 5, size=(tests, 200)), rng.gamma(2, 5.5, size=(tests, 200))
    one, other = plain(Moments.of(a[..., None])), plain(Moments.of(b[..., None]))
    error = 3 * np.sqrt(0.05 * 0.95 / tests)
    for found in (judge(lift(one, other)), fieller(one, other), log_lift(one, other)):
        covered = np.mean((found.lo <= 0.1) & (found.hi >= 0.1))
        assert covered == pytest.approx(0.95, abs=error + 0.005)


def test_fieller_by_hand() -> None:
    # Control 10 +- 1, treatment 12 +- 1, z = 1.96: (a, b, c) of the quadratic by hand.
    one, other = scalar(1e9, 10, 1e9), scalar(1e9, 12, 1e9)
    found = fieller(one, other, normal=True)
    z2 = 1.959963984540054**2
    a, b, c = 100 - z2, 20 + z2, 4 - 2 * z2
    # (D - L B)^2 = z^2 (var D - 2 L cov + L^2 var B) with cov(D, B) = -1.
    roots = np.roots([a, -2 * (20 - z2 * -1.0), c])
    assert b == pytest.approx(20 + z2)
    assert sorted([found.lo, found.hi]) == pytest.approx(sorted(roots))
    assert (found.lo > 0) == (found.p < 0.05)


def test_fieller_gives_the_whole_line_when_the_control_may_be_zero() -> None:
    found = fieller(scalar(100, 0.1, 100), scalar(100, 1.0, 100))
    assert found.lo == -np.inf
    assert found.hi == np.inf


def test_a_negative_control_keeps_the_sign_of_the_difference() -> None:
    one, other = scalar(100, -10.0, 4.0), scalar(100, -5.0, 4.0)
    assert lift(one, other).estimate == pytest.approx(0.5)
    found = fieller(one, other)
    assert found.lo < 0.5 < found.hi


def test_a_ratio_is_a_mean_where_the_denominator_is_one() -> None:
    both = Moments.of(np.stack([A, np.ones_like(A)], axis=1))
    assert plain(both, (0, 1)).variance == pytest.approx(plain(Moments.of(A)).variance)


def test_a_ratio_is_the_linearised_mean() -> None:
    sessions = RNG.poisson(3, size=len(A)) + 1.0
    ratio = A.sum() / sessions.sum()
    linear = (A - ratio * sessions) / sessions.mean()
    found = plain(Moments.of(np.stack([A, sessions], axis=1)), (0, 1))
    assert found.value == pytest.approx(ratio)
    assert found.variance == pytest.approx(linear.var(ddof=1))


def test_cuped_is_the_regression_on_several_covariates() -> None:
    x = RNG.normal(size=(560, 2))
    y = x @ [2.0, -1.0] + RNG.normal(size=560)
    rows = np.column_stack([y, x])
    one, other, theta = cuped(Moments.of(rows[:300]), Moments.of(rows[300:]), (0, 1, 2))
    slopes = np.linalg.lstsq(np.column_stack([np.ones(560), x]), y, rcond=None)[0][1:]
    np.testing.assert_allclose(theta, slopes, rtol=1e-9)
    adjusted = y - (x - x.mean(axis=0)) @ slopes
    assert one.value == pytest.approx(adjusted[:300].mean())
    assert other.variance == pytest.approx(adjusted[300:].var(ddof=1))
    # Two equal columns are one.
    twice = np.column_stack([y, x[:, 0], x[:, 0]])
    single = cuped(Moments.of(rows[:300, :2]), Moments.of(rows[300:, :2]), (0, 1))[1]
    double = cuped(Moments.of(twice[:300]), Moments.of(twice[300:]), (0, 1, 2))[1]
    assert double.variance == pytest.approx(single.variance)


def test_cuped_of_ratios_is_cuped_of_their_linear_parts() -> None:
    rng = np.random.default_rng(3)
    base = rng.gamma(2, 1, size=600)
    rows = np.column_stack(
        [base + rng.gamma(1, 1, 600), rng.poisson(2, 600) + 1.0, base + rng.gamma(1, 1, 600), rng.poisson(2, 600) + 1.0]
    )
    plain_effect = difference(*(plain(Moments.of(r), (0, 1)) for r in (rows[:300], rows[300:])))
    one, other, _ = cuped(Moments.of(rows[:300]), Moments.of(rows[300:]), ((0, 1), (2, 3)))
    assert difference(one, other).se < plain_effect.se


def test_a_covariate_without_variance_changes_nothing() -> None:
    rows = np.column_stack([A, np.ones_like(A)])
    one, other, theta = cuped(Moments.of(rows[:150]), Moments.of(rows[150:]), (0, 1))
    assert theta == 0
    assert one.value == pytest.approx(A[:150].mean())
    assert other.variance == pytest.approx(A[150:].var(ddof=1))


def test_non_inferiority_and_equivalence_agree_with_their_intervals() -> None:
    effect = difference(*arms(A, A + 0.2))
    loss = non_inferiority(effect, 2.0)
    assert (loss.p < 0.05) == (loss.lo > -2.0)
    gain = non_inferiority(effect, 2.0, direction="decrease")
    assert (gain.p < 0.05) == (gain.hi < 2.0)
    both = equivalence(effect, -2.0, 2.0)
    assert both.p == pytest.approx(max(judge(effect, null=-2, side="greater").p, judge(effect, null=2, side="less").p))
    assert (both.p < 0.05) == (both.lo > -2.0 and both.hi < 2.0)


def test_many_tests_are_read_at_once() -> None:
    rows = RNG.normal(size=(50, 14, 40, 1))
    one, other = plain(Moments.of(rows[..., :20, :])), plain(Moments.of(rows[..., 20:, :]))
    found = judge(difference(one, other))
    assert found.p.shape == (50, 14)
    single = stats.ttest_ind(rows[7, 3, 20:, 0], rows[7, 3, :20, 0], equal_var=False)
    assert found.p[7, 3] == pytest.approx(single.pvalue)
