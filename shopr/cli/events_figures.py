"""`shopr events engagement | revenue | searches | recommendations | backfill`: the figures of the app's pages."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shopr.cli.output import echo, echo_frame, echo_json, json_option

if TYPE_CHECKING:
    import pandas as pd

    from shopr.analytics.reading.estimates import Estimate
    from shopr.analytics.reading.source import Source
    from shopr.analytics.reading.span import Span

__all__ = ["backfill", "engagement", "recommendations", "revenue", "searches"]

F = TypeVar("F", bound=Callable[..., Any])
_DAY = click.DateTime(["%Y-%m-%d"])


def _part(command: F) -> F:
    """The options that choose a time and a part of the events."""
    for option in (
        click.option("--segment", metavar="NAME", default="", help="buyers, browsers, searchers, new, returning …"),
        click.option("--country", metavar="CODE", default="", help="Sessions from this country, such as GB."),
        click.option("--device", metavar="NAME", default="", help="Sessions on this device, such as mobile."),
        click.option("--until", metavar="DAY", type=_DAY, help="Last day in the shop's time zone."),
        click.option("--since", metavar="DAY", type=_DAY, help="First day; by default 30 days before the last."),
    ):
        command = option(command)
    return command


def _chosen(since: Any, until: Any, **filters: str) -> tuple[Source, Span]:
    """The chosen part of the store, and the time: by default the 30 days up to the newest act of a shopper."""
    from datetime import timedelta

    from shopr.analytics.measures.board import extent
    from shopr.analytics.measures.engagement import ACTS
    from shopr.analytics.reading.source import Filters, narrowed
    from shopr.analytics.reading.span import Span
    from shopr.analytics.store.event_store import EventStore
    from shopr.clock import SystemClock
    from shopr.config import Settings

    settings = Settings()
    store = EventStore.open(settings)
    newest = extent(store, ACTS).last if until is None else None
    last: date = until.date() if until else Span.ending(newest or SystemClock().now(), 1, settings.time_zone).last
    first: date = since.date() if since else max(last, date.min + timedelta(days=29)) - timedelta(days=29)
    return narrowed(store, Filters(**filters)), Span(first, last, settings.time_zone)


def _rows(figures: dict[str, Estimate]) -> list[dict[str, Any]]:
    return [
        {"figure": name, "value": one.value, "lo": one.lo, "hi": one.hi, "persons": one.n}
        for name, one in figures.items()
    ]


def _show(rows: list[dict[str, Any]], table: pd.DataFrame, span: Span, *, as_json: bool, nothing: str) -> None:
    import pandas as pd

    if as_json:
        echo_json({"from": span.first, "until": span.last, "zone": span.zone, "figures": rows, "rows": table})
        return
    echo(f"{span.words()} ({span.zone})")
    if rows:
        echo_frame(pd.DataFrame(rows))
    if len(table):
        echo_frame(table)
    elif not rows:
        echo(nothing)


@click.command(epilog="Example: shopr events engagement --since 2026-11-01 --device mobile")
@_part
@json_option
def engagement(*, since: Any, until: Any, device: str, country: str, segment: str, as_json: bool) -> None:
    """Active shoppers by day, week and month, sessions and what they are like, with 95 % intervals."""
    from shopr.analytics.measures.engagement import active, read_acts, visits
    from shopr.analytics.measures.orders import conversion
    from shopr.progress import step

    source, span = _chosen(since, until, device=device, country=country, segment=segment)
    with step("Count shoppers and sessions"):
        reach = read_acts(source, span, back=29)
        log = reach.take(reach.times >= span.edges[0])
        found, bought = visits(log), conversion(log)
        table = active(reach, span)
    rows = _rows(
        {
            "shoppers": found.persons,
            "sessions": found.sessions,
            "sessions a shopper": found.per_person,
            "events a session": found.events,
            "seconds a session": found.seconds,
            "sessions with one event": found.bounced,
            "sessions that buy": bought.sessions,
            "shoppers who buy": bought.persons,
            "shoppers with a cart who buy": bought.cart,
        }
    )
    if not as_json:
        table = table[["day", "daily", "weekly", "monthly", "stickiness"]].tail(14)
        table = table.assign(day=table["day"].dt.strftime("%Y-%m-%d"))
    _show(rows, table, span, as_json=as_json, nothing="Nobody came in this time.")


@click.command(epilog="Example: shopr events revenue --since 2026-10-01 --step week --json")
@click.option(
    "--step", "length", type=click.Choice(["day", "week", "month"]), help="By default as fine as can be read."
)
@_part
@json_option
def revenue(
    *, length: Any, since: Any, until: Any, device: str, country: str, segment: str, as_json: bool
) -> None:  # fmt: skip
    """Orders, revenue, returns and average order value by currency; amounts are decimal strings."""
    import pandas as pd

    from shopr.analytics.measures.orders import read_orders, sales, sales_course
    from shopr.progress import step

    source, span = _chosen(since, until, device=device, country=country, segment=segment)
    with step("Add up orders"):
        orders = read_orders(source, start=span.start, end=span.end)
        found, course = sales(orders), sales_course(orders, span, length)
    rows = [
        {
            "currency": one.currency, "orders": one.orders, "buyers": one.buyers, "pieces": one.pieces,
            "revenue": _amount(one.revenue, one.currency), "returned": _amount(one.returned, one.currency),
            **{f"order_value{end}": _amount(value, one.currency) for end, value in (
                ("", one.order_value.value), ("_lo", one.order_value.lo), ("_hi", one.order_value.hi)
            )},
        }
        for one in found
    ]  # fmt: skip
    for name in ("revenue", "returned", "order_value", "lo", "hi"):
        course[name] = [_amount(v, c) for v, c in zip(course[name], course["currency"], strict=True)]
    course = course.rename(columns={"lo": "order_value_lo", "hi": "order_value_hi"})
    course["start"] = pd.to_datetime(course["start"]).dt.strftime("%Y-%m-%d")
    short = course if as_json else course[course["orders"] > 0].iloc[:, :7].tail(14)
    _show(rows, short, span, as_json=as_json, nothing="Nothing was ordered in this time.")


def _amount(minor: float, currency: str) -> str | None:
    from shopr.money import from_minor

    if minor is None or math.isnan(minor):
        return None
    return str(from_minor(round(minor), currency)) if currency else str(round(minor))


@click.command(epilog="Example: shopr events searches --top 50 --json")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Queries to list.")
@_part
@json_option
def searches(*, top: int, since: Any, until: Any, device: str, country: str, segment: str, as_json: bool) -> None:
    """Searches that a click, a cart or a purchase follows, those without result, and the queries asked most."""
    from shopr.analytics.measures.searches import SHARES, by_query, read_searches, search_success
    from shopr.progress import step

    source, span = _chosen(since, until, device=device, country=country, segment=segment)
    with step("Follow searches"):
        table = read_searches(source, start=span.start, end=span.end)
        found, asked = search_success(table), by_query(table, most=top)
    rows = _rows({name: getattr(found, name) for name in SHARES}) if len(table) else []
    _show(rows, asked, span, as_json=as_json, nothing="Nobody searched in this time.")


@click.command(epilog="Example: shopr events recommendations --by policy --by model_version")
@click.option(
    "--by", multiple=True, default=("source",), show_default=True, help="Tell apart by; may be given several times.",
    type=click.Choice(["source", "policy", "model_version", "position"]),
)  # fmt: skip
@_part
@json_option
def recommendations(
    *, by: tuple[str, ...], since: Any, until: Any, device: str, country: str, segment: str, as_json: bool
) -> None:  # fmt: skip
    """Clicks, carts, purchases and nDCG of what was recommended, with 95 % intervals over shoppers."""
    from shopr.analytics.measures.recommended import quality, read_impressions
    from shopr.progress import step

    source, span = _chosen(since, until, device=device, country=country, segment=segment)
    with step("Follow recommendations"):
        table = quality(read_impressions(source, start=span.start, end=span.end), by)
    kept = [*by, "impressions", "ctr", "ctr_lo", "ctr_hi", "conversion", "ndcg", "ndcg_lo", "ndcg_hi"]
    short = table if as_json else table[kept]
    _show([], short, span, as_json=as_json, nothing="Nothing was recommended in this time.")


@click.command(epilog="Example: shopr events backfill")
@json_option
def backfill(*, as_json: bool) -> None:
    """Store the history of the shop in use, so that the pages of analysis show it; doing so again changes nothing."""
    from shopr.progress import step
    from shopr.shop import Shop

    shop = Shop.open()
    with step(f"Store the history of {shop.settings.shop}") as storing:
        done = shop.store_history()
        storing.note(f"{done.new:,} of {done.rows:,} events are new")
    if as_json:
        echo_json(done)
    else:
        echo(f"{done.new:,} of {done.rows:,} events are new.")
