"""Rows of events from outside: every bad one is named, counted and set aside."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.clock import ManualClock
from shopr.data.checks import validate_events
from shopr.errors import DataError

CLOCK = ManualClock(datetime(2024, 6, 1, tzinfo=UTC))
GOOD = {
    "event_id": "e",
    "type": "order_completed",
    "time": "2024-05-01T12:00:00Z",
    "user_id": "u",
    "product_id": "p",
    "quantity": "1",
    "price": "250",
    "currency": "GBP",
    "order_id": "o",
    "rating": "",
    "properties": "",
}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("event_id", None, "missing"),
        ("event_id", "first", "duplicate id"),
        ("type", "bought", "not an event type"),
        ("type", None, "not an event type"),
        ("time", "yesterday", "not a time"),
        ("time", "", "missing"),
        ("time", "2024-06-02T00:00:01Z", "in the future"),
        ("time", "1969-12-31T23:59:59Z", "before 1970"),
        ("time", "99999-01-01", "not a time"),
        ("user_id", "a\x00b", "id too long or with control characters"),
        ("product_id", "x" * 257, "id too long or with control characters"),
        ("product_id", "", "missing"),
        ("order_id", None, "missing"),
        ("quantity", "0", "below 1"),
        ("quantity", "1.5", "not a whole number"),
        ("quantity", "many", "not a whole number"),
        ("quantity", "9" * 30, "not a whole number"),
        ("price", "-1", "negative"),
        ("price", "inf", "not a whole number"),
        ("currency", "gbp", "not an ISO 4217 code"),
        ("currency", "", "missing beside a price"),
        ("rating", "11", "not within 0 to 10"),
        ("rating", "nan", "not a number"),
        ("properties", "[1]", "not a JSON object"),
        ("properties", "{", "not a JSON object"),
    ],
)
def test_each_fault_is_named(column, value, reason):
    frame = pd.DataFrame([{**GOOD, "event_id": "first"}, {**GOOD, column: value}])
    checked = validate_events(frame, clock=CLOCK, file="f.csv", rows=np.array([7, 9]))
    assert len(checked.good) == 1
    reject = checked.rejects.frame.iloc[0]
    assert (reject["file"], reject["row"], reject["column"], reject["reason"]) == ("f.csv", 9, column, reason)
    shown = "" if value is None else str(value)[:200].replace("\x00", "\\x00")
    assert reject["value"].startswith(shown)


def test_a_row_that_passes_has_its_types():
    good = validate_events(pd.DataFrame([GOOD]), clock=CLOCK).good
    assert good["price"][0] == 250
    assert good["time"][0] == pd.Timestamp("2024-05-01T12:00:00Z")
    assert np.isnan(good["rating"][0])


def test_a_clock_a_few_hours_wrong_is_forgiven():
    frame = pd.DataFrame([{**GOOD, "time": "2024-06-01T20:00:00Z"}])
    assert len(validate_events(frame, clock=CLOCK).good) == 1


def test_columns_are_checked_first():
    with pytest.raises(DataError, match=r"'time' is missing; found event_id, type"):
        validate_events(pd.DataFrame({"event_id": [], "type": []}))
    with pytest.raises(DataError, match="'colour' is not known"):
        validate_events(pd.DataFrame([{**GOOD, "colour": "red"}]))


cells = st.one_of(
    st.none(), st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.sampled_from(list(GOOD.values()))
)


@settings(max_examples=25)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(GOOD, cells)), max_size=8))
def test_good_and_rejected_make_the_whole(rows):
    frame = pd.DataFrame(rows, columns=list(GOOD), dtype=object)
    checked = validate_events(frame, clock=CLOCK)
    assert len(checked.good) + len(checked.rejects) == len(frame)
    assert checked.rejects.frame["row"].is_unique
    assert sum(checked.rejects.by_reason().values()) == len(checked.rejects)
    again = validate_events(checked.good, clock=CLOCK)
    assert len(again.rejects) == 0
    pd.testing.assert_frame_equal(again.good, checked.good)
