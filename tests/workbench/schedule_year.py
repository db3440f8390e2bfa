"""One scheduler process of the year that test_schedule_processes plays.

    python -m tests.workbench.schedule_year URL SPEC.json LOG CLOCK UNTIL SEED DEATHS

Time is what the file CLOCK says: whoever leads moves it from instant to instant, whoever stands by follows it. A worker
is a line in LOG. With DEATHS > 0 the process kills itself with SIGKILL at that run it starts, at a point drawn by SEED.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from shopr.clock import ManualClock
from shopr.storage.database import Database
from shopr.workbench.schedule import Scheduler
from shopr.workbench.schedule_lease import Lease, gone
from shopr.workbench.schedule_plan import Timetable
from shopr.workbench.schedule_spec import ScheduleSpec
from shopr.workbench.schedule_store import Row, RunState, ScheduleStore
from shopr.workbench.schedule_workers import Truth
from tests.workbench.scheduling import Ended

POINTS = ("before note", "after note", "after work")


class Shared:
    """The clock's file, and the sleep of a process that follows or moves it."""

    def __init__(self, path: Path, until: datetime) -> None:
        self.path, self.until = path, until
        self.clock = ManualClock(self._told())
        self.scheduler: Scheduler | None = None
        self.leads: Callable[[], bool] = lambda: False
        self._rung = False

    def _told(self) -> datetime:
        return datetime.fromisoformat(self.path.read_text())

    def ring(self) -> None:
        self._rung = True

    def wait(self, seconds: float) -> None:
        assert self.scheduler is not None
        if self._rung:
            self._rung = False
            return
        if self.leads():
            left = (self.until - self.clock.now()).total_seconds()
            self.clock.advance(max(min(seconds, left), 0.0))
            part = self.path.with_suffix(f".{os.getpid()}")
            part.write_text(self.clock.now().isoformat())
            part.replace(self.path)
            if left <= 0:
                self.scheduler.stop()
        else:
            select.select([], [], [], 0.1)
            told = self._told()
            self.clock.set_wall(max(told, self.clock.now()))
            if told >= self.until:
                self.scheduler.stop()


class Lines:
    """Workers that write a line each; the line is the truth."""

    def __init__(self, store: ScheduleStore, log: Path, seed: int, deaths: int) -> None:
        self.store, self.log, self.left = store, log, deaths
        self.point = random.Random(seed).choice(POINTS)
        self.done: set[str] = set()

    def _die(self, point: str) -> None:
        if self.left == 1 and point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)

    def start(self, row: Row, token: str, *, cache: bool, done: Callable[[], None]) -> Ended:
        self._die("before note")
        assert self.store.note(row["id"], token) is not None
        self._die("after note")
        with self.log.open("a") as sink:
            sink.write(f"{row['job']} {row['logical_at'].isoformat()} {token}\n")
        self._die("after work")
        self.left -= 1
        self.done.add(token)
        done()
        return Ended()

    def truth(self, row: Row) -> Truth | None:
        if row["token"] in self.done:
            return Truth(RunState.DONE, row["token"])
        if row["pid"] is None or gone(row["host"], row["pid"], row["began_at"]):
            worked = row["token"] in self.log.read_text()
            return Truth(RunState.DONE, row["token"]) if worked else Truth(None, None, "its worker vanished")
        return None


def main() -> None:
    url, spec, log, path, until, seed, deaths = sys.argv[1:]
    declared = ScheduleSpec.model_validate_json(Path(spec).read_text())
    shared = Shared(Path(path), datetime.fromisoformat(until))
    database = Database(url)
    store = ScheduleStore(database, declared.name, shared.clock)
    lease = Lease(database, declared.name, ttl=timedelta(days=3).total_seconds())  # heartbeats only at instants
    workers = Lines(store, Path(log), int(seed), int(deaths))
    made = Scheduler(Timetable(declared), store, lease, workers, clock=shared.clock, alarm=shared)
    shared.scheduler, shared.leads = made, lambda: lease.held
    made.run()


if __name__ == "__main__":
    main()
