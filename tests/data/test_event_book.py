"""Declared events: what fits is taken, what does not is named, what nobody declared is kept apart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shopr.data.event_book import MOST_NAMES, EventBook, _File
from shopr.data.event_schema import SCHEMA, UNKNOWN, EventSchema, Upgrade
from shopr.data.events import Event, EventType
from shopr.errors import DataError, SpecError

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
OWN = """
events:
  wishlist_item_added:
    about: A shopper put a product on a wish list.
    version: 3
    kept: fact
    properties:
      product_id: {type: id, required: true}
      list: {type: text, words: [main, gifts]}
      pieces: {type: whole, least: 1, most: 99}
      tags: {type: list, longest: 3}
    upgrades:
      1: {rename: {sku: product_id}, defaults: {list: main}}
      2: {remove: [colour]}
  tour_finished:
    about: The tour was seen to its end.
    properties: {seconds: number, whole_tour: flag}
"""


@pytest.fixture
def book(tmp_path: Path) -> EventBook:
    (tmp_path / "events.yaml").write_text(OWN)
    return EventBook.load(tmp_path / "events.yaml")


def sent(kind: str = "wishlist_item_added", **properties: Any) -> dict[str, Any]:
    return {"event_id": "e1", "type": kind, "time": "2026-11-30T12:00:00Z", "properties": properties}


def test_every_type_is_declared() -> None:
    book = EventBook.usual()
    assert set(book.types) == {kind.value for kind in EventType} - {"custom_occurred"}
    assert all(schema.about.endswith(".") for schema in book.types.values())
    assert EventBook.load(Path("nowhere.yaml")) == book


def test_an_event_of_ones_own_goes_by_its_name(book: EventBook) -> None:
    event = book.event(sent(product_id="p1", list="gifts", pieces=2, tags=["a"]))
    assert event.type is EventType.CUSTOM_OCCURRED
    assert event.properties == {
        "name": "wishlist_item_added", "product_id": "p1", "list": "gifts", "pieces": 2, "tags": ["a"], SCHEMA: 3,
    }  # fmt: skip
    same = sent("custom_occurred", name="wishlist_item_added", product_id="p1", list="gifts", pieces=2, tags=["a"])
    assert book.event(same) == event == book.settled(event)
    assert book.fact(event)
    assert not book.fact(book.event(sent("tour_finished")))


def test_what_nobody_declared_is_kept_apart(book: EventBook) -> None:
    event = book.event({**sent(product_id="p1", mood="good", _unknown=7), "colour": "red"})
    assert event.properties["product_id"] == "p1"
    assert event.properties[UNKNOWN] == {"mood": "good", "colour": "red", "_unknown": 7}
    assert book.settled(event) == event
    plain = Event(type="product_clicked", time=NOON, properties={"product_id": "p1"})
    assert book.settled(plain) is plain


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (sent(list="gifts"), "wishlist_item_added has no product_id"),
        (sent(product_id=7), "product_id of wishlist_item_added is 7, not a text of 1 to 256"),
        (sent(product_id="p", list="other"), "known: main, gifts"),
        (sent(product_id="p", list=["main"]), "not a text"),
        (sent(product_id="p", pieces=100), "pieces of wishlist_item_added is 100, above 99"),
        (sent(product_id="p", pieces=True), "is True, not a whole number"),
        (sent(product_id="p", pieces=1.5), "not a whole number"),
        (sent(product_id="p", tags=list("abcd")), "has 4 entries, the bound is 3"),
        (sent(product_id="x" * 257), "has 257 characters, the bound is 256"),
        (sent("tour_finished", seconds=float("nan")), "not a number"),
        (sent("wishlist_item_aded", product_id="p"), "Did you mean 'wishlist_item_added'"),
        (sent("page_viewd"), "Did you mean 'page_viewed'"),
        (sent("custom_occurred"), "is not declared"),
        ({**sent(product_id="p"), "schema_version": 4}, "schema_version is 4, the newest is 3"),
        ({**sent(product_id="p"), "schema_version": "1"}, "schema_version is '?1"),
        ({**sent(product_id="p"), "time": "noon"}, "time is 'noon'"),
        ({**sent(product_id="p"), "time": "2026-11-30T12:00:00"}, "no time zone"),
        ({**sent(), "properties": [1]}, "no object"),
        ({"properties": {}}, "type is missing"),
        ({**sent("vital_measured", name="XYZ", value=1)}, "known: LCP, INP, CLS, FCP, TTFB"),
    ],
)
def test_what_does_not_fit_is_named(book: EventBook, data: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        book.event(data)


def test_an_earlier_version_is_brought_up_to_date(book: EventBook) -> None:
    event = book.event({**sent(sku="p1", colour="red"), "schema_version": 1})
    assert {k: v for k, v in event.properties.items() if k != "name"} == {
        "product_id": "p1", "list": "main", SCHEMA: 3, UNKNOWN: {"colour": "red"},
    }  # fmt: skip


def test_scalars_of_arrays_become_plain(book: EventBook) -> None:
    given_ = {"results": np.int64(3), "abstained": np.True_, "value": np.float64(0.5), "query": np.str_("kettle")}
    settled = book.settled(Event(type="search_performed", time=NOON, properties=given_)).properties
    assert settled == {"results": 3, "abstained": True, "value": 0.5, "query": "kettle"}
    assert {type(value) for value in settled.values()} == {int, bool, float, str}
    with pytest.raises(DataError, match="abstained of search_performed is 1"):
        book.settled(Event(type="search_performed", time=NOON, properties={"abstained": np.int64(1)}))


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers() | st.none()), st.integers(1, 3))
def test_upgrading_is_pure_and_loses_nothing(given_: dict[str, Any], version: int) -> None:
    steps = {1: Upgrade(rename={"a": "b"}, defaults={"d": 0}), 2: Upgrade(rename={"b": "c"})}
    schema = EventSchema(about="x", version=3, upgrades=steps)
    before = dict(given_)
    first = schema.upgraded(given_, version)
    assert given_ == before
    assert first == schema.upgraded(given_, version)
    assert sorted(map(repr, before.values())) == sorted(repr(first[k]) for k in first if k != "d" or "d" in before) or (
        None in before.values()
    )
    assert schema.upgraded(given_, 3) == given_


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("events: {a_b: {about: x, vesion: 2}}", "line 1: events.a_b.vesion: unknown key.*Did you mean 'version'"),
        ("events: {a_b: {about: x, properties: {p: txt}}}", "'txt' is not known.*Did you mean 'text'"),
        ("events: {a_b: {about: x, properties: {p: {type: text, lngest: 3}}}}", "Did you mean 'longest'"),
        ("events: {A b: {about: x}}", "is no name"),
        ("events: {page_viewed: {about: x}}", "line 1: page_viewed is an event of every shop"),
        ("events: {a_b: {about: x, properties: {name: text}}}", "name is the event's own"),
        ("events: {a_b: {about: x, properties: {p: {type: id, least: 3}}}}", "mean nothing for a property of type id"),
        ("events: {a_b: {about: x, upgrades: {1: {}}}}", "leads nowhere"),
        ("evnts: {}", "Did you mean 'events'"),
    ],
)
def test_a_wrong_declaration_names_line_key_and_the_nearest(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "events.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=words):
        EventBook.load(path)


def test_names_are_bounded(book: EventBook, tmp_path: Path) -> None:
    for number in range(100):  # of invented names none is remembered
        with pytest.raises(DataError, match="is not declared"):
            book.event(sent(f"made_up_{number}"))
    assert set(book.own) == {"wishlist_item_added", "tour_finished"}
    path = tmp_path / "many.yaml"
    path.write_text('{"events": {' + ", ".join(f'"n{i}_seen": {{"about": "x"}}' for i in range(101)) + "}}")
    assert len(EventBook.load(path).own) == 101


def test_more_names_than_memory_may_hold_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most 10000"):
        _File.model_validate({"events": {f"n{i}_seen": {"about": "x"} for i in range(MOST_NAMES + 1)}})


def test_the_json_schema_takes_what_the_book_takes(book: EventBook) -> None:
    schema = book.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(sent(product_id="p1", list="gifts", more=1)))
    assert not list(validator.iter_errors(sent("page_viewed", page="/")))
    assert list(validator.iter_errors(sent(product_id=7)))
    assert list(validator.iter_errors(sent("nothing_declared")))
