"""The figures of the Overview: each with its interval, its course for a sparkline, and what it was before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from shopr.analytics.measures.anonymity import K
from shopr.analytics.measures.engagement import active, feature_use, read_acts, session_course, visits
from shopr.analytics.measures.orders import conversion, read_orders, sales, sales_course
from shopr.analytics.measures.recommended import BY, quality, quality_course, read_impressions
from shopr.analytics.measures.searches import by_query, read_searches, search_course, search_success
from shopr.analytics.reading.acts import with_persons
from shopr.analytics.reading.estimates import Estimate, change
from shopr.analytics.reading.source import Source
from shopr.analytics.reading.span import Span, Step
from shopr.analytics.store.rows import moment

__all__ = ["Board", "Extent", "Figure", "Mark", "board", "extent", "marks"]

Unit = Literal["count", "share", "money", "seconds", "number"]
_FIGURES: tuple[tuple[str, str, Unit, int], ...] = (
    ("persons", "Shoppers", "count", 1), ("stickiness", "Stickiness", "share", 1),
    ("sessions", "Sessions", "count", 1),
    ("seconds", "Length of a session", "seconds", 1), ("events", "Events a session", "number", 1),
    ("conversion", "Sessions that buy", "share", 1), ("orders", "Orders", "count", 1),
    ("revenue", "Revenue", "money", 1), ("order_value", "Average order", "money", 1),
    ("returned", "Returned", "money", -1), ("searches", "Searches clicked", "share", 1),
    ("empty", "Searches without result", "share", -1), ("ctr", "Recommendations clicked", "share", 1),
    ("ndcg", "nDCG of recommendations", "number", 1),
)  # fmt: skip
_NOTHING = Estimate(float("nan"), float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True)
class Extent:
    """What a source holds.

    Attributes:
        events: how many.
        first, last: when the oldest and the newest happened; None without any.
        busy: the newest moment from which on `K` persons came, and so something can be told of; `last` where so
            many never came. Who has no name is a device, as far as devices are known, else a session.
    """

    events: int
    first: datetime | None
    last: datetime | None
    busy: datetime | None


def extent(source: Source, types: Sequence[str] | None = None) -> Extent:
    """How much there is, and from when to when.

    Args:
        types: of events that count; all by default.

    Raises:
        StorageError: if the store cannot be read.
    """
    where = "" if types is None else " WHERE type IN (SELECT unnest(?))"
    grouped = (
        "SELECT user_id, session_id, CASE WHEN user_id IS NULL AND session_id IS NULL THEN event_id END AS nobodys, "
        "count(*) AS events, min(epoch_us(time)) AS first, max(epoch_us(time)) AS last "
        f"FROM events{where} GROUP BY user_id, session_id, nobodys"
    )
    with source.query() as events:
        known = events.execute("SELECT 1 FROM duckdb_views() WHERE view_name = 'devices'").fetchall()
        device = "LEFT JOIN devices USING (session_id)" if known else ", (SELECT NULL AS device_id)"
        events.execute(
            f"CREATE TEMP TABLE visits AS SELECT g.*, device_id FROM ({grouped}) AS g {device}",
            [] if types is None else [list(types)],
        )
        nameless = "CASE WHEN user_id IS NULL AND person = session_id THEN 'device ' || device_id END"
        row = events.execute(
            f"WITH persons AS (SELECT max(last) AS last FROM {with_persons(events, 'visits')} "
            f"GROUP BY coalesce({nameless}, person, nobodys)) "
            f"SELECT coalesce(sum(events), 0), min(first), max(last), (SELECT list_last(max(last, {K})) FROM persons), "
            "(SELECT count(*) FROM persons) FROM visits"
        ).fetchall()[0]
    latest = row[3] if row[4] >= K else row[2]
    first, last, busy = (None if value is None else moment(value) for value in (row[1], row[2], latest))
    return Extent(int(row[0]), first, last, busy)


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        key, name: for programs and for people.
        value, before: in this span and in the one before; None where nothing is compared.
        course: of each step of the span; NaN where it is unknown.
        unit: how it is written; money is in minor units of `currency`.
        good: 1 if more is better, -1 if less is.
    """

    key: str
    name: str
    value: Estimate
    before: Estimate | None
    course: tuple[float, ...]
    unit: Unit = "count"
    currency: str = ""
    good: int = 1

    @property
    def change(self) -> Estimate:
        """How much more it is than before, relative to that."""
        return _NOTHING if self.before is None else change(self.value, self.before)


@dataclass(frozen=True)
class Board:
    """All figures of a span.

    Attributes:
        figures: by key.
        active: one row a day, of `engagement.active`.
        sessions: one row a day, of `engagement.session_course`.
        sales, sales_before: one row a step and currency, of `orders.sales_course`.
        step: how long those steps are.
        features: of `engagement.feature_use`. queries: of `searches.by_query`.
        recommended: by each column of `recommended.BY`, its table of `recommended.quality`.
    """

    figures: dict[str, Figure]
    active: pd.DataFrame
    sessions: pd.DataFrame
    sales: pd.DataFrame
    sales_before: pd.DataFrame
    step: Step
    features: pd.DataFrame
    queries: pd.DataFrame
    recommended: dict[str, pd.DataFrame]


