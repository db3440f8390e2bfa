"""Sweeps: the same trials wherever they run, each on record; resumed, pruned, ended early, and refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from shopr.cli.main import main
from shopr.clock import SystemClock
from shopr.config import Settings
from shopr.errors import NotReadyError, RunError, SpecError
from shopr.storage.database import Database
from shopr.tracking.endings import tagged
from shopr.tracking.store import client
from shopr.workbench.running.ledger import Ledger, State
from shopr.workbench.running.preloading import modules_of
from shopr.workbench.running.settling import reconcile
from shopr.workbench.specs.spec import RunSpec
from shopr.workbench.specs.sweep import SweepSpec, load_sweep
from shopr.workbench.sweeps.cluster import send_out
from shopr.workbench.sweeps.sweep import preview, run_sweep
from shopr.workbench.sweeps.trials import Trials
from shopr.workbench.sweeps.work import Job, objective_of, stopped
from tests.waiting import PATIENCE, until
from tests.workbench.conftest import notebook

FIT = (
    "from shopr.config import Settings\nfrom shopr.tracking.runs import run\n"
    "with run('fit', settings=Settings(), params={'lam': lam}) as made:\n"
    "    for step in range(steps):\n"
    "        made.metrics({'score@10': lam - (kind == 'b') - (steps - step)}, step=step)"
)
RUN = {
    "name": "fit",
    "notebook": "fit.ipynb",
    "timeout": int(PATIENCE),
    "parameters": {
        "lam": {"type": "float", "default": 1.0, "min": 0, "max": 100},
        "kind": {"type": "str", "default": "a", "choices": ["a", "b"]},
        "steps": {"type": "int", "default": 2},
    },
}
SWEEP = {
    "name": "fits",
    "kind": "sweep",
    "run": "fit.yaml",
    "objective": {"metric": "score@10"},
    "space": {"lam": [1, 5], "kind": ["a", "b"]},
}
TOGETHER = (
    "\nimport glob, os, threading\n"
    "open(f'began-{os.getpid()}', 'w').close()\n"
    "while len(glob.glob('began-*')) < 2:\n"
    "    threading.Event().wait(0.05)"
)
"""The first trial waits until another has begun: one worker that is quick cannot take them all."""
Load = Callable[..., tuple[SweepSpec, RunSpec]]


@pytest.fixture
def project(stores: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Writes a notebook, its run and a sweep over it; gives the specs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shopr"\n')

    def write(code: str = FIT, **changes: object) -> tuple[SweepSpec, RunSpec]:
        (tmp_path / "fit.ipynb").write_text(notebook(code, parameters="lam = 1.0\nkind = 'a'\nsteps = 2"))
        (tmp_path / "fit.yaml").write_text(json.dumps(RUN))
        (tmp_path / "sweep.yaml").write_text(json.dumps({**SWEEP, **changes}))
        return load_sweep(tmp_path / "sweep.yaml")

    return write


def values(spec: SweepSpec, rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [(r["trial"], r["parameters"]["lam"], r["parameters"]["kind"], objective_of(spec, r)) for r in rows]


GRID = [(0, 1.0, "a", 0.0), (1, 1.0, "b", -1.0), (2, 5.0, "a", 4.0), (3, 5.0, "b", 3.0)]


def test_a_grid_in_one_process_then_all_from_cache(project, stores, tmp_path, capsys):
    spec, run = project()
    before = preview(stores, spec, run)
    assert (before.trials, before.cached, before.last_seconds) == (4, 0, None)
    done = run_sweep(stores, spec, run, jobs=1)
    assert values(spec, done.rows) == GRID
    assert (done.state, done.value, done.best["trial"], done.reason, done.ran) == (State.DONE, 4.0, 2, "", 4)
    api = client(stores)
    parent = api.get_run(done.mlflow_run_id)
    assert (parent.info.status, parent.data.metrics["best_score_at_10"]) == ("FINISHED", 4.0)
    nested = tagged(stores, "mlflow.parentRunId", done.mlflow_run_id)
    assert sorted(nested) == sorted(row["mlflow_run_id"] for row in done.rows)
    assert {api.get_run(run_id).info.status for run_id in nested} == {"FINISHED"}
    assert "report.html" in {a.path for a in api.list_artifacts(done.mlflow_run_id)}
    page = done.page.read_text()
    assert "score_at_10 4" in page
    assert "Parallel coordinates of 4 trials over lam, kind" in page
    assert "Importance: lam" in page
    assert "<script" not in page
    sweep = Ledger(Database.open(stores)).get(done.sweep_id)
    assert (sweep["kind"], sweep["state"]) == ("sweep", State.DONE)

    with pytest.raises(SystemExit) as left:
        main(["sweep", "sweep.yaml", "--dry-run"])
    assert left.value.code == 0
    assert "Would run 4 trials, 4 of them served from finished runs." in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["sweep", "sweep.yaml", "--jobs", "1", "--json"])
    assert left.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert {trial["state"] for trial in shown["trials"]} == {"CACHED"}
    assert [trial["value"] for trial in shown["trials"]] == [value for *_, value in GRID]
    assert shown["sweep_id"] != done.sweep_id


def test_two_local_processes_and_a_dask_cluster_of_two_give_equal_results(project, stores, monkeypatch):
    distributed = pytest.importorskip("distributed")
    spec, run = project(FIT + TOGETHER)
    loky = run_sweep(stores, spec, run, jobs=2)
    assert values(spec, loky.rows) == GRID
    for mark in Path().glob("began-*"):
        mark.unlink()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        settings = stores.model_copy(update={"dask_address": cluster.scheduler_address})
        dask = run_sweep(settings, spec, run, force=True)
    assert values(spec, dask.rows) == GRID
    assert {row["state"] for row in dask.rows} == {State.DONE}
    assert len({row["pid"] for row in dask.rows}) == 2
    assert {row["pid"] for row in dask.rows}.isdisjoint({os.getpid(), *(row["pid"] for row in loky.rows)})


def test_a_cluster_that_does_not_answer(project, stores):
    pytest.importorskip("distributed")
    spec, run = project()
    with pytest.raises(
        NotReadyError, match=r"Dask scheduler tcp://127.0.0.1:9 does not answer.*unset SHOPR_DASK_ADDRESS"
    ):
        run_sweep(stores.model_copy(update={"dask_address": "tcp://127.0.0.1:9"}), spec, run)
    (row,) = Ledger(Database.open(stores)).recent()
    assert row["state"] == State.FAILED


def test_a_scheduler_that_goes_away_is_told_in_one_line(project, stores, monkeypatch):
    distributed = pytest.importorskip("distributed")

    class Client:
        def __init__(self, address: str, **_: object) -> None:
            self.address = address

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None: ...

        def nthreads(self) -> dict[str, int]:
            return {"tcp://w": 2}

    def lost(*_: object, **__: object) -> None:
        raise distributed.client.FutureCancelledError("work-1", "scheduler-connection-lost")

    monkeypatch.setattr("distributed.Client", Client)
    monkeypatch.setattr("joblib.parallel_config", lambda **_: nullcontext())
    monkeypatch.setattr("joblib.Parallel", lambda **_: lost)
    spec, run = project()
    with pytest.raises(RunError, match=r"scheduler tcp://gone:1 went away while sweep fits ran.*--resume"):
        run_sweep(stores.model_copy(update={"dask_address": "tcp://gone:1"}), spec, run)


def test_what_a_worker_had_that_died_is_taken_again_after_the_others_had_ended(project, stores, monkeypatch):
    spec, run = project()
    claim = (
        "import sys\nfrom shopr.config import Settings\nfrom shopr.storage.database import Database\n"
        f"from {Trials.__module__} import Trials\n"
        "Trials(Database.open(Settings()), sys.argv[1]).claim('fit', 'fit.ipynb', 4)"
    )
    sent, begun = send_out.__globals__["_work"], []

    def one_dies(settings: Settings, job: Job, jobs: int | None, begin: int) -> int:
        begun.append(begin)
        if len(begun) > 1:
            return sent(settings, job, jobs, begin)
        subprocess.run([sys.executable, "-c", claim, job.sweep_id], check=True)
        return 0

    monkeypatch.setitem(send_out.__globals__, "_work", one_dies)
    done = run_sweep(stores, spec, run, jobs=1)
    assert values(spec, done.rows) == GRID
    assert (done.ran, done.reason) == (4, "")
    assert len(set(begun)) == 2  # who is sent out later draws from another stream


def test_optuna_suggests_prunes_and_stops(project, stores):
    slow = FIT + "\n    if kind == 'b': import threading; threading.Event().wait()"
    space = {"lam": {"low": 1, "high": 50}, "kind": ["a"]}
    spec, run = project(method="tpe", trials=6, space=space, stop={"patience": 2}, seed=3)
    done = run_sweep(stores, spec, run, jobs=1)
    assert done.state is State.DONE
    assert len(done.rows) == 4  # by this seed the second is the best
    assert done.reason == "2 trials in a row brought no gain above 0"
    assert (stores.home / "sweeps" / f"{done.sweep_id}.journal").is_file()

    spec, run = project(slow, space={"lam": [9, 8], "kind": ["a", "b"]}, prune={"startup": 1})
    done = run_sweep(stores, spec, run, jobs=1)
    reasons = [(row["state"], row["reason"]) for row in done.rows]
    assert reasons[:2] == [(State.DONE, None), (State.KILLED, "pruned")]
    assert "pruned at step" in str(done.rows[1]["message"])
    assert client(stores).get_run(done.rows[1]["mlflow_run_id"]).info.status == "KILLED"


def test_a_killed_sweep_goes_on_without_redoing_what_finished(project, stores, tmp_path):
    waits = FIT + (
        "\nimport os, threading\nif lam == 5 and os.path.exists('block'):\n"
        "    open('reached', 'w').close()\n    threading.Event().wait()"
    )
    spec, run = project(waits)
    (tmp_path / "block").write_text("")
    command = [sys.executable, "-m", "shopr.cli.main", "sweep", "sweep.yaml", "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until((tmp_path / "reached").exists)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    (tmp_path / "block").unlink()
    database = Database.open(stores)
    assert reconcile(stores) == 2
    sweep = Trials.latest(database, "fits")
    assert sweep["state"] == State.LOST
    first = Trials(database, sweep["run_id"]).rows()
    assert [row["state"] for row in first] == [State.DONE, State.DONE, State.LOST]
    done = run_sweep(stores, spec, run, jobs=1, resume=True)
    assert (done.sweep_id, done.mlflow_run_id, done.ran) == (sweep["run_id"], sweep["mlflow_run_id"], 2)
    assert values(spec, done.rows) == GRID
    assert [row["run_id"] for row in done.rows[:2]] == [row["run_id"] for row in first[:2]]
    assert client(stores).get_run(done.mlflow_run_id).info.status == "FINISHED"
    again = run_sweep(stores, spec, run, jobs=1, resume=True)
    assert (again.ran, again.sweep_id) == (0, done.sweep_id)
    changed = spec.model_copy(update={"seed": 43})
    with pytest.raises(SpecError, match=r"cannot go on: since it began, this has changed: sweep"):
        run_sweep(stores, changed, run, jobs=1, resume=True)


def test_a_sweep_that_is_asked_to_end_ends_its_trials_on_record(project, stores, tmp_path):
    waits = FIT + "\nimport os, threading\nopen(f'reached-{os.getpid()}', 'w').close()\nthreading.Event().wait()"
    project(waits)
    command = [sys.executable, "-m", "shopr.cli.main", "sweep", "sweep.yaml", "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: len(list(tmp_path.glob("reached-*"))) == 2)
        process.terminate()
        status = process.wait(PATIENCE)
    finally:
        process.kill()
    assert status == 128 + signal.SIGTERM
    sweep = Trials.latest(Database.open(stores), "fits")
    assert sweep["state"] == State.KILLED
    rows = Trials(Database.open(stores), sweep["run_id"]).rows()
    assert [(row["state"], row["reason"]) for row in rows] == [(State.KILLED, "interrupted")] * 2
    assert {client(stores).get_run(row["mlflow_run_id"]).info.status for row in rows} == {"KILLED"}
    assert reconcile(stores) == 0


def test_more_trials_at_a_time_than_one_process_attends_to(project, stores, monkeypatch):
    monkeypatch.setattr("shopr.workbench.sweeps.cluster.SLOTS", 1)
    spec, run = project(FIT + TOGETHER)
    done = run_sweep(stores, spec, run, jobs=2)
    assert values(spec, done.rows) == GRID
    assert len({row["pid"] for row in done.rows} - {os.getpid()}) == 2


def test_a_budget_that_is_over_and_a_sweep_that_is_under_way(project, stores, clock):
    spec, run = project()
    now = SystemClock().now()
    ledger = Ledger(Database.open(stores))
    other = ledger.open("fits", "fit.ipynb", {}, key="k", ingredients={}, kind="sweep")
    with pytest.raises(NotReadyError, match=r"sweep fits is under way in process"):
        run_sweep(stores, spec, run, jobs=1)
    ledger.close(other, State.KILLED)
    with pytest.raises(RunError, match=r"no trial has a value"):
        run_sweep(stores, spec, run, jobs=1, budget_minutes=1e-9)
    last = Trials.latest(Database.open(stores), "fits")
    assert last["state"] == State.FAILED
    assert last["started_at"] - now < timedelta(minutes=5)


def test_an_objective_that_nobody_logs(project, stores):
    spec, run = project(objective={"metric": "scor@10"})
    with pytest.raises(RunError, match=r"logged no 'scor_at_10'.*it logged score_at_10"):
        run_sweep(stores, spec, run, jobs=1)


def made(trial: int, value: float | None, minute: int, reason: str | None = None) -> dict[str, object]:
    at = SystemClock().now() + timedelta(minutes=minute)
    state = State.DONE if value is not None else State.KILLED
    metrics = {} if value is None else {"score_at_10": value}
    return {"trial": trial, "state": state, "metrics": metrics, "ended_at": at, "reason": reason}


def test_when_to_stop(project):
    spec, _ = project(stop={"patience": 2, "least_gain": 0.1, "target": 9})
    assert stopped(spec, []) == ""
    rows = [made(0, 1.0, 0), made(1, 1.05, 1), made(2, 2.0, 2)]
    assert stopped(spec, rows) == ""
    assert "2 trials in a row" in stopped(spec, [*rows, made(3, 2.05, 3), made(4, None, 4, "pruned")])
    assert stopped(spec, [*rows, made(3, 2.05, 3), made(4, None, 4, "budget")]) == ""
    assert "target of 9" in stopped(spec, [*rows, made(3, 9.5, 3)])
    least, _ = project(objective={"metric": "score@10", "goal": "minimize"}, stop={"target": 1.5})
    assert "target of 1.5" in stopped(least, rows)


def test_claims_are_given_once_and_lost_ones_again(stores, clock):
    database = Database.open(stores)
    ledger = Ledger(database, clock)
    sweep = ledger.open("s", "n", {}, key="k", ingredients={}, kind="sweep")
    trials = Trials(database, sweep, clock)
    first, second = trials.claim("r", "n", 2), trials.claim("r", "n", 2)
    assert (first[1], second[1], trials.claim("r", "n", 2)) == (0, 1, None)
    ledger.lose(first[0])
    clock.advance(1)
    third = trials.claim("r", "n", 2)
    assert third[1] == 0
    ledger.close(third[0], State.KILLED, reason="budget")
    assert trials.claim("r", "n", 2) is None
    clock.advance(1)
    ledger.resume(sweep)
    fourth = trials.claim("r", "n", 2)
    assert fourth[1] == 0
    ledger.lose(fourth[0])
    assert trials.claim("r", "n", 2) is None  # three times at most


def test_modules_that_may_be_imported_before_a_fork(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(
        notebook("import numpy as np, os\nfrom shopr.tracking.runs import run\nimport requests", "%magic\n")
    )
    found = modules_of(path)
    assert {"numpy", "shopr.tracking.runs", "mlflow.store.tracking.sqlalchemy_store"} <= set(found)
    assert not {"os", "requests"} & set(found)
    assert modules_of(tmp_path / "none.ipynb") == ()
