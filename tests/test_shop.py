"""The composition root: what a shop shows, by its own facts and its champion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.events import Event, EventType
from shopr.errors import InputError, NotReadyError, SpecError
from shopr.recommend.profile.corrections import Correction
from shopr.recommend.situation.circumstances import DIMENSIONS
from shopr.recommend.situation.context import ContextPrior
from shopr.shop import Shop, Visit, Wanted
from shopr.tracking import promotion
from shopr.tracking.rules import Rules
from tests.logs import orders_of
from tests.tracking.shop import N_ITEMS, TASTES, candidate, log


@pytest.fixture
def shop(stores, clock):
    """A shop with a champion; p1 is out of stock, p2 has neither price nor stock."""
    bought = log()
    ids = [str(i) for i in bought.item_ids.ids]
    frame = pd.DataFrame(
        {
            "product_id": ids,
            "title": [f"Product {i}" for i in ids],
            "category": [f"Home > Taste {int(i[1:]) % TASTES}" for i in ids],
            "price": pd.array([None if i == "p2" else 1250 for i in ids], dtype="Int64"),
            "currency": "GBP",
            "stock": pd.array([{"p1": 0, "p2": None}.get(i, 5) for i in ids], dtype="Int64"),
        }
    )
    data = Dataset.build("demo", catalog=Catalog.from_frame(frame), events=orders_of(bought), source="test")
    data.save(stores.shop_folder("demo"))
    opened = Shop.open(stores, clock=clock)
    candidate(stores, opened.interactions, "item_knn")
    promotion.promote(stores, opened.interactions, rules=Rules(resamples=200, most_latency_ms=10_000))
    return opened


def test_a_shop_without_data_or_model_says_what_to_run(stores):
    empty = Shop.open(stores)
    assert not empty.exists
    assert empty.dataset is None
    assert empty.champion is None
    with pytest.raises(NotReadyError, match=r"shop 'demo' has no data.*shopr demo"):
        empty.catalog  # noqa: B018
    with pytest.raises(NotReadyError, match=r"no model was promoted yet"):
        empty.recommend("u1")


def test_recommendations_are_new_in_stock_of_the_taste_and_explained(shop):
    cards = shop.recommend("u3", 8)
    assert [c.position for c in cards] == list(range(1, 9))
    assert [c.score for c in cards] == sorted((c.score for c in cards), reverse=True)
    seen = {c.product_id for c in shop.history("u3", N_ITEMS)}
    shown = {c.product_id for c in cards}
    assert not seen & shown
    assert "p1" not in shown
    own = {f"p{i}" for i in range(3, N_ITEMS, TASTES)}
    assert {c.product_id for c in cards[: len(own - seen)]} <= own | shown
    first = cards[0]
    assert first.product_id in own
    assert first.reasons
    assert first.reasons[0].product_id in seen
    assert first.reasons[0].label.startswith("you bought Product p")
    assert (first.price_minor, first.currency, first.model_version) == (1250, "GBP", "1")
    assert len({c.impression_id for c in cards}) == 8


def test_choices_of_category_and_stock(shop):
    cards = shop.recommend("u3", 20, category="Home > Taste 1", exclude_seen=False, explain=False)
    assert {c.category for c in cards} == {"Home > Taste 1"}
    assert "p1" not in {c.product_id for c in cards}
    everything = shop.recommend("u1", 20, in_stock_only=False, exclude_seen=False, category="Home > Taste 1")
    assert "p1" in {c.product_id for c in everything}
    (sold_out,) = [c for c in everything if c.product_id == "p1"]
    assert not sold_out.in_stock


@pytest.mark.parametrize("k", [0, 21])
def test_k_has_bounds(shop, k):
    with pytest.raises(InputError, match=rf"k is {k}"):
        shop.recommend("u1", k)


def test_strangers_get_what_is_popular(shop):
    counts = pd.Series(shop.interactions.items).value_counts()
    for stranger in (None, "nobody"):
        cards = shop.recommend(stranger, 3)
        codes = shop.interactions.item_ids.encode([c.product_id for c in cards])
        assert counts.reindex(codes).min() >= counts.median()
    assert shop.history("nobody") == []


def test_facts_that_the_catalogue_lacks_are_none(shop):
    card = shop.cards.card("p2")
    assert (card.price, card.price_minor, card.stock, card.in_stock, card.image) == (None, None, None, True, None)
    unknown = shop.cards.card("gone")
    assert (unknown.title, unknown.price) == ("gone", None)


def test_the_catalogue_is_one_object_and_needs_no_events(shop, stores):
    fresh = Shop.open(stores)
    catalog = fresh.catalog
    assert "dataset" not in fresh.__dict__, "events are not read for it"
    assert fresh.data.catalog is catalog is fresh.catalog
    Dataset.build("demo", catalog=catalog.take(range(3)), events=fresh.data.events.iloc[:0], source="test").save(
        stores.shop_folder("demo")
    )
    other = Shop.open(stores)
    other.__dict__["catalog"] = catalog  # read before the files were replaced
    assert len(other.data.catalog) == 3
    assert other.catalog is other.data.catalog


def test_shoppers_by_activity_and_by_name(shop):
    assert len(shop.shoppers(5)) == 5
    assert set(shop.shoppers(100, "U15")) == {"u15", *(f"u{i}" for i in range(150, 160))}


def test_the_newest_purchases_come_first(shop):
    events = shop.dataset.events
    mine = events[events["user_id"] == "u7"].sort_values("time", ascending=False)
    first = shop.history("u7", 3)
    assert [c.product_id for c in first] == mine["product_id"].drop_duplicates().head(3).tolist()
    assert shop.promotions()["action"].tolist() == ["promote"]


def test_a_click_changes_the_next_reply_and_is_remembered(shop, stores, clock):
    before = [c.product_id for c in shop.recommend("newcomer", 5)]
    properties = {"product_id": "p3"}
    click = Event(type=EventType.PRODUCT_CLICKED, time=clock.now(), user_id="newcomer", properties=properties)
    assert shop.record_interaction(click)
    assert not shop.record_interaction(click)
    cards = shop.recommend("newcomer", 5)
    after = [c.product_id for c in cards]
    assert after != before
    assert "you looked at Product p3" in {reason.label for reason in cards[0].reasons}
    again = Shop.open(stores, clock=clock)
    assert [c.product_id for c in again.recommend("newcomer", 5)] == after


def test_the_merchandisers_file_is_obeyed_and_read_again_when_it_changes(shop):
    file = shop.folder / "rules.yaml"
    file.write_text("name: front\nkind: rules\ncategories: {include: [Home > Taste 1]}\n", encoding="utf-8")
    assert {c.category for c in shop.recommend("u3", 5)} == {"Home > Taste 1"}
    file.write_text("name: front\nkind: rules\nbrands: {include: [Nobody]}\nmost: 4\n", encoding="utf-8")
    cards, note = shop.answer("u3", Wanted(5))
    assert cards == []
    assert "brands.include removed" in note
    file.write_text("name: front\nkind: rules\nbrandz: {}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"rules\.yaml, line 3: brandz"):
        shop.recommend("u3", 5)
    file.unlink()
    assert len(shop.recommend("u3", 5)) == 5


def test_paid_places_are_labelled(shop):
    text = "name: front\nkind: rules\nsponsored: [{position: 1, product: p4, label: Ad}]\n"
    (shop.folder / "rules.yaml").write_text(text, encoding="utf-8")
    first, second, *_ = shop.recommend("u3", 3)
    assert (first.product_id, first.label, second.label) == ("p4", "Ad", "")


def test_a_shopper_sees_corrects_and_deletes_the_profile_and_recommendations_follow(shop, clock):
    own = shop.recommend("u3", 3)[0].category
    assert shop.profiles.card("u3").known
    shop.profiles.correct("u3", Correction("category", own, "less"))
    cards = shop.recommend("u3", 3)
    assert own not in {c.category for c in cards}
    other = cards[0].category
    shop.profiles.take_back("u3", "category", own)
    shop.profiles.correct("u3", Correction("category", other, "more"))
    assert other in {c.category for c in shop.recommend("u3", 5)}
    bought = {c.product_id for c in shop.history("u3", N_ITEMS)}
    shop.profiles.delete("u3")
    assert not shop.profiles.card("u3").known
    stranger = [c.product_id for c in shop.recommend("nobody", 20)]
    again = [c.product_id for c in shop.recommend("u3", 20)]
    assert [p for p in stranger if p not in bought] == again[: len(stranger) - len(bought & set(stranger))]


def test_circumstances_move_products_and_are_named_as_a_reason(shop, monkeypatch):
    prior = ContextPrior()
    prior.item_ids = shop.catalog.product_ids
    prior.weights = {d.name: float(d.name == "rain") for d in DIMENSIONS}
    prior._lifts = np.zeros((len(prior.item_ids), sum(len(d) for d in DIMENSIONS)), np.float32)
    wet = sum(len(d) for d in DIMENSIONS[:5]) + DIMENSIONS[5].values.index("in rain")
    (umbrella,) = prior.item_ids.encode(["p9"])
    prior._lifts[umbrella, wet] = 9.0
    monkeypatch.setattr(Shop, "context", prior)
    first, *_ = shop.recommend(None, 3, visit=Visit(rain=1.0))
    assert first.product_id == "p9"
    assert "more wanted in rain" in {r.label for r in first.reasons}
    assert shop.recommend(None, 3, visit=Visit(rain=0.0))[0].product_id != "p9"
    assert shop.recommend(None, 3)[0].product_id != "p9"


def test_the_prior_of_circumstances_is_learnt_from_the_shops_orders(shop):
    assert set(shop.context.weights) == {d.name for d in DIMENSIONS}
    assert len(shop.recommend("u3", 5, visit=Visit(country="AU", device="tablet", temperature=31.0))) == 5


def test_what_is_due_again(shop):
    due = shop.due_again("u3", 3, days=28)
    assert list(due.columns) == ["category", "probability", "purchases", "last_days_ago", "interval_days"]
    assert len(due) == 3
    assert due["probability"].is_monotonic_decreasing
    assert due["probability"].between(0, 1).all()
    assert shop.due_again("nobody").empty
    with pytest.raises(InputError, match="days is 0"):
        shop.due_again("u3", days=0)
