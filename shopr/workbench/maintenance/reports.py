"""The shop's regular reports: what happened in a period beside the one before it, subsystem by subsystem.

A report consists of parts, one a section of `SECTIONS`. A section is a function `(Context) -> Part` and one line in
that table: a subsystem that comes later adds its own line, and is named as not there yet until then. Nothing here is
invented: a part whose subsystem has no data says so instead of showing zeros.

    report = maintenance.report("daily", settings, "demo", day="2026-03-01")
    report.show("sales")      # draws its pictures, returns its table
    report.summary()          # one row a section: how it stands, and what was found
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import InputError, ShoprError, UnknownNameError
from shopr.workbench.maintenance.parts import CADENCES, Context, Level, Part, Period, Plot, first_day
from shopr.workbench.maintenance.sections import SECTIONS, Entry

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["CADENCES", "SECTIONS", "Context", "Level", "Part", "Period", "Plot", "Report", "report"]

_TITLES = {
    "daily": "Health and performance",
    "weekly": "Security audit and threat analysis",
    "monthly": "Performance and retraining",
    "quarterly": "Features and experiments",
    "yearly": "Security and compliance audit",
}


@dataclass(frozen=True)
class Report:
    """A report with all its parts.

    Attributes:
        context: what it is about.
        parts: section -> what it found.
    """

    context: Context
    parts: Mapping[str, Part]
    shown: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def title(self) -> str:
        """What it is about, in one line."""
        period, running = self.context.period, ""
        if self.context.clock.now() < period.end:
            running = " (not over yet)"
        return f"{_TITLES[period.cadence]}, {self.context.shop}, {period.name}{running}"

    def summary(self) -> pd.DataFrame:
        """`section`, `tells`, `state`, `finding`: what needs attention first, what is not there yet last."""
        order = [Level.ATTENTION, Level.OK, Level.EMPTY, Level.ABSENT]
        rows = [[name, SECTIONS[name].tells, part.level.value, part.finding] for name, part in self.parts.items()]
        rows.sort(key=lambda row: order.index(Level(row[2])))
        return pd.DataFrame(rows, columns=["section", "tells", "state", "finding"])

    def closing(self) -> Styler:
        """The summary for people."""
        from shopr.workbench.maintenance.show import summary_table

        return summary_table(self.summary())

    def show(self, section: str) -> Styler | None:
        """Print a part's finding, draw its pictures, and return its table.

        Raises:
            UnknownNameError: if the report has no such part.
        """
        from shopr.workbench.maintenance.show import show

        if section not in self.parts:
            raise UnknownNameError("section", section, self.parts)
        self.shown.add(section)
        return show(self.parts[section])

    def show_others(self) -> None:
        """Show every part that was not shown yet and whose subsystem is there: what later subsystems add."""
        from shopr.workbench.maintenance.show import show_under_title

        for name, part in self.parts.items():
            if name not in self.shown and part.level is not Level.ABSENT:
                self.shown.add(name)
                show_under_title(f"{name}: {SECTIONS[name].tells}", part)

    def metrics(self) -> dict[str, float]:
        """All figures to keep, `section.name`, and how many parts stand how."""
        found = {f"{name}.{key}": float(v) for name, part in self.parts.items() for key, v in part.metrics.items()}
        levels = [part.level for part in self.parts.values()]
        return found | {f"sections.{level.name.lower()}": float(levels.count(level)) for level in Level}

    def log(self, settings: Settings) -> str:
        """Keep the report in MLflow's experiment `maintenance`; returns the run's id.

        Raises:
            StorageError: if the store refuses.
        """
        from shopr.tracking.runs import run

        period = self.context.period
        params = {"cadence": period.cadence, "period": period.name, "shop": self.context.shop}
        with run(self.title, settings=settings, experiment="maintenance", params=params) as made:
            made.metrics(self.metrics())
            made.table(self.summary(), "summary")
            for name, part in self.parts.items():
                if part.table is not None:
                    made.table(part.table, name)
        return made.run_id


def report(
    cadence: str, settings: Settings, shop: str | None = None, *, day: str = "", clock: Clock | None = None
) -> Report:
    """The report of a cadence.

    Args:
        shop: name of the shop; that of the settings by default.
        day: a day of the period (YYYY-MM-DD); by default the last period that is over, in the settings' time zone.

    Raises:
        UnknownNameError: if there is no such cadence.
        InputError: if the day is no date, or lies ahead.
        StorageError: if a store refuses.
    """
    if cadence not in CADENCES:
        raise UnknownNameError("cadence", cadence, CADENCES)
    clock = clock or SystemClock()
    zone = settings.time_zone
    today = clock.now().astimezone(ZoneInfo(zone)).date()
    try:
        wanted = date.fromisoformat(day) if day else first_day(cadence, today) - timedelta(days=1)
    except ValueError as error:
        raise InputError(f"day {day!r} is no date", hint="Write 2026-03-01") from error
    if wanted > today:
        raise InputError(f"day {day} lies ahead: today is {today}", hint="Name a day that is over")
    context = Context(settings, shop or settings.shop, Period.containing(cadence, wanted, zone), clock)
    wanted_sections = [name for name, entry in SECTIONS.items() if cadence in entry.cadences]
    return Report(context, {name: _part(context, SECTIONS[name]) for name in wanted_sections})


def _part(context: Context, entry: Entry) -> Part:
    if not _exists(entry.module):
        return Part(f"the subsystem {entry.module} is not part of this version", Level.ABSENT)
    module, _, name = entry.function.partition(":")
    section: Callable[[Context], Part] | None = getattr(import_module(module), name, None)
    if section is None:
        return Part(f"{entry.module} is there, but adds no section to reports yet", Level.ABSENT)
    try:
        return section(context)
    except ShoprError as error:  # one store that refuses must not hide what the others tell
        return Part(error.one_line(), Level.ATTENTION)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
