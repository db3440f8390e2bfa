"""A schedule opened on the stores of some settings: what the command line and other processes start from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import InputError, UnknownNameError
from shopr.storage.database import Database
from shopr.storage.lease import Lease
from shopr.workbench.schedule.alarm import Notice
from shopr.workbench.schedule.plan import Timetable
from shopr.workbench.schedule.scheduler import Scheduler
from shopr.workbench.schedule.store import OPEN, Row, RunState, ScheduleStore
from shopr.workbench.schedule.workers import WorkersOfProcesses
from shopr.workbench.specs.checking import load_schedule
from shopr.workbench.specs.schedule import ScheduleSpec

__all__ = ["MOST_FILLED", "Filled", "Schedule"]

MOST_FILLED = 10_000
"""How many runs one call of `backfill` may plan."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a backfill plans.

    Attributes:
        new: (job, instant) without a run so far.
        again: rows of runs that did not end well, or were skipped.
        left: how many are DONE or under way, and stay as they are.
    """

    new: tuple[tuple[str, datetime], ...]
    again: tuple[Row, ...]
    left: int

    @property
    def instants(self) -> list[tuple[datetime, str]]:
        """What is to be run, in order of instants."""
        return sorted([(t, job) for job, t in self.new] + [(row["logical_at"], row["job"]) for row in self.again])


@dataclass(frozen=True)
class Schedule:
    """A schedule with its rows in storage.

    Attributes:
        settings: whose stores, shop and time zone.
        timetable: when what comes due.
        store: what is owed and what became of it.
        clock: tells the time.
    """

    settings: Settings
    timetable: Timetable
    store: ScheduleStore
    clock: Clock

    @classmethod
    def open(cls, settings: Settings, spec: ScheduleSpec | Path | str, *, clock: Clock | None = None) -> Self:
        """A schedule from a spec or a file.

        Raises:
            SpecError: if the file is no sound schedule.
            StorageError: if the database refuses.
        """
        loaded = spec if isinstance(spec, ScheduleSpec) else load_schedule(spec)
        clock = clock or SystemClock()
        timetable = Timetable(loaded, zone=settings.time_zone, shop=settings.shop)
        return cls(settings, timetable, ScheduleStore(Database.open(settings), loaded.name, clock), clock)

    @property
    def spec(self) -> ScheduleSpec:
        """What was declared."""
        return self.timetable.spec

    def scheduler(self, tell: Callable[[Notice], None] = lambda notice: None) -> Scheduler:
        """A scheduler whose workers are processes."""
        lease = Lease(self.store.database, self.spec.name)
        workers = WorkersOfProcesses(self.settings, self.store)
        return Scheduler(self.timetable, self.store, lease, workers, clock=self.clock, tell=tell)

    def leader(self) -> Mapping[str, Any] | None:
        """The process that leads; None if none does."""
        return Lease(self.store.database, self.spec.name).holder()

    def coming(self, count: int = 10, job: str | None = None) -> list[tuple[datetime, str]]:
        """The next `count` instants, of all jobs or of one.

        Raises:
            UnknownNameError: if there is no such job.
        """
        now = self.clock.now()
        after = dict.fromkeys(self._jobs([job] if job else []), now)
        found: list[tuple[datetime, str]] = []
        while len(found) < count and (following := self.timetable.next(after)):
            found.append(following[0])
            after[following[0][1]] = following[0][0]
        return found

    def overview(self) -> list[dict[str, Any]]:
        """One row a job: when it runs, when next, how its last run ended, what is open and what was missed."""
        now, known = self.clock.now(), self.store.jobs()
        waiting = self.store.open_rows()
        rows = []
        for name in self.timetable.order:
            job, cron = self.spec.jobs[name], self.timetable.crons[name]
            last = next((row for row in self.store.recent(50, name) if row["state"] not in OPEN), None)
            rows.append(
                {
                    "job": name,
                    "spec": job.spec,
                    "cron": job.cron,
                    "after": job.after,
                    "time_zone": cron.zone_name,
                    "next": cron.next(now),
                    "last": None if last is None else last["logical_at"],
                    "state": None if last is None else last["state"],
                    "message": "" if last is None else last["message"],
                    "ledger_run_id": None if last is None else last["ledger_run_id"],
                    "open": sum(row["job"] == name for row in waiting),
                    "missed": known[name]["missed"] if name in known else 0,
                    "first_seen": name in known,
                }
            )
        return rows

    def backfill(self, start: datetime, end: datetime, jobs: Collection[str] = ()) -> Filled:
        """What running the instants in [start, end] would mean, with all that these jobs come after; writes nothing.

        Raises:
            InputError: if the end lies before the start or in the future, or there would be too many.
            UnknownNameError: if there is no such job.
        """
        if end < start:
            raise InputError(f"the end {end:%Y-%m-%d %H:%M} UTC lies before the start {start:%Y-%m-%d %H:%M} UTC")
        if start > self.clock.now():
            raise InputError(f"the start {start:%Y-%m-%d %H:%M} UTC lies ahead", hint="A backfill is about the past")
        end = min(end, self.clock.now())
        names = self._jobs(jobs)
        wanted = [name for name in self.timetable.order if name in names or self._is_upstream(name, names)]
        known = self.store.between(start, end, wanted)
        new: list[tuple[str, datetime]] = []
        again: list[Row] = []
        left = 0
        for name in wanted:
            from_here = self.timetable.crons[name].instants(_just_before(start), end)
            for instant in from_here:
                row = known.get((name, instant))
                if row is None:
                    new.append((name, instant))
                elif row["state"] in (*OPEN, RunState.DONE):
                    left += 1
                else:
                    again.append(row)
                if len(new) + len(again) > MOST_FILLED:
                    hint = "Take a shorter span, or one job"
                    raise InputError(f"the span holds more than {MOST_FILLED:,} runs", hint=hint)
        return Filled(tuple(new), tuple(again), left)

    def fill(self, filled: Filled) -> int:
        """Plan what `backfill` found; whichever scheduler leads runs it. Returns how many runs were planned."""
        now = self.clock.now()
        rows = [self.timetable.row(job, instant, "backfill", now) for job, instant in filled.new]
        return self.store.plan(rows) + self.store.revive(filled.again, now)

    def _jobs(self, names: Collection[str]) -> list[str]:
        for name in names:
            if name not in self.spec.jobs:
                raise UnknownNameError("job", name, self.spec.jobs)
        return list(names) or self.timetable.order

    def _is_upstream(self, name: str, of: Collection[str]) -> bool:
        return any(name in self.spec.upstream(other) for other in of)


def _just_before(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=1)
