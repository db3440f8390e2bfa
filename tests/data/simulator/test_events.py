"""The simulated event log is one that a real shop could have written."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from shopr.data.checks import validate_events
from shopr.data.events import EVENT_COLUMNS, EventType
from shopr.data.simulator import World
from shopr.data.simulator.calendar import COUNTRIES
from shopr.data.simulator.journal import PAGES

FUNNEL = ["product_shown", "product_clicked", "product_viewed", "cart_item_added", "checkout_started"]


def of(events: pd.DataFrame, kind: str) -> pd.DataFrame:
    return events[events["type"] == kind]


def test_the_table_has_the_houses_columns_and_order(events: pd.DataFrame) -> None:
    assert tuple(events.columns) == EVENT_COLUMNS
    assert events["time"].is_monotonic_increasing
    assert events["event_id"].is_unique
    assert set(events["type"]) <= {t.value for t in EventType}
    checked = validate_events(events)
    assert len(checked.rejects) == 0
    assert len(checked.good) == len(events)


def test_funnels_narrow(events: pd.DataFrame) -> None:
    counts = events["type"].value_counts()
    shown, clicked, viewed, added, _ = (int(counts[kind]) for kind in FUNNEL)
    assert shown > clicked == viewed > added > counts["order_completed"] > counts["feedback_given"] > 0
    orders = of(events, "order_completed")["order_id"].nunique()
    sessions = of(events, "page_viewed")["session_id"].nunique()
    assert sessions > counts["checkout_started"] > orders > 0.05 * sessions


def test_each_click_follows_its_impression_in_the_same_session(events: pd.DataFrame) -> None:
    def impressions(kind: str) -> pd.DataFrame:
        part = of(events, kind)
        return part.assign(impression=[json.loads(p)["impression_id"] for p in part["properties"]])

    shown, keys = impressions("product_shown"), ["impression", "session_id", "user_id", "product_id"]
    assert shown["impression"].is_unique
    for kind in ("product_clicked", "product_viewed", "cart_item_added"):
        both = impressions(kind).merge(shown, on=keys, suffixes=("", "_shown"), how="left")
        assert both["time_shown"].notna().all()
        assert (both["time"] > both["time_shown"]).all()
        assert (both["price"] == both["price_shown"]).all()


def test_orders_come_from_carts_and_returns_from_orders(events: pd.DataFrame) -> None:
    orders, carts = of(events, "order_completed"), of(events, "cart_item_added")
    keys = ["session_id", "product_id"]
    assert not orders.duplicated(keys).any()
    assert not carts.duplicated(keys).any()
    both = orders.merge(carts, on=keys, suffixes=("", "_cart"), how="left")
    assert (both["time"] > both["time_cart"]).all()
    assert (both["quantity"] == both["quantity_cart"]).all()
    removed = of(events, "cart_item_removed")
    assert orders.merge(removed, on=keys).empty
    started = of(events, "checkout_started").set_index("session_id")["time"]
    assert (orders["session_id"].map(started) < orders["time"]).all()
    assert orders.groupby("order_id")[["session_id", "user_id", "time"]].nunique().eq(1).all(axis=None)
    for kind in ("order_returned", "feedback_given"):
        later = of(events, kind).merge(orders, on=["order_id", "product_id", "user_id"], suffixes=("", "_order"))
        assert len(later) == len(of(events, kind))
        assert (later["time"] > later["time_order"]).all()
    assert set(of(events, "feedback_given")["rating"]) == {1.0, 2.0, 3.0, 4.0, 5.0}


def test_nobody_acts_before_joining_and_nothing_is_shown_before_its_launch(world: World, events: pd.DataFrame) -> None:
    day = (events["time"] - pd.Timestamp(world.calendar.first, tz="UTC")).dt.total_seconds() / 86_400
    users = world.user_ids.encode(events["user_id"])
    assert (day + 0.6 >= world.shoppers.joined[users]).all()  # 0.6: a local day may begin 10 or end 14 hours apart
    shown = of(events, "product_shown")
    items = world.item_ids.encode(shown["product_id"])
    assert (day[shown.index] + 0.6 >= world.products.launch[items]).all()


def test_stock_is_never_negative(world: World) -> None:
    log, memory = world._past
    assert (memory.stock >= 0).all()
    reasons = log.column("cart_item_removed", "detail")
    assert (reasons == 1).sum() > 0  # it does run out
    sold = np.zeros((world.days + 1, len(world.products)), np.int64)
    day = log.column("order_completed", "order") // len(world.shoppers)
    np.add.at(sold, (day, log.column("order_completed", "item")), log.column("order_completed", "quantity"))
    assert (sold <= world.products.target_stock).all()


def test_page_views_tell_the_circumstances(events: pd.DataFrame) -> None:
    page = pd.DataFrame([json.loads(p) for p in of(events, "page_viewed")["properties"]])
    assert set(page["page"]) == set(PAGES)
    assert set(page["country"]) <= {c.code for c in COUNTRIES}
    assert page["temperature"].between(-30, 50).all()
    assert set(page["rain"]) == {True, False}
    searches = of(events, "search_performed")
    assert searches["query"].notna().all()
    assert len(searches) > 100


def test_logged_propensities_are_the_chances_of_being_shown(world: World, events: pd.DataFrame) -> None:
    """Weighing by 1 / propensity, each product of the shop's list counts as often as it could have been shown."""
    home = of(events, "product_shown")
    home = home[home["source"] == "home"]
    chance = np.array([json.loads(p)["propensity"] for p in home["properties"]])
    assert (chance > 0).all()
    assert (chance < 1).all()
    first = (home["position"] == 1).to_numpy()
    sessions = of(events, "page_viewed")["session_id"].nunique()
    # E[sum of 1/p] over a session's first slot is the number of products on sale, about 500 to 375 of them.
    on_sale = (1 / chance[first]).sum() / sessions
    assert 0.75 * len(world.products) < on_sale < 1.02 * len(world.products)
