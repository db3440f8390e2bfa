"""Engagement: counted one by one, by hand, and without bias over samples."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.measures.engagement import active, feature_use, read_acts, session_course, visits
from shopr.analytics.reading.log import EventLog
from shopr.analytics.reading.span import Span
from tests.analytics.tables import DAY0, at, table

FIRST = DAY0.date()
SPAN = Span(FIRST, date.fromordinal(FIRST.toordinal() + 3))
WINDOWS = {"daily": 1, "weekly": 3}


def log(rows: list[tuple[str, float, float]]) -> EventLog:
    """From (person, day, weight)."""
    frame = pd.DataFrame(rows, columns=["user_id", "day", "weight"])
    frame["time"] = pd.to_datetime([at(day * 1440) for day in frame.pop("day")], unit="us", utc=True)
    frame["session_id"], frame["type"] = pd.Series([None] * len(frame), dtype="str"), "page_viewed"
    return EventLog.of(frame.astype({"user_id": "str"}))


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-3, 5).map(lambda d: d + 0.5), st.sampled_from([1.0, 4.0, 20.0])),
        max_size=20,
    )
)
def test_active_persons_are_those_counted_one_by_one(rows: list[tuple[str, float, float]]) -> None:
    table = active(log(rows), SPAN, WINDOWS)
    for number, row in enumerate(table.itertuples()):
        for name, length in WINDOWS.items():
            known: dict[str, float] = {}
            for person, day, weight in rows:
                if number - length < int(np.floor(day)) <= number:
                    known[person] = min(weight, known.get(person, weight))
            assert getattr(row, name) == pytest.approx(sum(known.values()))
            variance = sum(w * (w - 1) for w in known.values())
            assert getattr(row, f"{name}_hi") - getattr(row, name) == pytest.approx(1.959964 * variance**0.5)


def test_stickiness_is_the_days_share_of_the_months() -> None:
    table = active(log([("a", 0.5, 1.0), ("a", 1.5, 1.0), ("b", 0.1, 1.0)]), SPAN, WINDOWS)
    assert table["stickiness"].round(2).tolist()[:2] == [1.0, 0.5]
    assert np.isnan(table["stickiness"][3]) or table["weekly"][3] == 1


@pytest.fixture
def acts() -> EventLog:
    found = table(
        {"type": "page_viewed", "user_id": "a", "session_id": "s1", "minute": 0},
        {"type": "search_performed", "user_id": "a", "session_id": "s1", "minute": 2},
        {"type": "page_viewed", "user_id": "a", "session_id": "s1", "minute": 5},
        {"type": "page_viewed", "user_id": "a", "session_id": "s2", "minute": 1500},
        {"type": "page_viewed", "user_id": "b", "session_id": "s3", "minute": 1},
        {"type": "feedback_given", "user_id": "b", "minute": 3000},  # by e-mail: an act, but no session
        {"type": "error_raised", "user_id": "c", "session_id": "s4", "minute": 1},
    )
    return read_acts(found, SPAN)


def test_sessions_by_hand(acts: EventLog) -> None:
    found = visits(acts)
    assert (found.persons.value, found.persons.lo) == (2.0, 2.0)
    assert found.sessions.value == 3.0
    assert found.per_person.value == 1.5
    assert found.events.value == pytest.approx(5 / 3)
    assert found.pages.value == pytest.approx(4 / 3)
    assert (found.seconds.value, found.median_seconds) == (100.0, 0.0)
    assert found.bounced.value == pytest.approx(2 / 3)
    course = session_course(acts, SPAN)
    assert course["sessions"].tolist() == [2, 1, 0, 0]
    assert course["events"].tolist()[:2] == [2.0, 1.0]


def test_features_are_shares_of_the_persons_who_were_there(acts: EventLog) -> None:
    used = feature_use(acts).set_index("feature")
    assert used.loc["search", ["persons", "share", "events"]].tolist() == [1.0, 0.5, 1.0]
    assert used.loc["ratings and feedback", "share"] == 0.5
    assert used.loc["voice", "share"] == 0.0
    assert used.loc["voice", "hi"] < 1.0


def test_nobody_is_no_error() -> None:
    nobody = log([])
    assert visits(nobody).sessions.value == 0.0
    assert np.isnan(visits(nobody).events.value)
    assert active(nobody, SPAN, WINDOWS)["daily"].tolist() == [0, 0, 0, 0]
    assert np.isnan(feature_use(nobody)["share"]).all()
    assert session_course(nobody, SPAN)["sessions"].tolist() == [0, 0, 0, 0]
