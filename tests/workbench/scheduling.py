"""What the tests of schedules share: jobs that end at once, a clock that sleeps by jumping, and cron by brute force."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shopr.clock import ManualClock
from shopr.storage.database import Database
from shopr.workbench.schedule import Scheduler
from shopr.workbench.schedule_alarm import Notice
from shopr.workbench.schedule_lease import Lease
from shopr.workbench.schedule_plan import Timetable
from shopr.workbench.schedule_spec import ScheduleSpec
from shopr.workbench.schedule_store import Row, RunState, ScheduleStore
from shopr.workbench.schedule_workers import Truth

MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(**jobs: dict[str, Any]) -> ScheduleSpec:
    """A schedule of these jobs; underscores in names become dashes. `schedule_` keys go to the schedule itself."""
    top = {"name": "test", "kind": "schedule", **jobs.pop("top", {})}
    named = {name.replace("_", "-"): {"spec": "experiments/work.yaml", **job} for name, job in jobs.items()}
    return ScheduleSpec.model_validate({**top, "jobs": named})


class Jump:
    """Sleeps by letting the clock run, to the next end of a worker at most; `until` ends the play."""

    def __init__(self, clock: ManualClock, ends: Callable[[], Iterable[datetime]] = tuple) -> None:
        self.clock, self.until, self.stop, self.ends = clock, clock.now(), lambda: None, ends
        self._rung = False

    def wait(self, seconds: float) -> None:
        if self._rung:
            self._rung = False
            return
        left = (self.until - self.clock.now()).total_seconds()
        if left <= 0:
            self.stop()
            return
        ends = [(end - self.clock.now()).total_seconds() for end in self.ends() if end > self.clock.now()]
        self.clock.advance(min(max(seconds, 0.001), left, *ends))

    def ring(self) -> None:
        self._rung = True


class Ended:
    """A worker that is over."""

    def __init__(self, over: Callable[[], bool] = lambda: True) -> None:
        self._over, self.asked = over, False

    def ended(self) -> bool:
        return self.asked or self._over()

    def end(self) -> None:
        self.asked = True

    def wait(self) -> None:
        pass


class Pretend:
    """Workers that take no process: each ends as `ends(row)` says, after `lasts(row)` seconds of the clock."""

    def __init__(self, store: ScheduleStore, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.ends: Callable[[Row], Truth] = lambda row: Truth(RunState.DONE, f"run-{row['id']}")
        self.lasts: Callable[[Row], float] = lambda row: 0.0
        self.started: list[tuple[str, datetime, datetime]] = []
        self.handles: dict[int, Ended] = {}
        self.over: dict[str, datetime] = {}

    def start(self, row: Row, token: str, *, cache: bool, done: Callable[[], None]) -> Ended:
        assert self.store.note(row["id"], token) is not None
        self.started.append((row["job"], row["logical_at"], self.clock.now()))
        over = self.clock.now() + timedelta(seconds=self.lasts(row))
        self.over[token] = over
        if over <= self.clock.now():
            done()
        self.handles[row["id"]] = Ended(lambda: self.clock.now() >= over)
        return self.handles[row["id"]]

    def truth(self, row: Row) -> Truth | None:
        if self.handles[row["id"]].asked and self.over[row["token"]] > self.clock.now():
            return Truth(None, None, "interrupted")
        return self.ends(row) if self.over[row["token"]] <= self.clock.now() else None


class Play:
    """A scheduler on a manual clock, with workers that pretend."""

    def __init__(self, database: Database, spec: ScheduleSpec, start: str, *, ttl: float = 5400.0) -> None:
        self.database, self.spec, self.ttl = database, spec, ttl
        self.clock = ManualClock(at(start))
        self.store = ScheduleStore(database, spec.name, self.clock)
        self.workers = Pretend(self.store, self.clock)
        self.notices: list[Notice] = []

    def scheduler(self) -> Scheduler:
        jump = Jump(self.clock, self.workers.over.values)
        lease = Lease(self.database, self.spec.name, ttl=self.ttl)
        made = Scheduler(
            Timetable(self.spec),
            self.store,
            lease,
            self.workers,
            clock=self.clock,
            alarm=jump,
            tell=self.notices.append,
        )
        jump.stop = made.stop
        self.jump = jump
        return made

    def until(self, moment: str) -> None:
        """Run one scheduler from now to `moment`, then end it."""
        made = self.scheduler()
        self.jump.until = at(moment)
        made.run()

    def away(self, moment: str) -> None:
        """No scheduler runs until `moment`."""
        self.clock.advance((at(moment) - self.clock.now()).total_seconds())

    def ran(self, job: str) -> list[str]:
        """The logical instants of a job that were started, in order of their starts."""
        return [f"{logical:%m-%d %H:%M}" for name, logical, _ in self.workers.started if name == job]

    def rows(self, job: str) -> list[Row]:
        return list(reversed(self.store.recent(100_000, job)))

    def states(self, job: str) -> list[str]:
        return [f"{row['logical_at']:%m-%d %H:%M} {row['state']}" for row in self.rows(job)]


def matcher(expression: str) -> Callable[[datetime], bool]:
    """Whether a local time matches numeric cron fields, written apart from the library that the product uses."""
    minute, hour, day, month, weekday = expression.split()

    def values(field: str, low: int, high: int) -> set[int]:
        found: set[int] = set()
        for part in field.split(","):
            span, _, step = part.partition("/")
            first, last = (low, high) if span == "*" else (int(re.split("-", span)[0]), int(re.split("-", span)[-1]))
            found |= set(range(first, (high if step and "-" not in span else last) + 1, int(step or 1)))
        return found

    minutes, hours, days = values(minute, 0, 59), values(hour, 0, 23), values(day, 1, 31)
    months, weekdays = values(month, 1, 12), {n % 7 for n in values(weekday, 0, 7)}

    def matches(local: datetime) -> bool:
        if local.minute not in minutes or local.hour not in hours or local.month not in months:
            return False
        by_day, by_weekday = local.day in days, local.isoweekday() % 7 in weekdays
        if len(days) < 31 and len(weekdays) < 7:
            return by_day or by_weekday
        return by_day and by_weekday

    return matches


def brute_force(expression: str, zone_name: str, after: datetime, until: datetime) -> list[datetime]:
    """Every instant in (after, until], found by looking at each minute of the clock on the wall and each of the world.

    The wall shows each local minute: those the world never shows (clocks went forward) come due at the first minute the
    world shows after them, those it shows twice at the first.
    """
    matches, zone = matcher(expression), ZoneInfo(zone_name)
    start = after - timedelta(days=1, hours=6)
    moments = [start.replace(second=0, microsecond=0) + n * MINUTE for n in range(int((until - start) / MINUTE) + 2)]
    found: set[datetime] = set()
    seen: set[datetime] = set()
    previous: datetime | None = None
    for moment in moments:
        local = moment.astimezone(zone).replace(tzinfo=None)
        shown = [] if local in seen else [local]
        if previous is not None and local - previous > MINUTE:
            gap = int((local - previous) / MINUTE)
            shown += [previous + n * MINUTE for n in range(1, gap)]
        if any(matches(minute) for minute in shown):
            found.add(moment)
        seen.add(local)
        previous = local
    return sorted(t for t in found if after < t <= until)


def days(start: str, end: str) -> Iterator[datetime]:
    moment = at(start)
    while moment <= at(end):
        yield moment
        moment += timedelta(days=1)
