"""Runs: true terminal states, lineage, nesting, absolute paths, and stores that refuse."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from shopr.config import Settings
from shopr.errors import InputError, StorageError
from shopr.tracking import store
from shopr.tracking.endings import end_below, end_run, exists, tagged
from shopr.tracking.lineage import lineage_tags, lock_hash, package_hash
from shopr.tracking.runs import PARENT_VARIABLE, run
from tests.waiting import PATIENCE


def found(settings, run_id):
    return store.client(settings).get_run(run_id)


def test_a_run_that_ends_well(stores, clock):
    with run(
        "first",
        settings=stores,
        params={"lam": 200, "name": "ease"},
        tags={"why": "test"},
        seed=7,
        data="f00",
        clock=clock,
    ) as made:
        made.metrics({"ndcg@10": 0.25, "nothing": float("nan"), "endless": float("inf")})
        made.table(pd.DataFrame({"a": [1, 2]}), "tables/board")
        made.json({"x": [1]}, "x.json")
        clock.advance(3)
    seen = found(stores, made.run_id)
    assert seen.info.status == "FINISHED"
    assert seen.info.end_time - seen.info.start_time == 3000
    assert seen.data.params == {"lam": "200", "name": "ease", "seed": "7"}
    assert seen.data.metrics == {"ndcg_at_10": 0.25}
    tags = seen.data.tags
    assert (tags["why"], tags["shopr.data"]) == ("test", "f00")
    assert tags["shopr.source"] == package_hash()
    assert len(lock_hash()) == 16
    assert tags["shopr.python"] == ".".join(map(str, sys.version_info[:3]))
    assert "numpy==" in tags["shopr.libraries"]
    folder = Path(made.artifact_uri.removeprefix("file://"))
    assert folder.is_relative_to(stores.artifact_root)
    assert (folder / "tables" / "board.csv").read_text() == "a\n1\n2\n"


def test_lineage_names_the_commit_and_whether_it_is_the_whole_truth(tmp_path, monkeypatch):
    def git(*arguments):
        command = ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.org", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr("shopr.tracking.lineage._GIT_SECONDS", PATIENCE)
    assert "mlflow.source.git.commit" not in lineage_tags()
    git("init", "--quiet")
    git("add", "pyproject.toml")
    git("commit", "--quiet", "--message", "Begin")
    tags = lineage_tags()
    assert (tags["mlflow.source.git.commit"], tags["shopr.git_dirty"]) == (git("rev-parse", "HEAD"), "false")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shopr"\nversion = "1"\n')
    assert lineage_tags()["shopr.git_dirty"] == "true"
    monkeypatch.setattr("shopr.tracking.lineage._GIT_SECONDS", 0.0)
    assert not {"mlflow.source.git.commit", "shopr.git_dirty"} & set(lineage_tags())


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(1), "KILLED")],
)
def test_a_run_that_ends_badly_says_so(stores, error, status):
    with pytest.raises(type(error)), run("bad", settings=stores) as made:
        raise error
    seen = found(stores, made.run_id)
    assert seen.info.status == status
    assert seen.data.tags.get("shopr.error") == ("ValueError: no" if status == "FAILED" else None)


def test_sigterm_ends_a_run_as_killed(stores):
    with pytest.raises(SystemExit) as left, run("ended", settings=stores) as made:
        os.kill(os.getpid(), signal.SIGTERM)
    assert left.value.code == 128 + signal.SIGTERM
    assert found(stores, made.run_id).info.status == "KILLED"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_runs_nest_under_a_parent_or_the_run_of_the_notebook(stores, monkeypatch):
    with run("study", settings=stores) as parent:
        with run("trial", settings=stores, parent=parent) as trial:
            pass
        monkeypatch.setenv(PARENT_VARIABLE, parent.run_id)
        with run("in a notebook", settings=stores) as nested:
            pass
        monkeypatch.delenv(PARENT_VARIABLE)
    assert {trial.run_id, nested.run_id} == set(tagged(stores, "mlflow.parentRunId", parent.run_id))


def test_what_a_dead_process_left_open_is_ended(stores):
    api = store.client(stores)
    folder = store.experiment_id(stores, "other")
    parent = api.create_run(folder).info.run_id
    child = api.create_run(folder, tags={"mlflow.parentRunId": parent}).info.run_id
    grandchild = api.create_run("0", tags={"mlflow.parentRunId": child}).info.run_id
    done = api.create_run(folder, tags={"mlflow.parentRunId": parent}).info.run_id
    api.set_terminated(done, "FINISHED")
    end_below(stores, parent)
    assert [found(stores, r).info.status for r in (parent, child, grandchild, done)] == [
        "RUNNING",
        "KILLED",
        "KILLED",
        "FINISHED",
    ]
    end_run(stores, parent, "FAILED")
    assert found(stores, parent).info.status == "FAILED"
    end_run(stores, "0" * 32)  # gone: nothing to end
    assert not exists(stores, "0" * 32)
    assert exists(stores, parent)


def test_an_artifact_that_does_not_exist_is_the_callers_error(stores, tmp_path):
    with run("a", settings=stores) as made, pytest.raises(InputError, match=r"nothing\.png does not exist"):
        made.artifact(tmp_path / "nothing.png")


def test_a_deleted_experiment_comes_back(stores):
    api = store.client(stores)
    first = store.experiment_id(stores, "study 1/a")
    assert store.experiment_id(stores, "study 1/a") == first
    assert Path(api.get_experiment(first).artifact_location.removeprefix("file://")).name == "study_1_a"
    api.delete_experiment(first)
    assert store.experiment_id(stores, "study 1/a") == first


def test_paths_do_not_depend_on_the_working_folder(stores, tmp_path):
    """A relative address is taken from the project, not from where a notebook happens to run."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = (
        "from shopr.config import Settings\nfrom shopr.tracking.runs import run\n"
        "with run('away', settings=Settings()) as made:\n    made.text('hello', 'note.txt')\nprint(made.artifact_uri)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=elsewhere, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    folder = Path(done.stdout.strip().removeprefix("file://"))
    assert folder.is_relative_to(stores.artifact_root)
    assert (folder / "note.txt").read_text() == "hello"
    assert list(elsewhere.iterdir()) == []
    relative = Settings(mlflow_uri="sqlite:///some/mlflow.db").mlflow_uri
    assert Path(relative.removeprefix("sqlite:///")).is_absolute()


