"""The one place that makes database engines: SQLite by default, PostgreSQL by URL, the same tables in both."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from shopr.config import Settings
from shopr.config.settings import mask
from shopr.errors import StorageError
from shopr.storage.failures import mapped
from shopr.storage.migrations import head, upgrade

__all__ = ["Database"]

BUSY_SECONDS = 10.0
"""How long a writer waits for another one before it gives up."""
READ_ONLY = "shopr_read_only"
# The driver asks for an adapter at each None it binds, and looks long where there is none: a third of an insert of
# mostly empty columns. This one gives None back.
sqlite3.register_adapter(type(None), {None: None}.get)


class Database:
    """A database and its transactions.

    Args:
        url: SQLAlchemy URL, `sqlite:////path/state.db` or `postgresql://user@host/name`.
        busy_seconds: how long a transaction waits for another process's lock.

    Raises:
        StorageError: if the URL is no URL or its driver is not installed.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._url = _parsed(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self.name = self._url.database if self.is_sqlite else mask(self._url.render_as_string(hide_password=False))
        self._engine = _engine(self._url, busy_seconds)
        self._thread = threading.local()

    @classmethod
    def open(cls, settings: Settings | None = None, *, url: str | None = None) -> Self:
        """The database of `settings` (or at `url`), brought to the newest revision.

        Raises:
            StorageError: if it cannot be opened, is locked or damaged, or was written by a newer version.
        """
        database = cls(url or (settings or Settings()).database_url)
        database.upgrade()
        return database

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self._is_sqlite

    @property
    def engine(self) -> Engine:
        """The engine, for the few places (Optuna, pandas) that take one."""
        return self._engine

    def begin(self) -> AbstractContextManager[Connection]:
        """A transaction that may write: committed at the end of the block, rolled back on any error.

        Raises:
            StorageError: if the database refuses; nothing of the block is kept.
        """
        return self._transaction(read_only=False)

    def read(self) -> AbstractContextManager[Connection]:
        """A consistent view for reading; in SQLite it is never blocked by a writer and blocks none."""
        return self._transaction(read_only=True)

    @property
    def writing(self) -> Connection | None:
        """The transaction that this thread has open for writing; None if there is none.

        For stores that are used from within another store's transaction: in SQLite a second writer would wait for the
        first for good.
        """
        return getattr(self._thread, "connection", None)

    @contextmanager
    def _transaction(self, *, read_only: bool) -> Iterator[Connection]:
        outer = self.writing
        with mapped(str(self.name)), self._engine.connect() as connection:
            connection.execution_options(**{READ_ONLY: read_only})
            with connection.begin():
                if not read_only:
                    self._thread.connection = connection
                try:
                    yield connection
                finally:
                    self._thread.connection = outer

    def revision(self) -> str | None:
        """The revision of the stored tables; None for an empty database."""
        with self.read() as connection:
            if not self._engine.dialect.has_table(connection, "alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to `revision` in one transaction; two processes may do so at once.

        Raises:
            StorageError: if the stored tables are newer than this version of Shopr.
        """
        self._make_place()
        target = head() if revision == "head" else revision
        stored = self.revision()
        if stored is not None and stored > head():
            raise StorageError(
                f"database {self.name} has revision {stored}, this version of Shopr knows up to {head()}",
                hint="Install the newer version of Shopr that wrote it",
            )
        if stored is not None and stored >= target:
            return
        with self.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(7301)"))
            upgrade(connection, target)

    def empty_log(self) -> None:
        """Bring what SQLite's write-ahead log holds into the file, so that what was erased is in neither of them.

        A reader that is at work keeps its part of the log, until the next time.
        """
        if not self.is_sqlite:
            return
        with closing(self.engine.raw_connection()) as connection, suppress(OperationalError, sqlite3.Error):
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.name!r})"

    def _make_place(self) -> None:
        """The folder and file of a SQLite database, readable by their owner alone: they hold personal data."""
        place = self._url.database
        if not self.is_sqlite or not place or place == ":memory:":
            return
        path = Path(place)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Never open a file that is there: closing it would drop the locks of this process's other connections, and
            # another process that ends would take the write-ahead log away from under them.
            if not path.exists():
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            elif not os.access(path, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            elif path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as error:
            raise StorageError(
                f"database {path} cannot be opened: {error.strerror}",
                hint="Make the file and its folder writable, or set SHOPR_HOME to a writable folder",
            ) from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError(
            "the database URL cannot be parsed", hint="Set SHOPR_DATABASE_URL to sqlite:////path/state.db"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        if find_spec("psycopg") is None:
            raise StorageError("PostgreSQL needs its driver", hint="Install it: pip install 'shopr[postgres]'")
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StorageError(f"database {backend!r} is not supported", hint="Use sqlite:///… or postgresql://…")
    return parsed


def _engine(url: URL, busy_seconds: float) -> Engine:
    if url.get_backend_name() != "sqlite":
        options = f"-c lock_timeout={int(busy_seconds * 1000)} -c timezone=UTC"
        return create_engine(url, pool_pre_ping=True, connect_args={"options": options, "connect_timeout": 10})
    engine = create_engine(url, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late and never for reads: transactions are opened below instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer is refused at once, without waiting: writers say so from the start.
        reading = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
