"""Runs under way: attempts, progress, what a failed cell shows, and stores that go away meanwhile."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import select
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from socket import create_server

import pytest

from shopr.cli.main import main
from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.storage.database import Database
from shopr.tracking.store import client
from shopr.workbench.running import pages
from shopr.workbench.running.child import Ended, Reason
from shopr.workbench.running.execution import Listener
from shopr.workbench.running.executor import run_spec
from shopr.workbench.running.ledger import Ledger, State
from shopr.workbench.running.settling import reconcile, run_folder
from tests.waiting import until

DIES_ONCE = """\
import os, pathlib, signal
if not pathlib.Path(marker).exists():
    pathlib.Path(marker).write_text("died")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def row(settings: Settings, run_id: str) -> dict[str, object]:
    found = Ledger(Database.open(settings)).get(run_id)
    assert found is not None
    return found


def quick(_seconds: float) -> None:
    select.select([], [], [], 0.02)


class Heard(Listener):
    def __init__(self) -> None:
        self.cells: list[tuple[int, int]] = []
        self.lines: list[str] = []
        self.metrics: list[tuple[dict[str, float], int]] = []

    def cell(self, cell: int, cells: int) -> None:
        self.cells.append((cell, cells))

    def line(self, cell: int, text: str) -> None:
        self.lines.append(f"{cell}: {text}")

    def measured(self, metrics, step):
        self.metrics.append((dict(metrics), step))


def test_a_kernel_that_dies_once_is_tried_again_after_a_wait_that_grows(shop, stores, tmp_path, clock):
    work = shop(DIES_ONCE, "print('went well')", retry={"times": 2, "wait": 5, "factor": 3})
    waits = []

    def pause(seconds: float) -> None:
        quick(seconds)
        if (tmp_path / "m").exists():
            waits.append(clock.monotonic())
            clock.advance(1)

    heard = Heard()
    done = run_spec(stores, work, {"marker": str(tmp_path / "m")}, clock=clock, pause=pause, listener=heard)
    assert (done.state, done.attempts, done.reason) == (State.DONE, 2, None)
    assert row(stores, done.run_id)["attempts"] == 2
    assert any("went well" in line for line in heard.lines)
    assert heard.cells[-1] == (3, 3)
    kept = sorted(path.name for path in done.output.parent.iterdir())
    assert {"attempt-1-executed.ipynb", "attempt-1-executed.html", "executed.ipynb"} <= set(kept)
    assert "The kernel died here." in (done.output.parent / "attempt-1-executed.ipynb").read_text()
    assert "The kernel died here." in (done.output.parent / "attempt-1-executed.html").read_text()
    record = client(stores).get_run(done.mlflow_run_id)
    assert (record.info.status, record.data.tags["shopr.attempts"]) == ("FINISHED", "2")
    assert "attempts" in {a.path for a in client(stores).list_artifacts(done.mlflow_run_id)}


def test_an_error_of_a_cell_is_not_tried_again_unless_asked_and_is_shown(shop, stores, capsys):
    shop("total = 1\ntotal / 0", "print('never')", retry={"times": 1, "wait": 0})
    with pytest.raises(SystemExit) as left:
        main(["run", "work.yaml"])
    assert left.value.code == 1
    err = capsys.readouterr().err
    assert "Cell 2 of 3 failed:\n" in err
    assert "----> 2 total / 0" in err
    assert "ZeroDivisionError: division by zero\nThe page: " in err
    assert "\x1b" not in err
    (only,) = Ledger(Database.open(stores)).recent()
    assert (only["state"], only["attempts"], only["reason"]) == (State.FAILED, 1, "error")
    page = (run_folder(stores, only["run_id"]) / "executed.html").read_text()
    assert "ZeroDivisionError" in page
    again = run_spec(stores, shop("1 / 0", retry={"times": 1, "wait": 0, "after": ["error"]}), pause=quick)
    assert (again.state, again.attempts) == (State.FAILED, 2)
    failure = again.failure
    assert failure is not None
    assert (failure.cell, failure.cells, failure.source) == (2, 2, "1 / 0")


