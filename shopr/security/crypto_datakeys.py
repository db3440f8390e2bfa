"""Data keys: one a person, wrapped by a master key, in storage. To forget the key is to forget all it encrypted.

A person is named by a digest. The key's row goes when the person is erased, and its id goes on a list of tombstones in
the folder of keys, which is backed up apart from the database: a restored backup finds the tombstone and drops the key
again. Texts about nobody are encrypted under the key of the subject "".
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.errors import SecurityError, StorageError
from shopr.security.crypto_aead import KEY_BYTES
from shopr.security.crypto_keyring import KeyService
from shopr.storage.database import Database
from shopr.storage.subjects import digest
from shopr.storage.tables import data_keys as table

__all__ = ["DataKey", "DataKeys", "Tombstones"]

_CACHE_SECONDS = 5.0
_CACHE_KEYS = 4096


@dataclass(frozen=True, slots=True)
class DataKey:
    """An unwrapped data key.

    Attributes:
        id: 32 hexadecimal digits.
        subject: digest of the person whose texts it encrypts.
        secret: 32 bytes.
        current: whether it still encrypts, or only decrypts.
    """

    id: str
    subject: str
    secret: bytes = field(repr=False)
    current: bool


class Tombstones:
    """Ids of erased keys, in a file that only grows.

    Args:
        path: of the file; made with the first erasure.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._seen, self._size = path, frozenset[str](), -1

    def add(self, ids: Iterable[str]) -> None:
        """Put ids on the list; they are on the disk when this returns.

        Raises:
            StorageError: if the file cannot be written.
        """
        text = "".join(f"{key_id}\n" for key_id in ids)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, text.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(
                f"tombstones {self._path} cannot be written: {error.strerror}", hint="Make the folder of keys writable"
            ) from error

    def ids(self) -> frozenset[str]:
        """All ids on the list."""
        try:
            size = self._path.stat().st_size
            if size != self._size:
                self._seen, self._size = frozenset(self._path.read_text(encoding="ascii").split()), size
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError) as error:
            raise StorageError(
                f"tombstones {self._path} cannot be read", hint="Restore the folder of keys from its backup"
            ) from error
        return self._seen


