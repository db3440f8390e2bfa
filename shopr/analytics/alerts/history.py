"""Where a metric is counted: the store, or a table of events in memory, such as a file that was read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

__all__ = ["Events", "TableEvents"]


class Events(Protocol):
    """What can be asked: the store is one."""

    def query(
        self, *, start: str | datetime | None = None, end: str | datetime | None = None
    ) -> AbstractContextManager[Any]:
        """A DuckDB connection with the view `events`."""


class TableEvents:
    """Events of an Arrow table in the store's columns (those that rules ask for suffice)."""

    def __init__(self, table: Any) -> None:
        self.table = table

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file that `shopr events load` takes; bad rows are left out.

        Raises:
            DataError: if it cannot be read, or has no sound row.
        """
        import pyarrow as pa

        from shopr.analytics.loading import Loaded, file_blocks
        from shopr.errors import DataError

        done = Loaded()
        blocks = list(file_blocks(path, done))
        if not blocks or not sum(len(block) for block in blocks):
            raise DataError(f"{path.name} has no sound event; {done.first}", hint="Check the file")
        return cls(pa.concat_tables(blocks))

    @contextmanager
    def query(self, *, start: str | datetime | None = None, end: str | datetime | None = None) -> Iterator[Any]:
        """As of the store; moments only."""
        import duckdb

        terms = [
            f"epoch_us(time) {sign} {int(moment.timestamp()) * 1_000_000}"
            for sign, moment in ((">=", start), ("<", end))
            if isinstance(moment, datetime)
        ]
        connection = duckdb.connect()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("given", self.table)
            where = f" WHERE {' AND '.join(terms)}" if terms else ""
            connection.execute(f"CREATE VIEW events AS SELECT * FROM given{where}")
            yield connection
        finally:
            connection.close()
