"""Delivery of notices: claimed, sent, noted; tried again with growing waits, and given up after a day.

A notice is claimed in the database before it is sent, so that two processes never send the same one. Whoever is killed
in between leaves a claim that runs out: whether the notice went out is then unknown to anybody, and the channel's
`on_doubt` decides. Repeated, it carries the same Idempotency-Key, by which a webhook knows it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import select, update

from shopr.analytics.alerts import channels
from shopr.analytics.alerts.channels import Notice, Sender
from shopr.analytics.alerts.rulebook import Channel
from shopr.clock import Clock, SystemClock
from shopr.errors import ShoprError
from shopr.randomness import generator
from shopr.storage.database import Database
from shopr.storage.tables import alert_notices as table

__all__ = ["MOST_ATTEMPTS", "Delivered", "Outbox", "wait_after"]

MOST_ATTEMPTS = 12
"""With the waits between them, a notice is tried for about a day."""
_CLAIM = timedelta(seconds=60)
_FIRST, _LONGEST = 10.0, 4 * 3600.0
_AT_ONCE = 50
_log = logging.getLogger(__name__)


def wait_after(attempts: int, notice: str) -> timedelta:
    """How long to wait after so many failed attempts: doubled each time, with jitter that differs by notice."""
    base = min(_FIRST * 2.0 ** (attempts - 1), _LONGEST)
    return timedelta(seconds=base * float(generator(0, "alert notice", notice, attempts).uniform(0.75, 1.25)))


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the notices that were due."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


class Outbox:
    """The notices of one database.

    Args:
        database: where they wait.
        send: sends one; Apprise by default.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None, send: Sender = channels.send) -> None:
        self._database, self._clock, self._send = database, clock or SystemClock(), send

    def deliver(self, known: Mapping[str, Channel], most: int = _AT_ONCE) -> Delivered:
        """Send what is due.

        Args:
            known: channels by name.
            most: notices at once.

        Raises:
            StorageError: if the database refuses.
        """
        sent = failed = given_up = 0
        for row in self._due(most):
            claim = self._claim(row)
            if claim is None:
                continue
            channel = known.get(row["channel"])
            if channel is None:
                given_up += self._end(row, claim, "the channel is not configured any more")
            elif row["claim"] is not None and channel.on_doubt == "drop":
                given_up += self._end(row, claim, "its sender was killed; it may have been sent")
            else:
                done = self._try(row, channel, claim)
                sent, failed, given_up = sent + (done == "sent"), failed + (done == "failed"), given_up + (done == "")
        return Delivered(sent, failed, given_up)

    def waiting(self) -> int:
        """Notices that are still to be sent."""
        with self._database.read() as connection:
            return len(connection.execute(select(table.c.id).where(_waits())).all())

    def table(self, alert: str) -> list[dict[str, Any]]:
        """What was said of an alert through which channel."""
        chosen = (
            select(table).where(table.c.alert_id == alert).order_by(table.c.created_at, table.c.event, table.c.channel)
        )
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(chosen).mappings()]

    def _due(self, most: int) -> list[dict[str, Any]]:
        now = self._clock.now()
        free = table.c.claim.is_(None) | (table.c.claimed_until <= now)
        chosen = select(table).where(_waits(), table.c.due_at <= now, free)
        with self._database.read() as connection:
            # "fired" goes before "resolved", also where both were written at once.
            order = (table.c.created_at, table.c.event, table.c.id)
            rows = connection.execute(chosen.order_by(*order).limit(most)).mappings()
            return [dict(row) for row in rows]

    def _claim(self, row: Mapping[str, Any]) -> str | None:
        """The right to send a notice; None if somebody else has it."""
        claim, now = uuid4().hex, self._clock.now()
        same = table.c.claim.is_(None) if row["claim"] is None else table.c.claim == row["claim"]
        values = {"claim": claim, "claimed_until": now + _CLAIM, "attempts": row["attempts"] + 1}
        with self._database.begin() as connection:
            done = connection.execute(update(table).where(table.c.id == row["id"], _waits(), same).values(**values))
        return claim if done.rowcount == 1 else None

    def _try(self, row: Mapping[str, Any], channel: Channel, claim: str) -> str:
        try:
            self._send(row["channel"], channel, Notice(row["title"], row["body"], row["severity"], row["id"]))
        except ShoprError as error:
            _log.warning("notice %s: %s", row["id"][:8], error.one_line())
            if row["attempts"] + 1 >= MOST_ATTEMPTS:
                self._end(row, claim, error.one_line())
                return ""
            due = self._clock.now() + wait_after(row["attempts"] + 1, row["id"])
            self._change(row, claim, claim=None, claimed_until=None, due_at=due, problem=error.one_line()[:500])
            return "failed"
        self._change(row, claim, claim=None, claimed_until=None, sent_at=self._clock.now(), problem=None)
        return "sent"

    def _end(self, row: Mapping[str, Any], claim: str, why: str) -> int:
        self._change(row, claim, claim=None, claimed_until=None, given_up_at=self._clock.now(), problem=why[:500])
        return 1

    def _change(self, row: Mapping[str, Any], held: str, **values: Any) -> None:
        with self._database.begin() as connection:
            mine = (table.c.id == row["id"]) & (table.c.claim == held)
            connection.execute(update(table).where(mine).values(**values))


def _waits() -> Any:
    return table.c.sent_at.is_(None) & table.c.given_up_at.is_(None)
