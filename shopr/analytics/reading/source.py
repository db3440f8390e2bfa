"""Where analyses read events from: the store, a table in memory, or a part of either.

A part is chosen by session (its device, a page it saw, its country or language) or by person (a segment). Where the
events that tell so are sampled, sessions are known to belong only if those were kept: each of their events then stands
for as many as the one that tells, so that sums of weights stay unbiased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self, get_args

from shopr.analytics.reading.acts import with_persons
from shopr.analytics.store.rows import bounds, moment
from shopr.errors import DataError, UnknownNameError

__all__ = ["SEGMENTS", "EventTable", "Filters", "Segment", "Source", "about", "choices", "narrowed"]

Segment = Literal["buyers", "browsers", "searchers", "signed in", "anonymous", "new", "returning"]
SEGMENTS: tuple[str, ...] = get_args(Segment)
"""Kinds of persons: who ordered or did not, who searched, who has an account or none, who came first in this time."""
_TRAITS = {
    "device": "device",
    "page": "page",
    "release": "release",
    "country": "json_extract_string(properties, '$.country')",
    "language": "json_extract_string(properties, '$.language')",
}


class Source(Protocol):
    """Where events are."""

    def query(
        self, *, start: str | datetime | None = None, end: str | datetime | None = None
    ) -> AbstractContextManager[Any]:
        """A DuckDB connection with the view `events`, in the columns of the store."""


@dataclass(frozen=True)
class EventTable:
    """Events in memory.

    Attributes:
        table: an Arrow table in the store's columns (`shopr.analytics.intake.loading.event_table` makes one).
    """

    table: Any

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file that `shopr events load` takes; bad rows are left out.

        Raises:
            DataError: if it cannot be read, or has no sound row.
        """
        import pyarrow as pa

        from shopr.analytics.intake.loading import Loaded, file_blocks

        done = Loaded()
        blocks = list(file_blocks(path, done))
        if not blocks or not sum(len(block) for block in blocks):
            raise DataError(f"{path.name} has no sound event; {done.first}", hint="Check the file")
        return cls(pa.concat_tables(blocks))

    @contextmanager
    def query(self, *, start: str | datetime | None = None, end: str | datetime | None = None) -> Iterator[Any]:
        """As `EventStore.query`."""
        import duckdb

        low, high = bounds(start, end)
        terms = [f"epoch_us(time) >= {low}"] * (low is not None) + [f"epoch_us(time) < {high}"] * (high is not None)
        connection = duckdb.connect()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("given", self.table)
            where = f" WHERE {' AND '.join(terms)}" if terms else ""
            connection.execute(f"CREATE VIEW events AS SELECT * FROM given{where}")
            yield connection
        finally:
            connection.close()


@dataclass(frozen=True)
class Filters:
    """Which part of the events; "" for all.

    Attributes:
        device, page, country, language, release: of a session in which something happened there.
        segment: one of `SEGMENTS`.
    """

    device: str = ""
    page: str = ""
    country: str = ""
    language: str = ""
    release: str = ""
    segment: str = ""

    def __post_init__(self) -> None:
        if self.segment and self.segment not in SEGMENTS:
            raise UnknownNameError("segment", self.segment, SEGMENTS)

    @property
    def traits(self) -> dict[str, str]:
        """The chosen traits of sessions."""
        return {name: value for name in _TRAITS if (value := getattr(self, name))}

    def __bool__(self) -> bool:
        return bool(self.traits or self.segment)

    def words(self) -> str:
        """ "device mobile, segment buyers"."""
        chosen = self.traits | ({"segment": self.segment} if self.segment else {})
        return ", ".join(f"{name} {value}" for name, value in chosen.items())


def narrowed(source: Source, filters: Filters, *, by: Literal["session", "event"] = "session") -> Source:
    """The part of a source.

    Args:
        by: "session": all events of sessions in which something has the traits; "event": the events that have them.
    """
    return _Part(source, filters, by) if filters else source


def about(source: Source, start: datetime, end: datetime) -> Source:
    """The source with its segments decided by what happened in a time, whatever time is then read."""
    return replace(source, decided=(start, end)) if isinstance(source, _Part) else source


