"""The access list in storage: rules by operators and by the watch on behaviour, each with its reason and its end."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError, StorageError
from shopr.security.access import Access, AccessList, AccessRule, Action, parse_network
from shopr.security.principal import parse_address
from shopr.storage.database import Database
from shopr.storage.tables import access_rules as table

__all__ = ["AccessBook", "KeptRule"]

log = logging.getLogger("shopr.security")
_FRESH_SECONDS = 2.0
_KEPT = timedelta(days=90)
_WORDS = 256


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A rule in storage.

    Attributes:
        id: its number.
        network, action, source, reason: as `AccessRule`.
        actor: who made it.
        created_at, expires_at: its life; None holds until somebody ends it.
        ended_at, ended_by, ended_why: when, by whom and why it was ended before.
    """

    id: int
    network: str
    action: Action
    source: str
    reason: str
    actor: str
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None


class AccessBook:
    """Rules that several processes share; a change holds everywhere within two seconds.

    Args:
        database: opened and upgraded.
        default: what holds for addresses that no rule names.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None, default: Action = "allow") -> None:
        self._database, self._clock, self._default = database, clock or SystemClock(), default
        self._lock, self._read_at, self._never = threading.Lock(), -_FRESH_SECONDS - 1.0, True
        self._all = self._operators = AccessList(default=default)

    def check(self, address: str, *, signed_in: bool = False) -> Access:
        """Whether an address may come in. Automatic blocks leave people alone who are signed in: a network has many.

        Raises:
            InputError: if it is no address.
        """
        self._follow()
        return (self._operators if signed_in else self._all).check(parse_address(address))

    def add(
        self,
        network: str,
        action: Action,
        *,
        reason: str,
        actor: str,
        seconds: float | None = None,
        source: str = "operator",
    ) -> KeptRule:
        """Store a rule.

        Raises:
            InputError: if the network is none, no reason or actor is given, or it would end before it begins.
        """
        _words(reason, actor)
        if seconds is not None and not 0 < seconds <= 10 * 365 * 86_400:
            raise InputError(f"a rule for {seconds} s", hint="Give more than 0, or None to let it hold")
        now = self._clock.now()
        row: dict[str, Any] = {
            **{"network": str(parse_network(network)), "action": action, "source": source, "reason": reason},
            **{"actor": actor, "created_at": now, "expires_at": now + timedelta(seconds=seconds) if seconds else None},
        }
        with self._database.begin() as connection:
            connection.execute(
                delete(table).where(or_(*(c < now - _KEPT for c in (table.c.ended_at, table.c.expires_at))))
            )
            made = connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one()
        self._read_at = -_FRESH_SECONDS - 1.0
        return KeptRule(made, **row, ended_at=None, ended_by=None, ended_why=None)

    def end(self, rule_id: int, *, reason: str, actor: str) -> KeptRule | None:
        """End a rule now; the rule as it was, or None if it does not hold (any more).

        Raises:
            InputError: if no reason or actor is given.
        """
        _words(reason, actor)
        with self._database.begin() as connection:
            row = connection.execute(select(table).where(table.c.id == rule_id, self._holds())).mappings().first()
            if row is not None:
                values = {"ended_at": self._clock.now(), "ended_by": actor, "ended_why": reason}
                connection.execute(update(table).where(table.c.id == rule_id).values(values))
        self._read_at = -_FRESH_SECONDS - 1.0
        return KeptRule(**row) if row is not None else None

    def rules(self, *, all_: bool = False) -> list[KeptRule]:
        """The rules that hold, newest first; with `all_` also those that ended."""
        query = select(table).order_by(table.c.id.desc())
        with self._database.read() as connection:
            rows = connection.execute(query if all_ else query.where(self._holds())).mappings()
            return [KeptRule(**row) for row in rows]

    def _holds(self) -> Any:
        return and_(
            table.c.ended_at.is_(None), or_(table.c.expires_at.is_(None), table.c.expires_at > self._clock.now())
        )

    def _follow(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            if now - self._read_at < _FRESH_SECONDS:
                return
            try:
                rules = [AccessRule(r.network, r.action, r.reason, r.source) for r in self.rules()]
            except StorageError as error:
                if self._never:  # who knows no list lets nobody in
                    raise
                log.error("the access list stays as it was: %s", error.one_line())
                self._read_at = now
                return
            self._never = False
            self._all = AccessList(rules, default=self._default)
            self._operators = AccessList([r for r in rules if r.source == "operator"], default=self._default)
            self._read_at = now


def _words(reason: str, actor: str) -> None:
    for name, value in (("reason", reason), ("actor", actor)):
        if not 1 <= len(value.strip()) <= _WORDS:
            raise InputError(
                f"{name} of {len(value)} characters, the bounds are 1 and {_WORDS}", hint=f"Give the {name}"
            )
