"""What shoppers did since the fit, in storage: shared by all processes, and there again after a restart or a kill.

The table is the truth; whoever caches what it says asks `version` first, which changes with every change of a shopper's
rows. Events are told apart by id and product, so that a client may send one again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.data.events import Event, EventType
from shopr.errors import InputError
from shopr.storage.database import Database
from shopr.storage.tables import live_interactions as table

__all__ = ["LIVE_TYPES", "Live", "LiveStore"]

LIVE_TYPES = frozenset(
    {
        EventType.PRODUCT_VIEWED,
        EventType.PRODUCT_CLICKED,
        EventType.RECOMMENDATION_CLICKED,
        EventType.CART_ITEM_ADDED,
        EventType.CART_ITEM_REMOVED,
        EventType.ORDER_COMPLETED,
        EventType.ORDER_RETURNED,
    }
)
"""Events that say something about what a shopper will want next."""
LATEST = 1_000
"""Rows of one shopper that are looked at, the latest: a robot's hundred thousand clicks must not slow its replies."""
KEPT = timedelta(days=90)
"""How long an event is kept where no newer model has learned from it."""
FUTURE = timedelta(minutes=5)
"""How far a client's clock may run ahead."""


_BOUGHT = (EventType.ORDER_COMPLETED.value, EventType.ORDER_RETURNED.value)
_TIDY_SECONDS = 3_600.0
# Statements are built once: to build one costs twice what it costs to run it.
_OWN = (
    select(table.c.product_id, table.c.type, table.c.time, table.c.session_id, table.c.seq)
    .where(table.c.shop == bindparam("shop"), table.c.user_id == bindparam("user"))
    .order_by(table.c.time.desc(), table.c.seq.desc())
    .limit(LATEST)
)
_LATEST = _OWN.with_only_columns(table.c.product_id, table.c.type, table.c.time, table.c.session_id)
_NUMBERS = _OWN.with_only_columns(table.c.seq).subquery()
_VERSION = select(func.count(), func.coalesce(func.sum(_NUMBERS.c.seq), 0)).select_from(_NUMBERS)


@dataclass(frozen=True, slots=True)
class Live:
    """One shopper's events since the fit, rising in time.

    Attributes:
        products: shape (n,), product ids.
        types: shape (n,), event types.
        times: shape (n,), Unix seconds (float64, with fractions).
        sessions: shape (n,), session ids, "" where unknown.
    """

    products: NDArray[np.object_]
    types: NDArray[np.object_]
    times: NDArray[np.float64]
    sessions: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.products)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, float, str]]) -> Live:
        """From (product, type, Unix seconds, session) in any order; ties keep it."""
        ordered = sorted(rows, key=lambda row: row[2])
        products, types, times, sessions = zip(*ordered, strict=True) if ordered else ((), (), (), ())
        return cls(
            np.array(products, dtype=object),
            np.array(types, dtype=object),
            np.array(times, np.float64),
            np.array(sessions, dtype=object),
        )


class LiveStore:
    """The table of live interactions.

    Args:
        database: opened and upgraded.
        shop: whose events these are; shops that share a database do not see each other's.
        clock: judges times that lie in the future.
    """

    def __init__(self, database: Database, shop: str = "", *, clock: Clock | None = None) -> None:
        self._database, self._shop, self._clock = database, shop, clock or SystemClock()
        self._tidied: float | None = None
        insert = (sqlite if database.is_sqlite else postgresql).insert
        self._insert = insert(table).on_conflict_do_nothing(index_elements=["shop", "event_id", "product_id"])

    def record(self, events: Event | Iterable[Event]) -> int:
        """Store events in one transaction; how many were new. Order does not matter, nor does sending them again.

        Events of types that say nothing about taste, or without shopper or product, are left out. When this returns,
        the events are in the store, whatever happens to the process.

        Raises:
            InputError: if an event lies in the future.
            StorageError: if the database refuses; nothing of the batch is kept.
        """
        batch = [events] if isinstance(events, Event) else list(events)
        rows = [row for event in batch if (row := self._row(event)) is not None]
        if not rows:
            return 0
        with self._database.begin() as connection:
            return max(int(connection.execute(self._insert, rows).rowcount), 0)

    def _row(self, event: Event) -> dict[str, object] | None:
        product = event.properties.get("product_id")
        if event.type not in LIVE_TYPES or event.user_id is None or not isinstance(product, str) or not product:
            return None
        if len(product) > table.c.product_id.type.length:  # type: ignore[attr-defined]
            raise InputError(f"product id of {len(product)} characters, the bound is 256", hint="Send the product's id")
        if event.time > self._clock.now() + FUTURE:
            raise InputError(
                f"event {event.event_id!r} lies in the future ({event.time.isoformat()})",
                hint="Send the time in UTC by a clock that is set",
            )
        return {
            "shop": self._shop,
            "event_id": event.event_id,
            "user_id": event.user_id,
            "session_id": event.session_id,
            "product_id": product,
            "type": event.type.value,
            "time": event.time,
        }

    def _whose(self, user_id: str) -> ColumnElement[bool]:
        return and_(table.c.shop == self._shop, table.c.user_id == user_id)

    def version(self, user_id: str) -> tuple[int, int]:
        """(rows, sum of their numbers) of what `of` reads: the same while nothing was added or taken away.

        Numbers only rise and are never given twice, so that whatever is added changes the sum.
        """
        with self._database.read() as connection:
            count, total = connection.execute(_VERSION, {"shop": self._shop, "user": user_id}).one()
        return int(count), int(total)

    def of(self, user_id: str) -> Live:
        """The latest events of one shopper; none for an unknown one."""
        with self._database.read() as connection:
            rows = connection.execute(_LATEST, {"shop": self._shop, "user": user_id}).all()
        return Live.of((p, t, at.timestamp(), s or "") for p, t, at, s in reversed(rows))

    def forget(self, until: datetime | None = None) -> int:
        """Drop what a model that serves now was fitted on, and what is older than `KEPT`; how many rows.

        Args:
            until: orders and returns up to then are in the log that the model learned from; None: none are. What
                shoppers looked at is in no log of orders and stays until it is old. Without a zone it counts as UTC.
        """
        gone = table.c.time <= self._clock.now() - KEPT
        if until is not None:
            until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
            gone = or_(gone, and_(table.c.time <= until, table.c.type.in_(_BOUGHT)))
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(table.c.shop == self._shop, gone)).rowcount

    def tidy(self) -> int:
        """`forget()`, but once an hour at most, so that whoever records or answers may call it; how many rows."""
        now = self._clock.monotonic()
        if self._tidied is not None and now - self._tidied < _TIDY_SECONDS:
            return 0
        self._tidied = now
        return self.forget()

    def forget_shopper(self, user_id: str) -> int:
        """Drop all rows of one shopper, who asked for it; orders are on record elsewhere. How many rows."""
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(self._whose(user_id))).rowcount
