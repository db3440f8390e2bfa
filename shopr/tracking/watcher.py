"""What alerts do: a critical one about the model that serves takes it down, within a cool-down, on record.

Any number of processes may call `respond`; who answers an alert is settled in the database. After an automatic
rollback no other one follows for a while: what is wrong then is likely not the model, and a person should look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shopr.analytics.alerts.raised import Alerts
from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import GateError, NotReadyError
from shopr.storage.database import Database
from shopr.tracking.promotion import rollback
from shopr.tracking.record import history
from shopr.tracking.registry import serving_version
from shopr.tracking.rollout import on_trial, withdraw

__all__ = ["WATCHER", "Response", "respond"]

WATCHER = "shopr watcher"
"""The actor of automatic rollbacks."""
COOL_DOWN = timedelta(hours=1)
FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Response:
    """What came of one alert.

    Attributes:
        alert_id: of it.
        action: rollback, withdraw, wait (the cool-down lasts), or none.
        outcome: in words, as the alert keeps it; "" while it waits.
        version: the version that was taken down.
    """

    alert_id: str
    action: str
    outcome: str
    version: str | None = None


def respond(
    settings: Settings, *, cool_down: timedelta = COOL_DOWN, fresh: timedelta = FRESH, clock: Clock | None = None
) -> list[Response]:
    """Answer every open critical alert, oldest first.

    An alert about a version on trial ends the trial. One about the champion, or about whichever version served when it
    was raised, rolls back to the version before. One about a version that serves no more, or an old one, is closed.

    Args:
        cool_down: after an automatic rollback, alerts about a champion wait for so long.
        fresh: older alerts are closed without a rollback.

    Raises:
        StorageError: if a store refuses; what was not answered stays open.
    """
    clock = clock or SystemClock()
    alerts = Alerts(Database.open(settings), clock=clock)
    return [_answer(settings, alerts, alert, cool_down, fresh, clock) for alert in alerts.open()]


def _answer(  # noqa: PLR0917 - one step of `respond`, with its arguments
    settings: Settings, alerts: Alerts, alert: dict[str, Any], cool_down: timedelta, fresh: timedelta, clock: Clock
) -> Response:
    def closed(action: str, outcome: str, version: str | None = None) -> Response:
        alerts.close(alert["id"], outcome)
        return Response(alert["id"], action, outcome, version)

    now, why = clock.now(), f"alert {alert['kind']}: {alert['message']}"
    if now - alert["time"] > fresh:
        return closed("none", f"older than {fresh.total_seconds() / 3600:g} hours when it was read")
    trial = on_trial(settings)
    if trial is not None and alert["version"] == trial.version:
        withdraw(settings, reason=why, actor=WATCHER, clock=clock)
        return closed("withdraw", f"the trial of version {trial.version} as {trial.stage} was ended", trial.version)
    champion = serving_version(settings)
    meant = alert["version"] or _served_at(settings, alert["time"])
    if champion is None or meant != champion:
        return closed("none", f"version {meant} does not serve" if meant else "no version served then")
    if _cooling(settings, now, cool_down):
        return Response(alert["id"], "wait", "")
    try:
        back = rollback(settings, actor=WATCHER, reason=why, clock=clock)
    except NotReadyError as error:
        return closed("none", f"cannot roll back: {error.message}")
    except GateError:  # another process, or a person, moved the champion just now
        return Response(alert["id"], "wait", "")
    return closed("rollback", f"version {champion} was taken down, version {back} serves again", champion)


def _served_at(settings: Settings, moment: datetime) -> str | None:
    """The version that the record says served at a moment."""
    record = history(settings)
    moved = record[record["action"].isin(["promote", "rollback"]) & (record["time"] <= moment)]
    return str(moved.iloc[0]["version"]) if len(moved) else None


def _cooling(settings: Settings, now: datetime, cool_down: timedelta) -> bool:
    record = history(settings)
    own = record[(record["action"] == "rollback") & (record["actor"] == WATCHER)]
    return bool(len(own)) and now - own.iloc[0]["time"].to_pydatetime() < cool_down
