"""`shopr alerts rules | evaluate | backtest | test-channel`: the rules, checked, evaluated and tried out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.analytics.alerts.backtest import Backtest
    from shopr.analytics.alerts.rulebook import RuleBook
    from shopr.analytics.alerts.rules import Rule

__all__ = ["backtest", "evaluate", "rules", "test_channel"]

_FILE = click.option(
    "--rules", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="A rules file, instead of alerts.yaml in the folder of the state.",
)  # fmt: skip


def _book(file: Path | None) -> RuleBook:
    from shopr.analytics.alerts.rulebook import load
    from shopr.analytics.alerts.watch import rules_file
    from shopr.config import Settings

    return load(file or rules_file(Settings()))


@click.command(epilog="Example: shopr alerts rules --rules alerts.yaml")
@click.argument("name", required=False)
@_FILE
@json_option
def rules(name: str | None, *, file: Path | None, as_json: bool) -> None:
    """Check the rules in force and list them, or show the rule NAME whole."""
    import yaml

    book = _book(file)
    if as_json:
        chosen = [book.rule(name)] if name else list(book.rules.values())
        echo_json({"rules": chosen, "channels": sorted(book.channels)})
        return
    if name:
        shown = book.rule(name).model_dump(mode="json", by_alias=True, exclude_none=True)
        echo(yaml.safe_dump({name: shown}, sort_keys=False, allow_unicode=True).rstrip())
        return
    columns = ["rule", "severity", "metric", "condition", "step", "on", "description"]
    echo_table(columns, [_row(rule) for rule in book.rules.values()])
    echo(f"{len(book.enabled)} rules are in force, {len(book.channels)} channels: all is sound.")


def _row(rule: Rule) -> tuple[object, ...]:
    from shopr.analytics.alerts.rules import words_of

    condition = rule.condition.kind.replace("_", " ")
    return rule.name, rule.severity, rule.metric.kind, condition, words_of(rule.step), rule.enabled, rule.description


@click.command(epilog="Example: shopr alerts evaluate")
@json_option
def evaluate(*, as_json: bool) -> None:
    """Evaluate the rules once now, tell people and deliver, unless another process does already."""
    from shopr.analytics.alerts.watch import AlertWatch
    from shopr.config import Settings

    watch = AlertWatch(Settings())
    try:
        looked = watch.look()
        states = watch.book.standings()
        waiting = watch.outbox.waiting()
    finally:
        watch.close()
    rows = [
        {"rule": rule, "series": series, "state": phase.name, "value": phase.value, "bound": phase.bound}
        for rule, standing in sorted(states.items())
        for series, phase in sorted(standing.phases.items())
    ]
    if as_json:
        echo_json({"looked": looked, "states": rows, "waiting": waiting})
        return
    if not looked.led:
        echo("Another process evaluates the rules; this is where they stand.")
    if rows:
        echo_table(list(rows[0]), [tuple(row.values()) for row in rows])
    echo(
        f"{looked.rules} rules evaluated: {looked.fired} alerts fired, {looked.resolved} resolved; "
        f"{looked.delivered.sent} notices sent, {waiting} wait."
    )


@click.command(epilog="Example: shopr alerts backtest --since 2026-09-01 --incidents incidents.csv")
@click.argument("names", nargs=-1, metavar="[RULE]...")
@click.option("--since", metavar="DAY", help="First UTC day judged; by default five weeks after the first event.")
@click.option("--until", metavar="DAY", help="Last UTC day judged; by default that of the last event.")
@click.option(
    "--events", "source", type=click.Path(path_type=Path), metavar="FILE",
    help="A file of events as `shopr events load` takes it, instead of the store.",
)  # fmt: skip
@click.option(
    "--incidents", type=click.Path(path_type=Path), metavar="FILE",
    help="What really went wrong: CSV with kind,start,end,rules. Tells false alarms and delays.",
)  # fmt: skip
@click.option("--list", "listed", is_flag=True, help="Print each alert as well.")
@_FILE
@json_option
def backtest(
    names: tuple[str, ...], *, since: str | None, until: str | None, source: Path | None, incidents: Path | None,
    listed: bool, file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Try the rules (or those named) out on history: how often each would have fired, and how late."""
    from shopr.analytics.alerts.backtest import backtest as try_out
    from shopr.analytics.alerts.backtest import read_incidents
    from shopr.analytics.alerts.watch import shop_categories
    from shopr.config import Settings
    from shopr.progress import step

    book = _book(file)
    chosen = [book.rule(name) for name in names] or list(book.enabled)
    events = _events(source)
    start, end = _span(events, since, until)
    known = read_incidents(incidents) if incidents is not None else []
    with step(f"Try {len(chosen)} rules out on {(end - start).days} days") as trying:
        found = try_out(chosen, events, start, end, incidents=known, categories=shop_categories(Settings()))
        trying.note(f"{len(found.alerts)} alerts in {found.weeks:.1f} weeks")
    if as_json:
        echo_json({"start": start, "end": end, "rules": found.table(), "alerts": found.alerts})
    else:
        _show(found, listed)


def _events(source: Path | None) -> Any:
    from shopr.analytics.reading.source import EventTable
    from shopr.analytics.store.event_store import EventStore

    return EventStore.open() if source is None else EventTable.read(source)


def _span(events: Any, since: str | None, until: str | None) -> tuple[datetime, datetime]:
    from shopr.errors import NotReadyError

    with events.query() as found:
        query = "SELECT min(epoch_us(time)) // 1000000, max(epoch_us(time)) // 1000000 FROM events"
        ends = found.sql(query).fetchall()[0]
    if ends[0] is None:
        raise NotReadyError("there are no events to try rules out on", hint="Load some: shopr events load FILE")
    first, last = (datetime.fromtimestamp(int(value), UTC) for value in ends)
    start = _day(since) if since else first + timedelta(weeks=5)
    if since is None and start >= last:
        start = first  # a short history: rules that need weeks know nothing, the others do
    return start, _day(until) + timedelta(days=1) if until else last


def _day(text: str) -> datetime:
    from shopr.errors import InputError

    try:
        return datetime.fromisoformat(f"{text}T00:00:00+00:00")
    except ValueError:
        raise InputError(f"{text!r} is no day", hint="Write it as 2026-11-30") from None


def _show(found: Backtest, listed: bool) -> None:
    table = found.table()
    if not found.incidents:
        table = table[["rule", "alerts", "a_week"]]
    echo_table([str(c).replace("_", " ") for c in table.columns], table.itertuples(index=False))
    echo(f"{found.weeks:.1f} weeks, {found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}. Delays are minutes.")
    if not found.incidents:
        echo("Without --incidents nobody can say which alerts were false.")
    if listed and len(found.alerts):
        shown = found.alerts[["rule", "series", "fired", "resolved", "value", "bound", "incident"]]
        echo_table(list(shown.columns), shown.astype(object).itertuples(index=False))


@click.command("test-channel", epilog="Example: shopr alerts test-channel ops")
@click.argument("name")
@_FILE
@json_option
def test_channel(name: str, *, file: Path | None, as_json: bool) -> None:
    """Send a test notice through the channel NAME now."""
    from uuid import uuid4

    from shopr.analytics.alerts.channels import Notice, send
    from shopr.errors import UnknownNameError

    book = _book(file)
    if name not in book.channels:
        raise UnknownNameError("channel", name, book.channels)
    send(name, book.channels[name], Notice("[TEST] Shopr", "This channel works.", "info", uuid4().hex))
    echo_json({"channel": name, "sent": True}) if as_json else echo(f"Channel {name} took a test notice.")
