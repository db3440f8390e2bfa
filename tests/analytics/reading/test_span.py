"""Spans: whole days of a time zone, also where a day has 23 or 25 hours, and the time before."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.reading.span import Span
from shopr.analytics.store.rows import microseconds
from shopr.errors import InputError


def test_days_are_those_of_the_zone_and_as_long_as_they_are() -> None:
    span = Span(date(2026, 3, 28), date(2026, 3, 30), "Europe/Berlin")  # the clock goes forward on the 29th
    assert span.start == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert span.end == datetime(2026, 3, 30, 22, tzinfo=UTC)
    assert (np.diff(span.edges) / 3.6e9).tolist() == [24, 23, 24]
    times = [datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC), span.end]
    assert span.day_of(np.array([microseconds(t) for t in times])).tolist() == [0, 1, 3]


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400), st.sampled_from(["UTC", "America/New_York"]))
def test_the_time_before_ends_where_it_begins_and_is_as_long(first: date, more: int, zone: str) -> None:
    span = Span(first, date.fromordinal(first.toordinal() + more), zone)
    before = span.previous()
    assert before.end == span.start
    assert len(before) == len(span) == more + 1


def test_steps_begin_on_mondays_and_firsts() -> None:
    span = Span(date(2026, 2, 27), date(2026, 3, 3))
    weeks, of = span.steps("week")
    assert weeks == [date(2026, 2, 23), date(2026, 3, 2)]
    assert of.tolist() == [0, 0, 0, 1, 1]
    months, of = span.steps("month")
    assert months == [date(2026, 2, 1), date(2026, 3, 1)]
    assert of.tolist() == [0, 0, 1, 1, 1]
    assert span.words() == "27 Feb 2026 to 3 Mar 2026"


def test_it_ends_on_the_day_of_a_moment() -> None:
    span = Span.ending(datetime(2026, 11, 30, 23, 30, tzinfo=UTC), 7, "Europe/Berlin")
    assert (span.first, span.last) == (date(2026, 11, 25), date(2026, 12, 1))
    assert span.last_days(2) == Span(date(2026, 11, 30), date(2026, 12, 1), "Europe/Berlin")
    assert span.last_days(99) == span


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InputError, match="is 0 days"):
        Span(date(2026, 3, 2), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (date(2026, 11, 30), date(2026, 11, 1), "is -28 days. Give the earlier day first"),
        (date(2000, 1, 1), date(2026, 1, 1), "is 9498 days. Give 1 to 3700 days"),
        (date(9999, 12, 30), date(9999, 12, 31), "Give days of the years 1900 to 2300"),
        (date(1, 1, 1), date(1, 1, 2), "Give days of the years 1900 to 2300"),
    ],
)
def test_a_time_that_cannot_be_is_refused_with_what_can(first: date, last: date, says: str) -> None:
    with pytest.raises(InputError) as refused:
        Span(first, last)
    assert says in refused.value.one_line()
