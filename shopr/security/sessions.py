"""Sessions on the server: the browser holds a random token, storage holds its hash, and nothing else tells who
somebody is.

- A token is 128 random bits. It is replaced every few minutes; the one before works for a short grace, in which
  parallel requests get the same successor. A replaced token that comes back later was copied: the whole session ends.
- Login, logout and a change of privilege replace the token at once and without grace, so that a token that somebody
  planted before the login is worth nothing after it.
- A session ends when it was idle too long, when it is too old, and when it is revoked; other processes see that at
  once.
- Network and browser are remembered as digests. Either may change; both at once in a signed-in session end it.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, text, true, update

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError
from shopr.security.principal import digest_of, network_of
from shopr.security.session_records import (
    Privilege,
    Resumed,
    Session,
    SessionConfig,
    browser_name,
    hidden_successor,
    session_of,
    shown_successor,
    token_hash,
)
from shopr.storage.database import Database
from shopr.storage.tables import web_sessions as table

__all__ = ["Privilege", "Resumed", "Session", "SessionConfig", "Sessions"]

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\Z")
_SEEN_SECONDS = 60.0
_KEPT = timedelta(days=30)
_TIDY_EVERY = 500


class Sessions:
    """The sessions of an installation.

    Args:
        database: opened and upgraded.
        pepper: a secret for the digests of networks and browsers.
        on_sign: told of every sign of theft: (sign, session id, user id).
    """

    def __init__(
        self,
        database: Database,
        config: SessionConfig | None = None,
        *,
        clock: Clock | None = None,
        pepper: bytes = b"",
        on_sign: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._database, self.config, self._clock = database, config or SessionConfig(), clock or SystemClock()
        self._started = itertools.count()
        self._pepper, self._on_sign = pepper, on_sign or (lambda sign, session, user: None)

    def start(self, *, address: str = "", agent: str = "") -> tuple[str, Session]:
        """A new session of a visitor: its token and what is known."""
        if next(self._started) % _TIDY_EVERY == 0:
            self.tidy()
        with self._database.begin() as connection:
            return self._issue(connection, self._new(None, "visitor"), address, agent)

    def resume(self, token: str, *, address: str = "", agent: str = "") -> Resumed:
        """The session of a token; replaces the token when it is due, for exactly one of several requests at once."""
        if not _TOKEN.match(token):
            return Resumed(None)
        now = self._clock.now()
        with self._database.read() as connection:
            row = self._row(connection, token)
        if row is None or row["revoked_at"] is not None or self._over(row, now):
            return Resumed(None)
        if row["replaced_at"] is not None:
            return self._replaced(row, token, now, address, agent)
        signs = self._signs(row, address, agent)
        if "moved" in signs and row["privilege"] != "visitor":
            self.revoke(row["session_id"], why="network and browser changed at once")
            return Resumed(None, None, signs)
        age = (now - row["issued_at"]).total_seconds()
        if age >= self.config.rotate_seconds:
            return self._rotate(token, now, address, agent, signs)
        if (now - row["seen_at"]).total_seconds() >= _SEEN_SECONDS or signs:
            values = {"seen_at": now, **self._binding(address, agent)}
            with self._database.begin() as connection:
                connection.execute(update(table).where(table.c.token_hash == row["token_hash"]).values(values))
        return Resumed(session_of(row), None, signs)

    def login(self, token: str | None, user: str, privilege: Privilege = "user", *, address: str = "",
              agent: str = "") -> tuple[str, Session]:  # fmt: skip
        """A session of somebody who proved who they are; the visitor's one, if there was any, ends. For a change of
        privilege, too.

        Raises:
            InputError: if the user id is empty or too long.
        """
        if not 1 <= len(user) <= 256:
            raise InputError(f"user id of {len(user)} characters, the bounds are 1 and 256", hint="Give the user's id")
        if token is not None:
            self.end(token, why=f"replaced by a session as {privilege}")
        with self._database.begin() as connection:
            whose = {**self._new(user, privilege), "device": browser_name(agent)[:64]}
            return self._issue(connection, whose, address, agent)

    def end(self, token: str, *, why: str = "logged out") -> bool:
        """End the session of a token; whether there was one."""
        with self._database.read() as connection:
            row = self._row(connection, token)
        return row is not None and self.revoke(row["session_id"], why=why) > 0

    def revoke(self, session_id: str, *, why: str) -> int:
        """End a session with all its tokens; how many still worked."""
        return self._revoke(table.c.session_id == session_id, why)

    def revoke_user(self, user: str, *, why: str, but: str = "") -> int:
        """End every session of a user, as after a change of password; how many tokens still worked.

        Args:
            but: id of the one that goes on.
        """
        return self._revoke(and_(table.c.user_id == user, table.c.session_id != but), why)

    def alive(self, session_id: str) -> bool:
        """Whether a session still holds: for connections that stay open, whose every message is a sign of life."""
        found = self.held(session_id)
        if found is None:
            return False
        now = self._clock.now()
        if (now - found.seen_at).total_seconds() >= _SEEN_SECONDS:
            with self._database.begin() as connection:
                which = and_(table.c.session_id == session_id, self._current())
                connection.execute(update(table).where(which).values(seen_at=now))
        return True

    def held(self, session_id: str) -> Session | None:
        """The session of an id, which the doors told, if it still holds."""
        found = self._held(table.c.session_id == session_id, 1)
        return found[0] if found else None

    def active(self, n: int = 100) -> list[Session]:
        """The sessions that hold, last seen first."""
        return self._held(true(), n)

    def of_user(self, user: str, n: int = 100) -> list[Session]:
        """The sessions of a user that hold, last seen first."""
        return self._held(table.c.user_id == user, n)

    def count(self) -> int:
        """How many sessions hold."""
        idle = self._clock.now() - timedelta(seconds=self.config.idle_seconds)
        query = select(func.count()).select_from(table).where(self._current(), table.c.seen_at >= idle)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def tidy(self) -> int:
        """Forget what ended a month ago; how many rows."""
        old = self._clock.now() - _KEPT
        with self._database.begin() as connection:
            gone = or_(table.c.seen_at < old, table.c.revoked_at < old)
            return connection.execute(delete(table).where(gone)).rowcount

    # -- steps --------------------------------------------------------------------------------------------------------

    def _rotate(self, token: str, now: datetime, address: str, agent: str, signs: tuple[str, ...]) -> Resumed:
        with self._database.begin() as connection:
            if not self._database.is_sqlite:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended(:k, 9))"), {"k": token_hash(token)}
                )
            row = self._row(connection, token)
            if row is None or row["revoked_at"] is not None:
                return Resumed(None, None, signs)
            if row["replaced_at"] is None:
                same = {name: row[name] for name in ("session_id", "user_id", "privilege", "created_at", "device")}
                fresh, session = self._issue(connection, same, address, agent)
                values = {"replaced_at": now, "seen_at": now, "successor": hidden_successor(token, fresh)}
                connection.execute(update(table).where(table.c.token_hash == row["token_hash"]).values(values))
                return Resumed(session, fresh, signs)
        return self._replaced(row, token, now, address, agent)  # another request was faster

    def _replaced(self, row: Any, token: str, now: datetime, address: str, agent: str) -> Resumed:
        if (now - row["replaced_at"]).total_seconds() > self.config.grace_seconds:
            self.revoke(row["session_id"], why="a replaced token came back")
            self._on_sign("replayed", row["session_id"], row["user_id"] or "")
            return Resumed(None, None, ("replayed",))
        signs = self._signs(row, address, agent)
        if "moved" in signs and row["privilege"] != "visitor":
            self.revoke(row["session_id"], why="network and browser changed at once")
            return Resumed(None, None, signs)
        return Resumed(session_of(row), shown_successor(token, row["successor"]), signs)

    def _held(self, which: Any, n: int) -> list[Session]:
        now = self._clock.now()
        query = select(table).where(which, self._current()).order_by(table.c.seen_at.desc()).limit(n)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [session_of(row) for row in rows if not self._over(row, now)]

    def _new(self, user: str | None, privilege: Privilege) -> dict[str, Any]:
        made = {"session_id": secrets.token_hex(16), "created_at": self._clock.now()}
        return {**made, "user_id": user, "privilege": privilege, "device": ""}

    def _issue(self, connection: Connection, whose: dict[str, Any], address: str, agent: str) -> tuple[str, Session]:
        token, now = secrets.token_urlsafe(16), self._clock.now()
        row = {
            **whose,
            "token_hash": token_hash(token),
            "issued_at": now,
            "seen_at": now,
            **self._binding(address, agent),
        }
        connection.execute(insert(table).values(row))
        return token, session_of(row)

    def _signs(self, row: Any, address: str, agent: str) -> tuple[str, ...]:
        now = self._binding(address, agent)
        changed = [name for name in ("network", "agent") if row[name] and now[name] and row[name] != now[name]]
        signs = ("moved",) if len(changed) == 2 else tuple(f"{name}_changed" for name in changed)
        for sign in signs:
            self._on_sign(sign, row["session_id"], row["user_id"] or "")
        return signs

    def _binding(self, address: str, agent: str) -> dict[str, str]:
        network = digest_of(network_of(address), self._pepper) if address else ""
        return {"network": network, "agent": digest_of(agent, self._pepper) if agent else ""}

    def _over(self, row: Any, now: datetime) -> bool:
        idle = (now - row["seen_at"]).total_seconds() > self.config.idle_seconds
        return bool(idle or (now - row["created_at"]).total_seconds() > self.config.absolute_seconds)

    def _revoke(self, which: Any, why: str) -> int:
        # Replaced tokens, too: a session ends with all its tokens.
        with self._database.begin() as connection:
            working = connection.execute(
                select(func.count()).select_from(table).where(which, self._current())
            ).scalar_one()
            values = {"revoked_at": self._clock.now(), "revoked_why": why[:256]}
            connection.execute(update(table).where(which, table.c.revoked_at.is_(None)).values(values))
        return int(working)

    @staticmethod
    def _current() -> Any:
        return and_(table.c.revoked_at.is_(None), table.c.replaced_at.is_(None))

    @staticmethod
    def _row(connection: Connection, token: str) -> Any:
        return connection.execute(select(table).where(table.c.token_hash == token_hash(token))).mappings().first()
