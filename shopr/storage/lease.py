"""Who leads: one process for each kind of work, such as a schedule, whatever happens to it, its host or its clock.

A lease is a row with a heartbeat in the database's own time. It is free when it was given back, when it expired, or, on
the same host, as soon as the process that held it is gone. Whoever writes under a lease proves in the same transaction
that it still holds it (`Lease.prove`), so that a leader that was suspended and woke too late changes nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from shopr.errors import StorageError
from shopr.storage.database import Database
from shopr.storage.tables import schedule_leases as table

__all__ = ["TTL_SECONDS", "Lease", "LeaseLostError", "began", "database_now", "gone"]

TTL_SECONDS = 15.0
"""How long a lease lasts without a heartbeat."""
_SAME = timedelta(seconds=1.5)


class LeaseLostError(StorageError):
    """Another process leads now: nothing of the transaction is kept."""

    code = "lease_lost"


def database_now(connection: Connection) -> datetime:
    """The time of the database's own clock, which all processes share."""
    if connection.dialect.name == "sqlite":
        told = connection.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
        return datetime.fromisoformat(told).replace(tzinfo=UTC)
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def began(process: psutil.Process | None = None) -> datetime:
    """When a process was started (by default this one), by its host's clock."""
    return datetime.fromtimestamp((process or psutil.Process()).create_time(), UTC)


def gone(host: str | None, pid: int | None, began_at: datetime | None) -> bool:
    """Whether a process of this host is gone; False where it runs, or runs on another host and cannot be asked for.

    Args:
        began_at: when it was started: its number may have been given to another process since.
    """
    if host != socket.gethostname() or pid is None:
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return began_at is not None and began(process) > began_at + _SAME
    except psutil.Error:
        return True


class Lease:
    """The right to lead a schedule, or other work that one process does for all.

    Args:
        database: where the lease lies.
        schedule: name of the schedule or the work.
        ttl: seconds that it lasts without a heartbeat.
    """

    def __init__(self, database: Database, schedule: str, *, ttl: float = TTL_SECONDS) -> None:
        self._database, self._schedule, self.ttl = database, schedule, ttl
        self._token = uuid4().hex
        self._began = began()
        self.held = False

    def hold(self) -> bool:
        """Take the lease if it is free, keep it if it is ours; whether this process leads now.

        Raises:
            StorageError: if the database refuses.
        """
        with self._database.begin() as connection:
            self.held = self._hold(connection)
        return self.held

    def _hold(self, connection: Connection) -> bool:
        now = database_now(connection)
        row = connection.execute(self._row().with_for_update()).mappings().first()
        own = {"heartbeat_at": now, "expires_at": now + timedelta(seconds=self.ttl)}
        taken = {**own, "token": self._token, "host": socket.gethostname(), "pid": os.getpid(), "acquired_at": now}
        taken["process_began_at"] = self._began
        if row is None:
            # Two may see no row at once: the primary key lets one of them write it.
            statement = (sqlite.insert if self._database.is_sqlite else postgresql.insert)(table)
            statement = statement.values(schedule=self._schedule, **taken).on_conflict_do_nothing()
            return connection.execute(statement.returning(table.c.schedule)).first() is not None
        if row["token"] == self._token:
            connection.execute(update(table).where(self._mine()).values(**own))
            return True
        if row["expires_at"] > now and not gone(row["host"], row["pid"], row["process_began_at"]):
            return False
        connection.execute(update(table).where(table.c.schedule == self._schedule).values(**taken))
        return True

    def prove(self, connection: Connection) -> None:
        """Within a transaction: hold the lease until its end.

        Raises:
            LeaseLostError: if another process leads.
        """
        now = database_now(connection)
        beat = {"heartbeat_at": now, "expires_at": now + timedelta(seconds=self.ttl)}
        if connection.execute(update(table).where(self._mine()).values(**beat)).rowcount != 1:
            self.held = False
            raise LeaseLostError("another scheduler leads now", hint="This one stands by")

    def release(self) -> None:
        """Give the lease back, so that another scheduler need not wait."""
        with self._database.begin() as connection:
            connection.execute(delete(table).where(self._mine()))
        self.held = False

    def holder(self) -> Mapping[str, Any] | None:
        """The row of the scheduler that leads; None if none does."""
        with self._database.read() as connection:
            row = connection.execute(self._row()).mappings().first()
            now = database_now(connection)
        if row is None or row["expires_at"] <= now or gone(row["host"], row["pid"], row["process_began_at"]):
            return None
        return dict(row)

    def _row(self) -> Any:
        return select(table).where(table.c.schedule == self._schedule)

    def _mine(self) -> Any:
        return (table.c.schedule == self._schedule) & (table.c.token == self._token)
