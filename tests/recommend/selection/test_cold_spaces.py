"""Spaces of the models that read the catalogue: sound settings, and searched where they are named."""

from __future__ import annotations

import optuna
import pytest

from shopr.recommend.contract.registry import make
from shopr.recommend.selection import cold_spaces
from shopr.recommend.selection.shape import Shape
from shopr.recommend.selection.tuning import tune
from tests.recommend.shop import small_catalog, small_interactions

SHOP = small_interactions()
SMALL = Shape.of(SHOP)
LARGE = Shape(users=10**6, items=10**6, rows=10**7, pairs=1e9, length=10.0, ordered=False)


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_starts_and_draws_are_sound_settings(shape):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(10):
        trial = study.ask()
        make("cold", **cold_spaces.suggest_cold(trial, shape))
        make("ease_side", **cold_spaces.suggest_ease_side(trial, shape))
    for params in cold_spaces.cold_starts(shape):
        assert make("cold", **params).config.base == ("edlae" if shape is SMALL else "item_filter")
    for params in cold_spaces.ease_side_starts(shape):
        make("ease_side", **params)


def test_only_where_named():
    assert not cold_spaces.never(SMALL)


@pytest.mark.parametrize("name", ["cold", "ease_side"])
def test_a_search_finds_settings(name):
    found = tune(SHOP, small_catalog(), models=[name], budget_seconds=600, max_trials=3, refit=False)
    assert found.name == name
    assert len(found.leaderboard) == 3
