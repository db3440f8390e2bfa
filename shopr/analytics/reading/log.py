"""Events as arrays, sorted by person and time: what funnels, journeys, sessions and retention are computed on.

A person is a user; what a session did before its user logged in is the user's too, and so are sessions on their device
(`shopr.analytics.store.identities` has the rule). Who never logged in is a session, and so is one that several users
were in.
Events that a shop declared itself go by their own names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from shopr.analytics.reading.source import Source
from shopr.data.events import EventType
from shopr.errors import InputError

__all__ = ["Codes", "EventLog", "order_by"]

_BUILT_IN = frozenset(kind.value for kind in EventType) - {EventType.CUSTOM_OCCURRED.value}
_SEVERAL = np.int32(-2)
"""Owner of a session in which several users were seen: nobody."""
_NEEDED = ("type", "time", "user_id", "session_id", "weight")


@dataclass(frozen=True)
class Codes:
    """A column of words.

    Attributes:
        codes: shape (n,), int32, -1 where there is none.
        names: the words, by code.
    """

    codes: NDArray[np.int32]
    names: NDArray[np.object_]

    @classmethod
    def of(cls, column: Any) -> Self:
        """From an Arrow column of text."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        return cls(codes, column.dictionary.to_numpy(zero_copy_only=False).astype(object))

    def take(self, rows: NDArray[np.intp]) -> Codes:
        """The column in another order."""
        return Codes(self.codes[rows], self.names)

    def code(self, name: str) -> int:
        """The code of a word; -2 if no row has it."""
        found = np.flatnonzero(self.names == name)
        return int(found[0]) if len(found) else -2

    def words(self) -> NDArray[np.object_]:
        """The words themselves, shape (n,), "" where there is none."""
        return np.append(self.names, "")[self.codes]


