"""What a shop's search learns from its events is applied where it is proved, kept, and never a shopper's trouble."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.errors import DataError
from shopr.search import ProductSearch
from shopr.search.learnt.click_synonyms import LearntRule
from shopr.search.learnt.clicks import ClickLog
from shopr.search.learnt.learning import FILE, LearntSearch, learn
from shopr.search.learnt.ranker import Decision, LearnedRanker
from shopr.search.learnt.reranking import FEATURES, Reranker, Told, click_log
from shopr.search.merchant.desk import SearchDesk
from tests.search.gap_world import gap_events

KINDS = tuple(
    "sofa lamp mug rug kettle bench clock vase stool towel apron broom ladder bucket candle mirror pillow basket "
    "teapot napkin".split()
)
COLOURS = ("red", "blue", "green", "black")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    rows = [
        {"product_id": f"{kind}{i}", "title": f"Acme {colour.capitalize()} {kind} M{i}",
         "category": f"Home > {kind.capitalize()}", "colour": colour.capitalize(), "price": 1000 + 100 * i,
         "currency": "EUR"}
        for kind in KINDS for i, colour in enumerate(COLOURS * 3)
    ]  # fmt: skip
    return Catalog.from_frame(pd.DataFrame(rows))


@pytest.fixture(scope="module")
def shop(catalog: Catalog) -> ProductSearch:
    return ProductSearch.build(catalog)


def events(shop: ProductSearch, wanted: dict[str, np.ndarray], seed: int, people: int = 700) -> pd.DataFrame:
    return gap_events(shop, wanted, {"sofa": "blorfen"}, people=people, own_words=0.9, colours=COLOURS, seed=seed)


def of_kind(shop: ProductSearch, dear: bool) -> dict[str, np.ndarray]:
    """Which products are of each kind; only the dear half of them, which is what these shoppers click."""
    ids = [str(name) for name in shop.index.ids.ids]
    number = np.array([int("".join(filter(str.isdigit, name))) for name in ids])
    kind = [name.rstrip("0123456789") for name in ids]
    return {k: np.array([own == k for own in kind]) & ((number > 5) | (not dear)) for k in KINDS}


@pytest.fixture(scope="module")
def learnt(shop: ProductSearch) -> LearntSearch:
    return learn(shop, events(shop, of_kind(shop, dear=True), 3), seed=3)


def test_a_taste_that_the_words_do_not_know_is_learnt_and_switched_on(
    shop: ProductSearch, learnt: LearntSearch
) -> None:
    assert learnt.ranker is not None
    assert learnt.ranker.on
    assert learnt.ranker.weights[FEATURES.index("price")] > 0
    plain, better = ProductSearch(shop.index), ProductSearch(shop.index)
    better.reranker = learnt.reranker

    def share(search: ProductSearch) -> float:
        first = [search.search(kind, 6).product_ids for kind in KINDS]
        return float(np.mean([int("".join(filter(str.isdigit, name))) > 5 for ids in first for name in ids]))

    assert share(better) > share(plain) + 0.2


def test_the_order_changes_and_nothing_else(shop: ProductSearch, learnt: LearntSearch) -> None:
    plain, better = ProductSearch(shop.index), ProductSearch(shop.index)
    better.reranker = learnt.reranker
    for query in ("red sofa", "lamp", "blue", "acme", "spaceship", "mgu", ""):
        one, other = plain.search(query, 200), better.search(query, 200)
        assert set(one.product_ids) == set(other.product_ids)
        assert (one.abstained, one.corrected, one.total) == (other.abstained, other.corrected, other.total)
        sure = dict(zip(one.product_ids, one.confidences.tolist(), strict=True))
        assert sure == dict(zip(other.product_ids, other.confidences.tolist(), strict=True))
        priced = [s.search(query, 200, sort="price_asc").product_ids for s in (plain, better)]
        assert priced[0] == priced[1]
    few = better.search("lamp", 3).product_ids
    assert few == better.search("lamp", 60).product_ids[:3], "the first page is the start of the longer list"


def test_clicks_that_follow_the_words_switch_nothing_on(shop: ProductSearch) -> None:
    found = learn(shop, events(shop, of_kind(shop, dear=False), 4), seed=4)
    assert found.reranker is None
    assert {rule.phrase: rule.words for rule in found.rules if rule.on} == {"blorfen": "sofa"}


def test_without_crossed_places_the_ranker_says_what_it_lacks(shop: ProductSearch) -> None:
    some = events(shop, of_kind(shop, dear=True), 5, people=20)
    found = learn(shop, some.iloc[:60])
    assert found.ranker is None
    assert "exchange two results at random" in found.why
    nothing = learn(shop, some.iloc[:0])
    assert (nothing.ranker, nothing.rules, nothing.searches) == (None, (), 0)


def test_the_log_holds_what_was_shown_as_the_search_sees_it_now(shop: ProductSearch) -> None:
    from shopr.search.learnt.journal import SearchJournal

    journal = SearchJournal.of(events(shop, of_kind(shop, dear=True), 6, people=100))
    log = click_log(shop, journal, {"lamp1": 0.7})
    assert isinstance(log, ClickLog)
    assert 0 < len(log) <= len(journal.shown_search)
    assert log.names == FEATURES
    at = int(np.flatnonzero(shop.index.ids.ids == "lamp1")[0])
    demand = log.features[:, FEATURES.index("demand")]
    assert set(demand[log.product == at]) == {0.7}
    assert set(demand[log.product != at]) == {0.0}
    price = log.features[:, FEATURES.index("price")]
    assert 0 <= price.min() < price.max() <= 1


def test_what_was_learnt_is_kept_whole(learnt: LearntSearch, tmp_path: Path) -> None:
    path = learnt.save(tmp_path / FILE)
    again = LearntSearch.load(path)
    assert again == learnt
    assert again.synonyms == learnt.synonyms


@pytest.mark.parametrize(
    "harm",
    [
        lambda c: c | {"version": 99},
        lambda c: c | {"ranker": c["ranker"] | {"weights": [1.0]}},
        lambda c: c | {"ranker": c["ranker"] | {"scale": float("inf")}},
        lambda c: c | {"ranker": c["ranker"] | {"names": ["text"]}},
        lambda c: c | {"rules": [{"phrase": "x"}]},
        lambda c: c | {"rules": [r | {"words": "!"} for r in c["rules"]]},
        lambda c: c | {"demand": {"lamp1": "much"}},
        lambda c: [c],
    ],
)
def test_a_damaged_file_is_told_and_the_desk_searches_without(
    learnt: LearntSearch, catalog: Catalog, shop: ProductSearch, tmp_path: Path, harm
) -> None:
    path = learnt.save(tmp_path / FILE)
    path.write_text(json.dumps(harm(json.loads(path.read_text()))))
    with pytest.raises(DataError, match="nothing learnt in"):
        LearntSearch.load(path)
    desk = SearchDesk(catalog, tmp_path, search=ProductSearch(shop.index))
    assert desk.search("lamp", count=False).product_ids == shop.search("lamp").product_ids
    assert desk.ready.reranker is None


def test_the_desk_applies_what_was_learnt_at_once_and_the_merchandiser_wins(
    learnt: LearntSearch, catalog: Catalog, shop: ProductSearch, tmp_path: Path
) -> None:
    desk = SearchDesk(catalog, tmp_path, search=ProductSearch(shop.index))
    assert desk.search("blorfen", count=False).abstained
    rule = LearntRule("blorfen", "sofa", 20, 0.9, 50.0, 1e-9, 20, 0.4, 0.2, 0.6, True)
    replace(learnt, rules=(rule, replace(rule, phrase="lamp", on=False))).save(tmp_path / FILE)
    found = desk.search("blorfen", count=False)
    assert {name.rstrip("0123456789") for name in found.product_ids} == {"sofa"}
    assert found.corrected == "sofa"
    assert desk.counted.search("blorfen").product_ids == found.product_ids
    assert desk.ready.reranker is not None
    desk.add_synonym("blorfen", "bench")
    assert {n.rstrip("0123456789") for n in desk.search("blorfen", count=False).product_ids} == {"bench"}
    (tmp_path / FILE).unlink()
    assert desk.ready.reranker is None


def test_a_ranker_that_is_off_changes_nothing(learnt: LearntSearch) -> None:
    assert learnt.ranker is not None
    off = replace(learnt, ranker=replace(learnt.ranker, decision=Decision(False, 0, -1, 1, 40, 0.95, "no gain")))
    assert off.reranker is None
    assert LearntSearch().reranker is None
    assert not LearntSearch().synonyms


def test_products_that_came_later_are_in_no_demand(shop: ProductSearch, catalog: Catalog) -> None:
    ranker = LearnedRanker(FEATURES, (1.0, 0.0), 1.0, Decision(True, 1, 0.5, 2, 40, 0.95, "gain"))
    search = ProductSearch.build(catalog)
    search.reranker = Reranker(ranker, Told({"lamp7": 1.0}))
    assert search.search("lamp").product_ids[0] == "lamp7"
    more = pd.concat([catalog.frame, catalog.frame[12:13].assign(product_id="new", title="Acme lamp new")])
    search.update(Catalog.from_frame(more))
    assert search.search("lamp").product_ids[0] == "lamp7"
    assert "new" in search.search("lamp", 50).product_ids