def test_what_is_kept_of_a_failure_names_nobody(shop, stores):
    done = run_spec(stores, shop("raise ValueError('no order of ann@example.com paid by 4111 1111 1111 1111')"))
    assert done.state == State.FAILED
    assert done.message == "cell 2: ValueError: no order of [e-mail] paid by [card]"
    assert row(stores, done.run_id)["message"] == done.message


def test_a_notebook_that_names_no_kernel_runs_by_python(shop, stores):
    work = shop("import os\nprint('ran')\nos.kill(os.getpid(), 9)")
    path = project_root() / work.notebook
    content = json.loads(path.read_text())
    content["metadata"] = {}
    path.write_text(json.dumps(content))
    done = run_spec(stores, work)
    assert (done.state, done.message) == (State.FAILED, "the kernel died")
    assert "ran" in done.output.read_text()


def test_measures_reach_the_ledger_and_a_listener_that_may_end_the_run(shop, stores):
    log = (
        "from shopr.config import Settings\nfrom shopr.tracking.runs import run\n"
        "with run('{name}', settings=Settings()) as made:\n"
        "    for step in range(3):\n        made.metrics({{'ndcg@10': step / 10, 'bad': float('nan')}}, step=step)"
    )
    work = shop(log.format(name="first"), log.format(name="second"))
    heard = Heard()
    done = run_spec(stores, work, listener=heard)
    expected = {"ndcg_at_10": 0.2, "first/ndcg_at_10": 0.2, "second/ndcg_at_10": 0.2}
    assert done.metrics == expected
    assert row(stores, done.run_id)["metrics"] == expected
    assert [step for _, step in heard.metrics] == [0, 1, 2, 0, 1, 2]
    assert client(stores).get_run(done.mlflow_run_id).data.metrics["ndcg_at_10"] == 0.2

    class Enough(Listener):
        def measured(self, metrics, step):
            return Ended(State.KILLED, None, Reason.PRUNED, "enough")

    endless = log.format(name="x") + "\nimport threading\nthreading.Event().wait()"
    done = run_spec(stores, shop(endless), listener=Enough())
    assert (done.state, done.reason, done.message) == (State.KILLED, "pruned", "enough")
    assert client(stores).get_run(done.mlflow_run_id).info.status == "KILLED"
    assert "Ended here: enough." in done.page.read_text()


def test_progress_and_logs_on_request_silence_for_programs(shop, stores, capfd, monkeypatch):
    monkeypatch.setenv("SHOPR_PROGRESS", "1")
    shop("print('one')", "print('two')")
    with pytest.raises(SystemExit):
        main(["run", "work.yaml", "--logs"])
    out, err = capfd.readouterr()
    assert "is done in" in out
    lines = err.splitlines()
    assert "Run work: cell 3 of 3" in lines
    assert "[2/3] one" in lines
    assert "[3/3] two" in lines
    with pytest.raises(SystemExit):
        main(["run", "work.yaml", "--json", "--force", "--logs"])
    out, err = capfd.readouterr()
    assert err == ""
    assert json.loads(out)["state"] == "DONE"
    with pytest.raises(SystemExit):
        main(["run", "work.yaml", "--force"])
    assert "Run work: cell 3 of 3" in capfd.readouterr().err, "a command's silence must end with it"


