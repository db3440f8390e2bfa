"""Batches by any JSON whatever: an event comes of it, or a reason; and what comes of it can be stored."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.analytics.intake.privacy import private
from shopr.analytics.store.rows import COLUMNS, row_of
from shopr.data.event_book import EventBook
from shopr.data.events import Event
from shopr.errors import DataError, InputError
from shopr.serving.collect.batch import Sender, judged, read, read_consent
from shopr.serving.collect.calls import Routes

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BOOK = EventBook.usual()
OWN = Sender("own", "s" * 32, "", "b1:", "203.0.113.0", "mobile")
SERVER = Sender("server")
NAMES = [*BOOK.types, "custom_occurred", "nothing", "", 7, None]
KEYS = [
    "page",
    "product_id",
    "position",
    "query",
    "name",
    "value",
    "device_id",
    "_unknown",
    "_schema",
    "token",
    "ip",
    "x",
]
NAMED = st.sampled_from(KEYS) | st.text(max_size=5)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED, inner, max_size=3),
    max_leaves=8,
)
EVENTS = ANY | st.fixed_dictionaries(
    {
        "type": st.sampled_from(NAMES),
        "time": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat) | st.just(NOW.isoformat()) | ANY,
    },
    optional={
        "event_id": st.text(max_size=300) | ANY, "session_id": st.text(max_size=300) | ANY, "user_id": ANY,
        "consent": ANY, "schema_version": ANY, "version": ANY, "colour": ANY,
        "properties": st.dictionaries(st.sampled_from(KEYS), ANY, max_size=5) | ANY,
    },
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(EVENTS, st.sampled_from([OWN, SERVER]), st.timedeltas(timedelta(days=-9999), timedelta(days=9999)))
def test_an_event_comes_of_anything_or_a_reason(data: Any, sender: Sender, skew: timedelta) -> None:
    before = json.dumps(data, sort_keys=True)
    try:
        event = judged(data, sender, skew, NOW, BOOK)
    except DataError:
        return
    finally:
        assert json.dumps(data, sort_keys=True) == before
    assert isinstance(event, Event)
    assert NOW - timedelta(days=30) <= event.time <= NOW
    assert BOOK.settled(event) == event
    if sender is OWN:
        assert event.session_id == OWN.session_id
        assert event.user_id is None
        assert event.event_id.startswith("b1:") or "event_id" not in data or not data["event_id"]
    try:
        row = dict(zip(COLUMNS, row_of(private(event)), strict=True))
    except DataError:  # a number too large for its column
        return
    json.loads(row["properties"])


@given(st.binary(max_size=60) | ANY.map(lambda value: json.dumps(value).encode()))
def test_a_body_is_a_batch_or_refused(body: bytes) -> None:
    for take in (lambda: read(body, NOW), lambda: read_consent(body)):
        with suppress(InputError):
            take()


@pytest.mark.parametrize(("sent", "skew"), [(0, 0), (-1.5, 0), (1.5, 0), (-60, 60), (3600, -3600)])
def test_the_skew_of_a_clock(sent: float, skew: float) -> None:
    body = json.dumps({"events": [], "sent_at": (NOW + timedelta(seconds=sent)).isoformat()}).encode()
    assert read(body, NOW).skew == timedelta(seconds=skew)


def test_what_a_browser_says_of_itself_is_kept_apart_from_ours() -> None:
    site = Sender("site", "", "", "k1:", "203.0.113.0", "desktop")
    data = {"event_id": "e1", "type": "page_viewed", "time": NOW.isoformat(), "session_id": "s1",
            "properties": {"device_id": "d1", "page": "/"}}  # fmt: skip
    event = judged(data, site, timedelta(0), NOW, BOOK)
    assert (event.event_id, event.session_id) == ("k1:e1", "k1:s1")
    assert event.properties == {"device_id": "k1:d1", "page": "/", "device": "desktop", "ip": "203.0.113.0"}


def test_routes_are_a_short_list() -> None:
    routes = Routes(["/", "/chat", "/static/*", "/_stcore/*", "/_stcore/upload_file/*"])
    expected = {
        "/": "/", "/chat": "/chat", "/chat/1": "other", "/static": "other", "/static/a/b": "/static/*",
        "/_stcore/upload_file/x": "/_stcore/upload_file/*", "/%2e": "other",
    }  # fmt: skip
    assert {path: routes.of(path) for path in expected} == expected
