"""Alerts: one row each, raised by a rule or by whoever notices something.

A critical alert about the model that serves is answered by `shopr.tracking.watcher`, which takes the model down; a
warning, and an alert about the shop, is only told to people.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import uuid4

from sqlalchemy import insert, select, update

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError, UnknownNameError
from shopr.storage.database import Database
from shopr.storage.tables import alerts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LONGEST", "About", "Alerts", "Severity"]

Severity = Literal["warning", "critical"]
About = Literal["model", "shop"]
LONGEST = 2000
"""Characters of a message that are kept."""


class Alerts:
    """The alerts of one database.

    Args:
        database: where they are kept.
        clock: tells when they are raised and handled.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def raise_alert(
        self,
        kind: str,
        message: str,
        *,
        severity: Severity = "critical",
        version: str | None = None,
        source: str = "shopr",
        about: About = "model",
    ) -> str:
        """Put an alert on record; returns its id.

        Args:
            kind: what went wrong, in one word such as `conversion` or `errors`.
            message: with the figure and its bound.
            version: of the model it is about; None is about whichever serves when it is raised.
            source: who noticed.
            about: the model that serves, which a critical alert takes down, or the shop around it.

        Raises:
            InputError: if the kind or the message is empty, or the kind or the source too long.
            UnknownNameError: if the severity is none.
            StorageError: if the database refuses.
        """
        kind, message = kind.strip(), message.strip()
        if not kind or not message:
            raise InputError("an alert without a kind or a message", hint="Say what went wrong, with its figure")
        for name, value in (("kind", kind), ("source", source)):
            if len(value) > 64:
                raise InputError(f"the {name} of an alert has {len(value)} characters", hint="Give at most 64")
        if severity not in get_args(Severity):
            raise UnknownNameError("severity", severity, get_args(Severity))
        if about not in get_args(About):
            raise UnknownNameError("subject of an alert", about, get_args(About))
        row = {
            "id": uuid4().hex, "time": self._clock.now(), "kind": kind, "severity": severity, "source": source,
            "message": message[:LONGEST], "version": version, "about": about,
        }  # fmt: skip
        with self._database.begin() as connection:
            connection.execute(insert(alerts).values(**row))
        return str(row["id"])

    def open(self) -> list[dict[str, Any]]:
        """Critical alerts about models that nobody has answered, oldest first."""
        wanted = alerts.c.handled_at.is_(None) & (alerts.c.severity == "critical") & (alerts.c.about == "model")
        with self._database.read() as connection:
            rows = connection.execute(select(alerts).where(wanted).order_by(alerts.c.time, alerts.c.id)).mappings()
            return [dict(row) for row in rows]

    def close(self, alert_id: str, outcome: str) -> bool:
        """Note what came of an alert; False if somebody was faster."""
        mine = (alerts.c.id == alert_id) & alerts.c.handled_at.is_(None)
        with self._database.begin() as connection:
            done = connection.execute(update(alerts).where(mine).values(handled_at=self._clock.now(), outcome=outcome))
        return done.rowcount == 1

    def table(self, *, since: datetime | None = None, only_open: bool = False) -> pd.DataFrame:
        """All alerts, or the open ones, newest first: the columns of the table `alerts`."""
        import pandas as pd  # processes that only watch for alerts do without

        from shopr.analytics.alerts.acting import is_open

        chosen = select(alerts).order_by(alerts.c.time.desc(), alerts.c.id)
        if only_open:
            chosen = chosen.where(is_open())
        with self._database.read() as connection:
            rows = connection.execute(chosen if since is None else chosen.where(alerts.c.time >= since)).mappings()
            return pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in alerts.columns])
