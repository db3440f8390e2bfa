"""The event store: hot rows in the database, the rest in Parquet parts, one table to whoever asks.

    with store.query() as events:
        events.sql("SELECT type, sum(weight) FROM events GROUP BY type").df()

Readers never block the writer. A query sees the events of one moment, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete

from shopr.analytics.store.cold import SCHEMA, ColdStore, Part, arrow_table, day_of
from shopr.analytics.store.compaction import Compacted, Compactor
from shopr.analytics.store.hot import KNOWN_DAYS, HotStore
from shopr.analytics.store.persons import OfPersons
from shopr.analytics.store.rows import COLUMNS, Row, bounds, microseconds
from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import InputError, StorageError
from shopr.storage.database import Database
from shopr.storage.tables import events as table

__all__ = ["EventStore", "events_database"]

_time_of = itemgetter(COLUMNS.index("time"))
_TRIES = 3
"""A part may be replaced between the moment it is listed and the moment it is opened."""


def events_database(settings: Settings) -> Database:
    """Where hot events are: a file of their own beside state.db, or the PostgreSQL database of everything."""
    url = settings.database_url
    if not url.startswith("sqlite"):
        return Database.open(url=url)
    return Database.open(url=f"sqlite:///{Path(url.removeprefix('sqlite:///')).with_name('events.db')}")


class EventStore(OfPersons):
    """Events of one installation.

    Args:
        database: opened and upgraded.
        folder: of the Parquet parts.
    """

    name = "events"

    def __init__(self, database: Database, folder: Path, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._database = database
        self._hot, self._cold = HotStore(database, clock=self._clock), ColdStore(folder)
        self._compactor = Compactor(self._hot, self._cold, clock=self._clock)

    @classmethod
    def open(cls, settings: Settings | None = None, *, clock: Clock | None = None) -> Self:
        """The store of an installation."""
        settings = settings or Settings()
        return cls(events_database(settings), settings.home / "events", clock=clock)

    @property
    def database(self) -> Database:
        """Where hot events are."""
        return self._database

    @property
    def folder(self) -> Path:
        """Where the parts are."""
        return self._cold.folder

    # -- writing ------------------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[Row]) -> int:
        """Store rows (`shopr.analytics.store.rows`); how many were new. When this returns they are there.

        Raises:
            StorageError: if the database refuses; nothing of the batch is kept.
        """
        if rows and min(map(_time_of, rows)) < self._horizon():
            rows = self._not_in_parts(rows)
        return self._hot.append(rows)

    def _horizon(self) -> int:
        """Of events before this moment the ids may be forgotten."""
        return microseconds(self._clock.now() - timedelta(days=KNOWN_DAYS - 1))

    def _not_in_parts(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows without those that are old and in the parts of their days already."""
        horizon = self._horizon()
        old = [row for row in rows if _time_of(row) < horizon]
        new = set(self._unknown(arrow_table(old))["event_id"].to_pylist())
        return [row for row in rows if _time_of(row) >= horizon or row[0] in new]

    def load(self, blocks: Iterable[Any]) -> int:
        """Store history in bulk, straight into parts; how many events were new.

        Args:
            blocks: Arrow tables in the columns of `SCHEMA`, each as large as memory may hold.

        Raises:
            StorageError: if another process loads or compacts, or the disk refuses; blocks before that are kept.
        """
        new = 0
        with self._compactor.alone():
            for block in blocks:
                new += self._load(block.select(list(COLUMNS)).cast(SCHEMA))
        return new

    def _load(self, block: Any) -> int:
        rows = self._unknown(self._hot.erased.obeyed_table(block))
        if not rows.num_rows:
            return 0
        days = pc.strftime(rows["time"], "%Y-%m-%d")
        order = pc.sort_indices(days)
        rows, days = rows.take(order), days.take(order)
        starts = pc.run_end_encode(days.combine_chunks() if isinstance(days, pa.ChunkedArray) else days)
        parts, at = [], 0
        for day, end in zip(starts.values.to_pylist(), starts.run_ends.to_pylist(), strict=True):
            parts.append(self._cold.write(day, rows.slice(at, end - at)))
            at = end
        young = pc.greater_equal(rows["time"].cast(pa.int64()), self._horizon())
        with self._database.begin() as connection:
            self._cold.enlist(connection, parts)
            self._hot.know(connection, rows["event_id"].filter(young).to_pylist())
        return int(rows.num_rows)

    def _unknown(self, rows: Any) -> Any:
        """Rows whose ids the store does not hold in their span of days, each id once."""
        if not rows.num_rows:
            return rows
        ends = pc.min_max(rows["time"].cast(pa.int64())).as_py()
        with self.query(start=day_of(ends["min"]), end=day_of(ends["max"])) as events:
            events.register("given", rows.select(["event_id"]))
            kept = events.sql(
                "SELECT min(place) AS place FROM (SELECT event_id, row_number() OVER () - 1 AS place FROM given) AS g "
                "WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.event_id = g.event_id) GROUP BY event_id"
            ).fetchnumpy()["place"]
        return rows.take(pa.array(sorted(int(place) for place in kept), pa.int64()))

    def compact(self, age: timedelta = timedelta(minutes=15)) -> Compacted:
        """Move what came in before `age` ago from the database into parts.

        Raises:
            StorageError: if another process compacts, or a store refuses; nothing is lost or doubled then.
        """
        return self._compactor.compact(age)

    # -- reading ------------------------------------------------------------------------------------------------------

    @contextmanager
    def query(self, *, start: str | datetime | None = None, end: str | datetime | None = None) -> Iterator[Any]:
        """A DuckDB connection with the view `events`, the events of this moment, and `linked`: `session_id user_id
        direct`, the sessions that belong to a user by their links (`shopr.analytics.store.identities`), and `devices`:
        `session_id device_id`.

        Args:
            start, end: first and last UTC day to read ("2026-11-30"), or moments: `start` included, `end` excluded.

        Raises:
            StorageError: if a part is missing or damaged.
        """
        import duckdb

        low, high = bounds(start, end)
        for attempt in range(_TRIES):
            parts, hot = self.snapshot(low, high)
            files = [str(self._cold.folder / part.path) for part in parts]
            lost = [file for file in files if not Path(file).is_file()]
            if not lost:
                break
            if attempt + 1 == _TRIES:
                raise StorageError(f"events are missing: {lost[0]} is gone", hint="Restore it from a backup")
        connection = duckdb.connect()
        try:
            self._view(connection, files, hot, _where(low, high))
            connection.register("linked", self.identities.owners())
            connection.register("devices", self.identities.devices())
            yield connection
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            if ".parquet" not in str(error):
                raise
            raise _unreadable(error) from error
        finally:
            connection.close()

    @staticmethod
    def _view(connection: Any, files: list[str], hot: Any, where: str) -> None:
        cold = f"SELECT * FROM read_parquet({files!r}, hive_partitioning = false){where} UNION ALL " if files else ""
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("hot", hot)
        connection.execute(f"CREATE VIEW events AS {cold}SELECT * FROM hot{where}")

    def frame(self, *, start: str | datetime | None = None, end: str | datetime | None = None) -> pd.DataFrame:
        """The events of a span as a table, in order of time."""
        with self.query(start=start, end=end) as events:
            found: pd.DataFrame = events.sql("SELECT * FROM events ORDER BY time, event_id").df()
        return found

    def count(self) -> int:
        """Events stored."""
        with self._database.read() as connection:
            return self._hot.count() + sum(part.rows for part in self._cold.listed(connection))

    def snapshot(self, low: int | None, high: int | None) -> tuple[list[Part], Any]:
        """The parts (below `folder`) and the hot rows of this moment, as far as they lie between two microseconds."""
        first = None if low is None else day_of(low)
        last = None if high is None else day_of(high - 1)
        with self._database.read() as connection:
            parts = self._cold.listed(connection)
            rows = [row[1:] for block in self._hot.rows(connection, span=(low, high)) for row in block]
        within = [p for p in parts if (first is None or p.day >= first) and (last is None or p.day <= last)]
        return within, arrow_table(rows)

    def retain(self, days: int, *, types: Iterable[str] | None = None) -> int:
        """Remove events that are older than `days`; how many. By default of every type.

        Raises:
            InputError: if days is below 1.
        """
        if days < 1:
            raise InputError(f"retention of {days} days", hint="Keep events for at least one day")
        cutoff = microseconds(self._clock.now() - timedelta(days=days))
        last = day_of(cutoff)
        given = None if types is None else list(types)
        return self._remove(cutoff, given, lambda day: day <= last)

    def _remove(self, cutoff: int, types: list[str] | None, days: Callable[[str], bool]) -> int:
        bound = pa.scalar(cutoff, pa.int64()).cast(pa.timestamp("us", tz="UTC"))

        def younger(rows: Any) -> Any:
            old = pc.less(rows["time"], bound)
            if types is not None:
                old = pc.and_(old, pc.is_in(rows["type"], pa.array(types, pa.string())))
            return rows.filter(pc.invert(old))

        with self._compactor.alone():
            with self._database.begin() as connection:
                old = table.c.time < cutoff
                hot = delete(table).where(old if types is None else old & table.c.type.in_(types))
                count = connection.execute(hot).rowcount
            count += self._compactor.rewrite(younger, days)
            self._compactor.sweep()
        return int(count)


def _unreadable(error: Exception) -> StorageError:
    """A part that DuckDB cannot read, be it when the view is made or when it is asked."""
    return StorageError(
        f"events cannot be read: {str(error).splitlines()[0]}", hint="Try again, or restore from a backup"
    )


def _where(low: int | None, high: int | None) -> str:
    terms = [f"time >= make_timestamptz({low}::BIGINT)"] if low is not None else []
    terms += [f"time < make_timestamptz({high}::BIGINT)"] if high is not None else []
    return f" WHERE {' AND '.join(terms)}" if terms else ""
