"""The cold store: Parquet parts by day, of which only those count that the database lists.

A part is written beside its place, moved there, and then listed in the same transaction that takes its rows out of the
hot table: a reader sees each event once, whatever is interrupted. A part is never changed; it is replaced by another.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, delete, insert, select

from shopr.analytics.store.rows import COLUMNS, Row
from shopr.clock import SystemClock
from shopr.errors import StorageError
from shopr.storage.tables import event_parts as table

__all__ = ["SCHEMA", "ColdStore", "Part", "arrow_table", "day_of"]

_WHOLE = ("quantity", "price", "position")
_REAL = ("rating", "value", "weight")


def _type(name: str) -> Any:
    if name in ("time", "received"):
        return pa.timestamp("us", tz="UTC")
    if name == "version":
        return pa.int32()
    return pa.int64() if name in _WHOLE else pa.float64() if name in _REAL else pa.string()


SCHEMA = pa.schema([pa.field(name, _type(name)) for name in COLUMNS])
"""Columns of a part."""


def arrow_table(rows: Sequence[Row]) -> Any:
    """Rows as an Arrow table."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    return pa.Table.from_arrays(
        [
            pa.array(column, pa.int64()).cast(field.type)
            if field.name in ("time", "received")
            else pa.array(column, field.type)
            for column, field in zip(columns, SCHEMA, strict=True)
        ],
        schema=SCHEMA,
    )


def day_of(time: int) -> str:
    """The UTC day of a moment in microseconds, "2026-11-30"."""
    return datetime.fromtimestamp(time // 1_000_000, UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Part:
    """One file.

    Attributes:
        path: below the folder of the parts.
        day: the UTC day of all its events.
        rows, bytes: its size.
    """

    path: str
    day: str
    rows: int
    bytes: int


class ColdStore:
    """The parts.

    Args:
        folder: where they are, `day=2026-11-30/….parquet`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, day: str, rows: Any) -> Part:
        """Write an Arrow table of one day as a part that is not listed yet.

        Raises:
            StorageError: if the disk refuses; nothing is left behind.
        """
        place = f"day={day}/{uuid4().hex}.parquet"
        path = self.folder / place
        beside = path.with_suffix(".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with beside.open("wb") as file:
                pq.write_table(rows, file, compression="zstd", row_group_size=200_000)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise StorageError(
                f"{path.parent} cannot be written: {error.strerror}", hint="Free some space, or set SHOPR_HOME"
            ) from error
        return Part(place, day, rows.num_rows, path.stat().st_size)

    def listed(self, connection: Connection) -> list[Part]:
        """The parts that count, by day."""
        found = connection.execute(select(table).order_by(table.c.day, table.c.path))
        return [Part(row.path, row.day, row.rows, row.bytes) for row in found]

    def enlist(self, connection: Connection, parts: Iterable[Part]) -> None:
        """Let parts count from the end of the transaction."""
        rows = [{"path": p.path, "day": p.day, "rows": p.rows, "bytes": p.bytes} for p in parts]
        if rows:
            connection.execute(insert(table), rows)

    def delist(self, connection: Connection, parts: Iterable[Part]) -> None:
        """Let parts count no longer; their files are spared for as long as `sweep` says, from now on."""
        for part in parts:
            connection.execute(delete(table).where(table.c.path == part.path))
            with suppress(OSError):
                os.utime(self.folder / part.path)

    def read(self, part: Part) -> Any:
        """A part as an Arrow table.

        Raises:
            StorageError: if it is gone or damaged.
        """
        try:
            return pq.read_table(self.folder / part.path, schema=SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise StorageError(
                f"events of {part.day} cannot be read from {part.path}: {type(error).__name__}",
                hint="Restore the file from a backup",
            ) from error

    def sweep(self, listed: Iterable[Part], spared: timedelta = timedelta(0)) -> int:
        """Remove files that no part is listed for; how many. Only whoever holds the lock of compaction may do so.

        Args:
            spared: how long ago they must have been given up, by the machine's clock, which dates files: a query that
                began before that may still read them.
        """
        known = {part.path for part in listed}
        removed, youngest = 0, (SystemClock().now() - spared).timestamp()
        for path in self.folder.glob("day=*/*"):
            if f"{path.parent.name}/{path.name}" not in known:
                with suppress(OSError):
                    if not spared or path.stat().st_mtime <= youngest:
                        path.unlink()
                        removed += 1
        for folder in self.folder.glob("day=*"):
            with suppress(OSError):
                folder.rmdir()  # refused while something is in it
        return removed
