"""The check of slices: by hand, at its edges, and by its error rates where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from shopr.tracking.rules import Rules
from shopr.tracking.slices import judge_slices

RULES = Rules()


def judged(gain, rival, rules=RULES, **masks):
    masks = masks or {"all": np.ones(len(gain), bool)}
    return judge_slices(gain, rival, masks, rules)


def sample(n, mean, spread=0.1, seed=0):
    """n differences with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    return mean + spread * values


def test_a_large_slice_must_prove_non_inferiority_by_hand():
    rival = np.full(400, 0.4)  # margin .04, standard error .005: 8 errors, an equal model nearly always passes
    for mean, passed in ((0.0, True), (-0.0317, True), (-0.0319, False), (0.1, True), (-0.1, False)):
        test = judged(sample(400, mean), rival)["all"]
        assert test.kind == "non-inferiority"
        assert test.margin == pytest.approx(0.04)
        assert test.error == pytest.approx(0.005)
        assert test.low == pytest.approx(mean - norm.ppf(0.95) * 0.005)
        assert test.passed is passed  # the bound is -.04 + 1.645 * .005 = -.03178
        assert test.misses == 0.05


def test_a_small_slice_is_refused_only_where_harm_is_shown():
    rival = np.full(100, 0.1)  # margin .01, standard error .01: nobody could prove non-inferiority
    for mean, passed in ((0.0, True), (-0.0127, True), (-0.0129, False), (0.05, True)):
        test = judged(sample(100, mean), rival)["all"]
        assert test.kind == "harm"
        assert test.passed is passed  # refused below -1.2816 * .01
        assert test.misses == pytest.approx(norm.cdf(norm.ppf(0.9) - 1), abs=1e-6)
        assert f"{test.misses:.0%}" in test.words(50)
        assert test.refuses_equal == pytest.approx(0.1)


def test_small_slices_share_the_risk_and_unjudged_ones_take_none_of_it():
    rival, gain = np.full(300, 0.1), sample(300, 0.0)
    thirds = {str(i): np.arange(300) // 100 == i for i in range(3)} | {"few": np.arange(300) < 10}
    found = judged(gain, rival, **thirds)
    assert [found[str(i)].refuses_equal for i in range(3)] == pytest.approx([1 - 0.9 ** (1 / 3)] * 3)
    assert found["few"].kind == "unjudged"
    assert found["few"].passed
    assert found["few"].words(50) == "only 10 shoppers, 50 are needed to judge"


def test_values_that_do_not_apply_are_left_out_and_no_spread_is_no_error():
    gain = np.where(np.arange(200) % 2 == 0, np.nan, 0.0)
    test = judged(gain, np.full(200, 0.3))["all"]
    assert (test.shoppers, test.kind, test.passed) == (100, "non-inferiority", True)
    assert not judged(np.full(200, -0.1), np.full(200, 0.3))["all"].passed
    assert judged(np.full(200, np.nan), np.full(200, np.nan))["all"].kind == "unjudged"


@pytest.mark.parametrize(("effect", "bound"), [(-0.1, "misses"), (0.0, "refuses")])
def test_error_rates_hold_where_the_truth_is_known(effect, bound):
    """2,000 slices of 800 shoppers, a measure between 0 and 1 as nDCG is: three standard errors about the promise."""
    rng = np.random.default_rng(7)
    passed, promised = [], []
    for _ in range(2000):
        rival = rng.binomial(1, 0.5, 800) * rng.random(800)
        gain = effect * 0.25 + rng.normal(0, 0.12, 800) * (rng.random(800) < 0.5)  # mean of the rival is .25
        test = judged(gain, rival)["all"]
        assert test.kind == "non-inferiority"
        passed.append(test.passed)
        promised.append(test.refuses_equal)
    rate = np.mean(passed)
    if bound == "misses":  # the margin itself is estimated, which costs a little
        assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000) + 0.01
        assert rate > 0.02
    else:
        assert 1 - rate <= np.mean(promised) + 3 * np.sqrt(0.2 * 0.8 / 2000)
