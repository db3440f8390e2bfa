"""How the shop is experienced, in detail: vitals over time, errors by group with their stacks, calls by route.

Complements `shopr.analytics.health.quality`, which has thresholds and the groups themselves. Counts are sums of
weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.health.quality import VITALS, rating
from shopr.analytics.reading.acts import with_persons
from shopr.analytics.reading.source import Source
from shopr.analytics.reading.span import Span, Step
from shopr.errors import InputError

__all__ = [
    "BUCKETS",
    "call_histogram",
    "call_routes",
    "error_course",
    "error_history",
    "error_samples",
    "grouped_quantile",
    "vital_course",
    "vital_figures",
]

BUCKETS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Milliseconds: the upper bounds of a duration's histogram, those that Prometheus' clients use; above is one more."""
_BY = ("page", "device", "release")


def vital_figures(
    source: Source, *, by: Sequence[str] = (), start: str | datetime | None = None, end: str | datetime | None = None,
    q: float = 0.75,
) -> pd.DataFrame:  # fmt: skip
    """Each vital at its 75th percentile with an interval.

    Args:
        by: columns of page, device and release to tell apart.

    Returns:
        Rows `name`, `by`, `p75 lo hi rating good poor measured persons`, vitals in their usual order. `lo` and `hi`
        bound the percentile with 95 % confidence by order statistics (Woodruff 1952); `good` and `poor` are shares.
    """
    for column in by:
        if column not in _BY:
            raise InputError(f"vitals are not told apart by {column!r}", hint=f"Use {', '.join(_BY)}")
    frame = _measured(source, start, end)
    keys = ["name", *by]
    group, names = _grouped(frame, keys)
    n = len(names)
    values, weights = frame["value"].to_numpy(float), frame["weight"].to_numpy(float)
    share = _share_reach(group, weights, n, q)
    quantiles = [grouped_quantile(group, values, weights, n, at) for at in (np.full(n, q), q - share, q + share)]
    bounds = {name: (vital.good, vital.poor) for name, vital in VITALS.items()}
    good, poor = (np.array([bounds[name][i] for name in frame["name"]], float) for i in (0, 1))
    sums = np.bincount(group, weights, n)
    table = names.assign(p75=quantiles[0], lo=quantiles[1], hi=quantiles[2])
    table["rating"] = [rating(name, value) for name, value in zip(table["name"], table["p75"], strict=True)]
    table["good"] = np.bincount(group, weights * (values <= good), n) / np.maximum(sums, 1e-300)
    table["poor"] = np.bincount(group, weights * (values > poor), n) / np.maximum(sums, 1e-300)
    table["measured"] = np.bincount(group, minlength=n)
    table["persons"] = _persons(group, frame["person"], n)
    order = table["name"].map({name: at for at, name in enumerate(VITALS)})
    return table.assign(order=order).sort_values(["order", *by], ignore_index=True).drop(columns="order")


def vital_course(source: Source, span: Span, step: Step | None = None) -> pd.DataFrame:
    """`start name p75 measured` of each step of a span in which a vital was measured."""
    frame = _measured(source, span.start, span.end)
    starts, step_of = span.steps(step or span.step)
    at = step_of[span.day_of(frame["time"].to_numpy(np.int64))] if len(frame) else np.zeros(0, np.int64)
    frame = frame.assign(start=np.array(starts, "datetime64[us]")[at] if len(frame) else [])
    group, names = _grouped(frame, ["start", "name"])
    weights = frame["weight"].to_numpy(float)
    p75 = grouped_quantile(group, frame["value"].to_numpy(float), weights, len(names), np.full(len(names), 0.75))
    return names.assign(p75=p75, measured=np.bincount(group, minlength=len(names)))


