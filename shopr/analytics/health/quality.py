"""How the shop performs: groups of errors, Core Web Vitals, calls, and durations as histograms.

Thresholds of vitals are those of web.dev (good, poor): LCP 2.5 and 4 s, INP 200 and 500 ms, CLS .1 and .25, FCP 1.8 and
3 s, TTFB .8 and 1.8 s, each judged at the 75th percentile. Every count is a sum of weights, so that sampling does not
bias it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from shopr.analytics.reading.acts import with_persons
from shopr.analytics.reading.source import Source
from shopr.errors import InputError

__all__ = ["VITALS", "Vital", "calls", "error_groups", "rating", "vitals", "weighted_quantile"]


@dataclass(frozen=True, slots=True)
class Vital:
    """A Core Web Vital.

    Attributes:
        good, poor: at or below the first it is good, above the second poor.
        unit: "ms", or "" for a score.
    """

    good: float
    poor: float
    unit: str = "ms"


VITALS = {
    "LCP": Vital(2500, 4000),
    "INP": Vital(200, 500),
    "CLS": Vital(0.1, 0.25, ""),
    "FCP": Vital(1800, 3000),
    "TTFB": Vital(800, 1800),
}


def rating(name: str, value: float) -> str:
    """ "good", "needs improvement" or "poor"."""
    vital = VITALS[name]
    return "good" if value <= vital.good else "poor" if value > vital.poor else "needs improvement"


def weighted_quantile(values: Any, weights: Any, q: float) -> float:
    """The smallest value at or below which a share `q` of the weight lies; NaN for none (Hyndman & Fan, type 1)."""
    v, w = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    if not 0 < q <= 1:
        raise InputError(f"quantile {q}", hint="Give a share above 0, at most 1")
    if not len(v):
        return float("nan")
    order = np.argsort(v, kind="stable")
    below = np.cumsum(w[order])
    # Sums of weights err in the last digits: a share that is reached but for those counts as reached.
    at = int(np.searchsorted(below, q * below[-1] * (1 - 1e-12)))
    return float(v[order[min(at, len(v) - 1)]])


def vitals(
    store: Source, *, by: tuple[str, ...] = ("page", "device"), start: str | datetime | None = None,
    end: str | datetime | None = None, q: float = 0.75, least: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Each vital at its 75th percentile.

    Args:
        by: columns to tell apart: page, device, release.
        least: measurements a group must have to be shown.

    Returns:
        Rows `name`, the columns of `by`, `p75 rating good poor measured`; `good` and `poor` are shares of the weight.
    """
    for column in by:
        if column not in ("page", "device", "release"):
            raise InputError(f"vitals are not told apart by {column!r}", hint="Use page, device or release")
    with store.query(start=start, end=end) as events:
        frame = events.sql(
            f"SELECT name, {''.join(f'{c}, ' for c in by)}value, weight FROM events "
            "WHERE type = 'vital_measured' AND value IS NOT NULL"
        ).df()
    frame = frame[frame["name"].isin(list(VITALS))]
    rows = []
    for key, group in frame.groupby(["name", *by], dropna=False, observed=True):
        if len(group) < least:
            continue
        name, p = key[0], weighted_quantile(group["value"], group["weight"], q)
        share, vital = group["weight"] / group["weight"].sum(), VITALS[key[0]]
        rows.append(
            (*key, p, rating(name, p), float(share[group["value"] <= vital.good].sum()),
             float(share[group["value"] > vital.poor].sum()), len(group))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["name", *by, "p75", "rating", "good", "poor", "measured"])


def calls(store: Source, *, start: str | datetime | None = None, end: str | datetime | None = None) -> pd.DataFrame:
    """API calls by route: `route calls errors error_share p50 p95 p99 slow`; in ms, `slow` is the share over 5 s."""
    with store.query(start=start, end=end) as events:
        frame = events.sql(
            "SELECT name AS route, value, weight, "
            "coalesce(TRY_CAST(json_extract_string(properties, '$.status') AS INTEGER), 200) AS status "
            "FROM events WHERE type = 'api_called' AND value IS NOT NULL"
        ).df()
    rows = []
    for route, group in frame.groupby("route", dropna=False):
        weight = group["weight"]
        bad = weight[group["status"] >= 500].sum()
        quantiles = [weighted_quantile(group["value"], weight, q) for q in (0.5, 0.95, 0.99)]
        slow = weight[group["value"] > 5000].sum() / weight.sum()
        rows.append((route, weight.sum(), bad, bad / weight.sum(), *quantiles, slow))
    columns = ["route", "calls", "errors", "error_share", "p50", "p95", "p99", "slow"]
    return pd.DataFrame(rows, columns=columns).sort_values("calls", ascending=False, ignore_index=True)


def error_groups(
    store: Source, *, start: str | datetime | None = None, end: str | datetime | None = None
) -> pd.DataFrame:
    """Errors by fingerprint, most frequent first.

    Returns:
        Rows `fingerprint name message errors users first_seen last_seen releases trend regressed`. `trend` is the
        errors of the later half of the span less those of the earlier; `regressed`: it was silent for a whole release
        in between and came back.
    """
    with store.query(start=start, end=end) as events:
        frame = events.sql(
            "SELECT json_extract_string(properties, '$.fingerprint') AS fingerprint, name, "
            "json_extract_string(properties, '$.message') AS message, person, "
            f"time, release, weight FROM {with_persons(events)} WHERE type = 'error_raised' ORDER BY time"
        ).df()
    columns = [
        "fingerprint",
        "name",
        "message",
        "errors",
        "users",
        "first_seen",
        "last_seen",
        "releases",
        "trend",
        "regressed",
    ]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    middle = frame["time"].min() + (frame["time"].max() - frame["time"].min()) / 2
    releases = frame.loc[frame["release"].notna(), ["release", "time"]].drop_duplicates("release")["release"].tolist()
    rows = []
    for key, group in frame.groupby("fingerprint", dropna=False):
        seen = [releases.index(r) for r in group["release"].dropna().unique()]
        gaps = np.diff(sorted(seen))
        late, early = (group.loc[m, "weight"].sum() for m in (group["time"] > middle, group["time"] <= middle))
        rows.append(
            (key, group["name"].iloc[-1], group["message"].iloc[-1], group["weight"].sum(), group["person"].nunique(),
             group["time"].min(), group["time"].max(), tuple(group["release"].dropna().unique()), late - early,
             bool((gaps > 1).any()))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns).sort_values("errors", ascending=False, ignore_index=True)
