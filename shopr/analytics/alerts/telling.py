"""Who is told of what: notices for the outbox, put there in one transaction with the note that they are.

An alert is told of when it fires, once more if nobody acknowledged it in time, and when it is resolved. Under a silence
or in a maintenance window nobody is told; what still fires afterwards is told then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from shopr.analytics.alerts import words
from shopr.analytics.alerts.acting import is_open, silenced
from shopr.analytics.alerts.rulebook import RuleBook
from shopr.clock import Clock
from shopr.storage.database import Database
from shopr.storage.lease import Lease
from shopr.storage.tables import alert_notices, alerts

__all__ = ["tell"]

_STALE = timedelta(days=7)
"""Older alerts that nobody was told of are not told of any more."""


def tell(database: Database, book: RuleBook, clock: Clock, lease: Lease | None = None) -> int:
    """Put notices into the outbox that are due; how many.

    Raises:
        LeaseLostError: if another process leads.
        StorageError: if the database refuses.
    """
    now = clock.now()
    with database.read() as connection:
        if not _plan(connection, book, now):
            return 0
    with database.begin() as connection:
        if lease is not None:
            lease.prove(connection)
        count = 0
        for alert, events in _plan(connection, book, now):
            field = "escalated_at" if events == ("escalated",) else "notified_at"
            if alert[field] is None:
                connection.execute(update(alerts).where(alerts.c.id == alert["id"]).values({field: now}))
            for event in events:
                count += _enqueue(connection, database.is_sqlite, book, event, alert, now)
    return count


def _plan(connection: Connection, book: RuleBook, now: datetime) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Alerts about which there is something to do, and the notices that takes; none if it is only to be noted."""
    silences = silenced(connection, now)
    resting = any(window.covers(now) for window in book.maintenance)
    made = []
    for alert in _due(connection, now):
        events = _events(book, alert, now, quiet=resting or _is_quiet(alert, silences))
        if events is not None:
            made.append((alert, events))
    return made


def _due(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Alerts that nobody was told of, open ones that nobody acknowledged, and resolved ones whose end was not told."""
    new = alerts.c.notified_at.is_(None) & (alerts.c.time > now - _STALE)
    waits = is_open() & alerts.c.acknowledged_at.is_(None) & alerts.c.escalated_at.is_(None)
    told, said = select(alert_notices.c.alert_id), alert_notices.c.event == "resolved"
    over = alerts.c.resolved_at.is_not(None) & (alerts.c.notified_at <= alerts.c.resolved_at)
    over &= alerts.c.id.in_(told) & alerts.c.id.not_in(told.where(said))
    rows = connection.execute(select(alerts).where(new | waits | over).order_by(alerts.c.time, alerts.c.id)).mappings()
    return [dict(row) for row in rows]


def _events(book: RuleBook, alert: Mapping[str, Any], now: datetime, *, quiet: bool) -> tuple[str, ...] | None:
    if alert["resolved_at"] is not None:
        if alert["notified_at"] is not None:
            return ("resolved",)
        return () if quiet else ("fired", "resolved")  # it began and ended while nobody looked
    if quiet:
        return None
    if alert["notified_at"] is None:
        return ("fired",)
    rule = book.rules.get(alert["kind"])
    wait = 0 if rule is None else rule.escalate_after
    return ("escalated",) if wait and now - alert["notified_at"] >= timedelta(seconds=wait) else None


def _enqueue(  # noqa: PLR0917 - one step of `tell`, with what it knows
    connection: Connection, is_sqlite: bool, book: RuleBook, event: str, alert: dict[str, Any], now: datetime
) -> int:
    title, body = words.notice(event, alert, book.app)
    count = 0
    for channel in _channels(book, event, alert):
        row = {
            "id": uuid4().hex, "alert_id": alert["id"], "event": event, "channel": channel, "title": title,
            "body": body, "severity": alert["severity"], "created_at": now, "due_at": now, "attempts": 0,
        }  # fmt: skip
        statement = (sqlite.insert if is_sqlite else postgresql.insert)(alert_notices).values(**row)
        count += connection.execute(statement.on_conflict_do_nothing()).rowcount
    return count


def _channels(book: RuleBook, event: str, alert: Mapping[str, Any]) -> Iterable[str]:
    rule = book.rules.get(alert["kind"])
    wanted = rule.channels if rule is not None and rule.channels else tuple(book.channels)
    for name in wanted:
        channel = book.channels[name]
        told = alert["severity"] in channel.severities
        if told and (not channel.escalation or event == "escalated" or (event == "resolved" and alert["escalated_at"])):
            yield name


def _is_quiet(alert: Mapping[str, Any], quiet: list[tuple[str | None, str | None]]) -> bool:
    return any(rule in (None, alert["kind"]) and series in (None, alert["series"] or "") for rule, series in quiet)
