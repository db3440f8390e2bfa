"""The ledger of notebook runs: one row a run, its state always true, also after kill -9.

    QUEUED → RUNNING → DONE | FAILED | KILLED
                     ↘ LOST      the runner vanished: found by the next `reconcile`

What a DONE run already answers is served from it: the command says CACHED, and no row is written.

A runner writes a heartbeat; whoever comes next declares a run LOST whose process is gone. Where it cannot be asked for,
on another host, a heartbeat that is too old tells.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import insert, select, update

from shopr.clock import Clock, SystemClock
from shopr.storage.database import Database
from shopr.storage.tables import run_ledger

__all__ = ["HEARTBEAT_SECONDS", "Ledger", "State"]

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


_OPEN = (State.QUEUED, State.RUNNING)


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
        self, spec: str, notebook: str, parameters: Mapping[str, Any], *, key: str, ingredients: Mapping[str, str]
    ) -> str:
        """Enter a run as QUEUED; returns its id."""
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
                )
            )
        return run_id

    def running(self, run_id: str, mlflow_run_id: str) -> None:
        """The run starts now, and is kept in MLflow under this id."""
        self._set(run_id, state=State.RUNNING, mlflow_run_id=mlflow_run_id, heartbeat_at=self._clock.now())

    def beat(self, run_id: str) -> None:
        """The runner is alive."""
        self._set(run_id, heartbeat_at=self._clock.now())

    def close(self, run_id: str, state: State, *, exit_status: int | None = None, message: str = "") -> None:
        """The run has ended."""
        self._set(run_id, state=state, exit_status=exit_status, message=message, ended_at=self._clock.now())

    def get(self, run_id: str) -> dict[str, Any] | None:
        """One row; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(run_ledger).where(run_ledger.c.run_id == run_id)).mappings().first()
        return None if row is None else dict(row)

    def recent(self, n: int = 20, spec: str | None = None) -> list[dict[str, Any]]:
        """The newest rows first."""
        query = select(run_ledger).order_by(run_ledger.c.started_at.desc(), run_ledger.c.run_id).limit(n)
        if spec is not None:
            query = query.where(run_ledger.c.spec == spec)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def finished(self, key: str) -> dict[str, Any] | None:
        """The newest DONE run with this cache key; None if there is none."""
        query = (
            select(run_ledger)
            .where(run_ledger.c.cache_key == key, run_ledger.c.state == State.DONE)
            .order_by(run_ledger.c.ended_at.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else dict(row)

    def last_done(self, spec: str) -> dict[str, Any] | None:
        """The newest DONE run of a spec; None if there is none."""
        query = (
            select(run_ledger)
            .where(run_ledger.c.spec == spec, run_ledger.c.state == State.DONE)
            .order_by(run_ledger.c.ended_at.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else dict(row)

    def vanished(self) -> list[dict[str, Any]]:
        """Open runs whose runner vanished: their processes and MLflow runs must end before they are declared LOST."""
        query = select(run_ledger).where(run_ledger.c.state.in_(_OPEN))
        with self._database.read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [row for row in rows if self._vanished(row)]

    def lose(self, run_id: str) -> None:
        """Declare a run LOST, unless it came to its end meanwhile."""
        ends = {"state": State.LOST, "message": "its runner vanished", "ended_at": self._clock.now()}
        row = (run_ledger.c.run_id == run_id) & run_ledger.c.state.in_(_OPEN)
        with self._database.begin() as connection:
            connection.execute(update(run_ledger).where(row).values(**ends))

    def _vanished(self, row: Mapping[str, Any]) -> bool:
        stale = bool(self._clock.now() - row["heartbeat_at"] > _STALE)
        if row["host"] != socket.gethostname():
            return stale
        try:
            began = psutil.Process(row["pid"]).create_time()
        except psutil.Error:
            return True
        # A number is given to another process in time; the runner itself is older than its run, and only busy.
        return stale and began > row["started_at"].timestamp() + 1

    def _set(self, run_id: str, **values: Any) -> None:
        with self._database.begin() as connection:
            connection.execute(update(run_ledger).where(run_ledger.c.run_id == run_id).values(**values))