# -- stores that refuse ------------------------------------------------------------------------------------------------


def refusal(settings: Settings) -> str:
    with pytest.raises(StorageError) as refused, run("x", settings=settings):
        pass
    line = refused.value.one_line()
    assert "\n" not in line
    assert len(line) < 400
    return line


def test_a_damaged_store(settings):
    path = Path(settings.mlflow_uri.removeprefix("sqlite:///"))
    path.write_bytes(b"this is no database" * 100)
    assert "is damaged. Move the file away" in refusal(settings)


def test_a_store_that_cannot_be_opened(tmp_path):
    (tmp_path / "file").write_text("")
    line = refusal(Settings(mlflow_uri=f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}"))
    assert str(tmp_path / "file") in line


def test_a_locked_store(stores):
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def impatient(_connection, _cursor, statement, parameters, _context, _many):
        return statement.replace("busy_timeout = 20000", "busy_timeout = 20"), parameters

    store.client(stores)
    event.listen(Engine, "before_cursor_execute", impatient, retval=True)
    try:
        with sqlite3.connect(stores.mlflow_uri.removeprefix("sqlite:///")) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert "is locked by another process. Wait for it to finish" in refusal(stores)
            other.rollback()
    finally:
        event.remove(Engine, "before_cursor_execute", impatient)


def test_the_file_of_a_store():
    assert store.sqlite_path("sqlite:////a/b.db?timeout=5") == Path("/a/b.db")
    assert store.sqlite_path("http://host:5000") is None


def test_a_read_only_store(stores):
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def read_only(connection, _record):
        connection.execute("PRAGMA query_only = ON")

    event.listen(Engine, "connect", read_only)
    try:
        line = refusal(stores)
    finally:
        event.remove(Engine, "connect", read_only)
    assert "is read-only. Make the file and its folder writable" in line


def test_a_server_that_does_not_answer(settings, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Settings(mlflow_uri="http://ann:secret@127.0.0.1:9")
    line = refusal(away)
    assert "does not answer. Start the MLflow server" in line
    assert "secret" not in line


def test_a_disk_without_room_fails_the_run_and_says_so(stores, monkeypatch, tmp_path):
    import shutil

    local = tmp_path / "page.html"
    local.write_text("page")

    def full(_source, target, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target.name))

    with (
        pytest.raises(StorageError, match=r"has no room left. Free some disk space"),
        run("full", settings=stores) as made,
        monkeypatch.context() as patched,
    ):
        patched.setattr(shutil, "copyfileobj", full)
        made.artifact(local)
    assert found(stores, made.run_id).info.status == "FAILED"


def test_the_first_error_is_the_one_that_is_raised(stores, monkeypatch, caplog):
    """A store that goes away in the middle does not hide what went wrong in the run."""
    with pytest.raises(ValueError, match="mine"), run("x", settings=stores) as made:
        Path(stores.mlflow_uri.removeprefix("sqlite:///")).write_bytes(b"damaged" * 1000)
        store._client(stores.mlflow_uri)._tracking_client.store.engine.dispose()
        raise ValueError("mine")
    assert f"run {made.run_id} is FAILED, but not on record" in caplog.text
