"""What a schedule owes and what became of it, in storage: one row a job and logical instant.

    PLANNED → RUNNING → DONE | FAILED | KILLED
       ↓ ↖______↙ a retry, or its worker vanished
    SKIPPED

A row is claimed by a transition that only one process can make: from PLANNED, by a leader that proves its lease in the
same transaction, under a token of its own. Whoever comes with an old token changes nothing. The unique constraint on
job and instant is the last guard against planning one twice.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.storage.database import Database
from shopr.storage.lease import Lease, began, database_now
from shopr.storage.tables import schedule_jobs as jobs_table
from shopr.storage.tables import schedule_runs as table

__all__ = ["OPEN", "Row", "RunState", "ScheduleStore"]

Row = Mapping[str, Any]
_BATCH = 500


class RunState(StrEnum):
    """Where the run of a job at an instant stands."""

    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    KILLED = "KILLED"
    SKIPPED = "SKIPPED"


OPEN = (RunState.PLANNED, RunState.RUNNING)
"""States that are not the end."""
_AT_FIRST = {"state": RunState.PLANNED, "attempts": 0, "losses": 0, "message": ""}


class ScheduleStore:
    """Reads and writes the tables of one schedule.

    Args:
        database: where they are.
        schedule: its name.
        clock: tells when a run ended.
    """

    def __init__(self, database: Database, schedule: str, clock: Clock | None = None) -> None:
        self.database, self.schedule = database, schedule
        self._clock = clock or SystemClock()

    def looked(self) -> dict[str, datetime]:
        """Job -> the moment up to which its instants were looked at; a job that is new is not in it."""
        return {name: row["looked_at"] for name, row in self.jobs().items()}

    def jobs(self) -> dict[str, Row]:
        """Job -> its row in `schedule_jobs`."""
        query = select(jobs_table).where(jobs_table.c.schedule == self.schedule)
        with self.database.read() as connection:
            return {row["job"]: dict(row) for row in connection.execute(query).mappings()}

    def plan(
        self,
        rows: Sequence[Row],
        *,
        lease: Lease | None = None,
        looked: Mapping[str, datetime] | None = None,
        missed: Mapping[str, Sequence[datetime]] | None = None,
    ) -> int:
        """Write what is owed, and how far it was looked, in one transaction; returns how many rows are new.

        Args:
            rows: `job`, `logical_at`, `due_at`, `origin`, `spec` and `parameters`; those known already stay.
            lease: proved, if given: a leader alone moves `looked`.
            looked: job -> the moment up to which its instants are looked at now.
            missed: job -> instants that no run answers.

        Raises:
            LeaseLostError: if another scheduler leads; nothing is kept then.
        """
        new = 0
        with self.database.begin() as connection:
            if lease is not None:
                lease.prove(connection)
            base = (sqlite.insert if self.database.is_sqlite else postgresql.insert)(table).on_conflict_do_nothing()
            known = [{"schedule": self.schedule, **_AT_FIRST, **row} for row in rows]
            for start in range(0, len(known), _BATCH):
                part = base.values(known[start : start + _BATCH]).returning(table.c.id)
                new += len(connection.execute(part).all())
            for job, moment in (looked or {}).items():
                self._look(connection, job, moment, (missed or {}).get(job, ()))
        return new

    def _look(self, connection: Connection, job: str, moment: datetime, missed: Sequence[datetime]) -> None:
        here = (jobs_table.c.schedule == self.schedule) & (jobs_table.c.job == job)
        values: dict[str, Any] = {"looked_at": moment}
        if missed:
            values |= {"missed": jobs_table.c.missed + len(missed), "missed_at": missed[-1]}
        if connection.execute(update(jobs_table).where(here).values(**values)).rowcount == 0:
            first = {"looked_at": moment, "missed": len(missed), "missed_at": missed[-1] if missed else None}
            connection.execute(insert(jobs_table).values(schedule=self.schedule, job=job, **first))

    def open_rows(self) -> list[Row]:
        """Rows that are PLANNED or RUNNING: those of the schedule before those filled in, each in order of instants."""
        query = select(table).where(self._own(), table.c.state.in_(OPEN))
        query = query.order_by(table.c.origin.desc(), table.c.logical_at, table.c.id)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def recent(self, n: int = 20, job: str | None = None) -> list[Row]:
        """The newest instants first."""
        query = select(table).where(self._own()).order_by(table.c.logical_at.desc(), table.c.id.desc()).limit(n)
        if job is not None:
            query = query.where(table.c.job == job)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def between(self, start: datetime, end: datetime, jobs: Collection[str]) -> dict[tuple[str, datetime], Row]:
        """(job, instant) -> row, of these jobs in [start, end]."""
        query = select(table).where(self._own(), table.c.job.in_(list(jobs)), table.c.logical_at.between(start, end))
        with self.database.read() as connection:
            return {(row["job"], row["logical_at"]): dict(row) for row in connection.execute(query).mappings()}

    def states(self, keys: Collection[tuple[str, datetime]]) -> dict[tuple[str, datetime], Row]:
        """(job, instant) -> row, of those that there are."""
        found: dict[tuple[str, datetime], Row] = {}
        wanted = list(keys)
        with self.database.read() as connection:
            for start in range(0, len(wanted), _BATCH):
                part = wanted[start : start + _BATCH]
                query = select(table).where(self._own(), tuple_(table.c.job, table.c.logical_at).in_(part))
                found |= {(row["job"], row["logical_at"]): dict(row) for row in connection.execute(query).mappings()}
        return found

    def claim(self, row: Row, lease: Lease) -> str | None:
        """Make a PLANNED row RUNNING under a new token, which is returned; None if it is PLANNED no more.

        Raises:
            LeaseLostError: if another scheduler leads.
        """
        token = uuid4().hex
        with self.database.begin() as connection:
            lease.prove(connection)
            values: dict[str, Any] = {"state": RunState.RUNNING, "token": token, "host": socket.gethostname()}
            values |= {"claimed_at": database_now(connection), "pid": None, "began_at": None, "ledger_run_id": None}
            values["message"] = ""
            here = (table.c.id == row["id"]) & (table.c.state == RunState.PLANNED)
            return token if connection.execute(update(table).where(here).values(**values)).rowcount else None

    def note(self, row_id: int, token: str) -> Row | None:
        """This process is the worker of a claim; None if the claim holds no more, and nothing must be run."""
        with self.database.begin() as connection:
            values = {"host": socket.gethostname(), "pid": os.getpid(), "began_at": began()}
            if not connection.execute(update(table).where(_claimed(row_id, token)).values(**values)).rowcount:
                return None
            row = connection.execute(select(table).where(table.c.id == row_id)).mappings().one()
        return dict(row)

    def serve(self, row_id: int, token: str, ledger_run_id: str) -> bool:
        """The claim was answered by this run, which was finished before."""
        return self._change(_claimed(row_id, token), ledger_run_id=ledger_run_id)

    def finish(
        self, row: Row, state: RunState, *, message: str = "", ledger_run_id: str | None = None, ran: bool = True
    ) -> bool:
        """The claim under the row's token has ended for good; False if it was not in force any more.

        Args:
            ran: whether the attempt counts.
        """
        values = {"state": state, "message": message, "ended_at": self._clock.now(), "token": None}
        values |= {"ledger_run_id": ledger_run_id or row["ledger_run_id"], "attempts": row["attempts"] + ran}
        return self._change(_claimed(row["id"], row["token"]), **values)

    def again(self, row: Row, due_at: datetime, message: str, *, failed: bool = False, lost: bool = False) -> bool:
        """Plan a claimed row once more, from `due_at` on; False if the claim was not in force any more.

        Args:
            failed: the attempt counts against the job's retries.
            lost: its worker vanished; this is counted, too.
        """
        values = {"state": RunState.PLANNED, "due_at": due_at, "message": message, "token": None, "pid": None}
        values |= {"attempts": row["attempts"] + failed, "losses": row["losses"] + lost}
        return self._change(_claimed(row["id"], row["token"]), **values)

    def skip(self, row: Row, reason: str) -> bool:
        """A PLANNED row will not be run."""
        here = (table.c.id == row["id"]) & (table.c.state == RunState.PLANNED)
        return self._change(here, state=RunState.SKIPPED, message=reason, ended_at=self._clock.now())

    def revive(self, rows: Sequence[Row], due_at: datetime) -> int:
        """Plan rows once more that were skipped, failed or killed; returns how many still were."""
        count = 0
        for row in rows:
            here = (
                (table.c.id == row["id"])
                & (table.c.state == row["state"])
                & table.c.state.not_in([*OPEN, RunState.DONE])
            )
            count += self._change(
                here, **_AT_FIRST, due_at=due_at, origin="backfill", ended_at=None, ledger_run_id=None
            )
        return count

    def now(self) -> datetime:
        """The database's own time."""
        with self.database.read() as connection:
            return database_now(connection)

    def _change(self, where: ColumnElement[bool], **values: Any) -> bool:
        with self.database.begin() as connection:
            return connection.execute(update(table).where(where).values(**values)).rowcount == 1

    def _own(self) -> ColumnElement[bool]:
        return table.c.schedule == self.schedule


def _claimed(row_id: int, token: str) -> ColumnElement[bool]:
    return and_(table.c.id == row_id, table.c.token == token, table.c.state == RunState.RUNNING)
