"""The shop's window: what a shopper sees, and that it is written down once, as search and analyses read it."""

from __future__ import annotations

import json
from datetime import timedelta

import pandas as pd
import pytest

from shopr.analytics.measures.searches import read_searches
from shopr.clock import ManualClock
from shopr.commerce.sql import visitor
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.errors import InputError
from shopr.search.asking.request import PageRequest
from shopr.search.learnt.journal import SearchJournal
from shopr.shop import Shop
from shopr.shop.storefront import Shopper

BRANDS = ("Alder", "Nordlys")
ANN, GUEST = Shopper("ann", "s-ann"), Shopper(None, "s-guest")


def orders() -> pd.DataFrame:
    """Ann bought Nordlys, Ben Alder, each forty times; whoever buys p004 buys p006."""
    rows = []
    for n in range(40):
        for user, product in (("ann", 1 + n % 12 * 2), ("ben", n % 12 * 2), *((f"u{n}", p) for p in (4, 6))):
            rows.append(
                {
                    "event_id": f"e{n}-{user}-{product}",
                    "type": "order_completed",
                    "time": pd.Timestamp("2025-12-01", tz="UTC") + timedelta(hours=12 * n),
                    "user_id": user,
                    "product_id": f"p{product:03}",
                    "quantity": 1,
                    "price": 500,
                    "currency": "EUR",
                    "order_id": f"o{n}-{user}",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def shop(settings: Settings, stores: Settings, clock: ManualClock) -> Shop:
    catalog = pd.DataFrame(
        {
            "product_id": [f"p{i:03}" for i in range(24)],
            "title": [f"{BRANDS[i % 2]} mug M{i}" for i in range(24)],
            "brand": [BRANDS[i % 2] for i in range(24)],
            "category": "Kitchen > Mugs",
            "description": ["<b>Holds</b> tea"] * 24,
            "price": [500 + 10 * i for i in range(24)],
            "currency": "EUR",
            "stock": [0 if i == 5 else 9 for i in range(24)],
            "attributes": json.dumps({"dish_washer": True, "height_cm": 9, "none": ""}),
        }
    )
    Dataset.build("demo", "test", Catalog.from_frame(catalog), orders()).save(settings.shop_folder())
    return Shop.open(settings.model_copy(update={"sample_behaviour": 1.0}), clock=clock)


def told(shop: Shop) -> pd.DataFrame:
    """What was recorded, in order."""
    assert shop.collector.flush()
    with shop.events.query() as events:
        return events.sql(
            "SELECT type, user_id, session_id, product_id, position, source, query, properties FROM events"
            " WHERE type LIKE 'product%' OR type LIKE 'search%' OR type LIKE 'cart%' ORDER BY time, event_id"
        ).df()


def test_looking_leaves_no_trace_and_is_the_same_again(shop: Shop) -> None:
    first = shop.storefront.page(PageRequest("mug"), GUEST)
    again = shop.storefront.page(PageRequest("mug"), GUEST, number=first.number)
    assert [card.product_id for card in first.cards] == [card.product_id for card in again.cards]
    assert told(shop).empty
    assert len(first.confidences) == len(first.cards) == 12
    with pytest.raises(InputError, match="explore is 2"):
        shop.storefront.page(PageRequest("mug"), GUEST, explore=2)


def test_a_search_its_pages_a_click_and_a_cart_are_written_down(shop: Shop) -> None:
    front = shop.storefront
    page = front.page(PageRequest("mugg"), GUEST, explore=0)
    front.record(page)
    second = front.page(page.request.changed(page=2), GUEST, number=page.number)
    front.record(second, searched=False)
    wanted = second.cards[2]
    front.opened(second, wanted.product_id, GUEST)
    ruling = front.take(second, wanted.product_id, 2, shopper=GUEST, owner=visitor("s-guest"))
    assert ruling
    frame = told(shop)
    counts = frame["type"].value_counts().to_dict()
    assert counts == {
        "search_performed": 1, "product_shown": 24, "product_clicked": 1, "product_viewed": 1, "cart_item_added": 1,
    }  # fmt: skip
    shown = frame[frame["type"] == "product_shown"]
    assert sorted(shown["position"]) == list(range(1, 25))
    assert set(shown["source"]) == {"search"}
    for kind in ("product_clicked", "cart_item_added"):
        (row,) = frame[frame["type"] == kind].itertuples()
        assert (row.product_id, row.position, row.source) == (wanted.product_id, 15, "search")
        assert json.loads(row.properties)["impression_id"] == f"{page.number}-15"
    (search,) = frame[frame["type"] == "search_performed"].itertuples()
    said = json.loads(search.properties)
    assert (search.query, said["corrected"], said["results"], said["abstained"]) == ("mugg", "mug", 24, False)
    assert "filters" not in said
    assert shop.commerce.carts.of(visitor("s-guest")).pieces == 2
    success = read_searches(shop.events)
    assert success[["clicked", "carted", "empty"]].to_numpy().tolist() == [[True, True, 0.0]]
    journal = SearchJournal.of(shop.search_events())
    assert journal.queries == ("mugg",)
    assert journal.shown_clicked.sum() == 1


def test_what_finds_nothing_is_on_the_merchandisers_list(shop: Shop) -> None:
    page = shop.storefront.page(PageRequest("windscreen wiper"), GUEST)
    assert page.cards == ()
    shop.storefront.record(page)
    shop.storefront.record(shop.storefront.page(PageRequest("mug", brands=("Nobody",)), GUEST))
    log = shop.search_desk.log
    assert log is not None
    assert [(q.query, q.without_result) for q in log.failing()] == [("windscreen wiper", 1)]
    assert len(told(shop)) == 2
    assert read_searches(shop.events)["empty"].tolist() == [1.0, 1.0]


def test_lists_under_conditions_teach_search_nothing(shop: Shop) -> None:
    front = shop.storefront
    front.record(front.page(PageRequest("mug"), GUEST))
    for request in (PageRequest("mug", brands=("Alder",)), PageRequest("mug", sort="price_desc")):
        shop.clock.advance(10)
        page = front.page(request, GUEST)
        front.record(page)
        front.opened(page, page.cards[-1].product_id, GUEST)
    assert not told(shop).empty
    events = shop.search_events()
    unsampled = SearchJournal.of(events[events["type"] != "search_performed"])
    assert (unsampled.queries, len(unsampled.shown_search)) == (("mug",), 12)
    journal = SearchJournal.of(events)
    assert len(journal) == 1
    assert len(journal.shown_search) == 12
    assert not journal.shown_clicked.any()


def test_two_results_change_places_in_plain_lists_alone(shop: Shop) -> None:
    plain = shop.storefront.page(PageRequest("mug"), GUEST, explore=1.0)
    assert plain.exchanged
    assert {card.policy for card in plain.cards} == {"search exchanged"}
    assert sorted(c.product_id for c in plain.cards) == sorted(plain.listing.found.product_ids)
    assert [card.position for card in plain.cards] == list(range(1, 13))
    for request in (PageRequest(), PageRequest("mug", page=2), PageRequest("mug", sort="newest")):
        assert not shop.storefront.page(request, GUEST, explore=1.0).exchanged


def test_the_order_follows_the_shopper_where_that_is_allowed(shop: Shop) -> None:
    page = shop.storefront.page(PageRequest("mug"), ANN, explore=0)
    assert page.personal
    guests = shop.storefront.page(PageRequest("mug"), GUEST, explore=0)
    assert sum(card.brand == "Nordlys" for card in page.cards) > sum(card.brand == "Nordlys" for card in guests.cards)
    assert page.cards[0].reasons[0].label == "a brand you often choose"
    shop.allow("ann", ["analytics"], notice="test", origin="test")
    other = shop.storefront.page(PageRequest("mug"), ANN, explore=0)
    assert not other.personal
    assert [c.product_id for c in other.cards] == [
        c.product_id for c in shop.storefront.page(PageRequest("mug"), GUEST, explore=0).cards
    ]
    assert not shop.storefront.page(PageRequest("mug"), Shopper("nobody", "s"), explore=0).personal


def test_prices_and_stock_are_those_of_now(shop: Shop) -> None:
    shop.commerce.prices.set("p007", 99)
    shop.commerce.stock.set("p007", 3)
    page = shop.storefront.page(PageRequest("mug", sort="price_asc"), GUEST)
    first = page.cards[0]
    assert (first.product_id, first.price, first.price_minor, first.stock) == ("p007", "€0.99", 99, 3)
    assert shop.storefront.page(PageRequest("mug", price_max=100), GUEST).listing.total == 1


def test_a_products_own_page(shop: Shop) -> None:
    shop.clock.advance(40 * 86_400)
    shop.commerce.snapshot()
    shop.commerce.prices.set("p001", 700)
    page = shop.storefront.product("p001", GUEST)
    assert page is not None
    assert page.card.price == "€7.00"
    assert page.prices[-1][1] == 700
    assert page.insight is not None
    assert page.insight.now == 700
    assert page.facts == (("Dish washer", "yes"), ("Height cm", "9"))
    assert page.description == "<b>Holds</b> tea"
    assert len(page.similar) == 6
    assert not {"p001", "p005"} & {card.product_id for card in page.similar}
    beside = shop.storefront.product("p004", GUEST)
    assert beside is not None
    assert "p006" in {card.product_id for card in beside.together}
    assert shop.storefront.product("' OR 1=1 --", GUEST) is None


def test_what_is_sold_out_or_unknown_does_not_get_into_a_cart(shop: Shop) -> None:
    for product, pieces in (("p005", 1), ("nothing", 1), ("p001", 10), ("p001", 0)):
        assert not shop.storefront.take(None, product, pieces, shopper=GUEST, owner=visitor("s-guest"))
    assert told(shop).empty
    assert shop.storefront.take(None, "p001", shopper=GUEST, owner=visitor("s-guest"))
    assert told(shop)["source"].tolist() == ["store"]


def test_nothing_of_a_shopper_who_refused_is_recorded(shop: Shop) -> None:
    shop.allow("ann", [], notice="test", origin="test")
    page = shop.storefront.page(PageRequest("mug"), ANN)
    shop.storefront.record(page)
    shop.storefront.opened(page, "p001", ANN)
    frame = told(shop)
    assert "ann" not in set(frame["user_id"])
