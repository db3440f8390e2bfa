"""What killed processes left open is brought to its true end: their processes, their MLflow runs, their rows.

Every `shopr` command does so before it prints anything, and every process that runs notebooks does so at each
heartbeat for the others. Where MLflow does not answer, the ledger is true all the same, and what MLflow must still be
told is kept there for the next time. The same processes answer alerts about models, and evaluate alert rules, one of
them by a lease.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from shopr.analytics.alerts.raised import Alerts
from shopr.clock import Clock
from shopr.config import Settings
from shopr.errors import ShoprError, StorageError
from shopr.storage.database import Database
from shopr.storage.lease import Lease
from shopr.tracking.witness import TAG, Witness, left_behind
from shopr.workbench.running.ledger import HEARTBEAT_SECONDS, Ledger, State
from shopr.workbench.running.processes import end_marked

__all__ = ["LEDGER_TAG", "ModelWatch", "reconcile", "run_folder", "watching"]

LEDGER_TAG = "shopr.ledger"
"""Tag of an MLflow run that names its row in the ledger."""
_EVERY_BEATS = 15
_ALERT_BEATS = 5
_RULE_SECONDS = 15.0
_ENDING_SECONDS = 20.0
"""Between two looks at the alert rules; a process that is over sooner never begins."""
_log = logging.getLogger(__name__)


def run_folder(settings: Settings, run_id: str) -> Path:
    """Where a run's notebook, page and logs are kept."""
    return settings.home / "runs" / run_id


def reconcile(settings: Settings, clock: Clock | None = None) -> int:
    """End what vanished processes left open; returns how many runs of the ledger were found so.

    Raises:
        StorageError: if a store refuses. The ledger is true then where it could be written; the rest is tried again the
            next time.
    """
    ledger = Ledger(Database.open(settings), clock)
    lost = ledger.vanished()
    for row in lost:
        end_marked([row["run_id"]])
        ledger.lose(row["run_id"])
    left = left_behind(settings.home)
    for row in ledger.rows(pending=True):
        _tell_mlflow(settings, row)
        ledger.settle(row["run_id"])
    for witness in left:
        if witness.content.get("kind") == "mlflow":
            _end_witnessed(settings, witness)
        witness.remove()
    return len(lost)


def _tell_mlflow(settings: Settings, row: dict[str, Any]) -> None:
    """End the MLflow run of a row as the ledger says, with the notebook that it could not be given before."""
    from shopr.tracking.endings import attach, end_run, tagged

    # A runner may vanish between making its MLflow run and noting it: then the run's tag tells.
    known = [row["mlflow_run_id"]] if row["mlflow_run_id"] else tagged(settings, LEDGER_TAG, row["run_id"])
    folder = run_folder(settings, row["run_id"])
    files = [folder / name for name in ("executed.ipynb", "executed.html")] if row["state"] != State.LOST else []
    for mlflow_run_id in known:
        attach(settings, mlflow_run_id, [path for path in files if path.is_file()])
        end_run(settings, mlflow_run_id, row["mlflow_pending"])


def _end_witnessed(settings: Settings, witness: Witness) -> None:
    from shopr.tracking.endings import end_run, tagged

    uri = witness.content.get("mlflow_uri")
    there = settings.model_copy(update={"mlflow_uri": uri}) if uri else settings
    run_id = witness.content.get("run_id")
    for known in [run_id] if run_id else tagged(there, TAG, witness.token, running=True):
        end_run(there, known, "KILLED", only_running=True)


class ModelWatch:
    """Answers alerts about the model that serves, in one process at a time, whichever holds the lease.

    MLflow is imported only where there is something to answer.

    Args:
        settings: whose alerts and models.
        clock: tells how old an alert is, and when the last rollback was.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings, self._clock = settings, clock
        self._database = Database.open(settings)
        self._lease = Lease(self._database, "model watch")

    def look(self) -> int:
        """Answer the open alerts, if this process leads; returns how many were answered.

        Raises:
            StorageError: if a store refuses; what was not answered stays open.
        """
        if not self._lease.hold() or not Alerts(self._database).open():
            return 0
        from shopr.tracking.watcher import respond

        answered = [r for r in respond(self._settings, clock=self._clock) if r.action != "wait"]
        for one in answered:
            _log.warning("alert %s: %s", one.alert_id[:8], one.outcome)
        return len(answered)

    def close(self) -> None:
        """Let another process lead."""
        if self._lease.held:
            self._lease.release()
        self._database.close()


class _Watch:
    """One thread of each kind a process, however many want it."""

    lock = threading.Lock()
    wanted = 0
    end = threading.Event()
    threads: tuple[threading.Thread, ...] = ()


@contextmanager
def watching(settings: Settings) -> Iterator[None]:
    """While the block runs, what other processes leave open is ended within one heartbeat, and rules are watched."""
    with _Watch.lock:
        _Watch.wanted += 1
        if _Watch.wanted == 1:
            _Watch.end = threading.Event()
            _Watch.threads = tuple(
                threading.Thread(target=work, args=(settings, _Watch.end), name=name, daemon=True)
                for name, work in (("shopr-watch", _watch), ("shopr-alerts", _watch_rules))
            )
            for thread in _Watch.threads:
                thread.start()
    try:
        yield
    finally:
        ending: tuple[threading.Thread, ...] = ()
        with _Watch.lock:
            _Watch.wanted -= 1
            if _Watch.wanted == 0:
                _Watch.end.set()
                ending, _Watch.threads = _Watch.threads, ()
        # A thread that is in compiled code when the interpreter ends aborts the whole process, whatever its result.
        for thread in ending:
            thread.join(_ENDING_SECONDS)


def _watch(settings: Settings, ended: threading.Event) -> None:
    """Look at the folder of open runs at each beat; into the stores now and then, where other hosts are on record."""
    beats, models = 0, None
    while not ended.wait(HEARTBEAT_SECONDS):
        beats += 1
        try:
            if left_behind(settings.home) or beats % _EVERY_BEATS == 0:
                reconcile(settings)
            if beats % _ALERT_BEATS == 0:
                models = models or ModelWatch(settings)
                models.look()
        except StorageError as refused:
            _log.debug("cannot reconcile now: %s", refused.one_line())
        except ShoprError as error:
            _log.warning("cannot reconcile: %s", error.one_line())
    if models is not None:
        with suppress(StorageError):
            models.close()


def _watch_rules(settings: Settings, ended: threading.Event) -> None:
    """Evaluate alert rules and deliver notices, in a thread of its own: neither must make a heartbeat late."""
    watch = None
    while not ended.wait(_RULE_SECONDS):
        try:
            if watch is None:
                from shopr.analytics.alerts.watch import AlertWatch

                watch = AlertWatch(settings)
            watch.look(ended.is_set)
        except StorageError as refused:
            _log.debug("cannot evaluate alert rules now: %s", refused.one_line())
        except ShoprError as error:
            _log.warning("cannot evaluate alert rules: %s", error.one_line())
        except Exception:
            _log.exception("cannot evaluate alert rules")
    if watch is not None:
        with suppress(StorageError):
            watch.close()
