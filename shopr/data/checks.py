"""Judging rows of events that come from outside: each bad row is set aside with its reason."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.clock import Clock, SystemClock
from shopr.data.events import EVENT_COLUMNS, EventType, events_frame
from shopr.data.rejects import Checked, Sieve
from shopr.data.schema import as_float, as_id, as_int, as_json_object, as_text
from shopr.data.times import as_time, is_future
from shopr.errors import DataError

__all__ = ["MAX_RATING", "validate_events"]

MAX_RATING = 10.0
"""Most stars that any rating scale here has."""
_PRODUCT_TYPES = [
    t.value
    for t in (
        EventType.PRODUCT_SHOWN,
        EventType.PRODUCT_CLICKED,
        EventType.PRODUCT_VIEWED,
        EventType.CART_ITEM_ADDED,
        EventType.CART_ITEM_REMOVED,
        EventType.ORDER_COMPLETED,
        EventType.ORDER_RETURNED,
        EventType.RECOMMENDATION_SHOWN,
        EventType.RECOMMENDATION_CLICKED,
    )
]
_ORDER_TYPES = [EventType.ORDER_COMPLETED.value, EventType.ORDER_RETURNED.value]


def validate_events(
    frame: pd.DataFrame,
    *,
    clock: Clock | None = None,
    file: str = "events",
    rows: NDArray[np.integer] | None = None,
    time_zone: str = "UTC",
    time_format: str | None = None,
) -> Checked:
    """The rows that are sound, in the flat table's types, and the others with row, column, reason and value.

    Args:
        frame: some or all columns of the flat table, of any dtype; `event_id`, `type` and `time` are required.
        clock: tells what is in the future (more than a day ahead of it).
        file, rows: what rejects are said to come from, and the row number of each row there.
        time_zone, time_format: how times without an offset, or not in ISO 8601, are to be read.

    Raises:
        DataError: if a required column is missing or a column is not of the table.
    """
    for name in ("event_id", "type", "time"):
        if name not in frame.columns:
            raise DataError(
                f"{file}: column {name!r} is missing; found {', '.join(map(str, frame.columns))[:200]}",
                hint="Events need event_id, type and time",
            )
    strange = [str(c) for c in frame.columns if c not in EVENT_COLUMNS]
    if strange:
        raise DataError(f"{file}: column {strange[0]!r} is not known", hint="Put other values into 'properties'")
    frame = frame.reset_index(drop=True)
    sieve = Sieve(len(frame), file=file, rows=rows)
    out: dict[str, pd.Series] = {}
    _check_ids(frame, sieve, out)
    out["time"], bad = as_time(frame["time"], zone=time_zone, format=time_format)
    sieve.reject(bad, "time", "not a time", frame["time"])
    _check_time(frame["time"], sieve, out, (clock or SystemClock()).now())
    _check_numbers(frame, sieve, out)
    _check_text(frame, sieve, out)
    _check_presence(sieve, out)
    keep = sieve.alive
    good = events_frame({name: column[keep] for name, column in out.items()})
    return Checked(good, sieve.rejects())


def _check_ids(frame: pd.DataFrame, sieve: Sieve, out: dict[str, pd.Series]) -> None:
    for name in ("event_id", "user_id", "session_id", "product_id", "order_id"):
        if name in frame:
            out[name], bad = as_id(frame[name])
            sieve.reject(bad, name, "id too long or with control characters", frame[name])
    sieve.reject(out["event_id"].isna(), "event_id", "missing", frame["event_id"])
    # Of several rows with one id the first sound one stands.
    twice = np.zeros(len(frame), bool)
    twice[sieve.alive] = out["event_id"][sieve.alive].duplicated().to_numpy()
    sieve.reject(twice, "event_id", "duplicate id", frame["event_id"])
    out["type"] = as_text(frame["type"])
    known = out["type"].isin([t.value for t in EventType]).to_numpy()
    sieve.reject(~known, "type", "not an event type", frame["type"])


def _check_time(raw: pd.Series, sieve: Sieve, out: dict[str, pd.Series], now: datetime) -> None:
    sieve.reject(out["time"].isna(), "time", "missing", raw)
    sieve.reject(is_future(out["time"], now), "time", "in the future", raw)
    sieve.reject(out["time"] < pd.Timestamp(0, tz="UTC"), "time", "before 1970", raw)


def _check_numbers(frame: pd.DataFrame, sieve: Sieve, out: dict[str, pd.Series]) -> None:
    for name, low in (("quantity", 1), ("price", 0), ("position", 1)):
        if name in frame:
            out[name], bad = as_int(frame[name])
            sieve.reject(bad, name, "not a whole number", frame[name])
            below = (out[name] < low).to_numpy(dtype=bool, na_value=False)
            sieve.reject(below, name, "negative" if low == 0 else f"below {low}", frame[name])
    if "rating" in frame:
        out["rating"], bad = as_float(frame["rating"])
        sieve.reject(bad, "rating", "not a number", frame["rating"])
        outside = (out["rating"] < 0) | (out["rating"] > MAX_RATING)
        sieve.reject(outside, "rating", f"not within 0 to {MAX_RATING:g}", frame["rating"])


def _check_text(frame: pd.DataFrame, sieve: Sieve, out: dict[str, pd.Series]) -> None:
    for name in ("source", "query"):
        if name in frame:
            text = as_text(frame[name])
            out[name] = text.mask((text == "").to_numpy(dtype=bool, na_value=False))
    if "currency" in frame:
        text = as_text(frame["currency"])
        out["currency"] = text.mask((text == "").to_numpy(dtype=bool, na_value=False))
        sound = out["currency"].str.fullmatch("[A-Z]{3}").to_numpy(dtype=bool, na_value=False)
        wrong = out["currency"].notna() & ~sound
        sieve.reject(wrong, "currency", "not an ISO 4217 code", frame["currency"])
    if "properties" in frame:
        out["properties"], bad = as_json_object(frame["properties"])
        sieve.reject(bad, "properties", "not a JSON object", frame["properties"])


def _check_presence(sieve: Sieve, out: dict[str, pd.Series]) -> None:
    """What each type must carry."""
    nothing = pd.Series([None] * len(out["type"]), dtype="str")
    of_product = out["type"].isin(_PRODUCT_TYPES).to_numpy()
    of_order = out["type"].isin(_ORDER_TYPES).to_numpy()
    for name, needed in (("product_id", of_product), ("order_id", of_order), ("quantity", of_order)):
        absent = out[name].isna().to_numpy() if name in out else np.ones(len(nothing), bool)
        sieve.reject(needed & absent, name, "missing", nothing)
    if "price" in out:
        priced = out["price"].notna().to_numpy()
        bare = out["currency"].isna().to_numpy() if "currency" in out else np.ones(len(nothing), bool)
        sieve.reject(priced & bare, "currency", "missing beside a price", nothing)
