"""The hot store: what happened lately, in the database, where writers and readers do not block each other.

An event is known by its id and counts once: ids of hot rows by their unique key, ids of compacted and loaded ones by
digests that are kept for 30 days. Events that are older when they come are looked for in the parts of their days
(`EventStore.append`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from operator import itemgetter

from sqlalchemy import Connection, func, select

from shopr.analytics.store.erased import LOCK, Erased
from shopr.analytics.store.rows import COLUMNS, Row, microseconds
from shopr.clock import Clock, SystemClock
from shopr.storage.database import Database
from shopr.storage.tables import events as table

__all__ = ["DAY", "KNOWN_DAYS", "HotStore", "digest", "microseconds_of"]

DAY = 86_400_000_000
"""Microseconds of a day."""
KNOWN_DAYS = 30
"""Days for which the ids of compacted events are kept."""
FUTURE = timedelta(days=1)
"""How far ahead of the shop's clock an event may claim to be; later ones get the time they came in."""
_LOOK = 400
"""Ids looked up in one query: SQLite takes so many parameters everywhere."""
_AT_ONCE = 50
"""Rows that one statement inserts."""
_ONCE = " ON CONFLICT (event_id) DO NOTHING"
_TIME = COLUMNS.index("time")
_time_of = itemgetter(_TIME)


def digest(event_id: str) -> bytes:
    """Of an event's id, 16 bytes."""
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class HotStore:
    """The table of hot events.

    Args:
        database: opened and upgraded.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self.database, self._clock = database, clock or SystemClock()
        self._mark = "?" if database.is_sqlite else "%s"
        self.erased = Erased(database)

    def append(self, rows: Sequence[Row]) -> int:
        """Store rows in one transaction; how many were new. When this returns they are there, whatever happens.

        What happened or came in before its person was erased is not stored.

        Raises:
            StorageError: if the database refuses; nothing of the batch is kept.
        """
        if not rows:
            return 0
        now = microseconds(self._clock.now())
        latest = now + microseconds_of(FUTURE)
        if max(map(_time_of, rows)) > latest:
            rows = [row if row[_TIME] <= latest else (*row[:_TIME], now, *row[_TIME + 1 :]) for row in rows]
        with self.database.begin() as connection:
            if not self.database.is_sqlite:  # one writer at a time is SQLite's own rule
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({LOCK})")
            kept = self.erased.obeyed(connection, rows)
            fresh = self._fresh(connection, kept) if kept else kept
            if not fresh:
                return 0
            return self._insert(connection, fresh)

    def _insert(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Rows into the table, as many a statement as a batch has; how many were new."""
        if not self.database.is_sqlite:
            return int(connection.exec_driver_sql(f"{_head('INSERT')} {_marks('%s')}{_ONCE}", list(rows)).rowcount)
        new = 0
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            new += connection.exec_driver_sql(_statement(len(some)), tuple(chain.from_iterable(some))).rowcount
        return new

    def _fresh(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows that no part holds already."""
        if not connection.exec_driver_sql("SELECT 1 FROM event_ids LIMIT 1").first():
            return rows
        by_digest = {digest(row[0]): row for row in rows}
        keys = list(by_digest)
        for start in range(0, len(keys), _LOOK):
            some = keys[start : start + _LOOK]
            marks = ", ".join([self._mark] * len(some))
            for (known,) in connection.exec_driver_sql(f"SELECT id FROM event_ids WHERE id IN ({marks})", tuple(some)):
                by_digest.pop(bytes(known), None)
        return list(by_digest.values())

    def know(self, connection: Connection, ids: Iterable[str]) -> None:
        """Keep the ids of events that went into parts, so that a batch which is sent again changes nothing."""
        today = microseconds(self._clock.now()) // DAY
        verb = "INSERT OR IGNORE INTO" if self.database.is_sqlite else "INSERT INTO"
        ending = "" if self.database.is_sqlite else " ON CONFLICT (id) DO NOTHING"
        query = f"{verb} event_ids (id, day) VALUES ({self._mark}, {self._mark}){ending}"
        if rows := [(digest(event_id), today) for event_id in ids]:
            connection.exec_driver_sql(query, rows)

    def count(self) -> int:
        """Rows that are hot."""
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def rows(
        self,
        connection: Connection,
        upto: int | None = None,
        size: int = 50_000,
        *,
        span: tuple[int | None, int | None] = (None, None),
    ) -> Iterator[list[Row]]:
        """The hot rows with their numbers first, in blocks, in order of their numbers.

        Args:
            connection: a transaction of the caller's: the rows are those of one moment.
            upto: numbers up to this one; None for all.
            span: first time that counts, and the first that counts no more.
        """
        names = ", ".join(("seq", *COLUMNS))
        low, high = span
        times = "" if low is None else f" AND time >= {int(low)}"
        times += "" if high is None else f" AND time < {int(high)}"
        numbers = f"seq > {self._mark} AND seq <= {self._mark}"
        query = f"SELECT {names} FROM events WHERE {numbers}{times} ORDER BY seq LIMIT {int(size)}"
        last, limit = 0, 2**62 if upto is None else upto
        while block := connection.exec_driver_sql(query, (last, limit)).fetchall():
            yield [tuple(row) for row in block]
            last = block[-1][0]


def _head(verb: str) -> str:
    return f"{verb} INTO events ({', '.join(COLUMNS)}) VALUES"


def _marks(mark: str) -> str:
    return f"({', '.join([mark] * len(COLUMNS))})"


@lru_cache(maxsize=_AT_ONCE)
def _statement(rows: int) -> str:
    return f"{_head('INSERT OR IGNORE')} {', '.join([_marks('?')] * rows)}"


def microseconds_of(span: timedelta) -> int:
    """A duration in microseconds."""
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
