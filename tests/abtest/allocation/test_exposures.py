from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from shopr.abtest.allocation.assignment import Assignment
from shopr.abtest.allocation.exposures import Exposures, exposure_id
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import InputError
from shopr.storage import Database
from shopr.storage.subjects import SubjectStores
from tests.waiting import PATIENCE

WRITER = """
import sys
from shopr.abtest.allocation.assignment import Assignment
from shopr.abtest.allocation.exposures import Exposures
from shopr.storage import Database
exposures = Exposures(Database(sys.argv[1]))
test = Assignment("button", weights=(float(sys.argv[2]), 1 - float(sys.argv[2])))
for start in range(0, 1500, 50):
    exposures.expose(test, [f"u{i}" for i in range(start, start + 50)])
    print(start, flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database.open(url=f"sqlite:///{tmp_path / 'state.db'}")
    return Database.open(url=str(request.getfixturevalue("postgres_url")))


def test_an_exposure_is_written_once_and_its_first_arm_stays(database: Database) -> None:
    clock = ManualClock()
    exposures = Exposures(database, clock=clock)
    assert exposures.record("button", ["ann", "bob", "cid"], ["control", None, "treatment"]) == 2
    clock.advance(60)
    assert exposures.record("button", ["ann", "dan", "dan"], ["treatment", "control", "treatment"]) == 1
    assert exposures.record("other", ["ann"], ["treatment"]) == 1
    assert dict(exposures.arms("button")) == {"ann": "control", "cid": "treatment", "dan": "control"}
    assert dict(exposures.arms("button", ["ann", "zed"])) == {"ann": "control"}
    assert exposures.counts("button") == {"control": 2, "treatment": 1}
    frame = exposures.frame("button")
    assert frame["unit_id"].tolist()[-1] == "dan"
    assert frame["exposed_at"].tolist()[0] == pd.Timestamp("2026-01-01", tz="UTC")
    assert exposures.frame("nothing").columns.tolist() == ["unit_id", "user_id", "variant", "exposed_at"]


def test_exposed_units_keep_their_arm_through_every_change(database: Database) -> None:
    exposures, units = Exposures(database), [f"u{i}" for i in range(2500)]
    first = exposures.expose(Assignment("x", coverage=0.2), units)
    second = exposures.expose(Assignment("x", weights=(0.9, 0.1), coverage=0.8), units)
    moved = first.codes[first.codes >= 0] != second.codes[first.codes >= 0]
    assert not moved.any()
    assert (second.codes >= 0).sum() > 1800
    assert sum(exposures.counts("x").values()) == (second.codes >= 0).sum()


def test_forced_units_are_not_written(database: Database) -> None:
    exposures = Exposures(database)
    got = exposures.expose(Assignment("x", forced={"ann": "treatment"}), ["ann"])
    assert got.names().tolist() == ["treatment"]
    assert exposures.counts("x") == {}


def test_a_person_is_exported_and_erased_by_user_not_by_unit(database: Database) -> None:
    exposures = Exposures(database)
    when = datetime(2026, 2, 1, tzinfo=UTC)
    exposures.record("x", ["s1", "s2"], ["control", "control"], users=["ann", "bob"], time=when)
    stores = SubjectStores(database)
    (row,) = stores.export("ann")["experiment_exposures"]
    assert (row["unit_id"], row["arm"], row["time"]) == ("s1", "control", when)
    assert stores.erase("ann")["experiment_exposures"] == 1
    assert exposures.counts("x") == {"control": 1}


def test_bad_exposures_are_refused_and_nothing_is_kept(database: Database) -> None:
    exposures = Exposures(database)
    with pytest.raises(InputError, match="2 units, 2 users, 1 arms"):
        exposures.record("x", ["a", "b"], ["control"])
    with pytest.raises(InputError, match="unit_id .* has 300 characters"):
        exposures.record("x", ["a", "b" * 300], ["control", "control"])
    with pytest.raises(InputError, match="arm '' has 0 characters"):
        exposures.record("x", ["a"], [""])
    assert exposures.counts("x") == {}


def test_ids_of_exposures_cannot_be_confused() -> None:
    assert exposure_id("ab", "c") != exposure_id("a", "bc")
    assert exposure_id("a", "1:b") != exposure_id("a1", ":b")
    assert len(exposure_id("x", "y")) == 32


def test_two_processes_and_a_kill_write_each_unit_once(settings: Settings, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    database = Database.open(url=url)

    def writer(weight: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, url, weight]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})

    killed, other = writer("0.5"), writer("0.2")
    assert killed.stdout is not None
    for _ in range(5):
        killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert other.wait(timeout=PATIENCE) == 0
    before = Exposures(database).arms("button")
    again = writer("0.5")
    assert again.wait(timeout=PATIENCE) == 0
    after = Exposures(database).arms("button")
    assert len(after) == 1500
    assert after.index.is_unique
    assert after[before.index].tolist() == before.tolist()
    for process in (killed, other, again):
        assert process.stdout is not None
        process.stdout.close()
