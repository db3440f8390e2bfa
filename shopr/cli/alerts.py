"""`shopr alerts`: what went wrong, what was done about it, and the rules that notice."""

from __future__ import annotations

import getpass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.alerts_rules import backtest, evaluate, rules, test_channel
from shopr.cli.output import echo, echo_frame, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.analytics.alerts.acting import Acting

__all__ = ["alerts"]

_BY = click.option("--by", metavar="NAME", help="Who does it; by default the user who is logged in.")


@click.group(epilog="Example: shopr alerts backtest --since 2026-09-01")
def alerts() -> None:
    """List, raise and settle alerts; check, try out and evaluate the rules that raise them.

    Every process that stays (the app, a scheduler, a sweep) watches, one of them by a lease. A critical alert about the
    model that serves takes it down; after an automatic rollback the next one waits for an hour.
    """


def _acting() -> Acting:
    from shopr.analytics.alerts.acting import Acting
    from shopr.config import Settings
    from shopr.storage.database import Database

    return Acting(Database.open(Settings()))


def _who(by: str | None) -> str:
    return by or getpass.getuser()


@alerts.command("list", epilog="Example: shopr alerts list --open")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--open", "only_open", is_flag=True, help="Those alone that are not resolved.")
@json_option
def list_(last: int, *, only_open: bool, as_json: bool) -> None:
    """List the newest alerts, and what came of each."""
    from shopr.analytics.alerts.raised import Alerts
    from shopr.config import Settings
    from shopr.storage.database import Database

    found = Alerts(Database.open(Settings())).table(only_open=only_open).head(last)
    if as_json:
        echo_json({"alerts": found})
    elif found.empty:
        echo("No alert is open." if only_open else "No alert was raised yet.")
    else:
        shown = found.assign(id=found["id"].str[:8], outcome=[_outcome(row) for row in found.to_dict("records")])
        shown["time"] = found["time"].map(lambda moment: moment.strftime("%Y-%m-%d %H:%M UTC"))
        echo_frame(shown[["id", "time", "severity", "kind", "version", "source", "message", "outcome"]])


def _outcome(row: dict[Any, Any]) -> str:
    """What came of an alert, in words."""

    def given(name: str) -> bool:
        return row[name] is not None and row[name] == row[name]  # NaN and NaT are not themselves

    if given("resolved_at"):
        return str(row["resolution"])
    if given("outcome"):
        return str(row["outcome"])
    if given("acknowledged_at"):
        return f"acknowledged by {row['acknowledged_by']}"
    critical = row["severity"] == "critical" or given("fingerprint")
    return "open" if critical else ""


@alerts.command("raise", epilog="Example: shopr alerts raise errors '9 of 20 answers failed' --version 4")
@click.argument("kind")
@click.argument("message")
@click.option("--version", metavar="NUMBER", help="Model version it is about, instead of whichever serves.")
@click.option("--severity", default="critical", show_default=True, help="critical, or warning: only shown.")
@click.option("--about", default="model", show_default=True, help="model, or shop: no model is taken down.")
@click.option("--source", default="command line", show_default=True, help="Who noticed.")
@json_option
def raise_(
    kind: str, message: str, *, version: str | None, severity: str, about: str, source: str, as_json: bool
) -> None:
    """Raise an alert of a KIND such as `conversion`, with a MESSAGE that names the figure."""
    from shopr.analytics.alerts.raised import Alerts
    from shopr.config import Settings
    from shopr.storage.database import Database

    store = Alerts(Database.open(Settings()))
    found = store.raise_alert(
        kind, message, version=version, severity=severity, source=source, about=about,  # type: ignore[arg-type]
    )  # fmt: skip
    if as_json:
        echo_json({"id": found})
    else:
        echo(f"Alert {found} is on record. 'shopr alerts answer' answers it now, any process that stays within seconds")


@alerts.command(epilog="Example: shopr alerts answer")
@json_option
def answer(*, as_json: bool) -> None:
    """Answer the open critical alerts about models now."""
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


@alerts.command(epilog="Example: shopr alerts ack 3f2a91bc --note 'looking at the gateway'")
@click.argument("alert")
@click.option("--note", default="", help="What is being done.")
@_BY
@json_option
def ack(alert: str, *, note: str, by: str | None, as_json: bool) -> None:
    """Acknowledge ALERT (an id, or its beginning): nobody else is called for it."""
    done = _acting().acknowledge(alert, by=_who(by), note=note)
    echo_json(done) if as_json else echo(f"{done['kind']} is acknowledged by {done['acknowledged_by']}.")


@alerts.command(epilog="Example: shopr alerts resolve 3f2a91bc --reason 'cable is back'")
@click.argument("alert")
@click.option("--reason", required=True, help="Why it is over.")
@_BY
@json_option
def resolve(alert: str, *, reason: str, by: str | None, as_json: bool) -> None:
    """Resolve ALERT by hand; its rule fires again if the condition still holds."""
    done = _acting().resolve(alert, by=_who(by), reason=reason)
    echo_json(done) if as_json else echo(f"{done['kind']} is resolved.")


@alerts.command(epilog="Example: shopr alerts silence error_rate --hours 2 --reason 'release 4.2'")
@click.argument("rule", required=False)
@click.option("--hours", default=1.0, show_default=True, type=click.FloatRange(min=0.02, max=24 * 90), help="How long.")
@click.option("--reason", default="", help="Why; needed to silence.")
@click.option("--series", metavar="VALUE", help="Of the rule's series this one alone, such as a page.")
@click.option("--all", "everything", is_flag=True, help="Silence all rules.")
@click.option("--end", metavar="ID", help="End the silence with this id, or beginning of one.")
@_BY
@json_option
def silence(
    rule: str | None, *, hours: float, reason: str, series: str | None, everything: bool, end: str | None,
    by: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Tell nobody of RULE for a while; without RULE, list the silences. Alerts still come on record."""
    from shopr.analytics.alerts.rulebook import load
    from shopr.analytics.alerts.watch import rules_file
    from shopr.config import Settings

    acting = _acting()
    if end is not None:
        acting.end_silence(end, by=_who(by))
    elif rule is not None or everything:
        known = load(rules_file(Settings())).rules
        length = timedelta(hours=hours)
        acting.silence(rule, by=_who(by), reason=reason, lasts=length, series=series, known=known)
    found = acting.silences()
    if as_json:
        echo_json({"silences": found})
    elif not found:
        echo("Nothing is silenced.")
    else:
        columns = ["id", "rule", "series", "until", "by", "reason"]
        rows = [
            (s["id"][:8], s["rule"] or "all", s["series"], f"{s['ends_at']:%Y-%m-%d %H:%M} UTC", s["created_by"],
             s["reason"])
            for s in found
        ]  # fmt: skip
        echo_table(columns, rows)


for _command in (rules, evaluate, backtest, test_channel):
    alerts.add_command(_command)
