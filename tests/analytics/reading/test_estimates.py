"""Estimates from samples: unbiased by enumeration of every sample, intervals against known formulas."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.reading.estimates import Estimate, change, followed, grouped_ratio, lightest, ratio, total
from shopr.analytics.reading.log import EventLog
from shopr.metrics.proportions import wilson


def test_a_total_without_sampling_is_exact() -> None:
    assert total(np.ones(4), [1, 2, 3, 4]) == Estimate(10.0, 10.0, 10.0, 0.0, 4)


@given(st.lists(st.tuples(st.sampled_from([0.25, 0.5, 1.0]), st.integers(0, 9)), min_size=1, max_size=6))
def test_a_total_and_its_variance_are_unbiased_over_all_samples(people: list[tuple[float, int]]) -> None:
    rates, values = np.array([p for p, _ in people]), np.array([v for _, v in people], float)
    means, squares, variances = 0.0, 0.0, 0.0
    for kept in product([False, True], repeat=len(people)):
        mask = np.array(kept)
        chance = float(np.prod(np.where(mask, rates, 1 - rates)))
        found = total(1 / rates[mask], values[mask])
        means += chance * found.value
        squares += chance * found.value**2
        variances += chance * found.se**2
    assert means == pytest.approx(values.sum())
    assert variances == pytest.approx(squares - means**2, abs=1e-6)


def test_a_share_of_persons_is_nearly_wilsons() -> None:
    hits = np.r_[np.ones(30), np.zeros(70)]
    found = ratio(hits, np.ones(100), share=True)
    low, high = wilson([30], [100])
    assert (found.value, found.n) == (0.3, 100)
    assert (found.lo, found.hi) == pytest.approx((low[0], high[0]), abs=3e-3)
    assert found.hi - found.lo > high[0] - low[0]  # a hundred persons are few for a normal law
    assert ratio(np.zeros(20), np.ones(20), share=True).hi == pytest.approx(wilson([0], [20])[1][0])


def test_few_persons_reach_farther() -> None:
    few, many = total(np.full(4, 2.0)), total(np.full(4000, 2.0))
    assert (few.hi - few.value) / few.se == pytest.approx(3.182, abs=1e-3)
    assert (many.hi - many.value) / many.se == pytest.approx(1.9605, abs=1e-3)


def test_events_of_one_person_are_one_trial() -> None:
    """Ten persons with ten clicks each tell no more than ten persons with one each."""
    clicked = np.r_[np.full(5, 10.0), np.zeros(5)]
    many, one = ratio(clicked, np.full(10, 10.0), share=True), ratio(clicked / 10, np.ones(10), share=True)
    assert (many.lo, many.hi) == pytest.approx((one.lo, one.hi))


def test_groups_are_those_counted_one_by_one() -> None:
    rng = np.random.default_rng(3)
    group, person = rng.integers(0, 4, 300), rng.integers(0, 40, 300)
    below = rng.integers(1, 4, 300).astype(float)
    above = rng.binomial(below.astype(int), 0.3).astype(float)
    table = grouped_ratio(group, person, above, below, groups=5, share=True)
    for at in range(4):
        mine = group == at
        sums = [np.bincount(person[mine], part[mine], 40) for part in (above, below)]
        here = sums[1] > 0
        alone = ratio(sums[0][here], sums[1][here], share=True)
        assert tuple(table.iloc[at][["value", "lo", "hi", "se"]]) == pytest.approx(
            (alone.value, alone.lo, alone.hi, alone.se)
        )
        # The delta method, written out.
        e = sums[0][here] - alone.value * sums[1][here]
        n = int(here.sum())
        assert alone.se == pytest.approx(np.sqrt((e @ e) * n / (n - 1)) / sums[1].sum())
    assert np.isnan(table["value"][4])


def test_a_change_is_relative_and_nothing_before_has_none() -> None:
    found = change(Estimate(12.0, 10, 14, 1.0, 5), Estimate(10.0, 9, 11, 0.5, 6))
    assert found.value == pytest.approx(0.2)
    assert found.se == pytest.approx(np.hypot(1.0, 1.2 * 0.5) / 10)
    assert np.isnan(change(Estimate(1.0, 1, 1, 0, 1), Estimate(0.0, 0, 0, 0, 0)).value)


def test_a_person_weighs_as_the_lightest_of_their_events() -> None:
    assert lightest(np.array([0, 0, 2]), np.array([20.0, 1.0, 20.0]), 3).tolist() == [1.0, 0.0, 20.0]


def test_whoever_is_followed_was_kept_whole() -> None:
    frame = pd.DataFrame(
        {
            "user_id": ["a", "a", "b", "c"],
            "session_id": pd.Series([None] * 4, dtype="str"),
            "type": ["view", "buy", "buy", "view"],
            "time": pd.to_datetime([0, 1, 2, 3], unit="s", utc=True),
            "weight": [20.0, 1.0, 1.0, 20.0],
        }
    )
    log = EventLog.of(frame)
    kept, each = followed(log)
    assert each == 20.0
    assert sorted(set(kept.person_ids[kept.persons])) == ["a", "c"]
    assert len(kept) == 3
    alike, one = followed(log.take(log.weights == 1.0))
    assert (len(alike), one) == (2, 1.0)


def test_a_total_is_at_least_what_was_seen_and_a_share_at_most_all() -> None:
    few = total([20.0], [1.0])  # one person kept of twenty: t with one degree of freedom reaches far below nothing
    assert (few.value, few.lo) == (20.0, 1.0)
    assert total([20.0], [-1.0]).lo < -100
    more = ratio([20.0, 0.0], [1.0, 5.0], share=True)  # who searched weighs more than all who were there
    assert (more.value, more.hi) == (1.0, 1.0)