def board(source: Source, span: Span, *, compared: bool = True, currency: str | None = None) -> Board:
    """Measure a span and, if `compared`, as many days before it.

    Args:
        currency: whose revenue is shown; by default the one with most orders.

    Raises:
        StorageError: if the store cannot be read.
    """
    now = _Measured(source, span)
    before = _Measured(source, span.previous()) if compared else None
    money = currency or (now.currencies[0] if now.currencies else "")
    figures = {}
    for key, name, unit, good in _FIGURES:
        value = now.value(key, money)
        past = None if before is None else before.value(key, money)
        course, of = now.course(key, money), money if unit == "money" else ""
        figures[key] = Figure(key, name, value, past, course, unit, of, good)
    return Board(
        figures, now.active, now.sessions, now.sales, pd.DataFrame() if before is None else before.sales, span.step,
        feature_use(now.log), by_query(now.searches, most=1000), {by: quality(now.shown, (by,)) for by in BY},
    )  # fmt: skip


class _Measured:
    """Everything of one span."""

    def __init__(self, source: Source, span: Span) -> None:
        self.span = span
        reach = read_acts(source, span, back=29)
        self.log = reach.take(reach.times >= span.edges[0])
        self._visits, self._conversion = visits(self.log), conversion(self.log)
        self.active, self.sessions = active(reach, span), session_course(self.log, span)
        orders = read_orders(source, start=span.start, end=span.end)
        self._sold = {one.currency: one for one in sales(orders)}
        self.currencies = list(self._sold)
        self.sales = sales_course(orders, span)
        self.searches = read_searches(source, start=span.start, end=span.end)
        self._searched = search_success(self.searches)
        self.shown = read_impressions(source, start=span.start, end=span.end)
        self._quality = quality(self.shown, ())

    def value(self, key: str, money: str) -> Estimate:
        """One figure of the span."""
        if key in ("persons", "sessions", "seconds", "events"):
            found: Estimate = getattr(self._visits, key)
            return found
        if key == "stickiness":
            mean = float(np.nanmean(self.active["stickiness"])) if self.active["stickiness"].notna().any() else np.nan
            return Estimate(mean, np.nan, np.nan, np.nan, self._visits.persons.n)
        if key == "conversion":
            return self._conversion.sessions
        if key in ("searches", "empty"):
            return self._searched.clicked if key == "searches" else self._searched.empty
        if key in ("ctr", "ndcg"):
            return self._online(key)
        sold = self._sold.get(money)
        if sold is None:
            return _NOTHING
        return sold.order_value if key == "order_value" else _exact(getattr(sold, key), sold.buyers)

    def _online(self, key: str) -> Estimate:
        if self._quality.empty:
            return _NOTHING
        row = self._quality.iloc[0]
        lo, hi = float(row[f"{key}_lo"]), float(row[f"{key}_hi"])
        return Estimate(float(row[key]), lo, hi, (hi - lo) / 3.92, int(row["persons"]))

    def course(self, key: str, money: str) -> tuple[float, ...]:
        """The same over its steps."""
        if key in ("persons", "stickiness"):
            return tuple(self.active["daily" if key == "persons" else key].astype(float))
        if key in ("sessions", "seconds", "events"):
            return tuple(self.sessions[key].astype(float))
        if key in ("searches", "empty"):
            table = search_course(self.searches, self.span)
            return tuple(table["clicked" if key == "searches" else key].astype(float))
        if key in ("ctr", "ndcg"):
            return tuple(quality_course(self.shown, self.span)[key].astype(float))
        mine = self.sales[self.sales["currency"] == money] if len(self.sales) else self.sales
        return () if key not in mine else tuple(mine[key].astype(float))


def _exact(value: float, n: int) -> Estimate:
    return Estimate(float(value), float(value), float(value), 0.0, n) if n else _NOTHING


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that may explain a course.

    Attributes:
        time: in UTC.
        kind: "release", "promotion" or "rollback".
        label: in a few words.
    """

    time: datetime
    kind: str
    label: str


def marks(source: Source, span: Span, promotions: Any = None) -> list[Mark]:
    """Releases that were first seen in a span, and models that began to serve in it, in order of time.

    Args:
        promotions: rows `time action version` as `Shop.promotions` gives them; those of `model_promoted` events count
            as well.

    Raises:
        StorageError: if the store cannot be read.
    """
    with source.query(end=span.end) as events:
        releases = events.execute(
            "SELECT release, min(epoch_us(time)) AS first FROM events WHERE release IS NOT NULL AND release <> '' "
            "GROUP BY release HAVING first >= ? ORDER BY first, release", [int(span.edges[0])],
        ).fetchall()  # fmt: skip
        models = events.execute(
            "SELECT epoch_us(time), coalesce(json_extract_string(properties, '$.model_version'), name, '') FROM events "
            "WHERE type = 'model_promoted' AND epoch_us(time) >= ? ORDER BY time", [int(span.edges[0])],
        ).fetchall()  # fmt: skip
    found = [Mark(moment(first), "release", f"release {name}") for name, first in releases]
    found += [Mark(moment(time), "promotion", f"model {version}".strip()) for time, version in models]
    found += _promoted(promotions, span)
    return sorted({(m.kind, m.label): m for m in found}.values(), key=lambda mark: (mark.time, mark.label))


def _promoted(promotions: Any, span: Span) -> Iterable[Mark]:
    if promotions is None or not len(promotions):
        return []
    words = {"promote": ("promotion", "model {}"), "rollback": ("rollback", "back to model {}")}
    made = []
    for row in promotions.itertuples():
        when = row.time.to_pydatetime().astimezone(UTC)
        if row.action in words and span.start <= when < span.end:
            kind, text = words[row.action]
            made.append(Mark(when, kind, text.format(row.version)))
    return made
