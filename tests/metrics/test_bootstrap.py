"""Intervals against scipy's bootstrap, closed forms, and their coverage of a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from shopr.errors import InputError
from shopr.metrics.bootstrap import compare, interval, paired, replicates


def skewed(n: int = 300, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.0, n)


@pytest.mark.parametrize(("method", "theirs"), [("bca", "BCa"), ("percentile", "percentile")])
def test_agrees_with_scipy(method, theirs):
    values = skewed()
    ours = interval(values, method=method, resamples=20_000)
    other = stats.bootstrap(
        (values,), np.mean, method=theirs, n_resamples=20_000, random_state=np.random.default_rng(1)
    ).confidence_interval
    # Monte Carlo error of a 2.5 % quantile at 20,000 replicates is about .02 standard errors.
    tolerance = 0.06 * values.std() / np.sqrt(len(values))
    assert ours.low == pytest.approx(other.low, abs=tolerance)
    assert ours.high == pytest.approx(other.high, abs=tolerance)
    assert ours.mean == pytest.approx(values.mean())


@pytest.mark.parametrize("scheme", ["multinomial", "poisson"])
def test_spread_of_replicates_is_the_standard_error(scheme):
    values = skewed(400)
    means = replicates(values[:, None], resamples=4000, scheme=scheme)[:, 0]
    assert means.std() == pytest.approx(values.std() / np.sqrt(400), rel=0.05)
    assert means.mean() == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(400 * 4000))


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_covers_a_known_truth_as_often_as_it_says(method):
    rng = np.random.default_rng(7)
    tries, inside = 400, 0
    for t in range(tries):
        found = interval(rng.exponential(1.0, 120) - rng.exponential(1.0, 120), resamples=400, method=method, seed=t)
        inside += found.low <= 0 <= found.high
    # 95 % less a little for 120 users, within three standard errors of 400 tries.
    assert abs(inside / tries - 0.945) < 3 * np.sqrt(0.05 * 0.95 / tries)


def test_p_value_agrees_with_the_interval_and_with_a_t_test():
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.05, 0.1, 0.2, 0.3):
        a = rng.normal(0, 1, 500)
        b = a + rng.normal(shift, 1, 500)
        found = paired(b, a, resamples=4000)
        assert (found.p_value < 0.05) == found.excludes_zero
        assert found.p_value == pytest.approx(stats.ttest_rel(b, a).pvalue, abs=0.02)


def test_same_seed_same_interval():
    values = skewed()
    assert interval(values, seed=5) == interval(values, seed=5)
    assert interval(values, seed=5) != interval(values, seed=6)


def test_pairs_with_a_missing_side_are_left_out():
    a = np.array([1.0, np.nan, 3.0, 4.0, 6.0])
    b = np.array([0.0, 1.0, np.nan, 2.0, 3.0])
    found = paired(a, b, resamples=200)
    assert found.n == 3
    assert found.mean == pytest.approx(2.0)


def test_blocks_do_not_change_the_shape_of_things(monkeypatch):
    from shopr.metrics import bootstrap

    monkeypatch.setattr(bootstrap, "BLOCK_CELLS", 1000)
    assert replicates(skewed(300)[:, None], resamples=101).shape == (101, 1)


def test_all_users_alike():
    zero = interval(np.zeros(10))
    assert (zero.low, zero.high, zero.p_value) == (0, 0, 1)
    one = interval(np.ones(10))
    assert one.excludes_zero
    assert one.p_value < 0.001


def test_compare_takes_the_measures_both_have():
    a = {"ndcg": skewed(50), "recall": skewed(50, 1)}
    found = compare(a, {"ndcg": a["ndcg"] - 0.1})
    assert list(found) == ["ndcg"]
    assert found["ndcg"].mean == pytest.approx(0.1)
    assert found["ndcg"].excludes_zero


@pytest.mark.parametrize(
    "call",
    [
        lambda: interval(np.array([1.0, np.nan])),
        lambda: interval(np.ones(5), level=1.0),
        lambda: interval(np.ones(5), resamples=3),
        lambda: paired(np.ones(3), np.ones(4)),
    ],
)
def test_wrong_calls(call):
    with pytest.raises(InputError):
        call()
