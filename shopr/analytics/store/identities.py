"""Identities: which sessions belong to whom, once somebody logged in.

The rule. A session belongs to the one user who was seen in it. A session in which nobody was seen belongs to the one
user who was seen on its device. A session that several users were seen in, or one without a user on a device that
several used, belongs to none of them: two persons are never made one, and what nobody can be named for stays the
session's own.

Events are not changed: analyses ask here who a session belongs to. So a merge is undone by forgetting its link.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from shopr.analytics.store.pseudonyms import private_id
from shopr.analytics.store.rows import microseconds, moment
from shopr.clock import Clock, SystemClock
from shopr.errors import InputError
from shopr.storage.database import Database
from shopr.storage.tables import identities as table

__all__ = ["Identities"]

_CACHED = 50_000
_NONE = ""


class Identities:
    """The links between sessions, devices and users.

    Args:
        database: where hot events are; opened and upgraded.
    """

    name = "identities"

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()
        self._insert = (sqlite if database.is_sqlite else postgresql).insert
        self._seen: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._known: tuple[tuple[Any, ...], Any, Any] | None = None
        self._lock = threading.Lock()

    def link(self, *, session_id: str = _NONE, device_id: str = _NONE, user_id: str = _NONE) -> bool:
        """Two or three of these were seen together; whether that was new. Asking again costs next to nothing.

        Raises:
            InputError: if fewer than two are given, or one is too long.
        """
        session_id, user_id = private_id(session_id) or _NONE, private_id(user_id) or _NONE
        key = (session_id, device_id, user_id)
        if sum(map(bool, key)) < 2 or max(map(len, key)) > 256:
            raise InputError(
                f"a link of {sum(map(bool, key))} ids, of {max(map(len, key))} characters",
                hint="Give two or three of session, device and user, each of at most 256 characters",
            )
        with self._lock:
            if key in self._seen:
                return False
        row = {"session_id": session_id, "device_id": device_id, "user_id": user_id}
        statement = self._insert(table).values(**row, time=microseconds(self._clock.now())).on_conflict_do_nothing()
        with self._database.begin() as connection:
            new = connection.execute(statement.returning(table.c.time)).first() is not None
        with self._lock:
            self._seen[key] = None
            while len(self._seen) > _CACHED:
                self._seen.popitem(last=False)
        return new

    def unlink(self, user_id: str, *, session_id: str = _NONE, device_id: str = _NONE) -> int:
        """Undo a merge: forget that a user was seen in a session or on a device (in and on all if neither is given).

        Returns:
            How many links that took. What the user did signed in is theirs all the same.
        """
        terms: list[ColumnElement[bool]] = [table.c.user_id == private_id(user_id)]
        terms += [table.c.session_id == private_id(session_id)] if session_id else []
        terms += [table.c.device_id == device_id] if device_id else []
        return self._forget(and_(*terms))

    def owners(self) -> Any:
        """Sessions that belong to a user by the rule, as far as links tell: an Arrow table `session_id user_id direct`.

        `direct`: the user was seen in the session itself; "" as user where several were.
        """
        return self._tables()[0]

    def devices(self) -> Any:
        """The device of each session of which one is known, as an Arrow table `session_id device_id`."""
        return self._tables()[1]

    def _tables(self) -> tuple[Any, Any]:
        import pyarrow as pa

        columns = (table.c.session_id, table.c.device_id, table.c.user_id)
        with self._database.read() as connection:
            state = tuple(connection.execute(select(func.count(), func.max(table.c.time)).select_from(table)).one())
            if self._known is None or self._known[0] != state:
                rows = connection.execute(select(*columns)).all() if state[0] else []
                links = pd.DataFrame(rows, columns=["session_id", "device_id", "user_id"], dtype=object)
                text = [("session_id", pa.string()), ("user_id", pa.string()), ("direct", pa.bool_())]
                owned = pa.Table.from_pandas(_owners(links), pa.schema(text), preserve_index=False)
                seen = links.loc[(links["session_id"] != _NONE) & (links["device_id"] != _NONE)]
                devices = seen.groupby("session_id", sort=True)["device_id"].min()
                names = [pa.array(list(column), pa.string()) for column in (devices.index, devices)]
                self._known = state, owned, pa.Table.from_arrays(names, ["session_id", "device_id"])
            return self._known[1:]

    def sessions_of(self, user_id: str) -> list[str]:
        """The sessions that belong to a user by the rule, as far as links tell."""
        user_id = private_id(user_id) or _NONE
        of_user = select(table.c.device_id).where(table.c.user_id == user_id, table.c.device_id != _NONE)
        seen_in = select(table.c.session_id).where(table.c.user_id == user_id, table.c.session_id != _NONE)
        on_device = select(table.c.session_id).where(table.c.device_id.in_(of_user), table.c.session_id != _NONE)
        query = select(table.c.session_id, table.c.device_id, table.c.user_id).where(
            or_(table.c.session_id.in_(seen_in), table.c.session_id.in_(on_device), table.c.device_id.in_(of_user))
        )
        with self._database.read() as connection:
            near = connection.execute(query).all()
            # A session of theirs may have been seen on another device as well, whose users count, too.
            devices = {row.device_id for row in near if row.device_id}
            more = self._on_devices(connection, devices)
        found = _owners(pd.DataFrame([*near, *more], columns=["session_id", "device_id", "user_id"], dtype=object))
        return sorted(found.loc[found["user_id"] == user_id, "session_id"])

    def export(self, subject: str) -> list[dict[str, Any]]:
        """The links of a user."""
        with self._database.read() as connection:
            mine = select(table).where(table.c.user_id == private_id(subject)).order_by(table.c.time)
            rows = connection.execute(mine).mappings()
            return [{**row, "time": moment(row["time"])} for row in rows]

    def erase(self, subject: str) -> int:
        """Forget the links of a user, and those of the sessions that belonged to them alone; how many."""
        subject = private_id(subject) or _NONE
        sessions = self.sessions_of(subject)
        count = self._forget(table.c.user_id == subject)
        for at in range(0, len(sessions), 400):
            count += self._forget(and_(table.c.session_id.in_(sessions[at : at + 400]), table.c.user_id == _NONE))
        return count

    def erase_visit(self, session_id: str) -> int:
        """Forget the links of a session that nobody signed in to; how many."""
        return self._forget(and_(table.c.session_id == private_id(session_id), table.c.user_id == _NONE))

    def _on_devices(self, connection: Any, devices: set[str]) -> list[Any]:
        rows: list[Any] = []
        names = sorted(devices)
        for at in range(0, len(names), 400):
            some = table.c.device_id.in_(names[at : at + 400])
            columns = (table.c.session_id, table.c.device_id, table.c.user_id)
            rows += connection.execute(select(*columns).where(some, table.c.user_id != _NONE)).all()
        return rows

    def _forget(self, which: ColumnElement[bool]) -> int:
        with self._lock:
            self._seen.clear()
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(which)).rowcount


def _owners(links: pd.DataFrame) -> pd.DataFrame:
    """The rule, on links of whatever part."""
    seen = links[(links["session_id"] != _NONE) & (links["user_id"] != _NONE)]
    direct = _only(seen, several=True).assign(direct=True)
    where = links.loc[(links["session_id"] != _NONE) & (links["device_id"] != _NONE), ["session_id", "device_id"]]
    who = links.loc[(links["device_id"] != _NONE) & (links["user_id"] != _NONE), ["device_id", "user_id"]]
    where = where[~where["session_id"].isin(direct["session_id"])]
    by_device = _only(where.merge(who, on="device_id"), several=False).assign(direct=False)
    made = pd.concat([direct, by_device], ignore_index=True)
    return made.astype({"direct": bool})


def _only(pairs: pd.DataFrame, *, several: bool) -> pd.DataFrame:
    """Session and its only user; those with several users left out, or with "" as user."""
    grouped = pairs.groupby("session_id", sort=True)["user_id"].agg(["nunique", "first"]).reset_index()
    users = grouped["first"].where(grouped["nunique"] == 1, _NONE)
    made = pd.DataFrame({"session_id": grouped["session_id"], "user_id": users}, dtype=object)
    return made if several else made[made["user_id"] != _NONE]
