"""Strata, quantiles, counts, resampling, ranks and learned adjustment: known truth and second libraries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from shopr.abtest.methods.adjustment import cross_fitted
from shopr.abtest.methods.arms import cuped, plain
from shopr.abtest.methods.counts import proportion_arm, proportion_test
from shopr.abtest.methods.frequentist import difference, judge
from shopr.abtest.methods.moments import Moments
from shopr.abtest.methods.poststratification import merge_thin_strata, poststratify
from shopr.abtest.methods.quantiles import cluster_inflation, quantile_arm, ranks
from shopr.abtest.methods.rank import rank_test
from shopr.abtest.methods.resampling import bootstrap, permutation_test
from shopr.errors import InputError, UnknownNameError

RNG = np.random.default_rng(5)


def strata(rng: np.random.Generator, tests: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stratum of each unit, arm and value: strata differ by 4, treatment adds 1."""
    stratum, arm = rng.integers(0, 3, (tests, n)), rng.integers(0, 2, (tests, n))
    return stratum, arm, 4.0 * stratum + arm + rng.normal(size=(tests, n))


def by_stratum(stratum: np.ndarray, arm: np.ndarray, values: np.ndarray) -> tuple[Moments, Moments]:
    parts = []
    for one in (0, 1):
        found = [Moments.of(values[(stratum == s) & (arm == one)]) for s in np.unique(stratum)]
        parts.append(Moments(*(np.stack([getattr(m, f) for m in found]) for f in ("n", "mean", "scatter"))))
    return parts[0], parts[1]


def test_poststratification_covers_and_narrows() -> None:
    rng = np.random.default_rng(6)
    hits, narrower = [], []
    for stratum, arm, values in zip(*strata(rng, 400), strict=True):
        effect = poststratify(*by_stratum(stratum, arm, values), weights="fixed")
        found = judge(effect)
        hits.append(found.lo <= 1 <= found.hi)
        narrower.append(effect.se / judge(difference(*(plain(Moments.of(values[arm == a])) for a in (0, 1)))).se)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.033)
    assert np.mean(narrower) < 0.35


def test_poststratified_lift_of_a_ratio() -> None:
    rng = np.random.default_rng(7)
    stratum, arm = rng.integers(0, 3, 3000), rng.integers(0, 2, 3000)
    sessions = rng.poisson(2, 3000) + 1.0
    revenue = sessions * (1 + stratum) * (1 + 0.1 * arm) + rng.normal(0, 0.1, 3000)
    found = poststratify(*by_stratum(stratum, arm, np.column_stack([revenue, sessions])), outcomes=2, relative=True)
    assert found.estimate == pytest.approx(0.1, abs=0.05)
    assert 0 < found.se < 0.05


def test_thin_strata_go_to_the_largest() -> None:
    stratum = np.repeat([0, 1, 2], [50, 40, 2])
    arm = np.tile([0, 1], 46)
    control, treatment = by_stratum(stratum, arm, RNG.normal(size=92))
    one, other = merge_thin_strata(control, treatment)
    assert one.n.tolist() == [26, 20]
    assert other.n.sum() == 46
    with pytest.raises(InputError, match="needs more than 3"):
        poststratify(*by_stratum(stratum, arm, RNG.normal(size=(92, 2))))


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_quantiles_have_the_error_they_say(q: float) -> None:
    rng = np.random.default_rng(8)
    rows = rng.exponential(size=(2000, 800))
    low, high = ranks(800, q)
    found = [np.quantile(rows, level, axis=1) for level in (q, low, high)]
    arm = quantile_arm(800, q, *found)
    assert np.mean(np.sqrt(arm.variance / 800)) == pytest.approx(np.std(found[0]), rel=0.06)
    assert np.isnan(quantile_arm(5, 0.9, 1.0, 0.5, 1.5).variance)


def test_clusters_inflate_a_quantiles_error() -> None:
    rng = np.random.default_rng(9)
    errors, points = [], []
    for _ in range(300):
        size = rng.poisson(4, 200) + 1
        user = np.repeat(np.arange(200), size)
        values = rng.normal(size=200)[user] + 0.5 * rng.normal(size=len(user))
        low, high = (float(x) for x in ranks(len(values), 0.5))
        level, below, above = np.quantile(values, [0.5, low, high])
        counts = np.bincount(user, values <= level, 200)
        clusters = Moments.of(np.column_stack([counts, size]))
        arm = quantile_arm(len(values), 0.5, level, below, above, inflation=cluster_inflation(clusters, 0.5))
        errors.append(np.sqrt(arm.variance / arm.n))
        points.append(level)
    assert np.mean(errors) == pytest.approx(np.std(points), rel=0.12)


