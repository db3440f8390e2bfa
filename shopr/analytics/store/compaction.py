"""Moving hot events into parts, joining small parts, and rewriting parts without what must go.

One at a time: a lock on a file beside the parts, which the system takes back from a process that dies. Whatever is
interrupted leaves the store as it was; files that were written for nothing are swept at the next time.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, func, select

from shopr.analytics.store.cold import ColdStore, Part, arrow_table, day_of
from shopr.analytics.store.erased import LOCK
from shopr.analytics.store.hot import DAY, KNOWN_DAYS, HotStore, microseconds_of
from shopr.analytics.store.rows import COLUMNS, Row, microseconds
from shopr.clock import Clock, SystemClock
from shopr.errors import StorageError
from shopr.storage.tables import event_ids
from shopr.storage.tables import events as table

__all__ = ["Compacted", "Compactor"]

_BLOCK = 250_000
"""Hot rows moved in one transaction: what memory holds at once."""
_SMALL = 4
"""Parts of a day that are let stand before they are joined."""
_SPARED = timedelta(minutes=15)
"""How long files stay that were replaced: queries that began before read them still."""
_TIME = COLUMNS.index("time")


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: hot rows moved, parts written, small parts joined, left-over files removed."""

    moved: int
    written: int
    joined: int
    swept: int


class Compactor:
    """Keeps hot rows few and parts large."""

    def __init__(self, hot: HotStore, cold: ColdStore, *, clock: Clock | None = None) -> None:
        self._hot, self._cold, self._clock = hot, cold, clock or SystemClock()
        self._database = hot.database

    def compact(self, age: timedelta = timedelta(minutes=15)) -> Compacted:
        """Move rows that came in before `age` ago into parts.

        Raises:
            StorageError: if another process compacts, or a store refuses; nothing is lost or doubled then.
        """
        with self.alone():
            swept = self.sweep(_SPARED)
            moved = written = 0
            upto = self._upto(microseconds(self._clock.now()) - microseconds_of(age))
            while upto:
                parts, rows = self._move(upto)
                moved, written = moved + rows, written + parts
                if rows < _BLOCK:
                    break
            self._finish_erasures()
            joined = self._join()
            self._forget_ids()
        return Compacted(moved, written, joined, swept)

    def rewrite(self, change: Callable[[Any], Any], days: Callable[[str], bool] = lambda day: True) -> int:
        """Replace the parts of some days by what `change` makes of their rows; how many rows that took away.

        A part of which nothing is left goes. The caller holds the lock (`alone`).
        """
        gone = 0
        with self._database.read() as connection:
            listed = [part for part in self._cold.listed(connection) if days(part.day)]
        for part in listed:
            before = self._cold.read(part)
            after = change(before)
            if after.num_rows == before.num_rows:
                continue
            gone += before.num_rows - after.num_rows
            self._replace([part], part.day, after)
        return gone

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of everything that writes or removes parts.

        Raises:
            StorageError: if another process holds it, or the folder cannot be written.
        """
        path = self._cold.folder / "compaction.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(f"{path} cannot be opened: {error.strerror}", hint="Make its folder writable") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise StorageError(
                "another process is compacting, loading or erasing events", hint="Try again when it has finished"
            ) from None
        try:
            yield
        finally:
            os.close(handle)

    def _upto(self, cutoff: int) -> int:
        with self._database.begin() as connection:
            if not self._database.is_sqlite:  # whoever appends now gets a higher number
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            return int(
                connection.execute(select(func.max(table.c.seq)).where(table.c.received <= cutoff)).scalar() or 0
            )

    def _move(self, upto: int) -> tuple[int, int]:
        """One block of hot rows into parts: (parts, rows)."""
        with self._database.read() as connection:
            block = next(self._hot.rows(connection, upto, _BLOCK), [])
        if not block:
            return 0, 0
        days: dict[str, list[Row]] = defaultdict(list)
        for row in block:
            days[day_of(row[1 + _TIME])].append(row[1:])
        parts = [self._cold.write(day, arrow_table(rows)) for day, rows in sorted(days.items())]
        with self._database.begin() as connection:
            if not self._database.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            self._cold.enlist(connection, parts)
            self._hot.know(connection, (row[1] for row in block))
            connection.execute(delete(table).where(table.c.seq >= block[0][0], table.c.seq <= block[-1][0]))
        return len(parts), len(block)

    def _join(self) -> int:
        """Join the parts of days that have many."""
        with self._database.read() as connection:
            by_day: dict[str, list[Part]] = defaultdict(list)
            for part in self._cold.listed(connection):
                by_day[part.day].append(part)
        joined = 0
        for day, parts in by_day.items():
            if len(parts) > _SMALL:
                whole = pa.concat_tables([self._cold.read(part) for part in parts])
                self._replace(parts, day, whole.take(pc.sort_indices(whole, [("time", "ascending")])))
                joined += len(parts)
        return joined

    def _replace(self, parts: list[Part], day: str, rows: Any) -> None:
        new = [self._cold.write(day, rows)] if rows.num_rows else []
        with self._database.begin() as connection:
            self._cold.delist(connection, parts)
            self._cold.enlist(connection, new)

    def sweep(self, spared: timedelta = timedelta(0)) -> int:
        """Remove files that no part is listed for since `spared`; how many. The caller holds the lock (`alone`)."""
        with self._database.read() as connection:
            listed = self._cold.listed(connection)
        return self._cold.sweep(listed, spared)

    def _finish_erasures(self) -> None:
        """Take out of the parts what came to light as an erased person's after the erasure."""
        if gone := self._hot.erased.unswept():
            self.rewrite(lambda rows: self._hot.erased.without(rows, gone))
            self.sweep()
            self._hot.erased.swept(gone)

    def _forget_ids(self) -> None:
        oldest = microseconds(self._clock.now()) // DAY - KNOWN_DAYS
        with self._database.begin() as connection:
            connection.execute(delete(event_ids).where(event_ids.c.day < oldest))
