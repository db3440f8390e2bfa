"""Runs of notebooks: each way to end, what stays on record, and what is served again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from shopr.cli.main import main
from shopr.config import Settings
from shopr.errors import SpecError
from shopr.storage.database import Database
from shopr.tracking.endings import tagged
from shopr.tracking.store import client
from shopr.workbench.running.executor import plan, reconcile, run_spec
from shopr.workbench.running.ledger import Ledger, State
from tests.waiting import PATIENCE, until

FOREVER = """\
import os, pathlib, threading
part = pathlib.Path(marker + ".part")
part.write_text(str(os.getpid()))
part.rename(marker)
threading.Event().wait()
"""


def row(settings: Settings, run_id: str) -> dict[str, object]:
    found = Ledger(Database.open(settings)).get(run_id)
    assert found is not None
    return found


def status(settings: Settings, mlflow_run_id: str | None) -> str:
    return str(client(settings).get_run(mlflow_run_id).info.status)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_done_then_served_from_cache_until_something_changes(shop, stores, capsys):
    nested = (
        "from shopr.config import Settings\nfrom shopr.tracking.runs import run\n"
        "with run('inside', settings=Settings(), params={'k': k}) as made:\n    pass\nprint('answer', k * 21)"
    )
    work = shop(nested)
    before = plan(stores, work)
    assert (before.cached, before.last_seconds, before.changed) == (None, None, ())
    done = run_spec(stores, work)
    assert (done.state, done.message) == (State.DONE, "")
    executed = json.loads(done.output.read_text())
    assert "answer 42" in executed["cells"][-1]["outputs"][-1]["text"][-1]
    page = done.page.read_text()
    assert "answer 42" in page
    assert "import run" not in page  # findings, not code
    assert status(stores, done.mlflow_run_id) == "FINISHED"
    assert row(stores, done.run_id)["state"] == State.DONE
    record = client(stores).get_run(done.mlflow_run_id)
    assert record.data.params == {"k": "2", "marker": "", "seed": "42"}
    assert record.data.tags["shopr.spec"] == "work"
    assert len(tagged(stores, "mlflow.parentRunId", str(done.mlflow_run_id))) == 1
    kept = {a.path for a in client(stores).list_artifacts(done.mlflow_run_id)}
    assert kept == {"executed.ipynb", "executed.html"}

    again = run_spec(stores, work)
    assert (again.state, again.run_id, again.output) == (State.CACHED, done.run_id, done.output)
    with pytest.raises(SystemExit) as left:
        main(["run", "work.yaml"])
    assert left.value.code == 0
    assert f"Nothing changed: served from run {done.run_id}" in capsys.readouterr().out

    todo = plan(stores, work, {"k": 3})
    assert (todo.cached, todo.changed, todo.parameters_changed) == (None, ("parameters",), {"k": (2, 3)})
    with pytest.raises(SystemExit):
        main(["run", "work.yaml", "--param", "k=3", "--dry-run"])
    assert "changed since the last run: parameters (k 2 → 3)" in capsys.readouterr().out
    assert todo.last_seconds > 0
    changed = shop("print(k)", seed=7)
    assert plan(stores, changed).changed == ("notebook", "seed")
    with pytest.raises(SystemExit) as left:
        main(["run", "work.yaml", "--dry-run"])
    assert left.value.code == 0
    assert "Would run (changed since the last run: notebook, seed)" in capsys.readouterr().out
    forced = run_spec(stores, changed, force=True)
    assert (forced.state, forced.changed) == (State.DONE, ("notebook", "seed"))
    done.output.unlink()  # what is gone cannot be served
    assert plan(stores, work).cached is None


def test_the_cached_path_imports_neither_mlflow_nor_pandas(shop, stores):
    work = shop("1")
    todo = plan(stores, work)
    ledger = Ledger(Database.open(stores))
    run_id = ledger.open(work.name, work.notebook, todo.values, key=todo.key, ingredients=todo.ingredients)
    ledger.close(run_id, State.DONE, exit_status=0)
    output = stores.home / "runs" / run_id / "executed.ipynb"
    output.parent.mkdir(parents=True)
    output.write_text("{}")
    script = (
        "import sys\nfrom shopr.cli.main import main\n"
        "for line in sys.argv[1:]:\n"
        "    try:\n        main(line.split())\n"
        "    except SystemExit as left:\n        assert left.code == 0, left.code\n"
        "heavy = {'mlflow', 'pandas', 'numpy', 'scipy', 'sklearn', 'papermill', 'matplotlib', 'alembic'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    lines = ["run work.yaml", "run --list", "run work.yaml --dry-run"]
    command = [sys.executable, "-c", script, *lines]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "Nothing changed: served from run" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_a_cell_that_fails(shop, stores, capsys):
    shop("1 / 0", "print('never')")
    with pytest.raises(SystemExit) as left:
        main(["run", "work.yaml", "--json"])
    assert left.value.code == 1
    out = capsys.readouterr()
    assert "error: run " in out.err
    assert "cell 2: ZeroDivisionError: division by zero" in out.err
    shown = json.loads(out.out)
    assert shown["state"] == "FAILED"
    kept = json.loads(Path(shown["output"]).read_text())
    (error,) = [o for c in kept["cells"] for o in c.get("outputs", []) if o["output_type"] == "error"]
    assert any("ZeroDivisionError" in line for line in error["traceback"])
    assert Path(shown["page"]).is_file()
    assert status(stores, shown["mlflow_run_id"]) == "FAILED"
    seen = row(stores, shown["run_id"])
    assert (seen["state"], seen["exit_status"]) == (State.FAILED, 1)


def test_a_kernel_that_dies(shop, stores):
    work = shop("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "print('never')")
    done = run_spec(stores, work)
    assert done.state is State.FAILED
    assert done.message.startswith("the kernel died")
    assert status(stores, done.mlflow_run_id) == "FAILED"
    assert row(stores, done.run_id)["exit_status"] == 3
    assert plan(stores, work).cached is None


def test_a_run_that_takes_too_long(shop, stores, clock, tmp_path):
    marker = tmp_path / "kernel"
    work = shop(FOREVER, timeout=600)

    def pause(_seconds: float) -> None:
        select.select([], [], [], 0.02)
        if marker.is_file():
            clock.advance(601)

    done = run_spec(stores, work, {"marker": str(marker)}, clock=clock, pause=pause)
    assert (done.state, done.message) == (State.KILLED, "it ran longer than its time-out of 600 s")
    assert status(stores, done.mlflow_run_id) == "KILLED"
    assert row(stores, done.run_id)["state"] == State.KILLED
    assert not alive(int(marker.read_text()))


def test_kill_9_leaves_no_process_and_no_false_state(shop, stores, tmp_path, capsys):
    marker = tmp_path / "kernel"
    shop(FOREVER)
    command = [sys.executable, "-m", "shopr.cli.main", "run", "work.yaml", "--param", f"marker={marker}"]
    executor = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(marker.is_file)
        kernel = int(marker.read_text())
        below = [p.pid for p in psutil.Process(executor.pid).children(recursive=True)]
        assert kernel in below
        assert reconcile(stores) == 0
    finally:
        os.kill(executor.pid, signal.SIGKILL)
        executor.wait()
    until(lambda: not any(alive(pid) for pid in below))
    (left,) = Ledger(Database.open(stores)).recent()
    assert left["state"] == State.RUNNING
    api = client(stores)
    child = api.create_run("0", tags={"mlflow.parentRunId": left["mlflow_run_id"]}).info.run_id
    with pytest.raises(SystemExit) as ended:
        main(["run", "--list"])
    assert ended.value.code == 0
    assert "LOST" in capsys.readouterr().out
    assert row(stores, left["run_id"])["state"] == State.LOST
    assert status(stores, left["mlflow_run_id"]) == "KILLED"
    assert status(stores, child) == "KILLED"
    assert reconcile(stores) == 0


def test_a_runner_that_vanished_before_it_noted_its_mlflow_run(stores, monkeypatch):
    """The MLflow run is found by its tag; one that was deleted since keeps nobody from reconciling."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ledger = Ledger(Database.open(stores))
    monkeypatch.setattr("os.getpid", lambda: gone.pid)
    first = ledger.open("s", "n.ipynb", {}, key="k", ingredients={})
    second = ledger.open("s", "n.ipynb", {}, key="k", ingredients={})
    ledger.running(second, "0" * 32)
    monkeypatch.undo()
    made = client(stores).create_run("0", tags={"shopr.ledger": first}).info.run_id
    assert reconcile(stores) == 2
    assert status(stores, made) == "KILLED"
    assert {row(stores, first)["state"], row(stores, second)["state"]} == {State.LOST}


def test_nothing_starts_where_the_call_is_wrong(shop, stores):
    work = shop("1")
    with pytest.raises(SpecError, match=r"unknown parameter 'kk'"):
        run_spec(stores, work, {"kk": 1})
    Path("work.ipynb").write_text("{}")
    with pytest.raises(SpecError, match=r"cannot be read"):
        run_spec(stores, work)
    Path("work.ipynb").unlink()
    with pytest.raises(SpecError, match=r"notebook work\.ipynb does not exist"):
        run_spec(stores, work)
    assert Ledger(Database.open(stores)).recent() == []