@dataclass(frozen=True)
class EventLog:
    """Events of a span, sorted by person, then time, then the order in which they were stored.

    Attributes:
        persons: shape (n,), int32 codes.
        n_persons: how many persons there are.
        types: event types.
        times: shape (n,), microseconds since 1970.
        weights: shape (n,), how many events each stands for.
        sessions: the sessions; codes -1 where unknown.
        columns: further columns that were asked for, by name: words, or numbers (NaN where unknown).
    """

    persons: NDArray[np.int32]
    n_persons: int
    types: Codes
    times: NDArray[np.int64]
    weights: NDArray[np.float64]
    sessions: Codes
    columns: Mapping[str, Codes | NDArray[np.float64]] = field(default_factory=dict)
    _ids: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.persons)

    @classmethod
    def read(
        cls,
        store: Source,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        types: Sequence[str] | None = None,
        columns: Sequence[str] = (),
    ) -> Self:
        """Read from a store what an analysis needs.

        Args:
            types: event types; None for all. Logins are looked for in these only.
            columns: further columns, such as "page", "device", "product_id", "price".

        Raises:
            InputError: if a column is not of the store.
            StorageError: if the store cannot be read.
        """
        from shopr.analytics.store.rows import COLUMNS

        for name in columns:
            if name not in COLUMNS:
                raise InputError(f"events have no column {name!r}", hint=f"Known: {', '.join(COLUMNS)}")
        with store.query(start=start, end=end) as events:
            kind = _type_of(events, types)
            names = [f"{kind} AS type", *_NEEDED[1:], *(c for c in columns if c not in _NEEDED)]
            where = f" WHERE {kind} IN (SELECT unnest(?))" if types is not None else ""
            query = f"SELECT {', '.join(names)} FROM events{where}"
            table = events.sql(query, params=[list(types)] if types is not None else []).to_arrow_table()
            return cls.of(table, columns, linked=_linked(events))

    @classmethod
    def of(cls, table: Any, columns: Sequence[str] = (), *, linked: Any = None) -> Self:
        """From an Arrow table or a frame with `type time user_id session_id weight` and the columns asked for.

        Args:
            linked: sessions that belong to users, as `Identities.owners` has them.
        """
        if not isinstance(table, pa.Table):
            table = pa.Table.from_pandas(table, preserve_index=False)
        users, sessions = Codes.of(table["user_id"]), Codes.of(table["session_id"])
        persons, count, ids = _persons(users, sessions, linked)
        times = pc.cast(table["time"], pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
        known = np.flatnonzero(persons >= 0)
        order = known[order_by(persons[known], count, times[known])]
        weights = table["weight"].to_numpy() if "weight" in table.column_names else np.ones(len(times))
        return cls(
            persons[order], count, Codes.of(table["type"]).take(order), times[order],
            weights.astype(np.float64)[order], sessions.take(order),
            {name: _column(table[name], order) for name in columns}, ids,
        )  # fmt: skip

    @cached_property
    def person_ids(self) -> NDArray[np.object_]:
        """User id, or session id, of each person code."""
        return np.empty(0, object) if self._ids is None else self._ids

    @cached_property
    def starts(self) -> NDArray[np.bool_]:
        """Whether each event is the first of its person."""
        first = np.ones(len(self), bool)
        first[1:] = self.persons[1:] != self.persons[:-1]
        return first

    def take(self, rows: NDArray[Any]) -> EventLog:
        """Some of the events, in the same order: by a mask or by rising positions."""
        columns = {n: c.take(rows) if isinstance(c, Codes) else c[rows] for n, c in self.columns.items()}
        return EventLog(
            self.persons[rows], self.n_persons, self.types.take(rows), self.times[rows], self.weights[rows],
            self.sessions.take(rows), columns, self._ids,
        )  # fmt: skip


def order_by(keys: NDArray[np.int32], n: int, times: NDArray[np.int64]) -> NDArray[np.intp]:
    """The order by key, then time, then place: stable, and linear where the times rise already.

    A sparse matrix with one entry an event is sorted by rows through counting, which keeps the order within a row.
    """
    if len(times) > 1 and np.any(times[1:] < times[:-1]):
        by_time = np.argsort(times, kind="stable")
        return by_time[order_by(keys[by_time], n, np.empty(0, np.int64))]
    places = np.arange(len(keys), dtype=np.int32 if len(keys) < 2**31 else np.int64)
    matrix = coo_matrix((np.ones(len(keys), np.int8), (keys, places)), shape=(n, max(len(keys), 1))).tocsr()
    order: NDArray[np.intp] = matrix.indices.astype(np.intp)
    return order


def _type_of(events: Any, types: Sequence[str] | None) -> str:
    """What tells the type: the column, or, where there are events of a shop's own and they are wanted, their name."""
    if types is not None and _BUILT_IN.issuperset(types):
        return "type"
    own = f"type = '{EventType.CUSTOM_OCCURRED.value}'"
    found = events.execute(f"SELECT 1 FROM events WHERE {own} LIMIT 1").fetchall()
    return "type" if not found else f"CASE WHEN {own} THEN name ELSE type END"


def _linked(events: Any) -> Any:
    """Sessions that belong to users by their links; None where the source knows of none."""
    known = events.execute("SELECT 1 FROM duckdb_views() WHERE view_name = 'linked'").fetchall()
    return None if not known else events.sql("SELECT * FROM linked").to_arrow_table()


def _persons(users: Codes, sessions: Codes, linked: Any) -> tuple[NDArray[np.int32], int, NDArray[np.object_]]:
    """Codes of persons: users first, then the sessions in which nobody logged in, or several did."""
    n_sessions = len(sessions.names)
    owner = np.full(n_sessions + 1, -1, np.int32)
    known = (users.codes >= 0) & (sessions.codes >= 0)
    owner[sessions.codes[known]] = users.codes[known]
    several = owner[sessions.codes[known]] != users.codes[known]  # the last one seen stands there: somebody else was
    owner[sessions.codes[known][several]] = _SEVERAL
    names = users.names
    if linked is not None and linked.num_rows:
        names = _joined(owner, names, sessions.names, linked)
    owner[-1] = -1
    free = owner[:-1] < 0
    if several.any():  # of a session that several were in, only what nobody was named for is its own
        alone = np.zeros(n_sessions, bool)
        alone[sessions.codes[(users.codes < 0) & (sessions.codes >= 0)]] = True
        free &= alone
    nobodys = np.flatnonzero(free)
    owner[nobodys] = len(names) + np.arange(len(nobodys), dtype=np.int32)
    persons = np.where(users.codes >= 0, users.codes, owner[sessions.codes]).astype(np.int32)
    return persons, len(names) + len(nobodys), np.concatenate([names, sessions.names[nobodys]])


def _joined(
    owner: NDArray[np.int32], users: NDArray[np.object_], sessions: NDArray[np.object_], linked: Any
) -> NDArray[np.object_]:
    """Write into `owner` what links tell; the users, with those at the end whom only links name."""
    frame = linked.to_pandas()
    place = pd.Index(sessions).get_indexer(frame["session_id"])
    frame, place = frame[place >= 0], place[place >= 0]
    # A link from a device counts only where nobody was seen in the session itself.
    use = frame["direct"].to_numpy(bool) | (owner[place] == -1)
    frame, place = frame[use], place[use]
    several = (frame["user_id"] == "").to_numpy()
    owner[place[several]] = _SEVERAL
    frame, place = frame[~several], place[~several]
    named = pd.unique(frame["user_id"])
    names = np.concatenate([users, named[~np.isin(named, users)]]).astype(object)
    codes = pd.Index(names).get_indexer(frame["user_id"]).astype(np.int32)
    before = owner[place]
    owner[place] = np.where((before == -1) | (before == codes), codes, _SEVERAL)
    return names


def _column(column: Any, order: NDArray[np.intp]) -> Codes | NDArray[np.float64]:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()[order]
        return numbers
    return Codes.of(column).take(order)