class DataKeys:
    """The data keys of one installation. Also the subject store whose erasure makes everything encrypted unreadable.

    Used from within a transaction of the same database, it reads and writes in that one.

    Args:
        database: opened and upgraded.
        masters: wrap and unwrap.
        tombstones: ids of erased keys.
        clock: an unwrapped key is kept in memory for five seconds, so that another process's erasure holds here soon.
    """

    name = "data_keys"

    def __init__(
        self, database: Database, masters: KeyService, tombstones: Tombstones, *, clock: Clock | None = None
    ) -> None:
        self._database, self._masters, self._tombstones = database, masters, tombstones
        self._clock = clock or SystemClock()
        self._insert = (sqlite if database.is_sqlite else postgresql).insert
        self._cache: dict[str, tuple[float, DataKey]] = {}  # by id, and by "current:" + subject's digest
        self._lock = threading.Lock()

    def current(self, subject: str) -> DataKey:
        """The key that encrypts for a person, made where there is none yet.

        Raises:
            SecurityError: if it cannot be unwrapped.
        """
        whose = digest(subject)
        name, which = f"current:{whose}", and_(table.c.subject == whose, table.c.current == 1)
        cached = self._cached(name)
        if cached is not None:
            return cached
        outer = self._database.writing
        if outer is not None:
            # Inside somebody's transaction: the key is written with it, and may yet be rolled back with it.
            return self._load(outer, which) or self._made(outer, whose, which)
        with self._database.read() as connection:
            found = self._load(connection, which)
        if found is None:
            with self._database.begin() as connection:
                found = self._made(connection, whose, which)
        return self._remember(found, name)

    def by_id(self, key_id: str) -> DataKey:
        """The key of that id.

        Raises:
            SecurityError: if it was erased or never was, or cannot be unwrapped.
        """
        cached = self._cached(key_id)
        if cached is not None:
            return cached
        outer = self._database.writing
        if outer is not None:
            found = self._load(outer, table.c.key_id == key_id)
        else:
            with self._database.read() as connection:
                found = self._load(connection, table.c.key_id == key_id)
        if found is None:
            raise SecurityError(
                f"data key {key_id[:32]!r} is not there: its person was erased, or it belongs to another database",
                hint="What it encrypted cannot be read any more",
            )
        return found if outer is not None else self._remember(found, key_id)

    def renew(self, subject: str) -> str:
        """Give a person a new key; the earlier ones only decrypt until nothing needs them. The new id."""
        whose = digest(subject)
        with self._database.begin() as connection:
            connection.execute(update(table).where(table.c.subject == whose, table.c.current == 1).values(current=None))
            row = self._row(whose)
            connection.execute(insert(table).values(row))
        self._forget()
        return str(row["key_id"])

    def rewrap(self, limit: int = 1000) -> int:
        """Wrap up to `limit` keys by the active master key that an earlier one wraps; how many are left.

        It may be stopped and called again at any time: what is done is done.
        """
        active = self._masters.active()
        waiting = table.c.master_id != active
        query = select(table).where(waiting).order_by(table.c.key_id).limit(limit)
        with self._database.read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            master, wrapped = self._masters.wrap(self._masters.unwrap(row["master_id"], row["wrapped"]))
            change = update(table).where(table.c.key_id == row["key_id"], table.c.master_id == row["master_id"])
            with self._database.begin() as connection:
                connection.execute(change.values(master_id=master, wrapped=wrapped))
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(waiting)).scalar_one())

    def drop_earlier(self, subject: str) -> int:
        """Remove a person's earlier keys, once nothing is encrypted by them; how many."""
        return self._drop(and_(table.c.subject == digest(subject), table.c.current.is_(None)))

    def export(self, subject: str) -> list[dict[str, Any]]:
        """Nothing: a key tells nothing about the person."""
        return []

    def erase(self, subject: str) -> int:
        """Forget the person's keys: whatever they encrypted is unreadable from now on, in every copy. How many."""
        return self._drop(table.c.subject == digest(subject))

    def expire(self, subjects: Iterable[str]) -> int:
        """Drop the keys of subjects of whom nothing is stored any more, as of conversations that were kept long enough.
        No tombstone stays: a restored backup has the texts back, and their time is over again. How many."""
        whose = [digest(subject) for subject in subjects if subject]
        gone = 0
        for at in range(0, len(whose), 500):
            with self._database.begin() as connection:
                which = table.c.subject.in_(whose[at : at + 500])
                gone += connection.execute(delete(table).where(which)).rowcount
        self._forget()
        return gone

    def settle(self) -> int:
        """Drop keys that are back although they were erased: a restored backup brings them. How many."""
        gone = self._tombstones.ids()
        if not gone:
            return 0
        with self._database.read() as connection:
            back = [key_id for (key_id,) in connection.execute(select(table.c.key_id)) if key_id in gone]
        for key_id in back:
            with self._database.begin() as connection:
                connection.execute(delete(table).where(table.c.key_id == key_id))
        self._forget()
        return len(back)

    def _drop(self, which: ColumnElement[bool]) -> int:
        with self._database.read() as connection:
            ids = [key_id for (key_id,) in connection.execute(select(table.c.key_id).where(which))]
        if ids:
            # The tombstone comes first: should the process die here, the key is dead all the same.
            self._tombstones.add(ids)
            with self._database.begin() as connection:
                connection.execute(delete(table).where(table.c.key_id.in_(ids)))
        self._forget()
        return len(ids)

    def _load(self, connection: Connection, which: ColumnElement[bool]) -> DataKey | None:
        row = connection.execute(select(table).where(which)).mappings().first()
        if row is None or row["key_id"] in self._tombstones.ids():
            return None
        secret = self._masters.unwrap(row["master_id"], row["wrapped"])
        return DataKey(row["key_id"], row["subject"], secret, row["current"] == 1)

    def _made(self, connection: Connection, whose: str, which: ColumnElement[bool]) -> DataKey:
        dead = connection.execute(select(table.c.key_id).where(which)).scalar()
        if dead is not None and dead in self._tombstones.ids():
            # A restored backup brought an erased key back, which would stand in the new one's place.
            connection.execute(delete(table).where(table.c.key_id == dead))
        statement = self._insert(table).values(self._row(whose))
        connection.execute(statement.on_conflict_do_nothing(index_elements=["subject", "current"]))
        found = self._load(connection, which)  # of another process, if it was faster
        if found is None:
            raise StorageError(
                f"no data key could be made in database {self._database.name}", hint="Run 'shopr doctor'"
            )
        return found

    def _row(self, whose: str) -> dict[str, Any]:
        master, wrapped = self._masters.wrap(os.urandom(KEY_BYTES))
        made = {"key_id": os.urandom(16).hex(), "subject": whose, "current": 1, "created_at": self._clock.now()}
        return {**made, "master_id": master, "wrapped": wrapped}

    def _cached(self, name: str) -> DataKey | None:
        with self._lock:
            held = self._cache.get(name)
        return held[1] if held is not None and held[0] > self._clock.monotonic() else None

    def _remember(self, key: DataKey, name: str) -> DataKey:
        with self._lock:
            if len(self._cache) >= _CACHE_KEYS:
                self._cache.clear()
            self._cache[name] = (self._clock.monotonic() + _CACHE_SECONDS, key)
        return key

    def _forget(self) -> None:
        with self._lock:
            self._cache.clear()
