"""The context prior: planted effects are found, absent ones get no weight, few sales say little, shares sum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.errors import InputError, NotReadyError
from shopr.recommend.circumstances import DIMENSIONS, Circumstances
from shopr.recommend.context import ContextConfig, ContextPrior, context_fallback

NAMES = [d.name for d in DIMENSIONS]
DEVICE = NAMES.index("device")
SEASON = NAMES.index("season")
N = 24


def catalog() -> Catalog:
    kinds = ["Clothes > Scarves", "Clothes > Shorts", "Home > Mugs"]
    frame = pd.DataFrame(
        {
            "product_id": [f"p{i:02}" for i in range(N)],
            "title": [f"Product {i}" for i in range(N)],
            "category": [kinds[i % 3] for i in range(N)],
        }
    )
    return Catalog.from_frame(frame)


def visits(device: np.ndarray, season: np.ndarray | None = None) -> Circumstances:
    codes = np.full((len(device), len(DIMENSIONS)), -1)
    codes[:, DEVICE] = device
    if season is not None:
        codes[:, SEASON] = season
    return Circumstances(codes)


def shares(effect: float) -> np.ndarray:
    """Shape (4, N): the products' shares of the sales of each season."""
    weights = np.tile(1.0 / (1 + np.arange(N)), (4, 1))
    weights[0, 0::3] *= effect
    weights[2, 1::3] *= effect
    return weights / weights.sum(axis=1, keepdims=True)


def world(n: int = 30_000, effect: float = 3.0, seed: int = 0) -> tuple[np.ndarray, Circumstances, np.ndarray]:
    """Scarves (0, 3, …) sell `effect` times as well in winter, shorts so in summer; devices mean nothing."""
    rng = np.random.default_rng(seed)
    season, device = rng.integers(0, 4, n), rng.integers(0, 3, n)
    cumulative = shares(effect).cumsum(axis=1)
    items = (rng.random(n)[:, None] > cumulative[season]).sum(axis=1)
    return items, visits(device, season), np.sort(rng.integers(0, 400 * 86_400, n))


def fitted(**settings: float) -> ContextPrior:
    items, found, times = world(**settings)
    return ContextPrior().fit_codes(items, found, times, catalog())


def test_a_planted_effect_is_recovered_and_what_means_nothing_gets_no_weight():
    prior = fitted()
    assert prior.weights["season"] > 0.7
    assert prior.weights["device"] < 0.3 * prior.weights["season"]
    boost = prior.log_boost(visits(np.full(4, -1), np.arange(4))) / prior.weights["season"]
    truth = shares(3.0)
    np.testing.assert_allclose(boost, np.log(truth / truth.mean(axis=0)), atol=0.12)


def test_a_world_without_effects_gets_next_to_no_boost():
    boost = fitted(effect=1.0).log_boost(visits(np.arange(3), np.arange(3)))
    assert np.abs(boost).max() < 0.15


def test_a_product_that_hardly_sells_borrows_from_its_kind():
    prior = fitted(n=3_000)
    rare = N - 3  # a scarf that sells some forty times in all
    boost = prior.log_boost(visits(np.array([-1]), np.array([0])))[0] / prior.weights["season"]
    assert boost[rare] == pytest.approx(boost[0::3].mean(), abs=0.1)
    assert boost[rare] > np.log(1.2)


def test_a_lift_by_hand():
    """One category, one product a department: 30 of 40 sales of A on a phone, 30 of 60 of all: lift (30+m)/(24+m)."""
    frame = pd.DataFrame({"product_id": ["A", "B"], "title": ["A", "B"], "category": ["X", "X"]})
    items = np.array([0] * 40 + [1] * 60)
    device = np.array([0] * 30 + [1] * 10 + [0] * 30 + [1] * 30)
    order = np.random.default_rng(0).permutation(100)
    order = np.concatenate([[0, 99], order[(order != 0) & (order != 99)]])  # both sell from the first moment on
    prior = ContextPrior(ContextConfig(holdout=0.0))
    times = np.concatenate([[0, 0], np.arange(1, 99)])
    prior.fit_codes(items[order], visits(device[order]), times, Catalog.from_frame(frame))
    (strength,) = prior.strengths["device"]
    start = sum(len(d) for d in DIMENSIONS[:DEVICE])
    assert prior.lifts[0, start] == pytest.approx(np.log((30 + strength) / (40 * 0.6 + strength)), abs=1e-6)
    assert prior.lifts[1, start + 1] == pytest.approx(np.log((30 + strength) / (60 * 0.4 + strength)), abs=1e-6)


def test_what_each_circumstance_adds_sums_to_the_boost():
    prior = fitted(n=5_000)
    found = visits(np.array([1]), np.array([0]))
    boost = prior.log_boost(found)[0]
    for item in range(N):
        parts = prior.explain(found, 0, item)
        assert sum(p.value for p in parts) == pytest.approx(boost[item], abs=1e-6)
        assert all(p.label.startswith("more wanted" if p.value > 0 else "less wanted") for p in parts)
    np.testing.assert_allclose(prior.log_boost(found, np.array([3, 7]))[0], boost[[3, 7]])


def test_unknown_circumstances_say_nothing():
    assert not fitted(n=2_000).log_boost(visits(np.array([-1]))).any()


def test_strangers_get_popularity_times_context():
    prior = fitted()
    votes = 1.0 / (1 + np.arange(N))
    found = context_fallback(votes, prior, visits(np.array([-1, -1]), np.array([0, 2])), 5)
    assert (found.items[0] % 3 == 0).sum() >= 3
    assert (found.items[1] % 3 == 1).sum() >= 3
    only = context_fallback(votes, prior, visits(np.array([-1])), 5, candidates=np.array([7, 2]))
    assert only.items[0].tolist() == [2, 7, -1, -1, -1]
    with pytest.raises(InputError, match="3 votes for 24 products"):
        context_fallback(np.ones(3), prior, visits(np.array([0])))
    with pytest.raises(InputError, match="k is 0"):
        context_fallback(votes, prior, visits(np.array([0])), 0)


def test_the_same_data_and_seed_give_the_same_prior():
    one, other = fitted(n=8_000), fitted(n=8_000)
    np.testing.assert_array_equal(one.lifts, other.lifts)
    assert one.weights == other.weights


def test_nothing_to_learn_from():
    events = pd.DataFrame(
        {"type": ["page_viewed"], "product_id": [None], "time": [pd.Timestamp("2025-01-01", tz="UTC")]}
    )
    with pytest.raises(InputError, match="0 events of order_completed"):
        ContextPrior().fit(events, catalog())
    with pytest.raises(NotReadyError, match="not fitted"):
        ContextPrior().log_boost(visits(np.array([0])))
