"""What all stores of commerce share: inserts that know conflicts, locks, and the owner of what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from shopr.errors import InputError
from shopr.storage.database import Database

__all__ = ["LONGEST_ID", "VISITOR", "checked_id", "checked_owner", "hold", "inserting", "parts", "visitor"]

LONGEST_ID = 256
VISITOR = "session:"
_PARAMETERS = 500  # values in one statement: SQLite bounds them
T = TypeVar("T")


def visitor(session_id: str) -> str:
    """The owner of a visitor's cart: a session id that looks like somebody's user id must not open their cart."""
    return VISITOR + session_id


def checked_id(what: str, value: object, longest: int = LONGEST_ID) -> str:
    """`value` if it may be an id.

    Raises:
        InputError: if it is no text of 1 to `longest` characters, or holds control characters.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        size = f"of {len(value)} characters" if isinstance(value, str) else f"that is {type(value).__name__}"
        raise InputError(f"{what} {size}, the bounds are 1 and {longest}", hint=f"Give the {what}")
    # Surrogates cannot be stored, control characters hide in logs.
    if not value.isprintable():
        raise InputError(f"{what} {ascii(value)[:80]} holds characters that cannot be printed", hint="Remove them")
    return value


def checked_owner(owner: object) -> str:
    """`owner` if it may be the owner of a cart or an order: a user id, or `visitor(session_id)`."""
    return checked_id("owner", owner)


def inserting(database: Database, table: Table) -> Any:
    """An insert statement of the database's own dialect, which knows `on_conflict_do_…`."""
    return (sqlite if database.is_sqlite else postgresql).insert(table)


def hold(connection: Connection, database: Database, *names: str) -> None:
    """Wait until no other transaction holds one of `names`, and hold them until this one ends.

    SQLite has one writer at a time anyway. Taken in order of name, so that two transactions never wait for each other.
    """
    if database.is_sqlite:
        return
    for name in sorted(set(names)):
        key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def parts(values: Iterable[T], size: int = _PARAMETERS) -> Iterator[Sequence[T]]:
    """`values` in pieces that fit into one statement."""
    rows = list(values)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
