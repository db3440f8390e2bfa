"""The ledger: states are true, also of runs whose runner is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import update

from shopr.clock import SystemClock
from shopr.storage.database import Database
from shopr.storage.tables import run_ledger
from shopr.workbench.running.ledger import Ledger, State


@pytest.fixture
def database(stores):
    return Database.open(stores)


@pytest.fixture
def ledger(database, clock):
    return Ledger(database, clock)


def opened(ledger: Ledger, spec: str = "s", key: str = "k") -> str:
    return ledger.open(spec, "n.ipynb", {"a": 1}, key=key, ingredients={"parameters": "x"})


def change(database: Database, run_id: str, **values: object) -> None:
    with database.begin() as connection:
        connection.execute(update(run_ledger).where(run_ledger.c.run_id == run_id).values(**values))


def test_a_run_from_queue_to_end(ledger, clock):
    run_id = opened(ledger)
    assert ledger.get(run_id)["state"] == State.QUEUED
    ledger.running(run_id, "m1")
    clock.advance(4)
    ledger.beat(run_id)
    clock.advance(4)
    ledger.close(run_id, State.DONE, exit_status=0)
    row = ledger.get(run_id)
    assert (row["state"], row["mlflow_run_id"], row["exit_status"], row["pid"]) == (State.DONE, "m1", 0, os.getpid())
    assert row["ended_at"] - row["started_at"] == timedelta(seconds=8)
    assert row["heartbeat_at"] - row["started_at"] == timedelta(seconds=4)
    assert ledger.get("nobody") is None


def test_what_finished_can_be_found_again(ledger, clock):
    first = opened(ledger)
    ledger.close(first, State.DONE)
    clock.advance(1)
    failed = opened(ledger)
    ledger.close(failed, State.FAILED, message="no")
    assert ledger.finished("k")["run_id"] == first
    assert ledger.last_done("s")["run_id"] == first
    assert ledger.finished("other") is None
    assert ledger.last_done("other") is None
    assert [row["run_id"] for row in ledger.recent()] == [failed, first]
    assert ledger.recent(1)[0]["message"] == "no"


def test_a_runner_that_lives_is_not_lost_however_busy(database):
    ledger = Ledger(database)
    run_id = opened(ledger)
    assert ledger.vanished() == []
    change(database, run_id, heartbeat_at=SystemClock().now() - timedelta(hours=1))
    assert ledger.vanished() == []


def test_a_runner_whose_process_is_gone(ledger, database):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run_id = opened(ledger)
    change(database, run_id, pid=gone.pid)
    assert [row["run_id"] for row in ledger.vanished()] == [run_id]
    ledger.lose(run_id)
    assert ledger.vanished() == []
    row = ledger.get(run_id)
    assert (row["state"], row["message"]) == (State.LOST, "its runner vanished")
    assert row["ended_at"] is not None


def test_a_number_that_another_process_was_given_since(ledger, clock):
    """The clock stands at a time before this process began, as if the number had been another one's then."""
    run_id = opened(ledger)
    assert ledger.vanished() == []
    clock.advance(31)
    assert [row["run_id"] for row in ledger.vanished()] == [run_id]


def test_a_runner_on_another_host_is_told_by_its_heartbeat(ledger, database, clock):
    run_id = opened(ledger)
    change(database, run_id, host="elsewhere", pid=1)
    clock.advance(29)
    assert ledger.vanished() == []
    ledger.beat(run_id)
    clock.advance(29)
    assert ledger.vanished() == []
    clock.advance(2)
    assert [row["run_id"] for row in ledger.vanished()] == [run_id]


def test_a_run_that_ended_meanwhile_is_not_declared_lost(ledger):
    run_id = opened(ledger)
    ledger.close(run_id, State.DONE, exit_status=0)
    ledger.lose(run_id)
    assert ledger.get(run_id)["state"] == State.DONE
