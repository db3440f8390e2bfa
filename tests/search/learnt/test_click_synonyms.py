"""Words of shoppers that the catalogue lacks are learnt from clicks; what means nothing, or is not proved, is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.search import ProductSearch
from shopr.search.learnt.click_synonyms import LEAST_PEOPLE, LearntRule, learn_synonyms
from shopr.search.learnt.journal import SearchJournal
from tests.search.gap_world import gap_events

KINDS = ("sofa", "lamp", "mug", "rug", "kettle", "bench")
COLOURS = ("red", "blue", "green")
OWN = {"sofa": "zettle", "mug": "slurper"}


@pytest.fixture(scope="module")
def shop() -> ProductSearch:
    rows = [
        {"product_id": f"{kind}{i}", "title": f"Acme {kind.capitalize()} {colour.capitalize()} M{i}",
         "category": f"Home > {kind.capitalize()}", "colour": colour.capitalize()}
        for kind in KINDS for i, colour in enumerate(COLOURS * 4)
    ]  # fmt: skip
    return ProductSearch.build(Catalog.from_frame(pd.DataFrame(rows)))


@pytest.fixture(scope="module")
def kinds(shop: ProductSearch) -> dict[str, np.ndarray]:
    ids = [str(name) for name in shop.index.ids.ids]
    return {kind: np.array([name.rstrip("0123456789") == kind for name in ids]) for kind in KINDS}


def learnt(shop: ProductSearch, kinds: dict[str, np.ndarray], seed: int, people: int = 300) -> tuple[LearntRule, ...]:
    events = gap_events(shop, kinds, OWN, people=people, vague="nice", colours=COLOURS, seed=seed)
    return learn_synonyms(shop, SearchJournal.of(events), seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_words_that_the_catalogue_lacks_are_learnt_and_nothing_else(shop, kinds, seed):
    rules = learnt(shop, kinds, seed)
    assert {rule.phrase: rule.words for rule in rules if rule.on} == {"zettle": "sofa", "slurper": "mug"}
    for rule in rules:
        if rule.on:
            assert rule.low > 0
            assert min(rule.people, rule.proved) >= LEAST_PEOPLE
            assert rule.lift >= 3


def test_few_people_prove_nothing_however_often_they_click(shop, kinds):
    events = gap_events(shop, kinds, OWN, people=300, seed=1)
    few = events.assign(user_id="u" + (events["user_id"].str[1:].astype(int) % 9).astype(str))
    assert not [rule for rule in learn_synonyms(shop, SearchJournal.of(few), seed=1) if rule.on]


def test_words_that_the_catalogue_has_need_no_synonym(shop, kinds):
    events = gap_events(shop, kinds, {}, people=200, colours=COLOURS, seed=2)
    assert not [rule for rule in learn_synonyms(shop, SearchJournal.of(events), seed=2) if rule.on]


def test_clicks_at_random_teach_nothing(shop):
    anything = {kind: np.random.default_rng(i).random(len(shop)) < 0.3 for i, kind in enumerate(KINDS)}
    events = gap_events(shop, anything, OWN, people=200, seed=3)
    assert not [rule for rule in learn_synonyms(shop, SearchJournal.of(events), seed=3) if rule.on]


def test_no_clicks_are_no_rules(shop, kinds):
    events = gap_events(shop, kinds, OWN, people=30, seed=4)
    assert learn_synonyms(shop, SearchJournal.of(events[events["type"] != "product_clicked"])) == ()
    assert learn_synonyms(shop, SearchJournal.of(events.iloc[:0])) == ()
