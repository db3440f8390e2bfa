"""What the tests of schedules share: jobs that end at once, and a clock that sleeps by jumping."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from benchmarks.schedule_year import Ended, at
from shopr.clock import ManualClock
from shopr.storage.database import Database
from shopr.storage.lease import Lease
from shopr.workbench.schedule.alarm import Notice
from shopr.workbench.schedule.plan import Timetable
from shopr.workbench.schedule.scheduler import Scheduler
from shopr.workbench.schedule.store import Row, RunState, ScheduleStore
from shopr.workbench.schedule.workers import Truth
from shopr.workbench.specs.schedule import ScheduleSpec

MINUTE = timedelta(minutes=1)


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
