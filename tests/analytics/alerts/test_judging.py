"""Conditions on tables whose truth is known, and the false alarms they state."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from shopr.analytics.alerts.baseline import so_few
from shopr.analytics.alerts.change import change_bound
from shopr.analytics.alerts.judging import judge
from shopr.analytics.alerts.rules import Change, Drift, Rule, Seasonal
from shopr.analytics.alerts.series import Grid, Series
from shopr.workbench.drills.null import null_rates
from tests.analytics.alerts.conftest import rule

DAY = 24


def of(hits, total=None, step=60):
    hits = np.asarray(hits, float)
    total = hits if total is None else np.asarray(total, float)
    return Grid(0, step, len(hits)), Series(hits, hits, total, total)


def hourly(metric, condition) -> Rule:
    return rule(step=3600, metric=metric, condition=condition, **{"for": 0, "clear_for": 0})


SHARE = {"share": {"type": "page_viewed"}, "of": {"type": "page_viewed"}}


def test_a_bound_on_a_share_is_passed_exactly_there():
    grid, series = of([0, 0, 0, 5, 5, 0, 0, 0, 0, 0], [10] * 10)
    found = judge(
        rule(condition={"kind": "threshold", "window": "2m", "above": 0.2, "clear": 0.1, "least": 20}), grid, series, 0
    )
    np.testing.assert_allclose(found.value[1:], [0, 0, 0.25, 0.5, 0.25, 0, 0, 0, 0])
    assert np.isnan(found.value[0])  # one step has ten calls, twenty are needed
    assert found.breach.tolist() == [False, False, False, True, True, True, False, False, False, False]
    assert found.clear.tolist() == [False, True, True, False, False, False, True, True, True, True]


def test_confidence_asks_for_proof():
    condition = {"kind": "threshold", "window": "1m", "above": 0.05, "least": 10, "confidence": 0.95}
    few, many = (judge(rule(condition=condition), *of([n // 10], [n]), 0) for n in (20, 400))
    assert (few.breach[0], many.breach[0]) == (False, True)
    low = stats.binomtest(40, 400).proportion_ci(0.9, "wilson").low  # one-sided 95 %
    assert low > 0.05
    assert stats.binomtest(2, 20).proportion_ci(0.9, "wilson").low < 0.05


def test_burn_rates_are_those_of_the_workbook():
    """1 % of errors against an objective of 99.9 % burns the budget ten times; 14.4 times is the bound of an hour."""
    windows = [{"long": "1h", "short": "5m", "factor": 14.4}, {"long": "6h", "short": "30m", "factor": 6}]
    made = rule(condition={"kind": "burn_rate", "objective": 0.999, "windows": windows, "least": 100})
    total = np.full(900, 100.0)
    hits = np.where(np.arange(900) >= 400, 1.0, 0.0)  # 1 %: no page, but the second pair after 6/10 of six hours
    found = judge(made, *of(hits, total), 0)
    first = int(np.flatnonzero(found.breach)[0])
    assert 400 + 216 <= first <= 400 + 217
    assert found.value[first] == pytest.approx(6, abs=0.05)
    assert found.bound[first] == 6
    worse = judge(made, *of(20 * hits, total), 0)
    assert int(np.flatnonzero(worse.breach)[0]) <= 400 + 5


def test_a_quantile_above_a_bound_is_a_share_above_it():
    made = rule(metric={"quantile": 0.95, "of": {"type": "api_called"}},
                condition={"kind": "threshold", "window": "1m", "above": 5000, "clear": 4000, "least": 10})  # fmt: skip
    grid = Grid(0, 60, 3)
    total = np.full(3, 100.0)
    series = Series(np.array([5.0, 6, 4]), np.array([9.0, 9, 5]), total, total)
    found = judge(made, grid, series, 0)
    assert found.breach.tolist() == [False, True, False]
    assert found.clear.tolist() == [False, False, True]


def weekly(weeks: int, rng, level: float = 1.0):
    hour = np.arange(weeks * 168)
    return rng.poisson(level * 60 * (1 + 0.8 * np.sin(2 * np.pi * hour / 24))).astype(float)


def seasonal(**given) -> Rule:
    made = {"kind": "seasonal", "window": "1h", "ratio": 0.5, "clear": 0.7, "least": 8, **given}
    return hourly({"count": {"type": "page_viewed"}}, made)


def test_a_quiet_night_is_no_outage_and_a_quiet_noon_is_one():
    counts = weekly(8, np.random.default_rng(1))
    noon, night = 7 * 168 + 30, 7 * 168 + 18  # the peak is at 6, the low at 18 of each day
    assert counts[night] < 0.5 * counts[noon]
    counts[noon] = 0
    found = judge(seasonal(), *of(counts, step=3600), 6 * 168)
    assert np.flatnonzero(found.breach).tolist() == [noon - 6 * 168]
    assert found.expected[noon - 6 * 168] == pytest.approx(108, rel=0.15)


def test_a_new_level_is_learnt_within_days():
    counts = weekly(9, np.random.default_rng(2))
    counts[7 * 168 :] = np.round(counts[7 * 168 :] * 0.55)
    found = judge(seasonal(ratio=0.9), *of(counts, step=3600), 6 * 168)
    assert found.breach[168:240].any()
    assert not found.breach[-72:].any()


def test_before_the_first_event_there_was_no_shop():
    counts = np.concatenate([np.zeros(4 * 168), weekly(5, np.random.default_rng(3))])
    series = Series(counts, counts, counts, counts)
    found = judge(seasonal(), Grid(0, 3600, len(counts), born=4 * 168), series, 4 * 168)
    assert not found.known[: 2 * 168].any()
    assert found.known[3 * 168 :].mean() > 0.9
    assert not found.breach[: 2 * 168].any()


def test_a_drop_that_no_single_hour_shows_builds_up():
    total, at = np.full(9 * 168, 100.0), 8 * 168
    made = hourly(SHARE, {"kind": "change", "side": "below", "shift": 0.3, "least": 1000})
    late = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        hits = rng.binomial(100, np.where(np.arange(len(total)) < at, 0.1, 0.07)).astype(float)
        found = judge(made, *of(hits, total, 3600), 7 * 168)
        assert not found.breach[:168].any()
        late.append(int(np.flatnonzero(found.breach)[0]) - 167)
    # Expected delay: the bound over the divergence of the two shares, in hours.
    p, q = 0.07, 0.1
    gain = 100 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
    assert np.mean(late) == pytest.approx(change_bound(made.condition, 3600) / gain, rel=0.25)


def test_a_change_carried_on_from_a_batch_is_the_same_sum():
    rng = np.random.default_rng(5)
    total = np.full(8 * 168, 50.0)
    hits = rng.binomial(50, 0.2, len(total)).astype(float)
    made = hourly(SHARE, {"kind": "change", "side": "above", "shift": 0.2, "least": 100})
    whole = judge(made, *of(hits, total, 3600), 7 * 168)
    cut = 7 * 168 + 61
    first = judge(made, *of(hits[:cut], total[:cut], 3600), 7 * 168)
    second = judge(made, *of(hits, total, 3600), cut, float(first.carried[-1]))
    np.testing.assert_array_equal(np.concatenate([first.carried, second.carried]), whole.carried)


def test_drift_is_zero_by_chance_and_as_large_as_the_mixes_differ():
    rng = np.random.default_rng(6)
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    mix = rng.multinomial(100, p, 40 * DAY).astype(float)
    mix[-DAY:] = rng.multinomial(100, q, DAY)
    total = mix.sum(axis=1)
    made = hourly(
        {"mix": "price", "of": {"type": "page_viewed"}}, {"kind": "drift", "window": "1d", "reference": "28d"}
    )
    found = judge(made, Grid(0, 3600, len(mix)), Series(mix, mix, total, total), 30 * DAY)
    assert found.value[:-DAY].max() < 0.02
    assert found.value[-1] == pytest.approx(float(((q - p) * np.log(q / p)).sum()), rel=0.1)
    assert found.breach[-1]


def test_conditions_state_their_false_alarms_and_keep_them():
    """Two years of each stream; the benchmark has two hundred."""
    found = null_rates(2, seed=3).set_index("stream")
    stated = found[found["stated"].notna()]
    assert len(stated) == 8
    assert (stated["low"] <= stated["stated"]).all()
    assert found.loc["a mix of 20 prices, 400 events a day", "alerts"] == 0


def test_visits_that_count_in_several_steps_make_silence_as_likely_as_it_is():
    rng = np.random.default_rng(1)
    for mean, spread in ((10.0, 1.0), (10.0, 2.0), (20.0, 3.0)):
        visits, again = 2 * mean / (spread + 1), (spread - 1) / (spread + 1)
        number = rng.poisson(visits * rng.gamma(12 * visits, 1 / (12 * visits), 200_000))
        more = rng.negative_binomial(np.maximum(number, 1), 1 - again) if again else 0
        counted = np.where(number > 0, number + more, 0)
        for count in (0.0, 2.0, 5.0):
            (chance,) = so_few(np.array([count]), np.array([mean]), np.array([spread]), 12.0)
            assert chance == pytest.approx((counted <= count).mean(), rel=0.1, abs=1e-4)
    (far,) = so_few(np.array([9000.0]), np.array([40_000.0]), np.array([2.0]), 12.0)
    assert far < 1e-12
    # The negative binomial of the same variance says a fifth of it.
    (chance,) = so_few(np.array([0.0]), np.array([25.0]), np.array([3.4]), 12.0)
    assert chance > 4 * stats.nbinom.cdf(0, 25 / 2.4, 1 / 3.4)


def test_bounds_follow_from_the_stated_rate():
    once = Change(shift=0.2, false_alarms_a_year=1)
    assert np.exp(change_bound(once, 3600)) == pytest.approx(8766)
    assert change_bound(Change(shift=0.2, false_alarms_a_year=0.1), 3600) > change_bound(once, 3600)
    assert isinstance(seasonal().condition, Seasonal)
    assert Drift(window=1, reference=1).clear < Drift(window=1, reference=1).above