def serve(port: int, store: str, artifacts: str) -> None:
    """MLflow's own server, in a process that has imported it already."""
    os.environ |= {"_MLFLOW_SERVER_FILE_STORE": store, "_MLFLOW_SERVER_REGISTRY_STORE": store}
    os.environ |= {"_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/", "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true"}
    os.environ |= {"_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts}
    from mlflow.server import app
    from werkzeug.serving import make_server

    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


@pytest.fixture
def server(stores: Settings, tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A real MLflow server: its address, and how to end it."""
    with closing(create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    store, served = stores.mlflow_uri, str(tmp_path / "served")
    process = multiprocessing.get_context("fork").Process(target=serve, args=(port, store, served), daemon=True)
    process.start()

    def end() -> None:
        process.kill()
        process.join()

    def answers() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
        return False

    address = f"http://127.0.0.1:{port}"
    try:
        until(answers)
        yield address, end
    finally:
        end()


def test_an_mlflow_server_that_goes_away_meanwhile(shop, stores, server, tmp_path, monkeypatch, capsys):
    """The run's state is true at once, its notebook is here, and the store hears of it when it answers again."""
    address, end = server
    monkeypatch.setenv("SHOPR_MLFLOW_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    work = shop(
        "open(marker, 'w').close()\nimport os, select\nwhile os.path.exists(marker): select.select([], [], [], .05)"
    )
    marker = tmp_path / "m"

    def pause(seconds: float) -> None:
        quick(seconds)
        if marker.exists():
            end()
            marker.unlink()

    settings = Settings()
    done = run_spec(settings, work, {"marker": str(marker)}, pause=pause)
    assert (done.state, done.pending) == (State.DONE, True)
    assert done.output.is_file()
    assert done.page.is_file()
    seen = row(settings, done.run_id)
    assert (seen["state"], seen["mlflow_pending"]) == (State.DONE, "FINISHED")
    assert client(stores).get_run(done.mlflow_run_id).info.status == "RUNNING"  # the store itself, behind the server
    from shopr.cli.run import _tell

    _tell(done, False)
    assert "MLflow did not answer at the end: notebook and page are in" in capsys.readouterr().out
    monkeypatch.setenv("SHOPR_MLFLOW_URI", stores.mlflow_uri)
    (Path(tmp_path) / "served").mkdir(exist_ok=True)
    monkeypatch.setattr("shopr.workbench.running.settling._tell_mlflow", _without_files)
    assert reconcile(Settings()) == 0
    assert client(stores).get_run(done.mlflow_run_id).info.status == "FINISHED"
    assert row(settings, done.run_id)["mlflow_pending"] is None


def test_a_run_that_ends_on_a_server_adds_nothing_to_the_json_that_a_program_reads(server, monkeypatch, capsys):
    monkeypatch.setenv("SHOPR_MLFLOW_URI", server[0])
    api = client(Settings())
    api.set_terminated(api.create_run("0").info.run_id)
    assert capsys.readouterr().out == ""


def _without_files(settings: Settings, row: dict[str, object]) -> None:
    """The artifacts of a run that a server made are reached through that server alone."""
    from shopr.tracking.endings import end_run

    end_run(settings, str(row["mlflow_run_id"]), str(row["mlflow_pending"]))


def test_a_disk_that_is_full(shop, stores, monkeypatch, capsys):
    shop("1")
    real = Path.mkdir

    def full(self: Path, *args: object, **more: object) -> None:
        if "runs" in self.parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        real(self, *args, **more)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(SystemExit) as left:
        main(["run", "work.yaml"])
    assert left.value.code == 1
    assert "cannot be written: No space left on device. Free some space, or set SHOPR_HOME" in capsys.readouterr().err
    (only,) = Ledger(Database.open(stores)).recent()
    assert (only["state"], "No space left" in str(only["message"])) == (State.FAILED, True)


def test_a_ledger_that_is_damaged(shop, stores, capsys):
    shop("1")
    path = stores.home / "state.db"
    broken = b"this is no database" * 100
    for part in stores.home.glob("state.db*"):
        part.unlink()
    path.write_bytes(broken)
    for arguments in (["run", "work.yaml"], ["run", "--list"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 1
        err = capsys.readouterr().err
        assert "is damaged or no SQLite database. Move the file away and restore it from a backup" in err
        assert len(err.splitlines()) == 1
    assert path.read_bytes() == broken


def test_a_notebook_without_a_failure_has_none(tmp_path):
    path = tmp_path / "executed.ipynb"
    assert pages.failure(path) is None
    path.write_text("no json")
    assert pages.failure(path) is None
    pages.annotate(path, "x")
    assert path.read_text() == "no json"