def test_counts_are_scipys() -> None:
    table = [[12, 30], [88, 70]]
    given = (30, 100, 12, 100)
    assert proportion_test(*given, method="fisher").p == pytest.approx(stats.fisher_exact(table).pvalue)
    assert proportion_test(*given, method="barnard").p == pytest.approx(stats.barnard_exact(table).pvalue)
    assert proportion_test(*given, method="boschloo").p == pytest.approx(stats.boschloo_exact(table).pvalue)
    chi = stats.chi2_contingency(table, correction=False).pvalue
    assert proportion_test(*given, method="pearson").p == pytest.approx(chi)
    # The pooled z is the square root of Pearson's chi-square.
    assert proportion_test(*given).p == pytest.approx(chi, rel=1e-9)
    assert proportion_arm(30, 100).variance == pytest.approx(0.21)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"outside 0 … n"):
        proportion_test(5, 4, 1, 4)
    with pytest.raises(InputError, match="has no side"):
        proportion_test(1, 4, 1, 4, method="pearson", side="less")
    with pytest.raises(InputError, match="one pair"):
        proportion_test([1, 2], 4, 1, 4, method="fisher")
    with pytest.raises(UnknownNameError, match="Did you mean 'fisher'"):
        proportion_test(1, 4, 1, 4, method="fischer")


@pytest.mark.parametrize("method", ["percentile", "basic", "bca", "normal"])
def test_the_bootstrap_agrees_with_t(method: str) -> None:
    a, b = RNG.normal(10, 3, 300), RNG.normal(11, 3, 300)
    want = judge(difference(plain(Moments.of(a)), plain(Moments.of(b))))
    for scheme in ("index", "poisson", "multinomial"):
        found = bootstrap(a, b, method=method, scheme=scheme, resamples=3000, seed=1)
        assert found.lo == pytest.approx(want.lo, abs=0.1)
        assert found.hi == pytest.approx(want.hi, abs=0.1)
        assert found.se == pytest.approx(want.se, rel=0.06)


def test_bca_is_scipys() -> None:
    a, b = RNG.exponential(1, 60), RNG.exponential(1.3, 80)

    def gap(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(y.mean(axis=axis) - x.mean(axis=axis))

    want = stats.bootstrap((a, b), gap, n_resamples=4000, method="BCa", rng=3).confidence_interval
    found = bootstrap(a, b, method="bca", resamples=4000, seed=3)
    assert (found.lo, found.hi) == pytest.approx((want.low, want.high), abs=0.03)


def test_the_bootstrap_takes_ratios_and_any_statistic() -> None:
    rows = np.column_stack([RNG.gamma(2, 2, 500), RNG.poisson(3, 500) + 1.0])
    one, other = (plain(Moments.of(part), (0, 1)) for part in (rows[:250], rows[250:]))
    found = bootstrap(rows[:250], rows[250:], "ratio", resamples=2000, scheme="poisson")
    assert found.se == pytest.approx(float(difference(one, other).se), rel=0.08)
    median = bootstrap(rows[:250, 0], rows[250:, 0], np.median, resamples=500)
    assert median.lo <= median.estimate <= median.hi
    assert np.isnan(bootstrap([1.0, np.nan], [1.0, 2.0]).lo)
    with pytest.raises(InputError, match="mean and ratio only"):
        bootstrap([1.0, 2.0], [1.0, 2.0], np.median, scheme="poisson")
    with pytest.raises(InputError, match=r"\(units, 2\)"):
        bootstrap([1.0, 2.0], [1.0, 2.0], "ratio")


def test_permutation_and_ranks_are_scipys() -> None:
    a, b = RNG.normal(size=40), RNG.normal(0.7, size=40)
    found = permutation_test(a, b, permutations=4000)
    assert found.p == pytest.approx(stats.ttest_ind(a, b).pvalue, abs=0.01)
    assert permutation_test(a, a + 10, permutations=200).p == pytest.approx(1 / 201)
    ranked = rank_test(a, b)
    assert ranked.p == pytest.approx(stats.mannwhitneyu(b, a).pvalue)
    assert ranked.control + ranked.treatment == pytest.approx(1)


@pytest.mark.parametrize("model", ["boosting", "ridge"])
def test_a_learned_covariate_narrows_and_does_not_bias(model: str) -> None:
    rng = np.random.default_rng(11)
    n = 2000
    frame = pd.DataFrame({"age": rng.normal(size=n), "city": rng.choice(["x", "y"], n)})
    frame.loc[::50, "age"] = np.nan
    arm = rng.integers(0, 2, n)
    y = 3 * frame["age"].fillna(0).to_numpy() + 2 * (frame["city"] == "x") + 0.3 * arm + rng.normal(size=n)
    predicted = cross_fitted(frame, y, model=model, seed=1)  # type: ignore[arg-type]
    rows = np.column_stack([y, predicted])
    one, other, theta = cuped(Moments.of(rows[arm == 0]), Moments.of(rows[arm == 1]), (0, 1))
    effect = difference(one, other)
    assert effect.se < 0.5 * difference(*(plain(Moments.of(y[arm == a])) for a in (0, 1))).se
    assert effect.estimate == pytest.approx(0.3, abs=4 * float(effect.se))
    assert theta == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(predicted, cross_fitted(frame, y, model=model, seed=1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="too few"):
        cross_fitted(frame[:4], y[:4])
