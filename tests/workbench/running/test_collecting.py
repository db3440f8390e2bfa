"""Garbage collection: what goes, and what never does."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from shopr.cli.main import main
from shopr.clock import SystemClock
from shopr.errors import StorageError
from shopr.storage.database import Database
from shopr.storage.tables import run_ledger
from shopr.tracking.store import client
from shopr.workbench.running.collecting import Policy, collect
from shopr.workbench.running.ledger import Ledger, State
from shopr.workbench.running.settling import run_folder


@pytest.fixture
def runs(stores, clock):
    """Makes finished runs of a given age, each with a file of 1000 bytes."""
    ledger = Ledger(Database.open(stores), clock)

    def make(days: float, state: State = State.DONE, spec: str = "s", **more: object) -> str:
        run_id = ledger.open(spec, "n.ipynb", {}, key="k", ingredients={})
        at = clock.now() - timedelta(days=days)
        values = {"state": state, "started_at": at, "ended_at": at, "heartbeat_at": clock.now(), **more}
        with Database.open(stores).begin() as connection:
            connection.execute(update(run_ledger).where(run_ledger.c.run_id == run_id).values(**values))
        folder = run_folder(stores, run_id)
        folder.mkdir(parents=True)
        (folder / "executed.ipynb").write_bytes(b"x" * 1000)
        return run_id

    return make


def test_age_number_and_what_is_needed(runs, stores, clock):
    new = runs(1)
    old = [runs(40 + i) for i in range(3)]
    failed = runs(50, State.FAILED)
    pending = runs(60, State.FAILED, mlflow_pending="FAILED", mlflow_run_id="0" * 32)
    api = client(stores)
    parent = api.create_run("0").info.run_id
    inside = api.create_run("0", tags={"mlflow.parentRunId": parent}).info.run_id
    api.create_registered_model("m")
    api.create_model_version("m", f"runs:/{inside}/model", run_id=inside)
    kept = api.create_run("0", tags={"shopr.keep": "true"}).info.run_id
    modelled = runs(70, spec="t", mlflow_run_id=parent)
    wanted = runs(80, spec="t", mlflow_run_id=kept)
    stray = stores.home / "runs" / "stray"
    stray.mkdir()
    policy = Policy(days=30, keep=2)
    settled = collect(stores, Policy(days=1e4), clock=clock)  # tells MLflow what is pending
    assert settled.removed == ()
    seen = collect(stores, policy, dry_run=True, clock=clock)
    assert set(seen.removed) == {*old[1:], failed, pending}
    assert (seen.bytes, seen.kept) == (4000, 5)
    assert run_folder(stores, failed).is_dir()
    assert set(collect(stores, policy, clock=clock).removed) == set(seen.removed)
    for run_id in seen.removed:
        assert not run_folder(stores, run_id).exists()
        assert Ledger(Database.open(stores)).get(run_id) is None
    for run_id in (new, old[0], modelled, wanted):
        assert run_folder(stores, run_id).is_dir()
    assert api.get_run(parent).info.lifecycle_stage == "active"
    assert stray.is_dir()  # as young as its folder


def test_size_takes_the_oldest_of_the_young(runs, stores, clock):
    made = [runs(i, State.FAILED) for i in range(5)]
    found = collect(stores, Policy(days=30, keep=0, most=2500), clock=clock)
    assert set(found.removed) == set(made[2:])
    assert found.bytes_kept == 2000


def test_a_sweep_keeps_its_trials_and_an_open_run_stays(runs, stores, clock):
    sweep = runs(50, spec="sweep", kind="sweep")
    trial = runs(50, State.FAILED, parent_id=sweep)
    under_way = runs(50, State.RUNNING, ended_at=None)
    assert collect(stores, Policy(keep=1), clock=clock).removed == ()
    assert set(collect(stores, Policy(keep=0), clock=clock).removed) == {sweep, trial}
    assert run_folder(stores, under_way).is_dir()


def test_without_mlflow_nothing_goes(runs, stores, clock, tmp_path):
    run_id = runs(50, State.FAILED)
    broken = stores.model_copy(update={"mlflow_uri": f"sqlite:///{tmp_path / 'no.db'}"})
    (tmp_path / "no.db").write_bytes(b"no database at all, and long enough to be looked at" * 50)
    with pytest.raises(StorageError):
        collect(broken, clock=clock)
    assert run_folder(stores, run_id).is_dir()


def test_the_command(runs, stores, capsys):
    now = SystemClock().now()
    runs(0, State.FAILED, started_at=now, ended_at=now)
    for arguments, says in (
        (["--gc", "--older", "0", "--dry-run"], "Would remove 1 runs (1,000 B); 0 stay, 0 B"),
        (["--gc"], "Removed 0 runs (0 B); 1 stay, 1,000 B\n  1 kept: younger than 30 days"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["run", *arguments])
        assert left.value.code == 0
        assert says in capsys.readouterr().out
    for arguments, says in (
        (["--gc", "--most", "much"], "--most: 'much' is no amount"),
        (["--keep", "1"], "belong to --gc"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["run", *arguments])
        assert left.value.code == 2
        assert says in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "--gc", "--json"])
    assert json.loads(capsys.readouterr().out)["kept"] == 1
