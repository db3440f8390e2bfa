"""`shopr events`: load, look at and export what happened in the shop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shopr.cli.events_care import key, resolve, unlink
from shopr.cli.events_figures import backfill, engagement, recommendations, revenue, searches
from shopr.cli.output import echo, echo_frame, echo_json, json_option, write_frame

if TYPE_CHECKING:
    from shopr.analytics.store.event_store import EventStore
    from shopr.security.intake import Policy

__all__ = ["events"]

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN = 10


@click.group(epilog="Example: shopr events funnel product_viewed cart_item_added order_completed --days 7")
def events() -> None:
    """Load events, follow shoppers through them, and see how the shop performs."""


def _store() -> EventStore:
    from shopr.analytics.store.event_store import EventStore

    return EventStore.open()


def _span(command: F) -> F:
    command = click.option("--until", metavar="DAY", help="Last UTC day, such as 2026-11-30.")(command)
    return click.option("--since", metavar="DAY", help="First UTC day, such as 2026-11-01.")(command)


@events.command(epilog="Example: shopr events load events.parquet")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--attacks",
    default="neutralise",
    show_default=True,
    type=click.Choice(["quarantine", "neutralise", "keep"]),
    help="What becomes of events with an attack in a text: set aside, kept with the text made harmless, or told of.",
)
@click.option("--screened", type=click.Path(path_type=Path), help="Write the list of suspect texts to this CSV file.")
@json_option
def load(file: Path, *, attacks: Policy, screened: Path | None, as_json: bool) -> None:
    """Store the events of FILE: Parquet or CSV of the flat table, or JSON lines, one event's envelope a line.

    An event that is known already changes nothing. Bad rows are set aside and told. The guard reads every text.
    """
    from shopr.analytics.intake.loading import load_events
    from shopr.progress import step
    from shopr.security.intake import Screen
    from shopr.shop import Shop

    with step(f"Load {file.name}") as reading:
        screen = Screen(attacks)
        done = load_events(_store(), file, screen=screen, book=Shop.open().event_book)
        reading.note(f"{done.new:,} of {done.rows:,} events are new")
    if screened is not None:
        write_frame(screen.found.frame, screened)
    if as_json:
        echo_json({**asdict(done), "screened": screen.found.counts()})
        return
    echo(f"{done.new:,} of {done.rows:,} events are new.")
    for what, count in screen.found.counts().items():
        echo(f"  {count:,} {what}")
    reasons = sorted(done.rejected.items(), key=lambda item: -item[1])
    for reason, count in reasons[:_SHOWN]:
        echo(f"  {count:,} set aside, first {done.firsts.get(reason, reason)}")
    if len(reasons) > _SHOWN:
        rest = sum(count for _, count in reasons[_SHOWN:])
        echo(f"  {rest:,} more for {len(reasons) - _SHOWN} other reasons; --json lists them")


@events.command(epilog="Example: shopr events schema --json > events.schema.json")
@click.option("--unknown", is_flag=True, help="Show instead what came undeclared, by event and field.")
@json_option
def schema(*, unknown: bool, as_json: bool) -> None:
    """What events may say: every shop's and this shop's own (events.yaml). With --json as a JSON Schema."""
    import pandas as pd

    from shopr.analytics.intake.undeclared import undeclared
    from shopr.shop import Shop

    book = Shop.open().event_book
    if unknown:
        _show(undeclared(_store(), book), as_json, "Nothing undeclared came in.")
    elif as_json:
        echo_json(book.json_schema())
    else:
        named = {**book.types, **book.own}
        told = [
            (name, each.version, "this shop" if name in book.own else "every shop",
             ", ".join(f"{key}{'*' if one.required else ''}: {one.type}" for key, one in each.properties.items()
                       if key not in book.common))
            for name, each in named.items()
        ]  # fmt: skip
        echo_frame(pd.DataFrame(told, columns=["event", "version", "of", "properties (* required)"]))
        echo(f"Every event may also say: {', '.join(book.common)}.")


@events.command(epilog="Example: shopr events status")
@json_option
def status(*, as_json: bool) -> None:
    """What the store holds, by type."""
    with _store().query() as found:
        frame = found.sql(
            "SELECT type, count(*) AS stored, sum(weight) AS events, min(time) AS first, max(time) AS last "
            "FROM events GROUP BY type ORDER BY stored DESC"
        ).df()
    _show(frame, as_json, "No events yet. Load some with 'shopr events load FILE', or use the app.")


@events.command(epilog="Example: shopr events funnel product_viewed cart_item_added order_completed --by device")
@click.argument("steps", nargs=-1, required=True)
@click.option("--days", default=7.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="The window.")
@click.option("--order", default="ordered", show_default=True, type=click.Choice(["ordered", "strict", "any"]))
@click.option("--by", metavar="COLUMN", help="Break down by page, device, source … of the first step.")
@_span
@json_option
def funnel(
    steps: tuple[str, ...],
    *,
    days: float,
    order: str,
    by: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """How many persons go through STEPS (event types), in order, within a window.

    Where only a sample of a step's events was kept, `persons` is an estimate with its 95 % interval, and `seen` tells
    how many it rests on.
    """
    from shopr.analytics.measures.daily import daily_funnel
    from shopr.analytics.measures.funnel import Step
    from shopr.analytics.measures.funnels import COLUMNS, funnel_table
    from shopr.analytics.reading.log import EventLog

    store, chosen, span = _store(), [Step(name) for name in steps], {"start": since, "end": until}
    how: dict[str, Any] = {"window": timedelta(days=days), "order": order, "breakdown": by}
    if _sampled(store, steps, **span):
        read = EventLog.read(store, types=list(dict.fromkeys(steps)), columns=[by] if by else [], **span)
        table = funnel_table(read, chosen, **how)
    else:
        table = daily_funnel(store, chosen, start=since, end=until, **how).table()
        table = table.assign(persons_lo=table["persons"], persons_hi=table["persons"], seen=table["persons"])[COLUMNS]
    _show(table if by else table.drop(columns="group"), as_json)


def _sampled(store: EventStore, names: tuple[str, ...], start: str | None, end: str | None) -> bool:
    """Whether only some of the events of these names were kept."""
    with store.query(start=start, end=end) as found:
        query = "SELECT max(weight) FROM events WHERE type IN (SELECT unnest($1)) OR name IN (SELECT unnest($1))"
        heaviest = found.execute(query, [list(names)]).fetchall()[0][0]
    return heaviest is not None and heaviest > 1.0


@events.command(epilog="Example: shopr events journeys --depth 5")
@click.option("--by", default="type", show_default=True, help="What a step is: type, page …")
@click.option("--depth", default=5, show_default=True, type=click.IntRange(1, 20))
@click.option("--top", default=20, show_default=True, type=click.IntRange(1, 1000), help="Paths to list.")
@_span
@json_option
def journeys(by: str, *, depth: int, top: int, since: str | None, until: str | None, as_json: bool) -> None:
    """The paths that sessions take, most frequent first."""
    from shopr.analytics.measures.journey import journeys as follow
    from shopr.analytics.reading.log import EventLog

    log = EventLog.read(_store(), start=since, end=until, columns=[] if by == "type" else [by])
    frame = follow(log, by=by, depth=depth).paths.head(top)
    _show(frame.assign(path=[" → ".join(path) for path in frame["path"]]), as_json)


@events.command(epilog="Example: shopr events retention --again order_completed")
@click.option("--start", metavar="TYPE", help="What puts a person into a cohort (default: any event).")
@click.option("--again", metavar="TYPE", help="What counts as coming again (default: any event).")
@click.option("--period", default="week", show_default=True, type=click.Choice(["day", "week", "month"]))
@click.option("--periods", default=8, show_default=True, type=click.IntRange(1, 400))
@json_option
def retention(*, start: str | None, again: str | None, period: str, periods: int, as_json: bool) -> None:
    """Of those who first came in a period, the share that came again so many periods later."""
    from shopr.analytics.measures.retention import retention as cohorts
    from shopr.analytics.reading.log import EventLog
    from shopr.config import Settings

    log = EventLog.read(_store())
    zone = Settings().time_zone
    _show(cohorts(log, start=start, again=again, period=period, periods=periods, time_zone=zone), as_json)  # type: ignore[arg-type]


@events.command(epilog="Example: shopr events vitals --since 2026-11-01")
@_span
@json_option
def vitals(*, since: str | None, until: str | None, as_json: bool) -> None:
    """Core Web Vitals at the 75th percentile, by page and device."""
    from shopr.analytics.health.quality import vitals as measured

    _show(measured(_store(), start=since, end=until), as_json, "No vitals were measured in this span.")


@events.command(epilog="Example: shopr events errors --since 2026-11-01")
@_span
@json_option
def errors(*, since: str | None, until: str | None, as_json: bool) -> None:
    """Errors by group, most frequent first; which are open, resolved, or back in a later release."""
    from shopr.analytics.health.quality import error_groups
    from shopr.analytics.health.resolutions import Resolutions

    store = _store()
    groups = error_groups(store, start=since, end=until)
    _show(Resolutions(store).judged(groups).drop(columns="regressed"), as_json, "No errors in this span.")


@events.command(epilog="Example: shopr events compact")
@json_option
def compact(*, as_json: bool) -> None:
    """Move what is older than a quarter of an hour into Parquet parts by day."""
    done = _store().compact()
    if as_json:
        echo_json(done)
    else:
        echo(f"{done.moved:,} events moved into {done.written} parts; {done.joined} small parts joined.")


@events.command(epilog="Example: shopr events export --out november.parquet --since 2026-11-01 --until 2026-11-30")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Ends in .parquet or .csv.")
@_span
def export(*, out: Path, since: str | None, until: str | None) -> None:
    """Write the events of a span to a file."""
    from shopr.errors import InputError

    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"{out} ends in {out.suffix!r}", hint="Name a file ending in .csv or .parquet")
    frame = _store().frame(start=since, end=until)
    write_frame(frame, out)
    echo(f"{len(frame):,} events are in {out}.")


def _show(frame: Any, as_json: bool, nothing: str = "No events in this span.") -> None:
    if as_json:
        echo_json(frame)
    elif frame.empty:
        echo(nothing)
    else:
        echo_frame(frame)


for command in (backfill, engagement, key, recommendations, resolve, revenue, searches, unlink):
    events.add_command(command)
