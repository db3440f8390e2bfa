"""Times of every spelling become UTC, and what is no time says so."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data.times import as_time, is_future, unix_seconds
from shopr.errors import InputError


def iso(column: pd.Series) -> list[str]:
    return [t.isoformat() for t in column]


def test_every_spelling_of_one_moment():
    texts = ["2024-07-01T10:00:00Z", "2024-07-01 12:00+02:00", "2024-07-01T10:00", "1719828000", "1719828000.0"]
    times, bad = as_time(pd.Series(texts))
    assert not bad.any()
    assert set(iso(times)) == {"2024-07-01T10:00:00+00:00"}
    for other in (pd.Series([1719828000]), pd.Series([1719828000.0]), pd.Series(pd.to_datetime(["2024-07-01 10:00"]))):
        assert iso(as_time(other)[0]) == ["2024-07-01T10:00:00+00:00"]


def test_zones_apply_only_where_there_is_no_offset():
    times, _ = as_time(pd.Series(["2024-07-01T10:00", "2024-07-01T10:00Z", "2024-01-01"]), zone="Europe/London")
    assert iso(times) == ["2024-07-01T09:00:00+00:00", "2024-07-01T10:00:00+00:00", "2024-01-01T00:00:00+00:00"]


def test_the_hour_that_never_was_and_the_one_that_was_twice():
    times, bad = as_time(pd.Series(["2024-03-31 01:30", "2024-10-27 01:30"]), zone="Europe/London")
    assert not bad.any()
    assert iso(times) == ["2024-03-31T01:00:00+00:00", "2024-10-27T01:30:00+00:00"]


def test_a_named_format_is_taken_at_its_word():
    times, bad = as_time(pd.Series(["05-02-2024", "2024-02-05", "05-13-2024"]), zone="Asia/Tokyo", format="%d-%m-%Y")
    assert bad.tolist() == [False, True, True]
    assert iso(times[:1]) == ["2024-02-04T15:00:00+00:00"]
    offset, _ = as_time(pd.Series(["05-02-2024 +0100"]), format="%d-%m-%Y %z")
    assert iso(offset) == ["2024-02-04T23:00:00+00:00"]


@pytest.mark.parametrize(
    "value", ["x", "12/31/2024", "1719828000000", "9" * 40, "99999-01-01", "nan", "inf", "2024-13-01", "-", "\x00"]
)
def test_what_is_no_time(value):
    times, bad = as_time(pd.Series([value, "2024-01-01"]))
    assert bad.tolist() == [True, False]
    assert pd.isna(times[0])


@pytest.mark.parametrize("value", [float("inf"), 1e30, -1e30, 1.7e12])
def test_numbers_that_are_no_seconds(value):
    assert as_time(pd.Series([value]))[1].tolist() == [True]


def test_missing_is_not_bad():
    for column in (pd.Series([None, ""]), pd.Series([np.nan, np.nan]), pd.Series(pd.to_datetime([None]))):
        times, bad = as_time(column)
        assert not bad.any()
        assert times.isna().all()


def test_an_unknown_zone_is_refused():
    for zone in ("Mars", "../etc/passwd", ""):
        with pytest.raises(InputError, match="time zone"):
            as_time(pd.Series(["2024-01-01"]), zone=zone)


@given(st.lists(st.integers(-(2**31), 2**33), min_size=1, max_size=20))
def test_seconds_come_back(seconds):
    for column in (pd.Series(seconds), pd.Series([str(s) for s in seconds])):
        times, bad = as_time(column)
        assert not bad.any()
        assert unix_seconds(times).tolist() == seconds


def test_future():
    times, _ = as_time(pd.Series(["2024-01-02T00:00:00", "2024-01-02T00:00:01", None]))
    assert is_future(times, datetime(2024, 1, 1, tzinfo=UTC)).tolist() == [False, True, False]
