"""Events that a shop declared itself are followed by their names, from the log and straight from the store."""

from __future__ import annotations

from collections.abc import Callable

from shopr.analytics.measures.daily import daily_funnel
from shopr.analytics.measures.funnel import Step, funnel
from shopr.analytics.measures.goals import Goal, goals
from shopr.analytics.measures.journey import journeys
from shopr.analytics.reading.log import EventLog
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.data.events import Event

Make = Callable[..., Event]
STEPS = [Step("product_viewed"), Step("wishlist_item_added"), Step("order_completed")]


def test_own_events_are_steps_like_any(store: EventStore, event: Make) -> None:
    acts = {"ann": 3, "bob": 2, "cleo": 1}
    kinds = [("product_viewed", {}), ("custom_occurred", {"name": "wishlist_item_added"}), ("order_completed", {})]
    rows = [
        row_of(event(kind, ago=50 - at, user_id=user, session_id=f"s-{user}", product_id="p", **more))
        for user, n in acts.items()
        for at, (kind, more) in enumerate(kinds[:n])
    ]
    rows.append(row_of(event("custom_occurred", ago=40, user_id="dan", session_id="s-dan", name="tour_finished")))
    store.append(rows)
    assert funnel(EventLog.read(store), STEPS).counts.tolist() == [3, 2, 1]
    assert daily_funnel(store, STEPS).counts.tolist() == [3, 2, 1]
    assert daily_funnel(store, [Step("custom_occurred", {"name": "tour_finished"})]).counts.tolist() == [1]
    log = EventLog.read(store, types=["wishlist_item_added", "order_completed"])
    assert goals(log, [Goal("wished", [STEPS[1]])])["wished"].sum() == 2
    paths = {tuple(path) for path in journeys(EventLog.read(store)).paths["path"]}
    assert {("product_viewed", "wishlist_item_added", "order_completed"), ("tour_finished",)} <= paths


def test_thousands_of_names_are_no_matter(store: EventStore, event: Make) -> None:
    names = 3_000 if not store.database.is_sqlite else 20_000
    rows = [
        row_of(event("custom_occurred", user_id=f"u{i % 50}", session_id=f"s{i % 50}", name=f"n{i}_seen"))
        for i in range(names)
    ]
    for at in range(0, names, 2_000):
        store.append(rows[at : at + 2_000])
    log = EventLog.read(store)
    assert len(log.types.names) == names
    assert funnel(log, [Step("n7_seen")]).counts.tolist() == [1]
