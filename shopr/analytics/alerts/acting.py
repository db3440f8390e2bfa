"""What people do about alerts: acknowledge, resolve, silence; each with their name and a reason, on record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update

from shopr.analytics.alerts.phases import Phase
from shopr.clock import Clock, SystemClock
from shopr.errors import InputError, UnknownNameError
from shopr.storage.database import Database
from shopr.storage.tables import alert_rules, alert_silences, alerts

__all__ = ["LONGEST_SILENCE", "Acting", "is_open", "silenced"]

LONGEST_SILENCE = timedelta(days=90)
_LONGEST_REASON = 500


class Acting:
    """The alerts of one database, for people.

    Args:
        database: where they are kept.
        clock: tells when something was done.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def find(self, alert: str) -> dict[str, Any]:
        """An alert by its id, or by the beginning of it.

        Raises:
            InputError: if no alert or several begin so.
        """
        text = alert.strip().lower()
        if not text or not all(c in "0123456789abcdef" for c in text):
            raise InputError(f"{alert[:64]!r} is no id of an alert", hint="Take one from 'shopr alerts list'")
        with self._database.read() as connection:
            rows = connection.execute(select(alerts).where(alerts.c.id.startswith(text)).limit(2)).mappings().all()
        if len(rows) != 1:
            what = "several alerts begin" if rows else "no alert begins"
            raise InputError(f"{what} with {text[:64]!r}", hint="Take an id from 'shopr alerts list'")
        return dict(rows[0])

    def acknowledge(self, alert: str, *, by: str, note: str = "") -> dict[str, Any]:
        """Say that somebody looks after it: nobody is told of it again until it is resolved.

        Raises:
            InputError: if it is not open, or was acknowledged.
        """
        found = self.find(alert)
        now = self._clock.now()
        values = {"acknowledged_at": now, "acknowledged_by": _name(by), "note": note.strip()[:_LONGEST_REASON] or None}
        with self._database.begin() as connection:
            mine = (alerts.c.id == found["id"]) & is_open() & alerts.c.acknowledged_at.is_(None)
            if connection.execute(update(alerts).where(mine).values(**values)).rowcount != 1:
                raise InputError(f"alert {found['id'][:8]} is not open, or was acknowledged", hint="List the open ones")
        return self.find(found["id"])

    def resolve(self, alert: str, *, by: str, reason: str) -> dict[str, Any]:
        """End an alert by hand; its rule starts anew, and fires again if the condition still holds.

        Raises:
            InputError: if it is not open, or no reason is given.
        """
        found, why = self.find(alert), _reason(reason)
        with self._database.begin() as connection:
            mine = (alerts.c.id == found["id"]) & alerts.c.resolved_at.is_(None)
            values = {"resolved_at": self._clock.now(), "resolution": f"{_name(by)}: {why}"}
            if connection.execute(update(alerts).where(mine).values(**values)).rowcount != 1:
                raise InputError(f"alert {found['id'][:8]} is resolved already", hint="List the open ones")
            if found["fingerprint"]:
                self._start_anew(connection, found["kind"], found["series"] or "")
        return self.find(found["id"])

    @staticmethod
    def _start_anew(connection: Connection, rule: str, series: str) -> None:
        mine = alert_rules.c.rule == rule
        states = connection.execute(select(alert_rules.c.states).where(mine).with_for_update()).scalar()
        if states and series in states:
            connection.execute(update(alert_rules).where(mine).values(states={**states, series: Phase().kept()}))

    def silence(
        self, rule: str | None, *, by: str, reason: str, lasts: timedelta, series: str | None = None,
        starts: datetime | None = None, known: Mapping[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """Tell nobody of a rule for a while; returns the silence's id. Alerts still come on record.

        Args:
            rule: None for all rules.
            lasts: at most 90 days.
            series: one of the rule's alone.
            starts: when it begins; now if None.
            known: the rules there are, to refuse a wrong name.

        Raises:
            InputError: if no reason is given, or it lasts too long or no time at all.
            UnknownNameError: if there is no such rule.
        """
        if rule is not None and known is not None and rule not in known:
            raise UnknownNameError("rule", rule, known)
        if not timedelta(minutes=1) <= lasts <= LONGEST_SILENCE:
            raise InputError(f"a silence of {lasts}", hint="Give a minute to 90 days")
        now = self._clock.now()
        begins = starts or now
        row = {
            "id": uuid4().hex, "rule": rule, "series": series, "reason": _reason(reason), "created_by": _name(by),
            "created_at": now, "starts_at": begins, "ends_at": begins + lasts,
        }  # fmt: skip
        with self._database.begin() as connection:
            connection.execute(insert(alert_silences).values(**row))
        return str(row["id"])

    def silences(self, *, past: bool = False) -> list[dict[str, Any]]:
        """Those that hold or will, newest first; `past` for those that ended as well."""
        chosen = select(alert_silences).order_by(alert_silences.c.created_at.desc())
        if not past:
            chosen = chosen.where(alert_silences.c.ends_at > self._clock.now())
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(chosen).mappings()]

    def end_silence(self, silence: str, *, by: str) -> None:
        """End a silence now.

        Raises:
            InputError: if none that holds begins with this id.
        """
        found = [one for one in self.silences() if silence and one["id"].startswith(silence)]
        if len(found) != 1:
            raise InputError(f"no silence that holds begins with {silence[:64]!r}", hint="List them first")
        with self._database.begin() as connection:
            mine = alert_silences.c.id == found[0]["id"]
            values = {"ends_at": self._clock.now(), "ended_by": _name(by)}
            connection.execute(update(alert_silences).where(mine).values(**values))


def is_open() -> Any:
    """Which alerts are open: not resolved, and if nobody but the model's watcher cares, not handled."""
    return alerts.c.resolved_at.is_(None) & (alerts.c.fingerprint.is_not(None) | alerts.c.handled_at.is_(None))


def silenced(connection: Connection, now: datetime) -> list[tuple[str | None, str | None]]:
    """Rule and series of the silences that hold now."""
    holds = (alert_silences.c.starts_at <= now) & (alert_silences.c.ends_at > now)
    rows = connection.execute(select(alert_silences.c.rule, alert_silences.c.series).where(holds)).all()
    return [(rule, series) for rule, series in rows]


def _name(by: str) -> str:
    if not by.strip():
        raise InputError("nobody is named", hint="Say who you are")
    return by.strip()[:128]


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InputError("no reason is given", hint="Say why: it stays on record")
    return reason.strip()[:_LONGEST_REASON]
