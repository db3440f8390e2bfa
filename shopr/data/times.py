"""Points in time from whatever a file holds: Unix seconds, ISO 8601, datetimes, or a format the caller names."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.schema import as_text
from shopr.errors import InputError

__all__ = ["FUTURE_TOLERANCE", "TIME_DTYPE", "as_time", "implausible", "is_future", "unix_seconds"]

TIME_DTYPE = "datetime64[us, UTC]"
FUTURE_TOLERANCE = timedelta(days=1)
"""How far ahead of the clock an event may claim to be: clocks of devices run wrong by hours, not by days."""
_OFFSET = r"[Tt ]\d{2}.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
_UNIX = r"[+-]?\d{1,12}(?:\.\d+)?"


def as_time(column: pd.Series, *, zone: str = "UTC", format: str | None = None) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Times as `datetime64[us, UTC]`, and a mask of the values that are no time.

    Args:
        column: Unix seconds (numbers, or text of digits), ISO 8601 text, or datetimes.
        zone: time zone of values that carry none, as an IANA name.
        format: a `strptime` format, where the text is not ISO 8601.

    Raises:
        InputError: if the zone is unknown.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"time zone {zone!r} is unknown", hint="Use an IANA name such as Europe/London") from error
    missing = column.isna().to_numpy(dtype=bool)
    if pd.api.types.is_datetime64_any_dtype(column):
        return _zoned(column, zone), np.zeros(len(column), bool)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        seconds = column.to_numpy(dtype=np.float64, na_value=np.nan)
        times = _from_seconds(seconds, column.index)
        return times, times.isna().to_numpy(dtype=bool) & ~missing
    text = as_text(column).reset_index(drop=True)
    missing = missing | (text == "").to_numpy(dtype=bool, na_value=False)
    times = _from_text(text, zone, format).set_axis(column.index)
    return times, times.isna().to_numpy(dtype=bool) & ~missing


def _from_text(text: pd.Series, zone: str, format: str | None) -> pd.Series:
    digits = np.zeros(len(text), bool)
    if format is None:
        digits = text.str.fullmatch(_UNIX).to_numpy(dtype=bool, na_value=False)
    times = pd.Series(pd.NaT, index=text.index, dtype=TIME_DTYPE)
    if digits.any():
        seconds = text[digits].to_numpy(dtype=object).astype(np.float64)
        times[digits] = _from_seconds(seconds, text.index[digits])
    rest = text[~digits]
    if len(rest):
        # One column may mix values with and without an offset; each kind is parsed by itself.
        offset = rest.str.contains(_OFFSET, regex=True).to_numpy(dtype=bool, na_value=False)
        if format is not None:
            offset = np.full(len(rest), "%z" in format)
        how = format or "ISO8601"
        for part, aware in ((rest[offset], True), (rest[~offset], False)):
            if len(part):
                parsed = pd.to_datetime(part, format=how, errors="coerce", utc=aware)
                times[part.index] = _zoned(parsed, zone).array
    return times


def _from_seconds(seconds: NDArray[np.float64], index: pd.Index) -> pd.Series:
    good = np.isfinite(seconds) & (np.abs(seconds) < 253_402_300_800)  # the year 10000
    micros = np.where(good, np.round(np.where(good, seconds, 0) * 1e6), 0).astype(np.int64)
    stamps = micros.astype("datetime64[us]")
    stamps[~good] = np.datetime64("NaT")
    return pd.Series(stamps, index=index).dt.tz_localize("UTC")


def _zoned(column: pd.Series, zone: str) -> pd.Series:
    times: Any = pd.to_datetime(column)
    if times.dt.tz is None:
        # An hour that occurs twice is taken as standard time; one that never occurred moves to the next that did.
        flags = np.zeros(len(column), bool)
        times = times.dt.tz_localize(zone, ambiguous=flags, nonexistent="shift_forward")
    utc: pd.Series = times.dt.tz_convert("UTC").astype(TIME_DTYPE)
    return utc


def unix_seconds(times: pd.Series) -> NDArray[np.int64]:
    """Whole Unix seconds (rounded down) of a column without missing values."""
    naive: Any = times.dt.tz_convert("UTC").dt.tz_localize(None)
    seconds: NDArray[np.int64] = naive.astype("datetime64[s]").astype("int64").to_numpy()
    return seconds


def implausible(time: datetime, now: datetime) -> str:
    """Why an event cannot have happened at a time, in words; "" if it can. One such event would stretch every chart."""
    if time > now + FUTURE_TOLERANCE:
        return f"time is {time:%Y-%m-%d %H:%M} UTC, more than a day ahead"
    return f"time is {time:%Y-%m-%d}, before 1970" if time.timestamp() < 0 else ""


def is_future(times: pd.Series, now: datetime, tolerance: timedelta = FUTURE_TOLERANCE) -> NDArray[np.bool_]:
    """Which times lie more than `tolerance` after `now`."""
    future: NDArray[np.bool_] = (times > pd.Timestamp(now + tolerance)).to_numpy(dtype=bool, na_value=False)
    return future
