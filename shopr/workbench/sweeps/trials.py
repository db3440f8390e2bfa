"""The trials of sweeps in the ledger: each worker takes the next one that nobody has, in one transaction."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert, select

from shopr.clock import Clock, SystemClock
from shopr.storage.database import Database
from shopr.storage.tables import run_ledger
from shopr.workbench.running.ledger import Ledger, State

__all__ = ["FINAL", "Trials"]

FINAL = (State.DONE, State.CACHED, State.FAILED)
"""States of trials that have an answer, be it that the notebook fails."""
_AGAIN = ("vanished", "budget", "orphaned", "interrupted", "died")
_MOST_LOSSES = 3


class Trials:
    """The rows of one sweep.

    Args:
        database: where they are.
        sweep_id: the sweep's own row.
        clock: for their times.
    """

    def __init__(self, database: Database, sweep_id: str, clock: Clock | None = None) -> None:
        self._database = database
        self.sweep_id = sweep_id
        self._clock = clock or SystemClock()
        self._ledger = Ledger(database, self._clock)

    def claim(self, spec: str, notebook: str, total: int) -> tuple[str, int] | None:
        """Enter the next trial as this process's: its row and its number; None if all `total` are taken.

        A trial that was lost, or that was cut short before the sweep was resumed, is free again, three times at most.
        """
        own = run_ledger.c.run_id == self.sweep_id
        with self._database.begin() as connection:
            # The lock on the sweep's row lets one worker choose at a time; SQLite's transaction does so by itself.
            sweep = connection.execute(select(run_ledger.c.started_at).where(own).with_for_update()).one()
            seen = self._seen(connection)
            free = (n for n in range(total) if n not in seen or _free(seen[n], sweep.started_at))
            number = next(free, None)
            if number is None:
                return None
            run_id = uuid4().hex
            now = self._clock.now()
            connection.execute(
                insert(run_ledger).values(
                    run_id=run_id, spec=spec, notebook=notebook, parameters={}, state=State.QUEUED, kind="run",
                    host=socket.gethostname(), pid=os.getpid(), started_at=now, heartbeat_at=now, attempts=1,
                    parent_id=self.sweep_id, trial=number,
                )
            )  # fmt: skip
        return run_id, number

    def rows(self) -> list[dict[str, Any]]:
        """The newest row of each trial, by number."""
        query = select(run_ledger).where(run_ledger.c.parent_id == self.sweep_id).order_by(run_ledger.c.started_at)
        with self._database.read() as connection:
            found = {row["trial"]: dict(row) for row in connection.execute(query).mappings()}
        return [found[number] for number in sorted(found)]

    def open(self) -> bool:
        """Whether somebody is at a trial, or was and nobody knows yet that they are gone."""
        query = select(run_ledger.c.run_id).where(
            run_ledger.c.parent_id == self.sweep_id, run_ledger.c.state.in_((State.QUEUED, State.RUNNING))
        )
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def lost(self) -> bool:
        """Whether a trial was lost and may be made again."""
        with self._database.read() as connection:
            seen = self._seen(connection)
        return any(rows[-1]["state"] == State.LOST and len(rows) < _MOST_LOSSES for rows in seen.values())

    def _seen(self, connection: Connection) -> dict[int, list[Any]]:
        """The rows of each trial that was taken, the oldest first."""
        columns = (run_ledger.c.trial, run_ledger.c.state, run_ledger.c.reason, run_ledger.c.ended_at)
        query = select(*columns).where(run_ledger.c.parent_id == self.sweep_id).order_by(run_ledger.c.started_at)
        seen: dict[int, list[Any]] = {}
        for row in connection.execute(query).mappings():
            seen.setdefault(row["trial"], []).append(row)
        return seen

    def orphaned(self) -> bool:
        """Whether the sweep has ended, or its process is gone: then nobody waits for its trials."""
        row = self._ledger.get(self.sweep_id)
        return row is None or row["state"] not in (State.QUEUED, State.RUNNING) or self._ledger.is_vanished(row)

    @staticmethod
    def latest(database: Database, name: str) -> dict[str, Any] | None:
        """The newest sweep of this name; None if there is none."""
        query = (
            select(run_ledger)
            .where(run_ledger.c.kind == "sweep", run_ledger.c.spec == name)
            .order_by(run_ledger.c.started_at.desc())
            .limit(1)
        )
        with database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else dict(row)


def _free(rows: Sequence[Mapping[str, Any]], since: Any) -> bool:
    last = rows[-1]
    if len(rows) >= _MOST_LOSSES or last["state"] in (State.QUEUED, State.RUNNING, *FINAL):
        return False
    return bool(last["state"] == State.LOST or (last["reason"] in _AGAIN and last["ended_at"] < since))
