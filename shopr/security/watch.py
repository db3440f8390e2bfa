"""What the guard saw, in storage, for the security page, reports and alerts. Of texts only what a rule matched is kept.

A refusal by rate or access list is kept once a minute for each principal: a flood must not become a flood of rows.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from shopr.clock import Clock, SystemClock
from shopr.errors import StorageError
from shopr.redaction import redact
from shopr.security.principal import Principal
from shopr.storage.database import Database
from shopr.storage.tables import guard_events as table

__all__ = ["KINDS", "KeptLock", "Watch"]

KINDS = ("verdict", "rate", "access", "csrf", "lock", "block", "session")
log = logging.getLogger("shopr.security")
_KEPT = timedelta(days=90)
_ONCE_SECONDS = 60.0
_THROTTLED = frozenset({"rate", "access", "csrf"})
_MOST_MARKS = 20_000
_TIDY_EVERY = 500
_COLUMNS = ("time", "kind", "door", "decision", "score", "classes", "rules", "reason", "user_id", "session", "network")


@dataclass(frozen=True, slots=True)
class KeptLock:
    """A lock or block that holds.

    Attributes:
        id: of its event.
        kind: "lock" or "block".
        reason: why.
        who: what it locks, in words: a network, a session, an account on a network.
        key: by which a lock is lifted; "" of a block, which is an access rule.
        since, until: its time.
    """

    id: int
    kind: str
    reason: str
    who: str
    key: str
    since: datetime
    until: datetime


class Watch:
    """The events of one shop.

    Args:
        database: opened and upgraded.
        tell: told of each event, as a mapping: for analytics and alerts.
    """

    def __init__(
        self,
        database: Database,
        shop: str = "",
        *,
        clock: Clock | None = None,
        tell: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._database, self._shop, self._clock = database, shop, clock or SystemClock()
        self._tell, self._marks, self._lock, self._count = (
            tell,
            dict[tuple[str, Principal], float](),
            threading.Lock(),
            0,
        )

    def record(
        self,
        kind: str,
        who: Principal,
        *,
        door: str = "",
        decision: str = "block",
        score: float | None = None,
        classes: tuple[str, ...] = (),
        rules: tuple[str, ...] = (),
        reason: str = "",
        lock_key: str = "",
        seconds: float | None = None,
    ) -> bool:
        """Keep an event; whether it was kept, and not one too many of its kind.

        Raises:
            StorageError: if storage refuses.
        """
        if kind in _THROTTLED and not self._first(kind, who):
            return False
        row: dict[str, Any] = {
            **{"time": self._clock.now(), "shop": self._shop, "kind": kind, "door": door[:32], "decision": decision},
            **{"score": score, "classes": list(classes), "rules": list(rules)[:20], "reason": redact(reason)[:512]},
            **{"user_id": who.user or None, "session": who.session[:64], "network": who.network[:64]},
            **{"lock_key": lock_key, "seconds": seconds},
        }
        with self._database.begin() as connection:
            connection.execute(insert(table).values(row))
            self._count += 1
            if self._count % _TIDY_EVERY == 1:
                connection.execute(delete(table).where(table.c.time < row["time"] - _KEPT))
        if self._tell is not None:
            try:
                self._tell(row)
            except Exception:  # whoever listens must not decide whether a request is answered
                log.exception("an event of the guard was kept, but could not be told")
        return True

    def note(self, kind: str, who: Principal, **what: Any) -> bool:
        """As `record`, for the middle of a request: where storage refuses, the log has it and the request goes on."""
        try:
            return self.record(kind, who, **what)
        except StorageError as error:
            log.error("an event of the guard (%s) was not kept: %s", kind, error.one_line())
            return False

    def events(self, start: datetime, end: datetime | None = None, *, kind: str | None = None) -> pd.DataFrame:
        """The events of a time, oldest first: `time, kind, door, decision, score, classes, rules, reason, user_id,
        session, network`."""
        which: ColumnElement[bool] = and_(table.c.shop == self._shop, table.c.time >= start)
        if end is not None:
            which = and_(which, table.c.time < end)
        if kind is not None:
            which = and_(which, table.c.kind == kind)
        query = select(*(table.c[name] for name in _COLUMNS)).where(which).order_by(table.c.time, table.c.id)
        with self._database.read() as connection:
            frame = pd.DataFrame([dict(row) for row in connection.execute(query).mappings()], columns=list(_COLUMNS))
        frame["time"] = pd.to_datetime(frame["time"], utc=True)
        return frame

    def locks(self) -> list[KeptLock]:
        """Locks and blocks that hold, newest first."""
        now = self._clock.now()
        kinds = or_(table.c.kind == "lock", table.c.kind == "block")
        which = and_(
            table.c.shop == self._shop, kinds, table.c.ended_at.is_(None), table.c.time > now - timedelta(days=31)
        )
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(which).order_by(table.c.id.desc())).mappings().all()
        found = []
        for row in rows:
            until = row["time"] + timedelta(seconds=row["seconds"] or 0)
            if until > now:
                found.append(
                    KeptLock(row["id"], row["kind"], row["reason"], _who(row), row["lock_key"], row["time"], until)
                )
        return found

    def ended(self, event_id: int) -> None:
        """Note that a lock or block was lifted before its time."""
        with self._database.begin() as connection:
            connection.execute(update(table).where(table.c.id == event_id).values(ended_at=self._clock.now()))

    def _first(self, kind: str, who: Principal) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            last = self._marks.get((kind, who))
            if last is not None and now - last < _ONCE_SECONDS:
                return False
            if len(self._marks) >= _MOST_MARKS:
                self._marks.clear()
            self._marks[kind, who] = now
            return True


def _who(row: Any) -> str:
    scope = row["lock_key"].split(":")[1] if row["lock_key"].count(":") >= 2 else ""
    if scope in ("user", "guarded", "account"):
        return f"account {row['user_id']} on {row['network'] or 'unknown networks'}"
    if scope == "session":
        return f"session {row['session'][:8]}"
    if scope == "api_key":
        return f"a key on {row['network']}"
    return row["network"] or f"session {row['session'][:8]}"
