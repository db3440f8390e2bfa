"""What a database's refusal means and how to mend it, for SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from shopr.errors import StorageError

__all__ = ["mapped"]

_ROOM = 1 << 20
"""Bytes without which SQLite cannot work: its log and the index of that grow by less."""
# A part of SQLite's message, what it means, the fix.
_SQLITE = (
    ("locked", "is locked by another process", "Wait until it has finished, or use PostgreSQL: SHOPR_DATABASE_URL"),
    ("readonly", "is read-only", "Make the file and its folder writable, or set SHOPR_HOME to a writable folder"),
    ("disk is full", "cannot grow: the disk is full", "Free some space, or set SHOPR_HOME to another disk"),
    ("not a database", "is damaged or no SQLite database", "Move the file away and restore it from a backup"),
    ("malformed", "is damaged", "Move the file away and restore it from a backup"),
    ("unable to open", "cannot be opened", "Check that its folder exists and is writable"),
    ("disk i/o error", "cannot be read or written: disk I/O error", "Check the disk, then restore from a backup"),
    ("no such table", "lacks a table", "It was changed by hand: restore it from a backup"),
)
# SQLSTATE of PostgreSQL, what it means, the fix. A key of two characters stands for its whole class.
_POSTGRES = (
    ("53100", "cannot grow: the server's disk is full", "Free some space on the server"),
    ("25006", "is read-only", "Connect to the primary server, not to a replica"),
    ("55P03", "is locked by another session", "Wait until it has finished and try again"),
    ("57014", "took too long to answer", "Wait until the server is less busy and try again"),
    ("40", "was changed by another session at the same time", "Try again"),
    ("28", "refuses this user or password", "Correct SHOPR_DATABASE_URL"),
    ("3D", "does not exist", "Create it with createdb, or correct SHOPR_DATABASE_URL"),
    ("42501", "does not allow this to the user", "Grant the user rights on the database"),
    ("42P01", "lacks a table", "It was changed by hand: restore it from a backup"),
    ("53", "has no resources left", "Raise the server's limits, or close other sessions"),
    ("XX", "is damaged", "Restore it from a backup"),
)


@contextmanager
def mapped(name: str) -> Iterator[None]:
    """Turn the driver's errors into `StorageError`s that name the database and the fix; the cause stays attached."""
    try:
        yield
    except IntegrityError as error:
        raise StorageError(
            f"database {name} refused a row that contradicts what it holds: {_first_line(error.orig)}",
            hint="Read the stored row first, or use another key",
        ) from error
    except DBAPIError as error:
        raise _translated(name, error) from error
    except StatementError as error:
        raise StorageError(f"database {name} was given a value it cannot store: {_first_line(error.orig)}") from error
    except SQLAlchemyError as error:
        raise StorageError(f"database {name}: {_first_line(error)}", hint="Run 'shopr doctor'") from error


def _translated(name: str, error: DBAPIError) -> StorageError:
    message = _first_line(error.orig)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    for key, meaning, fix in _POSTGRES:
        if state.startswith(key):
            return StorageError(f"database {name} {meaning}", hint=fix)
    if "disk i/o error" in message.lower() and _full(name):  # what SQLite says where the index of its log cannot grow
        message = "disk is full"
    for part, meaning, fix in _SQLITE:
        if part in message.lower():
            return StorageError(f"database {name} {meaning}", hint=fix)
    if "connect" in message.lower():
        return StorageError(
            f"database {name} cannot be reached: {message}", hint="Start the server, or correct SHOPR_DATABASE_URL"
        )
    return StorageError(f"database {name}: {message}", hint="Run 'shopr doctor'")


def _full(name: str) -> bool:
    """Whether the disk of a database that is a file has no room left for anything."""
    try:
        return shutil.disk_usage(Path(name).parent).free < _ROOM
    except (OSError, ValueError):
        return False


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".")
