"""The ledger of notebook runs: one row a run, its state always true, also after kill -9.

    QUEUED → RUNNING → DONE | FAILED | KILLED
                     ↘ LOST      the runner vanished: found by the next `reconcile`

What a DONE run already answers is served from it: the command says CACHED, and no row is written, except for a trial of
a sweep, whose row says which trial the answer was used for. A sweep is a row, too: its trials name it as their parent.
Only a sweep that is resumed leaves a terminal state.

A runner writes a heartbeat; whoever comes next declares a run LOST whose process is gone. Where it cannot be asked for,
on another host, a heartbeat that is too old tells.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import Select, delete, insert, select, update

from shopr.clock import Clock, SystemClock
from shopr.storage.database import Database
from shopr.storage.tables import run_ledger

__all__ = ["HEARTBEAT_SECONDS", "OPEN", "Ledger", "State"]

HEARTBEAT_SECONDS = 2.0
_STALE = timedelta(seconds=15 * HEARTBEAT_SECONDS)


class State(StrEnum):
    """Where a run stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    KILLED = "KILLED"
    LOST = "LOST"
    CACHED = "CACHED"


OPEN = (State.QUEUED, State.RUNNING)
"""States of runs that have not ended."""


class Ledger:
    """Reads and writes the table `run_ledger`.

    Args:
        database: where it is.
        clock: for its times.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def open(
        self,
        spec: str,
        notebook: str,
        parameters: Mapping[str, Any],
        *,
        key: str,
        ingredients: Mapping[str, str],
        kind: str = "run",
        parent_id: str | None = None,
        trial: int | None = None,
    ) -> str:
        """Enter a run (or a sweep, by `kind`) as QUEUED; returns its id."""
        run_id = uuid4().hex
        with self._database.begin() as connection:
            connection.execute(
                insert(run_ledger).values(
                    run_id=run_id,
                    spec=spec,
                    notebook=notebook,
                    parameters=dict(parameters),
                    state=State.QUEUED,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    started_at=self._clock.now(),
                    heartbeat_at=self._clock.now(),
                    cache_key=key,
                    ingredients=dict(ingredients),
                    kind=kind,
                    parent_id=parent_id,
                    trial=trial,
                    attempts=1,
                )
            )
        return run_id

    def describe(self, run_id: str, parameters: Mapping[str, Any], key: str, ingredients: Mapping[str, str]) -> None:
        """What a run that was entered before is made of."""
        self._set(run_id, parameters=dict(parameters), cache_key=key, ingredients=dict(ingredients))

    def running(self, run_id: str, mlflow_run_id: str) -> None:
        """The run starts now, and is kept in MLflow under this id."""
        self._set(run_id, state=State.RUNNING, mlflow_run_id=mlflow_run_id, heartbeat_at=self._clock.now())

    def resume(self, run_id: str) -> None:
        """A sweep that had ended goes on in this process."""
        row = self.get(run_id) or {}
        self._set(
            run_id, state=State.RUNNING, pid=os.getpid(), host=socket.gethostname(), started_at=self._clock.now(),
            heartbeat_at=self._clock.now(), ended_at=None, message=None, reason=None, mlflow_pending=None,
            attempts=(row.get("attempts") or 1) + 1,
        )  # fmt: skip

    def beat(self, run_id: str, **progress: Any) -> None:
        """The runner is alive; `cell` of `cells` says how far it is, `attempts` how often it tried."""
        self._set(run_id, heartbeat_at=self._clock.now(), **progress)

    def close(
        self,
        run_id: str,
        state: State,
        *,
        exit_status: int | None = None,
        message: str = "",
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        mlflow_pending: str | None = None,
    ) -> None:
        """The run has ended.

        Args:
            reason: in one word why it did not succeed.
            metrics: what it measured.
            mlflow_pending: the terminal status that MLflow could not be told.
        """
        self._set(
            run_id, state=state, exit_status=exit_status, message=message, reason=reason, ended_at=self._clock.now(),
            metrics=None if metrics is None else dict(metrics), mlflow_pending=mlflow_pending,
        )  # fmt: skip

    def get(self, run_id: str) -> dict[str, Any] | None:
        """One row; None if there is none."""
        return self._first(select(run_ledger).where(run_ledger.c.run_id == run_id))

    def recent(self, n: int = 20, spec: str | None = None) -> list[dict[str, Any]]:
        """The newest rows first."""
        query = select(run_ledger).order_by(run_ledger.c.started_at.desc(), run_ledger.c.run_id).limit(n)
        if spec is not None:
            query = query.where(run_ledger.c.spec == spec)
        return self._all(query)

    def finished(self, key: str) -> dict[str, Any] | None:
        """The newest DONE run with this cache key; None if there is none."""
        done = (run_ledger.c.cache_key == key) & (run_ledger.c.state == State.DONE) & (run_ledger.c.kind == "run")
        return self._first(select(run_ledger).where(done).order_by(run_ledger.c.ended_at.desc()))

    def last_done(self, spec: str) -> dict[str, Any] | None:
        """The newest DONE run of a spec; None if there is none."""
        done = (run_ledger.c.spec == spec) & (run_ledger.c.state == State.DONE) & (run_ledger.c.kind == "run")
        return self._first(select(run_ledger).where(done).order_by(run_ledger.c.ended_at.desc()))

    def rows(self, *, states: Sequence[State] | None = None, pending: bool = False) -> list[dict[str, Any]]:
        """All rows, the newest first: of some states, or those whose MLflow run is still to be ended."""
        query = select(run_ledger).order_by(run_ledger.c.started_at.desc(), run_ledger.c.run_id)
        if states is not None:
            query = query.where(run_ledger.c.state.in_(states))
        if pending:
            query = query.where(run_ledger.c.mlflow_pending.is_not(None))
        return self._all(query)

    def vanished(self) -> list[dict[str, Any]]:
        """Open runs whose runner vanished: their processes and MLflow runs must end before they are declared LOST."""
        return [row for row in self.rows(states=OPEN) if self.is_vanished(row)]

    def lose(self, run_id: str) -> None:
        """Declare a run LOST, unless it came to its end meanwhile; its MLflow run remains to be ended as KILLED."""
        ends = {
            "state": State.LOST, "message": "its runner vanished", "reason": "vanished", "ended_at": self._clock.now(),
            "mlflow_pending": "KILLED",
        }  # fmt: skip
        row = (run_ledger.c.run_id == run_id) & run_ledger.c.state.in_(OPEN)
        with self._database.begin() as connection:
            connection.execute(update(run_ledger).where(row).values(**ends))

    def settle(self, run_id: str) -> None:
        """MLflow knows now how the run ended."""
        self._set(run_id, mlflow_pending=None)

    def forget(self, run_ids: Sequence[str]) -> None:
        """Remove the rows of runs that nothing needs any more."""
        with self._database.begin() as connection:
            connection.execute(delete(run_ledger).where(run_ledger.c.run_id.in_(list(run_ids))))

    def is_vanished(self, row: Mapping[str, Any]) -> bool:
        """Whether the process that runs an open row is gone."""
        stale = bool(self._clock.now() - row["heartbeat_at"] > _STALE)
        if row["host"] != socket.gethostname():
            return stale
        try:
            process = psutil.Process(row["pid"])
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            began = process.create_time()
        except psutil.Error:
            return True
        # A number is given to another process in time; the runner itself is older than its run, and only busy.
        return stale and began > row["started_at"].timestamp() + 1

    def _first(self, query: Select[Any]) -> dict[str, Any] | None:
        with self._database.read() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return None if row is None else dict(row)

    def _all(self, query: Select[Any]) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _set(self, run_id: str, **values: Any) -> None:
        with self._database.begin() as connection:
            connection.execute(update(run_ledger).where(run_ledger.c.run_id == run_id).values(**values))
