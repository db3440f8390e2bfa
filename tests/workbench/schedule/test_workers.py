"""Workers as real processes: runs of real notebooks, kills, and what the ledger tells of them."""

from __future__ import annotations

import json
import random
import socket
from datetime import timedelta

import pytest

from benchmarks.schedule_year import at, schedule
from benchmarks.scheduled import Kills
from shopr.storage.database import Database
from shopr.storage.lease import Lease
from shopr.workbench.running.ledger import Ledger, State
from shopr.workbench.schedule.open import Schedule
from shopr.workbench.schedule.store import RunState, ScheduleStore
from shopr.workbench.schedule.workers import WorkersOfProcesses
from tests.workbench.conftest import notebook


@pytest.fixture
def opened(stores, tmp_path, monkeypatch) -> Schedule:
    """A project with a notebook that succeeds, one that fails, and a schedule of both."""
    root = tmp_path / "project"
    (root / "experiments").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    (root / "work.ipynb").write_text(notebook("assert k < 3, 'k is too large'"))
    for name in ("work", "gone"):
        text = f"name: {name}\nnotebook: {name}.ipynb\nparameters:\n  k: {{type: int, default: 2}}\n"
        (root / "experiments" / f"{name}.yaml").write_text(text + "  marker: {type: str, default: ''}\n")
    jobs = {
        "good": {"cron": "0 0 * * *", "parameters": {"k": "{{ day }}", "marker": "{{ logical_date }}"}},
        "absent": {"cron": "0 0 * * *", "spec": "experiments/gone.yaml"},
    }
    monkeypatch.chdir(root)
    return Schedule.open(stores, schedule(**jobs, top={"parallel": 2}))


def test_runs_of_notebooks_are_closed_by_the_ledgers_word(opened):
    filled = opened.backfill(at("2026-01-02 00:00"), at("2026-01-03 00:00"))
    assert opened.fill(filled) == 4
    told = []
    assert opened.scheduler(lambda notice: told.append((notice.what, notice.message))).once()
    rows = {(row["job"], row["logical_at"].day): row for row in opened.store.recent(10)}
    done, failed = rows["good", 2], rows["good", 3]
    assert (done["state"], failed["state"]) == (RunState.DONE, RunState.FAILED)
    assert failed["message"].endswith("AssertionError: k is too large")
    ledger = Ledger(Database.open(opened.settings))
    assert ledger.get(done["ledger_run_id"])["parameters"] == {"k": 2, "marker": "2026-01-02"}
    assert ledger.get(failed["ledger_run_id"])["state"] == State.FAILED
    # A run that cannot begin is refused once, with the fix, and leaves no row in the ledger.
    assert rows["absent", 2]["state"] == RunState.FAILED
    assert (
        rows["absent", 2]["message"]
        == "gone: notebook gone.ipynb does not exist. Did you mean work.ipynb? Correct notebook: in the spec"
    )
    assert len(ledger.recent()) == 2
    assert sorted(what for what, _ in told if what != "leading") == ["done"] + ["failed"] * 3 + ["started"] * 4
    again = opened.backfill(at("2026-01-02 00:00"), at("2026-01-03 00:00"), ["good"])
    assert (again.new, [row["logical_at"].day for row in again.again], again.left) == ((), [3], 1)


def test_kills_at_random_points_lose_nothing_and_run_nothing_twice(stores):
    play = Kills(stores, random.Random(5))
    while sum(play.killed.values()) < 3:
        play.plan(2)
        play.kill_one()
    play.finish()
    found = play.truth()
    assert found["done once"] == found["owed"] == found["rows that name their run"] == play.planned
    assert [found[n] for n in ("done twice", "lost", "open in the ledger", "open in the schedule")] == [0] * 4
    assert play.living() == []


@pytest.fixture
def claimed(database):
    """A row that is claimed, with its store."""
    from shopr.workbench.schedule.plan import Timetable

    spec = schedule(report={"cron": "0 * * * *"})
    store = ScheduleStore(database, "test")
    store.plan([Timetable(spec).row("report", at("2026-01-01 01:00"))])
    lease = Lease(database, "test")
    assert lease.hold()
    token = store.claim(store.open_rows()[0], lease)
    assert token is not None
    return store, token


def held(store: ScheduleStore):
    return store.recent(1)[0]


def test_a_claim_that_no_worker_noted_is_lost_on_this_host_at_once(claimed, settings):
    store, _ = claimed
    truth = WorkersOfProcesses(settings, store).truth(held(store))
    assert truth is not None
    assert truth.state is None
    assert "see schedule/report.log" in truth.message


def test_a_worker_that_lives_is_left_alone(claimed, settings):
    store, token = claimed
    assert store.note(held(store)["id"], token) is not None
    assert WorkersOfProcesses(settings, store).truth(held(store)) is None


def test_a_worker_of_another_host_is_given_time(claimed, settings, monkeypatch):
    store, token = claimed
    here = socket.gethostname()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    workers = WorkersOfProcesses(settings, store)
    assert here != "elsewhere"
    assert workers.truth(held(store)) is None
    later = store.now() + timedelta(seconds=61)
    monkeypatch.setattr(store, "now", lambda: later)
    assert workers.truth(held(store)) is not None  # it never noted itself
    monkeypatch.setattr(socket, "gethostname", lambda: here)
    assert store.note(held(store)["id"], token) is not None
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert workers.truth(held(store)) is None  # it did, and may be loading what it needs


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        (State.DONE, None, RunState.DONE),
        (State.FAILED, "error", RunState.FAILED),
        (State.KILLED, "timeout", RunState.FAILED),
        (State.KILLED, "interrupted", None),
        (State.LOST, "vanished", None),
    ],
)
def test_the_ledgers_word(claimed, settings, state, reason, expected):
    store, token = claimed
    assert store.note(held(store)["id"], token) is not None
    ledger = Ledger(store.database)
    run_id = ledger.open("work", "work.ipynb", {}, key="", ingredients={})
    ledger.close(run_id, state, message="why", reason=reason)
    truth = WorkersOfProcesses(settings, store).truth(held(store))
    assert truth is not None
    assert (truth.state, truth.ledger_run_id) == (expected, run_id)


def test_a_run_that_was_served_is_done(claimed, settings):
    store, token = claimed
    assert store.serve(held(store)["id"], token, "an earlier run")
    truth = WorkersOfProcesses(settings, store).truth(held(store))
    assert truth is not None
    assert (truth.state, truth.ledger_run_id) == (RunState.DONE, "an earlier run")
    assert json.dumps(held(store)["parameters"]) == "{}"
