"""The processes that execute scheduled runs, and what became of them by the ledger's word.

One process a run: it notes itself on its row, runs the spec as `shopr run` would, and ends. The ledger alone is asked
how that went, by the scheduler that started it or, if that one was killed, by the next. A worker ends with its
scheduler.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import psutil
from sqlalchemy import select

from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.errors import InputError
from shopr.storage.database import Database
from shopr.storage.lease import gone
from shopr.storage.tables import run_ledger
from shopr.workbench.running.ledger import State
from shopr.workbench.schedule.store import Row, RunState, ScheduleStore

__all__ = ["Handle", "Truth", "Workers", "WorkersOfProcesses", "end_with_scheduler", "main"]

_STARTING, _LOADING = timedelta(seconds=60), timedelta(seconds=600)
_SLACK = timedelta(seconds=2)
_GRACE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Truth:
    """How a claim ended.

    Attributes:
        state: DONE, FAILED, KILLED; or None: its worker vanished, and the run has to be started again.
        ledger_run_id: of the run, where there was one.
        message: why it did not end well.
    """

    state: RunState | None
    ledger_run_id: str | None = None
    message: str = ""


class Handle(Protocol):
    """A worker that was started by this scheduler."""

    def ended(self) -> bool:
        """Whether it is over."""

    def end(self) -> None:
        """Ask it to end."""

    def wait(self) -> None:
        """Wait until it is over, by force if need be."""


class Workers(Protocol):
    """What a scheduler asks of those who execute runs."""

    def start(self, row: Row, token: str, *, cache: bool, done: Callable[[], None]) -> Handle:
        """Start the worker of a claim; it calls `done` when it ends."""

    def truth(self, row: Row) -> Truth | None:
        """How a claim ended, if its worker is no more; None while it may be at work."""


class _Process:
    """A worker process, watched by a thread so that its end wakes the scheduler."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], log: Path, done: Callable[[], None]
    ) -> None:
        with log.open("wb") as sink:
            # Standard input closes when this process goes, however it goes: the worker then ends itself.
            self._child = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=sink,
                env=environment,
                start_new_session=True,
            )
        self._over = threading.Event()
        threading.Thread(target=self._watch, args=(done,), daemon=True, name=f"worker {self._child.pid}").start()

    def _watch(self, done: Callable[[], None]) -> None:
        self._child.wait()
        self._over.set()
        done()

    def ended(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        with suppress(OSError):
            self._child.terminate()

    def wait(self) -> None:
        if not self._over.wait(_GRACE_SECONDS):
            _kill_below(self._child.pid)
            with suppress(OSError):
                self._child.kill()
            self._over.wait(_GRACE_SECONDS)
        if self._child.stdin is not None:
            self._child.stdin.close()


class WorkersOfProcesses:
    """Runs of specs in processes of their own.

    Args:
        settings: whose stores and shop they work on.
        store: where their rows are.
        module: what is executed: `python -m module ROW TOKEN CACHE`.
    """

    def __init__(
        self, settings: Settings, store: ScheduleStore, module: str = "shopr.workbench.schedule.workers"
    ) -> None:
        self._settings, self._store, self._module = settings, store, module

    def start(self, row: Row, token: str, *, cache: bool, done: Callable[[], None]) -> Handle:
        """Start the worker of a claim; what it says goes to a file under `SHOPR_HOME`/schedule."""
        folder = self._settings.home / "schedule"
        folder.mkdir(parents=True, exist_ok=True)
        values = self._settings
        environment = {
            **os.environ,
            "SHOPR_HOME": str(values.home),
            "SHOPR_DATABASE_URL": values.database_url,
            "SHOPR_MLFLOW_URI": values.mlflow_uri,
            "SHOPR_ARTIFACT_ROOT": str(values.artifact_root),
            "SHOPR_SHOP": values.shop,
        }
        command = [sys.executable, "-m", self._module, str(row["id"]), token, json.dumps(cache)]
        return _Process(command, environment, folder / f"{row['job']}.log", done)

    def truth(self, row: Row) -> Truth | None:
        """What the ledger says of a claim whose worker is no more; None while the worker may be at work."""
        if row["ledger_run_id"]:  # it was served from a run that had finished before
            return Truth(RunState.DONE, row["ledger_run_id"])
        run = self._run(row)
        if run is None:
            return (
                Truth(None, None, f"its worker ended before it began a run; see schedule/{row['job']}.log")
                if self._is_gone(row)
                else None
            )
        if run["state"] in (State.QUEUED, State.RUNNING):
            if row["host"] == socket.gethostname() and not self._is_gone(row):
                return None
            from shopr.workbench.running.executor import reconcile

            reconcile(self._settings)
            run = self._run(row) or run
        return _truth_of(run)

    def _run(self, row: Row) -> dict[str, Any] | None:
        """The newest run in the ledger of the process that took the claim, begun after it did."""
        if row["pid"] is None:
            return None
        theirs = (run_ledger.c.host == row["host"]) & (run_ledger.c.pid == row["pid"])
        since = run_ledger.c.started_at >= row["began_at"] - _SLACK
        query = select(run_ledger).where(theirs, since).order_by(run_ledger.c.started_at.desc()).limit(1)
        with self._store.database.read() as connection:
            found = connection.execute(query).mappings().first()
        return None if found is None else dict(found)

    def _is_gone(self, row: Row) -> bool:
        if row["pid"] is None:
            # Not noted yet: on this host the claim is taken back, and a worker that comes late finds it so.
            if row["host"] == socket.gethostname():
                return True
            return bool(self._store.now() - row["claimed_at"] > _STARTING)
        if row["host"] == socket.gethostname():
            return gone(row["host"], row["pid"], row["began_at"])
        return bool(self._store.now() - row["claimed_at"] > _LOADING)


def _truth_of(run: dict[str, Any]) -> Truth | None:
    state, run_id, message = run["state"], run["run_id"], run["message"] or ""
    if state == State.DONE:
        return Truth(RunState.DONE, run_id)
    if state == State.LOST or (state == State.KILLED and run.get("reason", message) == "interrupted"):
        return Truth(None, run_id, message or "its runner vanished")
    if state in (State.FAILED, State.KILLED):
        return Truth(RunState.FAILED, run_id, message)
    return None


def _kill_below(pid: int) -> None:
    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                process.kill()


def end_with_scheduler() -> None:
    """Wait in the background for the scheduler to go, however it goes; then end everything below, and this process."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1):
                pass
        _kill_below(os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="scheduler", daemon=True).start()


def main() -> None:
    """A worker's entry: ROW TOKEN CACHE."""
    end_with_scheduler()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    row_id, token, cache = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    settings = Settings()
    store = ScheduleStore(Database.open(settings), "")
    row = store.note(row_id, token)
    if row is None:
        print("the claim holds no more", file=sys.stderr)  # noqa: T201
        return
    try:
        _work(settings, store, row, cache=cache)
    except InputError as error:  # another attempt would be refused, too
        store.finish(row, RunState.FAILED, message=error.one_line())
        sys.exit(error.one_line())


def _work(settings: Settings, store: ScheduleStore, row: Row, *, cache: bool) -> None:
    from shopr.workbench.running.executor import run_spec
    from shopr.workbench.specs.spec import RunSpec, load

    spec = load(project_root() / row["spec"])
    if not isinstance(spec, RunSpec):
        raise InputError(f"{row['spec']} has kind {spec.kind!r}", hint="A job runs a spec of kind: run")
    done = run_spec(settings, spec, row["parameters"], force=not cache)
    if done.state == State.CACHED:
        store.serve(row["id"], row["token"], done.run_id)
    print(f"{done.state}: run {done.run_id} {done.message}")  # noqa: T201


if __name__ == "__main__":
    main()