def grouped_quantile(
    group: NDArray[np.integer], values: NDArray[np.float64], weights: NDArray[np.float64], groups: int,
    q: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """The smallest value of each group at or below which a share `q` of its weight lies; NaN where it has none."""
    order = np.lexsort((values, group))
    of, value, weight = group[order], values[order], weights[order]
    before = np.concatenate([[0.0], np.cumsum(np.bincount(of, weight, groups))])
    below = np.cumsum(weight) - before[of]
    reached = below >= (np.clip(q, 0, 1) * np.diff(before) * (1 - 1e-9))[of]
    found = np.full(groups, np.nan)
    at = np.flatnonzero(reached)[::-1]
    found[of[at]] = value[at]  # the first that reaches it is written last
    return found


def _share_reach(group: NDArray[np.int64], weights: NDArray[np.float64], n: int, q: float) -> NDArray[np.float64]:
    """Half the interval of the share below the quantile, with the effective number of measurements (Kish 1965)."""
    sums, squares = np.bincount(group, weights, n), np.bincount(group, weights**2, n)
    reach: NDArray[np.float64] = 1.959964 * np.sqrt(q * (1 - q) * squares / np.maximum(sums, 1e-300) ** 2)
    return reach


def _measured(source: Source, start: Any, end: Any) -> pd.DataFrame:
    with source.query(start=start, end=end) as events:
        frame: pd.DataFrame = events.execute(
            "SELECT name, page, device, release, value, weight, epoch_us(time) AS time, "
            f"coalesce(person, event_id) AS person FROM {with_persons(events)} "
            "WHERE type = 'vital_measured' AND isfinite(value) AND name IN (SELECT unnest(?))", [list(VITALS)],
        ).df()  # fmt: skip
    return frame


def _grouped(frame: pd.DataFrame, keys: list[str]) -> tuple[NDArray[np.int64], pd.DataFrame]:
    if frame.empty:
        return np.zeros(0, np.int64), frame[keys]
    words = frame[keys].fillna({key: "" for key in keys if frame[key].dtype.kind not in "Mmif"})
    groups = words.groupby(keys, sort=True, dropna=False)
    return groups.ngroup().to_numpy(np.int64), groups.size().reset_index()[keys]


def _persons(group: NDArray[np.int64], person: Any, n: int) -> NDArray[np.int64]:
    pairs = pd.DataFrame({"group": group, "person": np.asarray(person)}).drop_duplicates()
    return np.bincount(pairs["group"], minlength=n)


def error_course(source: Source, span: Span, step: Step | None = None) -> pd.DataFrame:
    """`fingerprint start errors` of each step of a span in which a group of errors occurred."""
    with source.query(start=span.start, end=span.end) as events:
        frame = events.sql(
            "SELECT coalesce(json_extract_string(properties, '$.fingerprint'), '') AS fingerprint, "
            "epoch_us(time) AS time, weight FROM events WHERE type = 'error_raised'"
        ).df()
    starts, step_of = span.steps(step or span.step)
    if frame.empty:
        return pd.DataFrame(columns=["fingerprint", "start", "errors"])
    at = step_of[span.day_of(frame["time"].to_numpy(np.int64))]
    frame["start"] = np.array(starts, "datetime64[us]")[at]
    return frame.groupby(["fingerprint", "start"], as_index=False)["weight"].sum().rename(columns={"weight": "errors"})


def error_history(source: Source, *, end: str | datetime | None = None) -> pd.DataFrame:
    """Of each group of errors, all that is known of it, however long ago.

    Returns:
        Rows `fingerprint first_ever last_ever releases regressed`. `regressed`: it was silent for a whole release in
        between and came back; releases are in the order in which anything was first seen of them.
    """
    with source.query(end=end) as events:
        order = events.sql(
            "SELECT release, min(time) AS begun FROM events WHERE release IS NOT NULL AND release <> '' "
            "GROUP BY release ORDER BY begun, release"
        ).df()
        found = events.sql(
            "SELECT coalesce(json_extract_string(properties, '$.fingerprint'), '') AS fingerprint, release, "
            "min(time) AS first_ever, max(time) AS last_ever FROM events WHERE type = 'error_raised' GROUP BY ALL"
        ).df()
    place = dict(zip(order["release"], range(len(order)), strict=True))
    rows = []
    for fingerprint, group in found.groupby("fingerprint"):
        seen = sorted(place[release] for release in group["release"] if release in place)
        names = tuple(order["release"].iloc[seen])
        back = bool((np.diff(seen) > 1).any())
        rows.append((fingerprint, group["first_ever"].min(), group["last_ever"].max(), names, back))
    return pd.DataFrame(rows, columns=["fingerprint", "first_ever", "last_ever", "releases", "regressed"])


def error_samples(
    source: Source, fingerprint: str, *, start: str | datetime | None = None, end: str | datetime | None = None,
    most: int = 5,
) -> list[dict[str, Any]]:  # fmt: skip
    """The newest errors of a group with all that was kept of them, but not whose they are.

    Returns:
        Dictionaries of `time name message stack frames page release device handled platform`.
    """
    with source.query(start=start, end=end) as events:
        rows = events.execute(
            "SELECT time, name, page, release, device, properties FROM events WHERE type = 'error_raised' AND "
            "coalesce(json_extract_string(properties, '$.fingerprint'), '') = ? ORDER BY time DESC, event_id LIMIT ?",
            [fingerprint, int(most)],
        ).fetchall()
    found = []
    for time, name, page, release, device, properties in rows:
        kept = json.loads(properties)
        chosen = {key: kept.get(key) for key in ("message", "stack", "frames", "handled", "platform")}
        found.append({"time": time, "name": name, "page": page, "release": release, "device": device, **chosen})
    return found


_CALLS = """
    SELECT coalesce(name, '') AS route, value, weight, coalesce(person, event_id) AS person,
        coalesce(TRY_CAST(json_extract_string(properties, '$.status') AS INTEGER), 200) AS status,
        coalesce(json_extract_string(properties, '$.method'), '') AS method
    FROM {acts} WHERE type = 'api_called' AND isfinite(value)
"""


def call_routes(
    source: Source, *, start: str | datetime | None = None, end: str | datetime | None = None
) -> pd.DataFrame:
    """Calls by route: `route calls persons ok redirected refused failed p50 p95 p99 slow`, most called first.

    `ok` to `failed` are shares by class of the status (2xx, 3xx, 4xx, 5xx), durations in ms, `slow` the share over 5 s.
    """
    with source.query(start=start, end=end) as events:
        frame = events.sql(_CALLS.format(acts=with_persons(events))).df()
    group, names = _grouped(frame, ["route"])
    n, weight, value = len(names), frame["weight"].to_numpy(float), frame["value"].to_numpy(float)
    calls = np.bincount(group, weight, n)
    kinds = np.clip(frame["status"].to_numpy(int) // 100, 2, 5)
    table = names.assign(calls=calls, persons=_persons(group, frame["person"], n))
    for kind, name in ((2, "ok"), (3, "redirected"), (4, "refused"), (5, "failed")):
        table[name] = np.bincount(group, weight * (kinds == kind), n) / calls
    for q in (50, 95, 99):
        table[f"p{q}"] = grouped_quantile(group, value, weight, n, np.full(n, q / 100))
    table["slow"] = np.bincount(group, weight * (value > 5000), n) / calls
    return table.sort_values(["calls", "route"], ascending=[False, True], ignore_index=True)


def call_histogram(
    source: Source, route: str | None = None, *, start: str | datetime | None = None, end: str | datetime | None = None
) -> pd.DataFrame:
    """How long calls took: `upper calls share below` by bucket; `below` is the share up to there, the last is open."""
    with source.query(start=start, end=end) as events:
        frame = events.sql(_CALLS.format(acts=with_persons(events))).df()
    if route is not None:
        frame = frame[frame["route"] == route]
    bucket = np.searchsorted(np.array(BUCKETS, float), frame["value"].to_numpy(float), side="left")
    calls = np.bincount(bucket, frame["weight"].to_numpy(float), len(BUCKETS) + 1)
    share = calls / max(calls.sum(), 1e-300)
    upper = [*map(float, BUCKETS), np.inf]
    return pd.DataFrame({"upper": upper, "calls": calls, "share": share, "below": np.cumsum(share)})
