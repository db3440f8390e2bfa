from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shopr.abtest.methods.confseq import confidence_sequence
from shopr.abtest.methods.groupsequential import GroupSequential
from shopr.abtest.sizing.power import Baseline, PowerDesign, minimum_effect, power, sample_size, whole_arms
from shopr.errors import InputError

MEAN = Baseline.mean(10.0, 4.0)


def test_the_textbook_formula_by_hand() -> None:
    # 2 * 2 * (1.959964 + 0.841621)**2 * 16 / 0.5**2, both arms together
    assert sample_size(0.5, MEAN) == pytest.approx(4 * (1.959963984540054 + 0.8416212335729143) ** 2 * 16 / 0.25)
    assert sample_size(0.05, MEAN, relative=True) == sample_size(0.5, MEAN)
    assert sample_size(0.5, MEAN, PowerDesign(alternative="greater")) == pytest.approx(
        4 * (1.6448536269514722 + 0.8416212335729143) ** 2 * 16 / 0.25
    )


def test_the_t_test_agrees_with_published_numbers() -> None:
    # Cohen's d .5, 80 %, two-sided 5 %: 63.77 an arm (statsmodels' TTestIndPower, G*Power: 64).
    design = PowerDesign(student=True, both_tails=True)
    assert sample_size(0.5, Baseline(0.0, 1.0), design) / 2 == pytest.approx(63.76561, abs=1e-4)
    assert power(0.5, 128, Baseline(0.0, 1.0), design) == pytest.approx(0.8014596, abs=1e-6)


def test_proportions_have_their_own_variance_in_each_arm() -> None:
    z = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    by_hand = 2 * z**2 * (0.1 * 0.9 + 0.12 * 0.88) / 0.02**2
    assert sample_size(0.02, Baseline.proportion(0.1)) == pytest.approx(by_hand)


def test_ratios_and_quantiles_by_hand() -> None:
    ratio = Baseline.ratio((6.0, 9.0), (3.0, 2.0), 1.5)
    assert (ratio.value, ratio.variance) == pytest.approx((2.0, (9 - 2 * 2 * 1.5 + 4 * 2) / 9))
    median = Baseline.quantile(0.0, 0.5, stats.norm.pdf(0))
    assert median.variance == pytest.approx(np.pi / 2)
    assert MEAN.reduced(0.6).variance == pytest.approx(16 * 0.64)


DESIGNS = st.builds(
    PowerDesign,
    alpha=st.floats(0.001, 0.2),
    alternative=st.sampled_from(["two-sided", "greater"]),
    shares=st.lists(st.floats(0.1, 1), min_size=2, max_size=4).map(tuple),
    comparisons=st.integers(1, 4),
    inflation=st.floats(1, 1.5),
    tuning=st.sampled_from([None, None, 1000.0]),
    student=st.booleans(),
    both_tails=st.booleans(),
)


@given(DESIGNS, st.floats(0.3, 0.99), st.floats(0.01, 3), st.booleans())
def test_size_power_and_smallest_effect_agree(plan: PowerDesign, wanted: float, effect: float, binary: bool) -> None:
    baseline = Baseline.proportion(0.3) if binary else MEAN
    effect = effect / 5 if binary else effect
    n = sample_size(effect, baseline, plan, power=wanted)
    if n < 20:  # no such tests
        return
    assert power(effect, n, baseline, plan) == pytest.approx(wanted, abs=1e-7)
    assert minimum_effect(n, baseline, plan, power=wanted) == pytest.approx(effect, rel=1e-6)


def test_arrays_and_sides() -> None:
    less = PowerDesign(alternative="less")
    assert minimum_effect([100.0, 400.0], MEAN, less)[0] == pytest.approx(2 * minimum_effect(400.0, MEAN, less))
    assert minimum_effect(100.0, MEAN, less) < 0
    assert sample_size([0.5, 0.0, -0.5], MEAN, less).tolist()[:2] == [np.inf, np.inf]
    assert np.all(np.diff(power(0.5, np.array([10, 100, 1000, 10_000]), MEAN)) > 0)
    assert minimum_effect(3.0, Baseline.proportion(0.99)) == np.inf


def test_a_margin_is_an_effect_already_won() -> None:
    plain = sample_size(0.3, MEAN, PowerDesign(alternative="greater"))
    assert sample_size(0.0, MEAN, PowerDesign(alternative="greater", margin=0.3)) == pytest.approx(plain)
    assert minimum_effect(plain, MEAN, PowerDesign(alternative="greater", margin=0.3)) == pytest.approx(0.0, abs=1e-9)


def test_planned_looks_cost_what_they_say() -> None:
    looks = GroupSequential(spending="pocock")
    design = PowerDesign(inflation=looks.inflation(np.arange(1, 6) / 5))
    assert sample_size(0.5, MEAN, design) / sample_size(0.5, MEAN) == pytest.approx(design.inflation)


def test_power_of_a_confidence_sequence_by_simulation() -> None:
    design = PowerDesign(tuning=500)
    n = float(sample_size(0.5, Baseline(0.0, 1.0), design))
    z = np.random.default_rng(9).normal(0.5 / np.sqrt(4 / n), 1, 100_000)
    found = confidence_sequence(z, 1.0, n, tuning=500).lo > 0
    assert found.mean() == pytest.approx(0.8, abs=0.005)


def test_whole_arms_keep_their_shares() -> None:
    assert whole_arms(95458.27, PowerDesign(shares=(5, 2, 3))) == (47730, 19092, 28638)
    assert whole_arms(10.0) == (5, 5)
    with pytest.raises(InputError, match="cannot be had"):
        whole_arms(np.inf)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PowerDesign(shares=(1,)), "shares"),
        (lambda: PowerDesign(shares=(1, 0)), "shares"),
        (lambda: PowerDesign(margin=0.1), "margin 0.1 does not suit two-sided"),
        (lambda: PowerDesign(inflation=0.9), "below 1"),
        (lambda: Baseline.proportion(1.0), "proportion 1.0"),
        (lambda: Baseline(1.0, -1.0), "variance -1.0"),
        (lambda: Baseline.mean(1.0, 0.0), "standard deviation 0"),
        (lambda: MEAN.reduced(1.0), "correlation 1.0"),
        (lambda: Baseline.ratio((1, 1), (0, 1), 0), "denominator"),
        (lambda: power(1.0, 0, MEAN), "n 0"),
        (lambda: sample_size(1.0, MEAN, power=1.0), "power 1.0"),
    ],
)
def test_bad_designs_are_refused(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        make()
