"""Parts of a source: by what happened in a session, by kinds of persons, with weights that stay unbiased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shopr.analytics.reading.source import EventTable, Filters, Source, about, choices, narrowed
from shopr.errors import UnknownNameError
from tests.analytics.tables import DAY0, table


@pytest.fixture
def shop() -> EventTable:
    seen = {"type": "page_viewed"}
    return table(
        {**seen, "session_id": "s1", "device": "mobile", "page": "home", "country": "GB", "weight": 20.0},
        {"type": "order_completed", "user_id": "ann", "session_id": "s1", "minute": 5},
        {**seen, "session_id": "s2", "device": "desktop", "page": "home", "country": "DE", "weight": 20.0},
        {"type": "search_performed", "session_id": "s2", "minute": 1, "weight": 20.0},
        {**seen, "user_id": "bo", "session_id": "s3", "device": "mobile", "page": "cart", "minute": 2000},
        {"type": "order_completed", "user_id": "ann", "session_id": "s4", "minute": 2100},
        {**seen, "session_id": "s5", "device": "it's", "page": "home", "minute": 3},
    )


def ids(source: Source, **span: Any) -> list[tuple[str, float]]:
    with source.query(**span) as events:
        return events.sql("SELECT event_id, weight FROM events ORDER BY event_id").fetchall()


def test_a_trait_chooses_whole_sessions_and_their_events_weigh_as_what_tells_it(shop: EventTable) -> None:
    assert ids(narrowed(shop, Filters(device="mobile"))) == [("e0", 20.0), ("e1", 20.0), ("e4", 1.0)]
    assert ids(narrowed(shop, Filters(device="mobile", page="cart"))) == [("e4", 1.0)]
    assert ids(narrowed(shop, Filters(country="DE"))) == [("e2", 20.0), ("e3", 20.0)]
    assert ids(narrowed(shop, Filters(device="it's"))) == [("e6", 1.0)]
    assert ids(narrowed(shop, Filters(device="'; DROP VIEW events; --"))) == []


def test_or_the_events_alone(shop: EventTable) -> None:
    assert ids(narrowed(shop, Filters(device="mobile"), by="event")) == [("e0", 20.0), ("e4", 1.0)]


@pytest.mark.parametrize(
    ("segment", "found"),
    [
        ("buyers", ["e0", "e1", "e5"]),  # what the session did before the login is Ann's
        ("browsers", ["e2", "e3", "e4", "e6"]),
        ("searchers", ["e2", "e3"]),
        ("signed in", ["e0", "e1", "e4", "e5"]),
        ("anonymous", ["e2", "e3", "e6"]),
    ],
)
def test_segments_are_of_persons(shop: EventTable, segment: str, found: list[str]) -> None:
    assert [name for name, _ in ids(narrowed(shop, Filters(segment=segment)))] == found


def test_who_is_new_is_a_question_to_all_that_came_before(shop: EventTable) -> None:
    span = {"start": DAY0 + timedelta(days=1), "end": DAY0 + timedelta(days=2)}
    assert [name for name, _ in ids(shop, **span)] == ["e4", "e5"]
    assert [name for name, _ in ids(narrowed(shop, Filters(segment="new")), **span)] == ["e4"]
    assert [name for name, _ in ids(narrowed(shop, Filters(segment="returning")), **span)] == ["e5"]


def test_segments_are_decided_by_a_time_whatever_is_read(shop: EventTable) -> None:
    second = (DAY0 + timedelta(days=1), DAY0 + timedelta(days=2))
    buyers = about(narrowed(shop, Filters(segment="buyers")), *second)
    assert [name for name, _ in ids(buyers)] == ["e0", "e1", "e5"]  # all of Ann, who ordered on that day
    none = about(narrowed(shop, Filters(segment="searchers")), *second)
    assert ids(none) == []
    assert [name for name, _ in ids(buyers, start=second[0])] == ["e5"]
    assert about(shop, *second) is shop


def test_what_can_be_chosen_most_frequent_first(shop: EventTable) -> None:
    found = choices(shop)
    assert found["device"] == ["mobile", "desktop", "it's"]
    assert found["country"] == ["DE", "GB"]
    assert found["release"] == []
    assert Filters(device="mobile", segment="buyers").words() == "device mobile, segment buyers"
    assert narrowed(shop, Filters()) is shop


def test_an_unknown_segment_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="buyer"):
        Filters(segment="buyer")
