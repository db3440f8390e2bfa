"""Small pieces of state that many threads and processes change at once: counts, windows, locks.

A step sees the values of some keys and the time, and says what they become; nobody else's step comes between. Time is
the store's own: the machine's monotonic clock in memory and in SQLite, which nobody can set back and which all
processes of a machine share; the server's clock in PostgreSQL and Redis, which all machines share. A restart of the
machine starts the monotonic clock anew, so what SQLite holds from before is dropped then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.errors import StorageError
from shopr.storage.database import Database
from shopr.storage.tables import guard_state as table

__all__ = ["MemoryState", "SpareState", "SqlState", "State", "Step", "Values"]

log = logging.getLogger("shopr.security")
T = TypeVar("T")
Values = list[bytes | None]
Step = Callable[[Values, float], tuple[Values, T]]
_TIDY_EVERY = 4096


@runtime_checkable
class State(Protocol):
    """A store of small values."""

    def update(self, keys: Sequence[str], step: Step[T], *, ttl: float) -> T:
        """Change the values of `keys` (None: not there) by `step(values, now)`; what it returned beside them.

        Args:
            ttl: seconds after which an untouched value may be forgotten.
        """

    def read(self, keys: Sequence[str]) -> tuple[Values, float]:
        """The values of `keys`, and the time."""


class MemoryState:
    """State of this process alone.

    Args:
        most: keys held; beyond it those that expire first go.
    """

    def __init__(self, *, clock: Clock | None = None, most: int = 200_000) -> None:
        self._clock, self._most, self._lock = clock or SystemClock(), most, threading.Lock()
        self._values: dict[str, tuple[float, bytes]] = {}
        self._steps = 0

    def update(self, keys: Sequence[str], step: Step[T], *, ttl: float) -> T:
        """As `State.update`."""
        with self._lock:
            now = self._clock.monotonic()
            after, result = step(self._found(keys, now), now)
            for key, value in zip(keys, after, strict=True):
                if value is None:
                    self._values.pop(key, None)
                else:
                    self._values[key] = now + ttl, value
            self._steps += 1
            if self._steps % _TIDY_EVERY == 0 or len(self._values) > self._most:
                self._tidy(now)
            return result

    def read(self, keys: Sequence[str]) -> tuple[Values, float]:
        """As `State.read`."""
        with self._lock:
            now = self._clock.monotonic()
            return self._found(keys, now), now

    def __len__(self) -> int:
        return len(self._values)

    def _found(self, keys: Sequence[str], now: float) -> Values:
        held = (self._values.get(key) for key in keys)
        return [entry[1] if entry is not None and entry[0] > now else None for entry in held]

    def _tidy(self, now: float) -> None:
        self._values = {key: entry for key, entry in self._values.items() if entry[0] > now}
        if len(self._values) > self._most:  # a flood of new keys: an attacker must not fill the memory
            order = sorted(self._values, key=lambda key: self._values[key][0])
            for key in order[: len(order) - self._most * 9 // 10]:
                del self._values[key]


class SqlState:
    """State in the database, for several processes: SQLite by the machine's monotonic clock, PostgreSQL by its own.

    Args:
        boot: tells one start of the machine from the next.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None, boot: str | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()
        self._boot = (_boot_id() if boot is None else boot) if database.is_sqlite else "server"
        self._insert = (sqlite if database.is_sqlite else postgresql).insert
        self._steps, self._lock = 0, threading.Lock()

    def update(self, keys: Sequence[str], step: Step[T], *, ttl: float) -> T:
        """As `State.update`."""
        with self._database.begin() as connection:
            if not self._database.is_sqlite:  # SQLite lets one writer in at a time anyway
                for key in sorted(keys):  # in one order, so that two steps cannot wait for each other
                    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 7))"), {"key": key})
            now = self._now(connection)
            after, result = step(self._found(connection, keys, now), now)
            self._keep(connection, dict(zip(keys, after, strict=True)), now + ttl)
            if self._due():
                gone = (table.c.boot != self._boot) | (table.c.expires <= now)
                connection.execute(delete(table).where(gone))
        return result

    def read(self, keys: Sequence[str]) -> tuple[Values, float]:
        """As `State.read`."""
        with self._database.read() as connection:
            now = self._now(connection)
            return self._found(connection, keys, now), now

    def _now(self, connection: Connection) -> float:
        if self._database.is_sqlite:
            return self._clock.monotonic()
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def _found(self, connection: Connection, keys: Sequence[str], now: float) -> Values:
        query = select(table.c.key, table.c.value, table.c.expires)
        rows = connection.execute(query.where(table.c.key.in_(list(keys)), table.c.boot == self._boot)).all()
        held: dict[str, bytes] = {key: value for key, value, expires in rows if expires > now}
        return [held.get(key) for key in keys]

    def _keep(self, connection: Connection, values: dict[str, bytes | None], expires: float) -> None:
        gone = [key for key, value in values.items() if value is None]
        if gone:
            connection.execute(delete(table).where(table.c.key.in_(gone)))
        rows: list[dict[str, Any]] = [
            {"key": key, "value": value, "expires": expires, "boot": self._boot}
            for key, value in values.items()
            if value is not None
        ]
        if rows:
            statement = self._insert(table).values(rows)
            new = {name: statement.excluded[name] for name in ("value", "expires", "boot")}
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=new))

    def _due(self) -> bool:
        with self._lock:
            self._steps += 1
            return self._steps % _TIDY_EVERY == 1


class SpareState:
    """A shared store, and this process's memory while that cannot be reached: laxer than one count for all, but no open
    door and no refusal of everybody.

    Args:
        shared: the store to use.
    """

    def __init__(self, shared: State, *, clock: Clock | None = None) -> None:
        self._shared, self._spare = shared, MemoryState(clock=clock)

    def update(self, keys: Sequence[str], step: Step[T], *, ttl: float) -> T:
        """As `State.update`."""
        try:
            return self._shared.update(keys, step, ttl=ttl)
        except StorageError as error:
            log.warning("limits and locks are kept in this process alone: %s", error.one_line())
            return self._spare.update(keys, step, ttl=ttl)

    def read(self, keys: Sequence[str]) -> tuple[Values, float]:
        """As `State.read`."""
        try:
            return self._shared.read(keys)
        except StorageError as error:
            log.warning("limits and locks are read in this process alone: %s", error.one_line())
            return self._spare.read(keys)


def _boot_id() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:36]
    return ""
