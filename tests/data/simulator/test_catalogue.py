"""Products, prices, and words of the simulated shop."""

from __future__ import annotations

import json

import numpy as np
import pytest

from shopr.data.dataset import Dataset
from shopr.data.simulator import World
from shopr.data.simulator.catalogue import charm, draw_prices
from shopr.data.simulator.draws import Draws
from shopr.data.simulator.silhouettes import SILHOUETTES
from shopr.data.simulator.taste import companion_table
from shopr.data.simulator.vocabulary import BRANDS, COLOURS, DEPARTMENTS, KINDS, LANGUAGES, words

SCRIPTS = {"hi": (0x0900, 0x097F), "ar": (0x0600, 0x06FF), "zh": (0x4E00, 0x9FFF), "ja": (0x3040, 0x9FFF)}


@pytest.mark.parametrize("table", ["kinds", "colours", "patterns", "materials", "labels"])
def test_every_word_is_there_in_every_language(table: str) -> None:
    for key, row in words(table).items():
        for language in LANGUAGES:
            assert len(row[language].strip()) == len(row[language]) > 0, (table, key, language)
        assert None not in row, (table, key)


@pytest.mark.parametrize("language", sorted(SCRIPTS))
def test_words_are_written_in_the_languages_own_script(language: str) -> None:
    low, high = SCRIPTS[language]
    for table in ("kinds", "colours", "patterns", "materials", "labels"):
        for key, row in words(table).items():
            assert any(low <= ord(c) <= high for c in row[language]), (table, key, row[language])


def test_kinds_brands_and_companions_fit_together() -> None:
    keys = {kind.key for kind in KINDS}
    assert keys == set(words("kinds")) == set(SILHOUETTES)
    assert len(KINDS) >= 40
    assert len(DEPARTMENTS) >= 12
    for kind in KINDS:
        assert 0 < kind.low < kind.high
        assert set(kind.colours) <= set(COLOURS)
        assert set(kind.materials) <= set(words("materials"))
        assert set(kind.companions) <= keys - {kind.key}
    for department in DEPARTMENTS:
        assert {b.tier for b in BRANDS if department in b.departments} == {0, 1, 2, 3}
    assert companion_table().sum() == sum(len(k.companions) for k in KINDS)


def test_the_catalogue_is_whole(tiny: Dataset) -> None:
    frame = tiny.catalog.frame
    assert len(frame) == 200
    assert frame["category"].str.count(" > ").eq(2).all()
    assert (frame["price"] > 0).all()
    assert (frame["stock"] >= 0).all()
    assert set(frame["currency"]) == {"GBP"}
    assert all(json.loads(a)["colour"] == c for a, c in zip(frame["attributes"], frame["colour"], strict=True))
    counts = tiny.texts.groupby("product_id")["language"].nunique()
    assert counts.eq(len(LANGUAGES)).all()
    assert len(counts) == 200
    english = tiny.texts[tiny.texts["language"] == "en"].set_index("product_id").loc[frame["product_id"]]
    assert (english["title"].to_numpy() == frame["title"].to_numpy()).all()


def test_dearer_brands_cost_more_within_a_kind(world: World) -> None:
    p = world.products
    for tier in range(3):
        low, high = (p.place[p.tier == t].mean() for t in (tier, tier + 1))
        assert high > low + 0.1


def test_a_price_does_not_depend_on_the_days_asked_for(world: World) -> None:
    longer = draw_prices(world.products, Draws(42), days=world.days + 200)
    assert (longer[: len(world.prices)] == world.prices).all()


def test_prices_move_and_are_sometimes_reduced(world: World) -> None:
    assert (world.prices > 0).all()
    changes = (np.diff(world.prices[: world.days], axis=0) != 0).sum(axis=0)
    assert (changes > 0).mean() > 0.97
    assert 2 < changes.mean() < 40
    deepest = 1 - world.prices.min(axis=0) / world.prices.max(axis=0)
    assert 0.2 < np.median(deepest) < 0.6


def test_the_price_table_gives_the_price_of_every_day(tiny: Dataset) -> None:
    last = tiny.prices.sort_values("date", kind="stable").groupby("product_id")["price"].last()
    now = tiny.catalog.frame.set_index("product_id")["price"]
    assert (last.loc[now.index] == now).all()
    assert not tiny.prices.duplicated(["product_id", "date"]).any()


def test_charm_prices() -> None:
    assert charm(np.array([3, 237, 1_010, 1_940, 12_345])).tolist() == [50, 235, 999, 1950, 12300]