@dataclass(frozen=True)
class _Part:
    source: Source
    filters: Filters
    by: str
    decided: tuple[datetime, datetime] | None = None

    @contextmanager
    def query(self, *, start: str | datetime | None = None, end: str | datetime | None = None) -> Iterator[Any]:
        """As that of the source."""
        low, high = bounds(start, end)
        first, last = (low, high) if self.decided is None else bounds(*self.decided)
        reach = (low, high)
        if self.filters.segment:
            # Who is new is a question to all that came before.
            begin = None if self.filters.segment in ("new", "returning") else _outer(low, first, min)
            reach = (begin, _outer(high, last, max))
        ends = [None if at is None else moment(at) for at in reach]
        with self.source.query(start=ends[0], end=ends[1]) as events:
            events.execute("ALTER VIEW events RENAME TO everything")
            terms = [] if low is None else [f"epoch_us(e.time) >= {low}"]
            terms += [] if high is None else [f"epoch_us(e.time) < {high}"]
            weights, joins = ["e.weight"], []
            for name, value in self.filters.traits.items():
                if self.by == "event":
                    terms.append(f"{_TRAITS[name]} = {_quoted(value)}")
                else:
                    _chosen_sessions(events, name, value)
                    joins.append(f"JOIN of_{name} ON of_{name}.session_id = e.session_id")
                    weights.append(f"of_{name}.least")
            if self.filters.segment:
                _chosen_persons(events, self.filters.segment, first, last)
                joins.append("LEFT JOIN segment_owners AS o ON o.session_id = e.session_id")
                joins.append("JOIN segment ON segment.person = coalesce(e.user_id, nullif(o.owner, ''), e.session_id)")
                weights.append("segment.least")
            where = f" WHERE {' AND '.join(terms)}" if terms else ""
            events.execute(
                f"CREATE VIEW events AS SELECT e.* REPLACE (greatest({', '.join(weights)}) AS weight) "
                f"FROM everything AS e {' '.join(joins)}{where}"
            )
            yield events


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def _chosen_sessions(events: Any, trait: str, value: str) -> None:
    events.execute(
        f"CREATE TEMP TABLE of_{trait} AS SELECT session_id, min(weight) AS least FROM everything "
        f"WHERE session_id IS NOT NULL AND {_TRAITS[trait]} = {_quoted(value)} GROUP BY session_id"
    )


def _outer(one: int | None, other: int | None, which: Callable[..., int]) -> int | None:
    """The outer of two bounds; None is open."""
    return None if one is None or other is None else which(one, other)


def _chosen_persons(events: Any, segment: str, first: int | None, last: int | None) -> None:
    """The persons of a segment, decided by a time, and how many each stands for as one of it."""
    with_persons(events, "everything")
    begin = first or 0
    having = {
        "buyers": "bool_or(type = 'order_completed')",
        "browsers": "NOT bool_or(type = 'order_completed')",
        "searchers": "bool_or(type = 'search_performed')",
        "signed in": "bool_or(user_id IS NOT NULL OR person <> session_id)",
        "anonymous": "NOT bool_or(user_id IS NOT NULL OR person <> session_id)",
        "new": f"min(epoch_us(time)) >= {begin}",
        "returning": f"min(epoch_us(time)) < {begin} AND max(epoch_us(time)) >= {begin}",
    }[segment]
    least = "min(weight) FILTER (type = 'search_performed')" if segment == "searchers" else "min(weight)"
    within = [] if first is None or segment in ("new", "returning") else [f"epoch_us(time) >= {first}"]
    within += [] if last is None else [f"epoch_us(time) < {last}"]
    where = " AND ".join(["person IS NOT NULL", *within])
    events.execute(
        f"CREATE TEMP TABLE segment AS SELECT person, {least} AS least FROM acts "
        f"WHERE {where} GROUP BY person HAVING {having}"
    )
    events.execute("DROP VIEW acts")
    events.execute("ALTER TABLE owners RENAME TO segment_owners")


def choices(
    source: Source, *, start: str | datetime | None = None, end: str | datetime | None = None, most: int = 50
) -> dict[str, list[str]]:
    """What each trait can be chosen from: its values, most frequent first."""
    found: dict[str, list[str]] = {}
    with source.query(start=start, end=end) as events:
        for name, column in _TRAITS.items():
            rows = events.execute(
                f"SELECT {column} AS chosen FROM events WHERE {column} IS NOT NULL AND {column} <> '' "
                f"GROUP BY 1 ORDER BY sum(weight) DESC, 1 LIMIT {int(most)}"
            ).fetchall()
            found[name] = [value for (value,) in rows]
    return found
