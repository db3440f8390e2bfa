"""What reports are made of: periods and the ones before, parts with tables and pictures, what sections may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Table, select

from shopr.clock import Clock
from shopr.config import Settings
from shopr.data.dataset import Dataset
from shopr.errors import UnknownNameError
from shopr.storage.database import Database

__all__ = ["CADENCES", "Context", "Level", "Part", "Period", "Plot", "change", "first_day"]

CADENCES = ("daily", "weekly", "monthly", "quarterly", "yearly")
"""How often a report comes, and how long its period is."""


class Level(StrEnum):
    """How a part stands."""

    OK = "ok"
    ATTENTION = "needs attention"
    EMPTY = "no data yet"
    ABSENT = "not there yet"


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of a part.

    Attributes:
        kind: `lines`: one line a column over the index; `bars`: one bar a name.
        data: a table, or a series.
        title, label, x: in words; `x` is the other axis of lines.
    """

    kind: Literal["lines", "bars"]
    data: Any
    title: str
    label: str = ""
    x: str = ""


@dataclass(frozen=True)
class Part:
    """What a section found.

    Attributes:
        finding: in one sentence.
        level: how it stands.
        table: what it found in figures; columns that are named alike are written alike.
        plots: pictures.
        metrics: figures to keep with the run of the report.
    """

    finding: str
    level: Level = Level.OK
    table: pd.DataFrame | None = None
    plots: tuple[Plot, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a report is about, [start, end), and the one before it, [before, start).

    Attributes:
        cadence: one of `CADENCES`.
        start, end, before: in UTC; midnights of the shop's time zone.
        zone: that time zone.
    """

    cadence: str
    start: datetime
    end: datetime
    before: datetime
    zone: str

    @classmethod
    def containing(cls, cadence: str, day: date, zone: str) -> Period:
        """The day, ISO week, month, quarter or year that contains `day`.

        Raises:
            UnknownNameError: if there is no such cadence.
        """
        if cadence not in CADENCES:
            raise UnknownNameError("cadence", cadence, CADENCES)
        first = first_day(cadence, day)
        last = first_day(cadence, first + timedelta(days={"daily": 1, "weekly": 7, "monthly": 31}.get(cadence, 0)))
        if cadence in ("quarterly", "yearly"):
            last = first_day(cadence, first + timedelta(days=92 if cadence == "quarterly" else 366))
        earlier = first_day(cadence, first - timedelta(days=1))
        midnight = {d: datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (first, last, earlier)}
        start, end, before = (midnight[d].astimezone(UTC) for d in (first, last, earlier))
        return cls(cadence, start, end, before, zone)

    def earlier(self) -> Period:
        """The period before."""
        return Period.containing(self.cadence, self.before.astimezone(ZoneInfo(self.zone)).date(), self.zone)

    @property
    def name(self) -> str:
        """2026-03-01, 2026-W09, 2026-03, 2026-Q1 or 2026."""
        local = self.start.astimezone(ZoneInfo(self.zone))
        year, week, _ = local.isocalendar()
        return {
            "daily": f"{local:%Y-%m-%d}",
            "weekly": f"{year}-W{week:02}",
            "monthly": f"{local:%Y-%m}",
            "quarterly": f"{local:%Y}-Q{(local.month + 2) // 3}",
            "yearly": f"{local:%Y}",
        }[self.cadence]

    def split(self, frame: pd.DataFrame, column: str = "time") -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows of the period, and those of the period before."""
        times = frame[column]
        now = frame[(times >= self.start) & (times < self.end)]
        return now, frame[(times >= self.before) & (times < self.start)]


@dataclass(frozen=True)
class Context:
    """What a section may look at.

    Attributes:
        settings: whose stores.
        shop: name of the shop.
        period: what the report is about.
        clock: tells the time.
    """

    settings: Settings
    shop: str
    period: Period
    clock: Clock

    @cached_property
    def database(self) -> Database:
        """The house's database."""
        return Database.open(self.settings)

    @cached_property
    def dataset(self) -> Dataset | None:
        """The shop's data; None if there is no such shop."""
        folder = self.settings.shop_folder(self.shop)
        return Dataset.load(folder) if folder.is_dir() else None

    def rows(self, table: Table, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows of a table whose `column` lies in the period, and in the one before."""
        found = table.c[column]
        query = select(table).where(found >= self.period.before, found < self.period.end).order_by(found)
        with self.database.read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        frame = pd.DataFrame(rows, columns=[c.name for c in table.columns])
        frame[column] = pd.to_datetime(frame[column], utc=True)
        return self.period.split(frame, column)


def change(measure: str, now: float | None, before: float | None) -> dict[str, Any]:
    """A row of a comparison: `measure`, `period`, `before`, and `change` relative to before (NaN if there is none)."""
    relative = float("nan")
    if now is not None and before:
        relative = (now - before) / abs(before)
    return {"measure": measure, "period": now, "before": before, "change": relative}


def first_day(cadence: str, day: date) -> date:
    """The first day of the period that contains `day`."""
    if cadence == "daily":
        return day
    if cadence == "weekly":
        return day - timedelta(days=day.weekday())
    month = {"monthly": day.month, "quarterly": (day.month - 1) // 3 * 3 + 1, "yearly": 1}[cadence]
    return date(day.year, month, 1)
