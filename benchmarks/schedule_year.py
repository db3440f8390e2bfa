"""A year of schedules, played by two scheduler processes at a time on one clock: changes of clocks, down time, kills.

    python -m benchmarks.schedule_year URL SPEC.json LOG CLOCK UNTIL SEED DEATHS     one of the processes

Time is what the file CLOCK says: whoever leads moves it from instant to instant, whoever stands by follows it. A worker
is a line in LOG. With DEATHS > 0 the process kills itself with SIGKILL at that run it starts, at a point drawn by SEED.
What has to come out is found by brute force: by looking at each minute of the year.
"""

from __future__ import annotations

import os
import random
import re
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from shopr.clock import ManualClock
from shopr.storage.database import Database
from shopr.storage.lease import Lease, gone
from shopr.workbench.schedule.plan import Timetable
from shopr.workbench.schedule.scheduler import Scheduler
from shopr.workbench.schedule.store import Row, RunState, ScheduleStore
from shopr.workbench.schedule.workers import Truth
from shopr.workbench.specs.schedule import ScheduleSpec

MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(**jobs: dict[str, Any]) -> ScheduleSpec:
    """A schedule of these jobs; underscores in names become dashes. `schedule_` keys go to the schedule itself."""
    top = {"name": "test", "kind": "schedule", **jobs.pop("top", {})}
    named = {name.replace("_", "-"): {"spec": "experiments/work.yaml", **job} for name, job in jobs.items()}
    return ScheduleSpec.model_validate({**top, "jobs": named})


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


ZONES = {"berlin": "Europe/Berlin", "york": "America/New_York", "sydney": "Australia/Sydney"}
# Each time that nobody runs holds a change of clocks: Sydney's in April, Berlin's in October.
YEAR = (("2026-01-01", "2026-04-04"), ("2026-04-07", "2026-10-24"), ("2026-10-27", "2027-01-01"))
SPRING = (("2026-03-22", "2026-04-04"), ("2026-04-07", "2026-04-14"))
Spans = tuple[tuple[str, str], ...]


def jobs(*, daily: bool = False) -> dict[str, dict[str, Any]]:
    """The jobs that are played: nightly, in the hours in which clocks change; `daily` or at weekends, when they do."""
    days = dict.fromkeys(ZONES, "*") if daily else {"berlin": "0,6", "york": "0", "sydney": "0"}
    night = {
        name: {"cron": f"30 2 * * {days[name]}", "time_zone": zone, "catch_up": "all"} for name, zone in ZONES.items()
    }
    others = {
        "fold": {"cron": "30 1 * * 0", "time_zone": "America/New_York", "catch_up": "latest"},
        "fresh": {"cron": "0 2 * * 6,0", "time_zone": "Europe/Berlin", "catch_up": "skip"},
        "then": {"after": ["sydney"], "catch_up": "all"},
    }
    return night | others


@cache
def _due(cron: str, zone: str, up: Spans) -> list[datetime]:
    return brute_force(cron, zone, at(up[0][0]), at(up[-1][1]))


def expected(job: dict[str, Any], among: dict[str, dict[str, Any]], up: Spans) -> list[datetime]:
    """By brute force: everything while somebody runs, and of the times in between what the policy says."""
    cron = among[job["after"][0]] if "after" in job else job
    due = _due(cron["cron"], cron["time_zone"], up)
    found = []
    for start, end in up:
        found += [t for t in due if at(start) < t <= at(end)]
    for (_, left), (back, _) in pairwise(up):
        missed = [t for t in due if at(left) < t <= at(back)]
        found += {"all": missed, "latest": missed[-1:], "skip": []}[job["catch_up"]]
    return sorted(found)


class Machine:
    """Where scheduler processes are started.

    Args:
        folder: of clock, log and spec.
        url: of a database at its newest revision.
        daily: as in `jobs`.
    """

    def __init__(self, folder: Path, url: str, *, daily: bool = False) -> None:
        self.folder, self.url, self.jobs = folder, url, jobs(daily=daily)
        self.log, self.clock, self.spec = folder / "log", folder / "clock", folder / "spec.json"
        self.log.touch()
        spec = schedule(**self.jobs, top={"parallel": 2})
        self.spec.write_text(spec.model_dump_json())
        self.started = 0

    def start(self, until: str, deaths: int = 0) -> subprocess.Popen[bytes]:
        """Start a process; it kills itself at its `deaths`-th run, if that is above 0."""
        self.started += 1
        words = [self.url, self.spec, self.log, self.clock, f"{until}T00:00:00+00:00", self.started, deaths]
        command = [sys.executable, "-m", "benchmarks.schedule_year", *map(str, words)]
        return subprocess.Popen(command, cwd=Path(__file__).resolve().parents[1], stderr=subprocess.PIPE)

    def play(self, start: str, until: str, deaths: list[int]) -> int:
        """Two processes at a time until a moment; whoever kills itself is replaced. Returns how many were killed."""
        self.clock.write_text(at(start).isoformat())
        running = [self.start(until, deaths.pop(0) if deaths else 0) for _ in range(2)]
        killed = 0
        while running:
            process = running.pop(0)
            status = process.wait(timeout=600)
            told = process.stderr.read().decode() if process.stderr else ""
            if status == -signal.SIGKILL:
                killed += 1
                running.append(self.start(until, deaths.pop(0) if deaths else 0))
            else:
                assert status == 0, told
        return killed

    def problems(self, up: Spans) -> list[str]:
        """What differs from the expectation: in the log of completed runs, and in storage."""
        found = []
        lines = [line.split() for line in self.log.read_text().splitlines()]
        for name, job in self.jobs.items():
            ran = [datetime.fromisoformat(moment) for worker, moment, _ in lines if worker == name]
            counted, wanted = Counter(ran), Counter(expected(job, self.jobs, up))
            if counted != wanted:
                found.append(f"{name}: missing {list(wanted - counted)[:3]}, too many {list(counted - wanted)[:3]}")
            if ran != sorted(ran):
                found.append(f"{name}: not in order")
        rows = ScheduleStore(Database(self.url), "test").recent(1_000_000)
        if {row["state"] for row in rows} != {RunState.DONE}:
            found.append(f"states {Counter(row['state'] for row in rows)}")
        if {(row["job"], row["ledger_run_id"]) for row in rows} != {(worker, token) for worker, _, token in lines}:
            found.append("rows name other runs than the log")
        return found

    @property
    def runs(self) -> int:
        """How many runs the log holds."""
        return len(self.log.read_text().splitlines())


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
