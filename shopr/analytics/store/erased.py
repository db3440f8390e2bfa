"""Who was erased: what every process asks before it stores an event, so that nobody comes back from a spool or a file.

A tombstone is the digest of a user's or a session's id and the moment of the erasure. What happened or came in up to
that moment is not stored any more, whichever process has it; what the person does afterwards is. An event that is
dropped and names a session as theirs gives that session a tombstone, too, and takes along what the session did without
a name: in the database at once, in the parts when they are compacted next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, func, insert, select, update

from shopr.analytics.store.rows import COLUMNS, Row
from shopr.storage.database import Database
from shopr.storage.tables import erased_ids as table
from shopr.storage.tables import events

__all__ = ["LOCK", "Erased", "Kind"]

LOCK = 7302
"""PostgreSQL's advisory lock: shared by who appends, alone for who moves rows into parts or buries somebody."""
Kind = Literal["user", "session"]
"""What an id is of."""
_TIME, _USER, _SESSION, _RECEIVED = (COLUMNS.index(name) for name in ("time", "user_id", "session_id", "received"))
_LOOK = 400
"""Ids looked up in one query: SQLite takes so many parameters everywhere."""


def _digest(kind: Kind, name: str) -> bytes:
    return blake2b(f"{kind}:{name}".encode("utf-8", "surrogatepass"), digest_size=16, person=b"shopr-erased").digest()


class Erased:
    """The tombstones of one event store.

    Args:
        database: where hot events are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def bury(self, kind: Kind, names: Iterable[str], now: int) -> None:
        """From here on no process stores what happened or came in up to `now` (microseconds) under these ids."""
        with self._database.begin() as connection:
            if not self._database.is_sqlite:  # whoever appends now ends first, and is seen by the erasure
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            self._add(connection, [_digest(kind, name) for name in names], now, swept=True)

    def obeyed(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows without those of who was erased; the caller's transaction stores the others."""
        if not self._any(connection):
            return rows
        users = {row[_USER] for row in rows if row[_USER] is not None}
        sessions = {row[_SESSION] for row in rows if row[_SESSION] is not None}
        of_user, of_session = (self._of(connection, "user", users), self._of(connection, "session", sessions))
        if not of_user and not of_session:
            return rows
        shown = {
            row[_SESSION]: of_user[row[_USER]]
            for row in rows
            if row[_SESSION] is not None and _before(row, of_user.get(row[_USER]))
            and of_session.get(row[_SESSION], -1) < of_user[row[_USER]]
        }  # fmt: skip
        if shown:
            self._show(connection, shown)
        of_session |= shown
        return [row for row in rows if not _before(row, of_user.get(row[_USER]) if row[_USER] is not None else
                                                   of_session.get(row[_SESSION]))]  # fmt: skip

    def obeyed_table(self, block: Any) -> Any:
        """As `obeyed`, of an Arrow table in the store's columns, in transactions of its own."""
        with self._database.read() as connection:
            known = {bytes(row.id): row.time for row in connection.execute(select(table.c.id, table.c.time))}
        if not known or not block.num_rows:
            return block
        earliest = np.minimum(*(block[name].cast(pa.int64()).to_numpy() for name in ("time", "received")))
        users, sessions = block["user_id"], block["session_id"]
        nobodys = users.is_null().to_numpy()
        by_user = ~nobodys & (earliest <= _times(users, "user", known))
        of_session = _times(sessions, "session", known)
        shown = {
            session: time
            for session, time in zip(
                sessions.filter(pa.array(by_user)).to_pylist(), _times(users, "user", known)[by_user], strict=True
            )
            if session is not None and known.get(_digest("session", session), -1) < time
        }
        if shown:
            with self._database.begin() as connection:
                self._show(connection, {session: int(time) for session, time in shown.items()})
            known |= {_digest("session", session): int(time) for session, time in shown.items()}
            of_session = _times(sessions, "session", known)
        gone = by_user | (nobodys & (earliest <= of_session))
        return block.filter(pa.array(~gone)) if gone.any() else block

    def unswept(self) -> dict[bytes, int]:
        """Digests of sessions that an event showed to be an erased person's after the erasure, with its moment."""
        query = select(table.c.id, table.c.time).where(table.c.swept.is_(False))
        with self._database.read() as connection:
            return {bytes(row.id): row.time for row in connection.execute(query)}

    def without(self, rows: Any, gone: Mapping[bytes, int]) -> Any:
        """Rows of a part without what these sessions did without a name until then."""
        of_session = _times(rows["session_id"], "session", gone)
        earliest = np.minimum(*(rows[name].cast(pa.int64()).to_numpy() for name in ("time", "received")))
        theirs = rows["user_id"].is_null().to_numpy() & (earliest <= of_session)
        return rows.filter(pa.array(~theirs))

    def swept(self, gone: Iterable[bytes]) -> None:
        """The parts hold nothing of these any more."""
        with self._database.begin() as connection:
            for key in gone:
                connection.execute(update(table).where(table.c.id == key).values(swept=True))

    def _any(self, connection: Connection) -> bool:
        return connection.execute(select(table.c.time).limit(1)).first() is not None

    def _of(self, connection: Connection, kind: Kind, names: Iterable[str]) -> dict[str, int]:
        """Those of some ids that were erased, and until when."""
        by_digest = {_digest(kind, name): name for name in names}
        keys, found = list(by_digest), dict[str, int]()
        for start in range(0, len(keys), _LOOK):
            query = select(table.c.id, table.c.time).where(table.c.id.in_(keys[start : start + _LOOK]))
            found |= {by_digest[bytes(row.id)]: row.time for row in connection.execute(query)}
        return found

    def _show(self, connection: Connection, sessions: Mapping[str, int]) -> None:
        """Sessions are an erased person's: bury them, and take out what they did without a name."""
        for session, time in sessions.items():
            self._add(connection, [_digest("session", session)], time, swept=False)
            connection.execute(update(table).where(table.c.id == _digest("session", session)).values(swept=False))
            before = func.least if not self._database.is_sqlite else func.min
            connection.execute(
                delete(events).where(
                    events.c.user_id.is_(None),
                    events.c.session_id == session,
                    before(events.c.time, events.c.received) <= time,
                )
            )

    @staticmethod
    def _add(connection: Connection, keys: Sequence[bytes], time: int, *, swept: bool) -> None:
        for key in keys:
            changed = connection.execute(update(table).where(table.c.id == key).values(time=time)).rowcount
            if not changed:
                connection.execute(insert(table).values(id=key, time=time, swept=swept))


def _before(row: Row, erased: int | None) -> bool:
    return erased is not None and min(row[_TIME], row[_RECEIVED]) <= erased


def _times(column: Any, kind: Kind, known: Mapping[bytes, int]) -> Any:
    """Of each id in a column, until when it was erased; the smallest number where it was not."""
    coded = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = pc.dictionary_encode(coded)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    never = np.iinfo(np.int64).min
    times = [known.get(_digest(kind, name), never) for name in coded.dictionary.to_pylist()]
    return np.array([*times, never], np.int64)[coded.indices.fill_null(len(times)).to_numpy(zero_copy_only=False)]
