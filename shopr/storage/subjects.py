"""The stores that hold personal data, and what a person may ask of them: a copy, or to be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Table, delete, insert, select

from shopr.clock import Clock, SystemClock
from shopr.errors import ConfigError, StorageError
from shopr.storage.database import Database
from shopr.storage.tables import CARDS, metadata, subjects

__all__ = ["SubjectStore", "SubjectStores", "TableStore", "digest"]

Row = dict[str, Any]


@runtime_checkable
class SubjectStore(Protocol):
    """A store that holds personal data."""

    @property
    def name(self) -> str:
        """What the store is called in an export."""

    def export(self, subject: str) -> list[dict[str, Any]]:
        """Everything held about the person with user id `subject`, as rows of JSON's own types or datetimes."""

    def erase(self, subject: str) -> int:
        """Forget the person; how many rows or files that took. Erasing twice is no error."""


class TableStore:
    """A table whose card names a subject column.

    Raises:
        ConfigError: if the table's card names none.
    """

    def __init__(self, database: Database, table: Table) -> None:
        card = CARDS[table.name]
        if card.subject is None:
            raise ConfigError(
                f"table {table.name!r} names no subject column", hint="Correct its card in storage/tables"
            )
        self._database, self._table, self._subject = database, table, table.c[card.subject]

    @property
    def name(self) -> str:
        return self._table.name

    def export(self, subject: str) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            rows = connection.execute(select(self._table).where(self._subject == subject)).mappings()
            return [dict(row) for row in rows]

    def erase(self, subject: str) -> int:
        with self._database.begin() as connection:
            return connection.execute(delete(self._table).where(self._subject == subject)).rowcount


class SubjectStores:
    """The registry: every store with personal data of one installation. Tables with a subject column are in it already.

    Args:
        database: holds those tables, and the record of requests.
        reveal: opens what a row of a store holds encrypted, for the copy that the person gets.
    """

    def __init__(
        self, database: Database, *, clock: Clock | None = None, reveal: Callable[[str, Row], Row] | None = None
    ) -> None:
        self._database, self._clock, self._reveal = database, clock or SystemClock(), reveal
        self._stores: dict[str, SubjectStore] = {}
        for name, card in CARDS.items():
            if card.subject is not None:
                self.register(TableStore(database, metadata.tables[name]))

    def register(self, store: SubjectStore, *, instead: bool = False) -> None:
        """Add a store; its name must be new.

        Args:
            instead: it stands for the table of its name, whose rows lie elsewhere or are not all there is.

        Raises:
            ConfigError: if a store of that name is registered.
        """
        if store.name in self._stores and not instead:
            raise ConfigError(f"store {store.name!r} is registered twice", hint="Give each store its own name")
        self._stores[store.name] = store

    def __iter__(self) -> Iterator[SubjectStore]:
        return iter(self._stores.values())

    def __len__(self) -> int:
        return len(self._stores)

    def export(self, subject: str) -> dict[str, list[dict[str, Any]]]:
        """Store name -> everything it holds about the person; the request is recorded."""
        found = {store.name: store.export(subject) for store in self}
        if self._reveal is not None:
            found = {name: [self._reveal(name, row) for row in rows] for name, rows in found.items()}
        self._record(subject, "export", {name: len(rows) for name, rows in found.items()})
        return found

    def erase(self, subject: str) -> dict[str, int]:
        """Forget the person in every store; store name -> rows erased. A store that fails does not stop the others.

        Raises:
            StorageError: naming the stores that failed, after all others have erased; ask again once they work.
        """
        erased: dict[str, int] = {}
        failed: dict[str, str] = {}
        for store in self:
            try:
                erased[store.name] = store.erase(subject)
            except Exception as error:
                failed[store.name] = f"{type(error).__name__}: {error}"
        self._record(subject, "erase", {"erased": erased, "failed": sorted(failed)})
        if failed:
            name, reason = next(iter(failed.items()))
            raise StorageError(
                f"{len(failed)} of {len(self)} stores did not erase ({', '.join(failed)}); {name}: {reason}",
                hint="Mend the store and erase again; what is erased stays so",
            )
        return erased

    def was_erased(self, subject: str) -> bool:
        """Whether the person was erased once: what a restored backup must ask before it serves."""
        query = select(subjects.c.id).where(subjects.c.digest == digest(subject), subjects.c.action == "erase").limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def _record(self, subject: str, action: str, report: dict[str, Any]) -> None:
        row = {"digest": digest(subject), "action": action, "time": self._clock.now(), "report": report}
        with self._database.begin() as connection:
            connection.execute(insert(subjects).values(row))


def digest(subject: str) -> str:
    """A stand-in for the person's id in records that outlive an erasure: SHA-256, in hexadecimal."""
    return sha256(f"shopr-subject:{subject}".encode()).hexdigest()
