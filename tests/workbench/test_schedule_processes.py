"""Schedulers as real processes: a year with changes of clocks, down time and kills; runs of real notebooks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from shopr.storage.database import Database
from shopr.workbench.schedule_store import ScheduleStore
from tests.workbench.scheduling import at, brute_force, schedule

ZONES = {"berlin": "Europe/Berlin", "york": "America/New_York", "sydney": "Australia/Sydney"}
# Each time that nobody runs holds a change of clocks: Sydney's in April, Berlin's in October.
YEAR = (("2026-01-01", "2026-04-04"), ("2026-04-07", "2026-10-24"), ("2026-10-27", "2027-01-01"))
SPRING = (("2026-03-22", "2026-04-04"), ("2026-04-07", "2026-04-14"))
Spans = tuple[tuple[str, str], ...]


def jobs() -> dict[str, dict]:
    # Clocks change on Sundays; the suite plays weekends, benchmarks/schedule.py each day.
    days = {"berlin": "0,6", "york": "0", "sydney": "0"}
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
def due_by_brute_force(cron: str, zone: str, up: Spans) -> list[datetime]:
    return brute_force(cron, zone, at(up[0][0]), at(up[-1][1]))


def expected(job: dict, up: Spans) -> list[datetime]:
    """By brute force: everything while somebody runs, and of the times in between what the policy says."""
    cron = jobs()[job["after"][0]] if "after" in job else job
    due = due_by_brute_force(cron["cron"], cron["time_zone"], up)
    found = []
    for start, end in up:
        found += [t for t in due if at(start) < t <= at(end)]
    for (_, gone), (back, _) in pairwise(up):
        missed = [t for t in due if at(gone) < t <= at(back)]
        found += {"all": missed, "latest": missed[-1:], "skip": []}[job["catch_up"]]
    return sorted(found)


class Machine:
    """Where scheduler processes are started."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.log, self.clock, self.spec = folder / "log", folder / "clock", folder / "spec.json"
        self.log.touch()
        spec = schedule(**jobs(), top={"parallel": 2})
        self.spec.write_text(spec.model_dump_json())
        self.started = 0

    def start(self, until: str, deaths: int = 0) -> subprocess.Popen[bytes]:
        self.started += 1
        words = [self.url, self.spec, self.log, self.clock, f"{until}T00:00:00+00:00", self.started, deaths]
        command = [sys.executable, "-m", "tests.workbench.schedule_year", *map(str, words)]
        return subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2], stderr=subprocess.PIPE)

    def play(self, start: str, until: str, deaths: list[int]) -> int:
        """Two processes at a time until a moment; whoever kills itself is replaced. Returns how many were killed."""
        self.clock.write_text(at(start).isoformat())
        running = [self.start(until, deaths.pop(0) if deaths else 0) for _ in range(2)]
        killed = 0
        while running:
            process = running.pop(0)
            status = process.wait(timeout=120)
            told = process.stderr.read().decode() if process.stderr else ""
            if status == -signal.SIGKILL:
                killed += 1
                running.append(self.start(until, deaths.pop(0) if deaths else 0))
            else:
                assert status == 0, told
        return killed


@pytest.mark.parametrize(("kind", "up"), [("sqlite", YEAR), ("postgresql", SPRING)])
def test_two_schedulers_with_down_time_and_kills_run_exactly_what_is_due(kind, up, database, tmp_path, request):
    url = str(database.engine.url) if kind == "sqlite" else request.getfixturevalue("postgres_url")
    Database.open(url=url).close()
    machine = Machine(tmp_path, url)
    killed = sum(machine.play(start, end, [4, 4]) for start, end in up)
    assert killed >= 2
    lines = [line.split() for line in machine.log.read_text().splitlines()]
    for name, job in jobs().items():
        ran = [datetime.fromisoformat(moment) for worker, moment, _ in lines if worker == name]
        # A line is one completed run: none is missing, and none is there twice, whoever was killed where.
        assert Counter(ran) == Counter(expected(job, up)), name
        assert ran == sorted(ran)
    store = ScheduleStore(Database(url), "test")
    assert store.open_rows() == []
    rows = store.recent(100_000)
    assert {row["state"] for row in rows} == {"DONE"}
    assert sum(row["losses"] for row in rows) <= killed
    assert {(row["job"], row["ledger_run_id"]) for row in rows} == {(worker, token) for worker, _, token in lines}


def test_the_expectation_covers_the_changes_of_clocks():
    due = expected(jobs()["berlin"], YEAR)
    assert len(due) == 104
    assert at("2026-03-29 01:00") in due  # 02:30 does not exist in Berlin then
    assert at("2026-10-25 00:30") in due  # while nobody ran
    assert at("2026-10-25 01:30") not in due
    gaps = [b - a for a, b in pairwise(expected(jobs()["york"], YEAR))]
    week = timedelta(days=7)
    assert {week - timedelta(minutes=30), week, week + timedelta(hours=1)} <= set(gaps)
    assert os.environ.get("TZ") is None
    assert all(t.tzinfo == UTC for t in due)
