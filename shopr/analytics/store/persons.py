"""What an event store holds of one person: their copy, and forgetting them.

Theirs is what carries their user id or its stand-in, as user or (where they chose what is allowed) as session, and what
happened without one in sessions that belong to them by the rule of `shopr.analytics.store.identities`. A copy holds
that alone. To be forgotten goes further: in a session that somebody else was seen in as well, what nobody can be named
for may be theirs, and goes, too. A tombstone comes first (`shopr.analytics.store.erased`), so that what another process
has taken in and not stored yet is not stored any more.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete

from shopr.analytics.store.erased import Kind
from shopr.analytics.store.identities import Identities
from shopr.analytics.store.pseudonyms import private_id
from shopr.analytics.store.rows import microseconds
from shopr.storage.tables import events as table

if TYPE_CHECKING:
    import pandas as pd

    from shopr.analytics.store.event_store import EventStore

__all__ = ["OfPersons"]


class OfPersons:
    """The part of an event store that is about one person."""

    @cached_property
    def identities(self) -> Identities:
        """Which sessions and devices belong to whom."""
        store = cast("EventStore", self)
        return Identities(store.database, clock=store._clock)

    def export(self, subject: str) -> list[dict[str, Any]]:
        """Everything held about a person, as rows."""
        with cast("EventStore", self).query() as events:
            names = _names(subject)
            sessions = sorted({*self._sessions(events, names), *names})
            found = events.execute(
                "SELECT * FROM events WHERE list_contains($1, user_id) OR (user_id IS NULL AND list_contains($2, "
                "session_id)) ORDER BY time, event_id",
                [names, sessions],
            ).df()
        return _rows(found)

    def erase(self, subject: str) -> int:
        """Forget a person: rows of the user id, of sessions that belong or may belong to them, and the links; how many
        rows."""
        names = _names(subject)
        self._bury("user", names)
        with cast("EventStore", self).query() as events:
            sessions = sorted({*self._sessions(events, names, shared=True), *names})
        self._bury("session", sessions)
        count = self._without(names, sessions)
        self.identities.erase(subject)
        return count

    def export_visit(self, session_id: str) -> list[dict[str, Any]]:
        """What happened in a session without a name, as rows."""
        with cast("EventStore", self).query() as events:
            found = events.execute(
                "SELECT * FROM events WHERE user_id IS NULL AND list_contains($1, session_id) ORDER BY time, event_id",
                [_names(session_id)],
            ).df()
        return _rows(found)

    def erase_visit(self, session_id: str) -> int:
        """Forget what happened in a session without a name; how many rows."""
        self._bury("session", _names(session_id))
        return self._without([], _names(session_id))

    def _bury(self, kind: Kind, names: list[str]) -> None:
        store = cast("EventStore", self)
        store._hot.erased.bury(kind, names, microseconds(store._clock.now()))

    def _without(self, names: list[str], sessions: list[str]) -> int:
        """Drop the rows of a user, and those without one of sessions; how many."""
        store = cast("EventStore", self)
        gone, users = pa.array(sessions, pa.string()), pa.array(names, pa.string())

        def without(rows: Any) -> Any:
            own = pc.fill_null(pc.is_in(rows["user_id"], users), False)
            nobodys = pc.and_(pc.is_null(rows["user_id"]), pc.fill_null(pc.is_in(rows["session_id"], gone), False))
            return rows.filter(pc.invert(pc.or_(own, nobodys)))

        with store._compactor.alone():
            count = self._erase_hot(names, sessions) + store._compactor.rewrite(without)
            store._compactor.sweep()
        return count

    def _sessions(self, events: Any, names: list[str], *, shared: bool = False) -> list[str]:
        """Sessions that belong to a person by events and links together; `shared`: and those others were seen in."""
        alone = "" if shared else " AND count(DISTINCT user_id) = 1"
        rows = events.execute(
            "WITH seen AS (SELECT session_id, user_id FROM events WHERE user_id IS NOT NULL AND session_id IS NOT NULL "
            "UNION SELECT session_id, user_id FROM linked WHERE direct) "
            f"SELECT session_id FROM seen GROUP BY session_id HAVING bool_or(list_contains($1, user_id)){alone} UNION "
            "SELECT session_id FROM linked WHERE NOT direct AND list_contains($1, user_id) "
            "AND session_id NOT IN (SELECT session_id FROM seen)",
            [names],
        ).fetchall()
        return sorted(session for (session,) in rows)

    def _erase_hot(self, names: list[str], sessions: list[str]) -> int:
        count = 0
        with cast("EventStore", self).database.begin() as connection:
            count += connection.execute(delete(table).where(table.c.user_id.in_(names))).rowcount
            for at in range(0, len(sessions), 400):
                some = sessions[at : at + 400]
                nobodys = delete(table).where(table.c.user_id.is_(None), table.c.session_id.in_(some))
                count += connection.execute(nobodys).rowcount
        return count


def _names(subject: str) -> list[str]:
    """The ids under which events may know a person."""
    return sorted({subject, private_id(subject) or subject})


def _rows(found: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.astype(object).where(found.notna(), None).to_dict("records")
    return rows
