"""Context priors against hand calculation and in made-up worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

from shopr.data.catalog import Catalog
from shopr.errors import InputError, NotReadyError
from shopr.recommend.situation.circumstances import DIMENSIONS, Circumstances
from shopr.recommend.situation.climate import Weather
from shopr.recommend.situation.context import STRENGTHS, ContextConfig, ContextPrior, context_fallback

PLACE = {dimension.name: place for place, dimension in enumerate(DIMENSIONS)}
START = {d.name: sum(len(e) for e in DIMENSIONS[:p]) for p, d in enumerate(DIMENSIONS)}
SEASONS = DIMENSIONS[PLACE["season"]].values


def catalog(n: int, kinds: int = 1) -> Catalog:
    return Catalog.from_frame(
        pd.DataFrame(
            {
                "product_id": [f"p{i}" for i in range(n)],
                "title": [f"Product {i}" for i in range(n)],
                "category": [f"Kind {i % kinds}" for i in range(n)],
            }
        )
    )


def codes(n: int, **known: np.ndarray | int) -> Circumstances:
    found = np.full((n, len(DIMENSIONS)), -1, np.int64)
    for name, values in known.items():
        found[:, PLACE[name]] = values
    return Circumstances(found)


def world(effect: float, seed: int = 0, n: int = 12_000, **config: object) -> ContextPrior:
    """Two years of sales of 40 products of 4 kinds; kind 0 sells `effect` times as well in summer, by hour nothing."""
    rng = np.random.default_rng(seed)
    season, hour = rng.integers(0, 4, n), rng.integers(0, 8, n)
    base = rng.uniform(0.5, 2, 40)
    chance = np.tile(base, (4, 1))
    chance[2, np.arange(40) % 4 == 0] *= effect
    steps = np.cumsum(chance / chance.sum(axis=1, keepdims=True), axis=1)
    items = (rng.random(n)[:, None] > steps[season]).sum(axis=1)
    prior = ContextPrior(ContextConfig(**config))
    return prior.fit_codes(items, codes(n, season=season, hour=hour), np.arange(n) * 5_000, catalog(40, 4))


def test_lift_with_shrinkage_by_hand():
    """Two products of no category, sold 6:2 and 2:6 on phones and computers: expected 4 each, n ~ Poisson(4 x)."""
    items = np.repeat([0, 0, 1, 1], [6, 2, 2, 6])
    device = np.repeat([0, 1, 0, 1], [6, 2, 2, 6])
    # All at one moment, so that every product meets the whole traffic.
    prior = ContextPrior(ContextConfig(holdout=0)).fit_codes(
        items, codes(16, device=device), np.zeros(16, int), catalog(2)
    )
    (strength,) = prior.strengths["device"]
    n, e = np.array([6.0, 2, 2, 6]), 4.0

    def likelihood(m: float) -> float:
        return float((gammaln(n + m) - gammaln(m) + m * np.log(m / (m + e)) + n * np.log(e / (m + e))).sum())

    assert strength == max(STRENGTHS, key=likelihood)
    boost = prior.log_boost(codes(3, device=np.array([0, 1, 2])))
    high, low = np.log((6 + strength) / (4 + strength)), np.log((2 + strength) / (4 + strength))
    np.testing.assert_allclose(boost[:2], [[high, low], [low, high]], atol=1e-6)
    np.testing.assert_allclose(boost[2], 0, atol=1e-6)  # nothing was sold on a tablet


def test_a_product_is_judged_by_the_traffic_since_its_first_sale():
    """Product 1 came in the second half, all on phones: that it never met a computer is no lift."""
    items, device = np.repeat([0, 0, 1], [100, 50, 50]), np.repeat([1, 0, 0], [100, 50, 50])
    times = np.concatenate([np.arange(100), 100 + np.arange(50), 100 + np.arange(50)])
    prior = ContextPrior(ContextConfig(holdout=0)).fit_codes(items, codes(200, device=device), times, catalog(2))
    assert abs(prior.log_boost(codes(1, device=0))[0, 1]) < 1e-6


def test_a_planted_effect_is_found_where_it_is():
    prior = world(3.0)
    assert prior.weights["season"] > 0.7
    boost = prior.log_boost(codes(4, season=np.arange(4)))
    assert SEASONS[2] == "in summer"
    kind = np.arange(40) % 4
    summer = boost[2, kind == 0].mean() - boost[2, kind != 0].mean()
    winter = boost[0, kind == 0].mean() - boost[0, kind != 0].mean()
    assert summer - winter == pytest.approx(np.log(3.0), abs=0.25)


def test_where_nothing_was_planted_little_is_learnt():
    for seed in range(3):
        prior = world(1.0, seed)
        moved = prior.log_boost(codes(4, season=np.arange(4), hour=np.arange(4)))
        assert np.abs(moved).max() < 0.1
    assert np.abs(world(3.0).log_boost(codes(8, hour=np.arange(8)))).max() < 0.1


def test_without_shrinkage_noise_would_be_taken_for_lift():
    """The same sales, counted naively, move products several times as much."""
    rng = np.random.default_rng(1)
    items, hour = rng.integers(0, 200, 4_000), rng.integers(0, 8, 4_000)
    prior = ContextPrior(ContextConfig(holdout=0)).fit_codes(
        items, codes(4_000, hour=hour), np.arange(4_000), catalog(200)
    )
    counts = np.bincount(items * 8 + hour, minlength=1600).reshape(200, 8)
    naive = np.abs(np.log((counts + 1e-9) / counts.mean(axis=1, keepdims=True)))
    assert np.abs(prior.lifts).mean() < 0.1 * np.median(naive)


def test_unknown_circumstances_change_nothing():
    prior = world(3.0)
    assert not prior.log_boost(codes(2)).any()
    assert not prior.log_boost(codes(2, device=0, rain=1)).any()  # never seen in these sales


def test_some_products_only():
    prior = world(3.0)
    some = np.array([7, 0, 12])
    visits = codes(2, season=np.array([2, -1]))
    np.testing.assert_allclose(prior.log_boost(visits, some), prior.log_boost(visits)[:, some])


def test_reasons_sum_to_the_boost():
    prior = world(3.0)
    visit = codes(1, season=2, hour=3)
    reasons = prior.explain(visit, 0, 4)
    assert sum(r.value for r in reasons) == pytest.approx(prior.log_boost(visit)[0, 4])
    assert reasons[0].label == "more wanted in summer"
    assert [abs(r.value) for r in reasons] == sorted((abs(r.value) for r in reasons), reverse=True)


def test_the_same_sales_in_any_order_give_the_same_prior():
    rng = np.random.default_rng(5)
    items, season, times = rng.integers(0, 10, 600), rng.integers(0, 4, 600), rng.permutation(600)
    order = rng.permutation(600)
    one, two = (
        ContextPrior().fit_codes(items[o], codes(600, season=season[o]), times[o], catalog(10, 2))
        for o in (np.arange(600), order)
    )
    np.testing.assert_array_equal(one.lifts, two.lifts)
    assert one.weights == two.weights


class Rainy:
    """Weather that alternates by hour, whatever the place."""

    def weather(self, countries, times):
        wet = (times // 3600) % 2
        return Weather(np.full(len(times), 12.0), wet.astype(np.float64))


def test_events_with_a_provider_of_weather():
    rng = np.random.default_rng(2)
    n = 6_000
    hours = np.arange(n)
    umbrella = rng.random(n) < np.where(hours % 2, 0.6, 0.1)
    events = pd.DataFrame(
        {
            "type": "order_completed",
            "product_id": np.where(umbrella, "p0", "p1"),
            "time": pd.to_datetime(hours * 3600, unit="s", utc=True),
            "session_id": "s",
            "properties": "{}",
        }
    )
    prior = ContextPrior().fit(events, catalog(2), provider=Rainy())
    visits = Circumstances.at([3600, 7200], provider=Rainy()).without("hour", "weekday", "season", "month")
    boost = prior.log_boost(visits)
    assert boost[0, 0] - boost[0, 1] > 0.5
    assert boost[1, 0] - boost[1, 1] < -0.5


def test_popularity_times_context_for_strangers():
    prior = world(3.0)
    votes = np.ones(40)
    found = context_fallback(votes, prior, codes(2, season=np.array([2, -1])), 10)
    assert (found.items[0] % 4 == 0).all()
    np.testing.assert_array_equal(found.items[1], np.arange(10))
    np.testing.assert_allclose(np.exp(found.scores[1]), 1.0)
    few = context_fallback(votes, prior, codes(1, season=2), 3, candidates=np.array([5, 8]))
    assert few.items[0].tolist() == [8, 5, -1]
    none = context_fallback(votes, prior, codes(1), 2, candidates=np.array([], int))
    assert none.items[0].tolist() == [-1, -1]


def test_wrong_calls_are_refused():
    with pytest.raises(NotReadyError, match="not fitted"):
        ContextPrior().log_boost(codes(1))
    with pytest.raises(InputError, match="0 products"):
        ContextPrior().fit_codes(np.array([], int), codes(0), np.array([], int), catalog(2))
    with pytest.raises(InputError, match="2 products, 3 circumstances"):
        ContextPrior().fit_codes(np.array([0, 1]), codes(3), np.array([0, 1]), catalog(2))
    prior = world(1.0, n=500)
    with pytest.raises(InputError, match="k is 0"):
        context_fallback(np.ones(40), prior, codes(1), 0)
    with pytest.raises(InputError, match="39 votes"):
        context_fallback(np.ones(39), prior, codes(1), 1)
    events = pd.DataFrame(
        {"type": ["page_viewed"], "product_id": ["p0"], "time": pd.to_datetime([0], utc=True), "session_id": ["s"]}
    )
    with pytest.raises(InputError, match="0 events of order_completed"):
        ContextPrior().fit(events, catalog(2))
