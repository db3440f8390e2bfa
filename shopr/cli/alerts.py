"""`shopr alerts`: what went wrong, and what was done about it."""

from __future__ import annotations

import click

from shopr.cli.output import echo, echo_frame, echo_json, json_option

__all__ = ["alerts"]


@click.group(epilog="Example: shopr alerts raise conversion '1.1 % against 1.9 % last week'")
def alerts() -> None:
    """List and raise alerts; a critical one about the model that serves takes it down.

    Every process that stays (the app, a scheduler, a sweep) watches for them, one of them by a lease. After an
    automatic rollback the next one waits for an hour.
    """


@alerts.command("list", epilog="Example: shopr alerts list --json")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@json_option
def list_(last: int, *, as_json: bool) -> None:
    """List the newest alerts, and what came of each."""
    from shopr.analytics.alerts.raised import Alerts
    from shopr.config import Settings
    from shopr.storage.database import Database

    found = Alerts(Database.open(Settings())).table().head(last)
    if as_json:
        echo_json({"alerts": found})
    elif found.empty:
        echo("No alert was raised yet.")
    else:
        found["time"] = found["time"].map(lambda moment: moment.strftime("%Y-%m-%d %H:%M UTC"))
        found["outcome"] = found["outcome"].fillna("open").where(found["severity"] == "critical", "")
        echo_frame(found[["time", "severity", "kind", "version", "source", "message", "outcome"]])


@alerts.command("raise", epilog="Example: shopr alerts raise errors '9 of 20 answers failed' --version 4")
@click.argument("kind")
@click.argument("message")
@click.option("--version", metavar="NUMBER", help="Model version it is about, instead of whichever serves.")
@click.option("--severity", default="critical", show_default=True, help="critical, or warning: only shown.")
@click.option("--source", default="command line", show_default=True, help="Who noticed.")
@json_option
def raise_(kind: str, message: str, version: str | None, severity: str, source: str, *, as_json: bool) -> None:
    """Raise an alert of a KIND such as `conversion`, with a MESSAGE that names the figure."""
    from shopr.analytics.alerts.raised import Alerts
    from shopr.config import Settings
    from shopr.storage.database import Database

    store = Alerts(Database.open(Settings()))
    found = store.raise_alert(kind, message, version=version, severity=severity, source=source)  # type: ignore[arg-type]
    if as_json:
        echo_json({"id": found})
    else:
        echo(f"Alert {found} is on record. 'shopr alerts answer' answers it now, any process that stays within seconds")


@alerts.command(epilog="Example: shopr alerts answer")
@json_option
def answer(*, as_json: bool) -> None:
    """Answer the open critical alerts now."""
    from shopr.config import Settings
    from shopr.tracking.watcher import respond

    found = respond(Settings())
    if as_json:
        echo_json({"answered": found})
        return
    if not found:
        echo("No critical alert is open.")
    for one in found:
        waits = "waits: another automatic rollback was made within the last hour"
        echo(f"{one.alert_id[:8]}  {one.action}: {one.outcome or waits}")
