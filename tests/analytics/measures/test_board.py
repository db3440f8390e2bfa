"""The Overview's figures: those of the analyses, beside the time before; marks of releases and promotions."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.measures.board import board, extent, marks
from shopr.analytics.reading.acts import with_persons
from shopr.analytics.reading.source import EventTable
from shopr.analytics.reading.span import Span
from shopr.analytics.reading.touches import last_touch
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import Row, row_of
from shopr.clock import ManualClock
from shopr.data.events import Event, EventType
from tests.analytics.tables import DAY0, table

SPAN = Span(DAY0.date() + timedelta(days=2), DAY0.date() + timedelta(days=3))
ORDER = {"type": "order_completed", "price": 100, "quantity": 1, "currency": "GBP"}


@pytest.fixture
def shop() -> EventTable:
    return table(
        {"type": "page_viewed", "user_id": "a", "session_id": "s0", "minute": 10, "release": "1.0"},
        {**ORDER, "user_id": "a", "session_id": "s0", "order_id": "o0", "minute": 11},
        {"type": "page_viewed", "user_id": "a", "session_id": "s1", "minute": 3000, "release": "1.1"},
        {"type": "page_viewed", "user_id": "b", "session_id": "s2", "minute": 3000},
        {**ORDER, "user_id": "a", "session_id": "s1", "order_id": "o1", "minute": 3001},
        {**ORDER, "user_id": "a", "session_id": "s1", "order_id": "o2", "minute": 4400},
        {"type": "model_promoted", "name": "7", "minute": 3600},
    )


def test_figures_stand_beside_the_time_before(shop: EventTable) -> None:
    found = board(shop, SPAN).figures
    assert (found["persons"].value.value, found["persons"].before.value) == (2.0, 1.0)  # type: ignore[union-attr]
    assert found["orders"].change.value == pytest.approx(1.0)
    assert (found["revenue"].value.value, found["revenue"].currency) == (200.0, "GBP")
    assert found["revenue"].course == (100.0, 100.0)
    assert found["revenue"].value.n == 1  # buyer, of two orders
    assert found["conversion"].value.value == 0.5
    assert np.isnan(found["ctr"].value.value)
    alone = board(shop, SPAN, compared=False)
    assert alone.figures["orders"].before is None
    assert np.isnan(alone.figures["orders"].change.value)


def test_an_empty_store_has_no_figures() -> None:
    nothing = table()
    assert (extent(nothing).events, extent(nothing).last) == (0, None)
    found = board(nothing, SPAN).figures
    assert found["persons"].value.value == 0
    assert np.isnan(found["revenue"].value.value)
    assert marks(nothing, SPAN) == []


def test_marks_are_what_began_in_the_span(shop: EventTable) -> None:
    promotions = pd.DataFrame(
        {
            "time": [pd.Timestamp(DAY0 + timedelta(days=d)) for d in (0, 2, 3)],
            "action": ["promote", "refuse", "rollback"],
            "version": ["1", "2", "1"],
        }
    )
    found = marks(shop, SPAN, promotions)
    assert [(m.kind, m.label) for m in found] == [
        ("release", "release 1.1"), ("promotion", "model 7"), ("rollback", "back to model 1"),
    ]  # fmt: skip
    assert extent(shop).events == 7


def test_a_few_visits_after_a_silence_are_not_when_the_shop_was_busy() -> None:
    crowd = [{"type": "page_viewed", "user_id": f"u{i}", "session_id": f"s{i}", "minute": i} for i in range(6)]
    late = [{"type": "page_viewed", "session_id": f"late{i % 3}", "minute": 9000 + i} for i in range(20)]
    found = extent(table(*crowd, *late))
    assert found.last == DAY0 + timedelta(minutes=9019)
    assert found.busy == DAY0 + timedelta(minutes=4)  # with u5, u4 and the three late ones: five persons
    assert extent(table(*late)).busy == extent(table(*late)).last


def test_one_visitor_who_comes_five_times_is_not_five_persons(store: EventStore, clock: ManualClock) -> None:
    """A shop that was busy a month ago; then somebody of the staff looks at it: first without a name, then with one."""

    def act(ago: float, **given: str) -> Row:
        return row_of(Event(type=EventType.PAGE_VIEWED, time=clock.now() - timedelta(minutes=ago), **given))

    store.append([act(43_200 + at, user_id=f"u{at}", session_id=f"s{at}") for at in range(6)])
    store.append([act(at, session_id=f"n{at}") for at in range(1, 6)])
    for at in range(1, 6):
        store.identities.link(session_id=f"n{at}", device_id="laptop")
    store.append([act(20, session_id="m"), act(19, user_id="meg", session_id="m")])
    store.append([act(30, user_id="meg"), act(31, session_id="l"), act(32, session_id="of-meg")])
    store.identities.link(session_id="of-meg", user_id="meg")
    found = extent(store)
    assert found.last == clock.now() - timedelta(minutes=1)
    assert found.busy == clock.now() - timedelta(minutes=43_201)  # the laptop, Meg, the session l, u0 and u1
    assert found.events == 6 + 5 + 2 + 3


@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 9), st.booleans()), max_size=12), st.integers(0, 9)
)  # fmt: skip
def test_the_last_touch_is_that_of_a_search_one_by_one(rows: list[tuple[int, int, bool]], within: int) -> None:
    keys, times, touched = (np.array([row[i] for row in rows], kind) for i, kind in enumerate((int, int, bool)))
    found = last_touch(keys, times, touched, within)
    for at, (key, time, touch) in enumerate(rows):
        best = [
            (t, i) for i, (k, t, is_touch) in enumerate(rows) if is_touch and k == key and time - within <= t <= time
        ]  # fmt: skip
        if touch or key < 0 or not best:
            assert found[at] == -1
        else:
            assert (rows[found[at]][1], rows[found[at]][2], rows[found[at]][0]) == (max(best)[0], True, key)


def test_a_session_of_several_users_is_nobodys() -> None:
    shop = table(
        {"type": "page_viewed", "session_id": "s1"},
        {"type": "page_viewed", "session_id": "s1", "user_id": "a"},
        {"type": "page_viewed", "session_id": "s2"},
        {"type": "page_viewed", "session_id": "s2", "user_id": "a"},
        {"type": "page_viewed", "session_id": "s2", "user_id": "b"},
    )
    with shop.query() as events:
        with_persons(events)
        persons = events.sql("SELECT person FROM acts ORDER BY event_id").fetchall()
    assert [p for (p,) in persons] == ["a", "a", "s2", "a", "b"]
