"""`shopr schedule`: what it prints, for people and for programs, and how it ends."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import update

from shopr.cli.main import main
from shopr.config import Settings
from shopr.storage.database import Database
from shopr.storage.tables import schedule_jobs
from shopr.workbench.schedule.store import RunState, ScheduleStore
from shopr.workbench.schedule.workers import Truth
from tests.waiting import PATIENCE

SPEC = """\
name: test
kind: schedule
time_zone: Europe/Berlin
jobs:
  first:
    cron: "0 6 * * *"
    spec: experiments/work.yaml
    parameters: {k: "{{ day }}"}
  second:
    after: [first]
    spec: experiments/work.yaml
"""


@pytest.fixture(scope="module")
def _ready(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("database") / "state.db"
    Database.open(url=f"sqlite:///{path}").close()
    return path


@pytest.fixture
def database(_ready, settings) -> Iterator[Database]:
    settings.home.mkdir(parents=True)
    shutil.copy(_ready, settings.home / "state.db")
    with Database.open(settings) as opened:
        yield opened


@pytest.fixture
def project_of(database, tmp_path, monkeypatch) -> Path:
    root = tmp_path / "project"
    (root / "experiments").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    (root / "experiments" / "work.yaml").write_text(
        "name: work\nnotebook: work.ipynb\nparameters:\n  k: {type: int, default: 2, help: Some}\n"
    )
    (root / "experiments" / "schedule.yaml").write_text(SPEC)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def at_once(monkeypatch):
    """Workers that end as soon as they start; those of the days in the set fail."""
    from shopr.workbench.schedule import open as opening

    failing: set[int] = set()

    class AtOnce:
        def __init__(self, settings: Settings, store: ScheduleStore) -> None:
            self.store = store

        def start(self, row, token, *, cache, done):
            assert self.store.note(row["id"], token) is not None
            done()
            return self

        def truth(self, row):
            if row["logical_at"].day in failing:
                return Truth(RunState.FAILED, "run", "cell 2: KeyError: 'price'")
            return Truth(RunState.DONE, "run")

        def ended(self):
            return True

        def end(self):
            pass

        def wait(self):
            pass

    monkeypatch.setattr(opening, "WorkersOfProcesses", AtOnce)
    return failing


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["schedule", *arguments])
    return int(left.value.code or 0)


def test_an_empty_state_says_how_to_begin(project_of, capsys):
    assert run("list") == 0
    out = capsys.readouterr().out
    assert "0 6 * * * Europe/Berlin" in out
    assert "after first" in out
    assert "No scheduler is running. Start one with 'shopr schedule run'" in out
    assert run("list", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["leader"] is None
    assert [(job["job"], job["open"], job["missed"]) for job in told["jobs"]] == [("first", 0, 0), ("second", 0, 0)]


def test_next_shows_local_time_and_utc(project_of, capsys):
    assert run("next", "--count", "3", "--job", "first", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    instants = [datetime.fromisoformat(row["instant"]) for row in told]
    assert instants == sorted(instants)
    assert all(timedelta(hours=23) <= b - a <= timedelta(hours=25) for a, b in pairwise(instants))
    assert {row["time_zone"] for row in told} == {"Europe/Berlin"}
    assert run("next", "--count", "2") == 0
    out = capsys.readouterr().out
    assert out.index("first") < out.index("second")
    assert "06:00 CE" in out


def test_once_begins_catches_up_and_ends(project_of, at_once, database, capsys):
    assert run("run", "--once") == 0
    out = capsys.readouterr().out
    assert "First seen now, nothing is owed yet: first, second" in out
    assert "Next: first at" in out
    with database.begin() as connection:
        connection.execute(update(schedule_jobs).values(looked_at=datetime.now(UTC) - timedelta(days=3)))
    assert run("run", "--once") == 0
    out = capsys.readouterr().out
    assert out.count("done first") == out.count("done second") == 1
    assert "missed: first: 2 missed" in out
    assert run("list", "--runs", "5") == 0
    assert "DONE" in capsys.readouterr().out


def test_backfill_runs_each_day_with_its_own_parameters(project_of, at_once, capsys):
    at_once.add(3)
    assert run("backfill", "--from", "2026-03-01", "--to", "2026-03-04", "--dry-run") == 0
    assert "8 would run, 0 are done or under way" in capsys.readouterr().out
    assert run("backfill", "--from", "2026-03-01", "--to", "2026-03-04", "--job", "second") == 1
    told = capsys.readouterr()
    assert "1 of 8 runs failed" in told.err
    assert "cell 2: KeyError: 'price'" in told.out
    store = ScheduleStore(Database.open(Settings()), "test")
    states = {(row["job"], row["logical_at"].day): row["state"] for row in store.recent(20)}
    assert states == {("first", d): "FAILED" if d == 3 else "DONE" for d in (1, 2, 3, 4)} | {
        ("second", d): "SKIPPED" if d == 3 else "DONE" for d in (1, 2, 3, 4)
    }
    assert sorted(row["parameters"]["k"] for row in store.recent(20, "first")) == [1, 2, 3, 4]
    at_once.clear()
    assert run("backfill", "--from", "2026-03-01", "--to", "2026-03-04") == 0
    assert "done second of 2026-03-03" in capsys.readouterr().out
    assert run("backfill", "--from", "2026-03-01", "--to", "2026-03-04") == 0
    assert "Nothing is left to run there: 8 are done" in capsys.readouterr().out
    assert run("list", "--runs", "20", "--json") == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)["runs"]} == {"DONE"}


def test_backfill_leaves_the_work_to_a_scheduler_that_leads(project_of, at_once, database, capsys):
    from shopr.storage.lease import Lease

    assert Lease(database, "test").hold()
    assert run("backfill", "--from", "2026-03-01", "--to", "2026-03-01") == 0
    assert f"2 runs are planned; process {os.getpid()} on" in capsys.readouterr().out
    assert len(ScheduleStore(database, "test").open_rows()) == 2
    assert run("run", "--once") == 0
    assert "Another scheduler leads and does the work" in capsys.readouterr().out
    assert run("list") == 0
    assert f"Process {os.getpid()} on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["next", "--job", "frst"], "unknown job 'frst'. Did you mean 'first'?"),
        (["backfill", "--from", "x", "--to", "2026-01-01"], "'x' is no time. Write 2026-03-01"),
        (["backfill", "--from", "2026-03-02", "--to", "2026-03-01"], "lies before the start"),
        (["backfill", "--from", "2100-03-02", "--to", "2100-03-03"], "lies ahead"),
        (["backfill", "--from", "1990-01-01", "--to", "2026-03-01"], "more than 10,000 runs. Take a shorter span"),
        (["backfill", "--to", "2026-03-01"], "Missing option '--from'"),
        (["list", "experiments/work.yaml"], "has kind 'run'. 'shopr schedule' takes kind: schedule"),
        (["list", "experiments/schedul.yaml"], "Did you mean experiments/schedule.yaml?"),
        (["lst"], "Did you mean 'list'?"),
    ],
)
def test_a_wrong_call_is_one_line_with_the_fix(project_of, capsys, arguments, said):
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_scheduler_cleanly(project_of, database, number):
    command = [sys.executable, "-m", "shopr", "schedule", "run", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    assert ready, "it said nothing"
    assert json.loads(process.stdout.readline())["what"] == "leading"
    process.send_signal(number)
    out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (0, "")
    from shopr.storage.lease import Lease

    assert Lease(database, "test").hold(), out
