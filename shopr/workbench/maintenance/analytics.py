"""Sections from the event store: what shoppers did, which errors they met, how fast pages and interfaces were."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from shopr.analytics.health.experience import call_routes, error_course, error_history, vital_course, vital_figures
from shopr.analytics.health.quality import VITALS, error_groups
from shopr.analytics.measures.anonymity import K
from shopr.analytics.measures.board import Board, board
from shopr.analytics.reading.span import Span
from shopr.analytics.store.event_store import EventStore
from shopr.metrics.proportions import wilson
from shopr.money import from_minor
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change

__all__ = ["calls", "engagement", "errors", "speed"]

_FALL = -0.3
_FEW = 20  # shoppers or errors below which a change says nothing
_MORE = 2.0  # times as many errors as in the period before that are worth a look
_FAILING, _SLOW = 0.05, 5_000.0  # share of calls, milliseconds
_SHOWN = ("persons", "sessions", "seconds", "conversion", "order_value", "searches", "ctr", "ndcg")


def _span(context: Context, start: datetime, end: datetime) -> Span:
    zone = context.period.zone
    local = [at.astimezone(ZoneInfo(zone)).date() for at in (start, end - timedelta(microseconds=1))]
    return Span(local[0], local[1], zone)


def _spans(context: Context) -> tuple[EventStore, Span, Span]:
    """The store, the period, and the one before."""
    period, store = context.period, EventStore.open(context.settings, clock=context.clock)
    return store, _span(context, period.start, period.end), _span(context, period.before, period.start)


def engagement(context: Context) -> Part:
    """Shoppers, sessions, conversion, search and recommendations beside the period before."""
    store, now, before = _spans(context)
    found, past = board(store, now, compared=False), board(store, before, compared=False)
    if not found.figures["persons"].value.n and not past.figures["persons"].value.n:
        return Part("no event of a shopper is in the store for this period or the one before", Level.EMPTY)
    table = pd.DataFrame([change(_named(found, k), _value(found, k), _value(past, k)) for k in _SHOWN])
    course = found.active.set_index(found.active["day"].dt.strftime("%d %b"))[["daily", "weekly", "monthly"]]
    plots: tuple[Plot, ...] = (
        (Plot("lines", course, "Active shoppers in 1, 7 and 30 days", "shoppers"),) if len(now) > 1 else ()
    )
    shoppers = found.figures["persons"].value.value
    bought = found.figures["conversion"].value
    words = f"{shoppers:,.0f} shoppers"
    if bought.n:
        words += f", {bought.value:.1%} of the sessions buy ({bought.lo:.1%} to {bought.hi:.1%})"
    metrics = {key: value for key in _SHOWN if (value := _value(found, key)) is not None}
    earlier = past.figures["persons"].value.value
    fell = earlier >= _FEW and shoppers / earlier - 1 < _FALL
    if fell:
        words = f"only {words}; {earlier:,.0f} in the period before"
    return Part(words, Level.ATTENTION if fell else Level.OK, table, plots, metrics)


def _named(found: Board, key: str) -> str:
    name = found.figures[key].name
    return name[0].lower() + name[1:]


def _value(found: Board, key: str) -> float | None:
    figure = found.figures[key]
    if math.isnan(figure.value.value):
        return None
    return (
        float(from_minor(round(figure.value.value), figure.currency)) if figure.unit == "money" else figure.value.value
    )


def errors(context: Context) -> Part:
    """Groups of errors of the period; what is new, what came back, and whether there are more than before."""
    store, now, before = _spans(context)
    found = error_groups(store, start=now.start, end=now.end)
    past = error_groups(store, start=before.start, end=before.end)
    if found.empty and past.empty:
        known = error_history(store, end=now.end)
        words = "no error was raised in this period or the one before"
        return Part(words, Level.OK if len(known) or _measures(store, now) else Level.EMPTY)
    history = error_history(store, end=now.end).set_index("fingerprint")
    earlier = past.set_index("fingerprint")["errors"]
    table = found[["name", "message", "errors", "users"]].head(10).copy()
    keys = found["fingerprint"].head(10)
    table["users"] = table["users"].where(table["users"] >= K)  # of fewer no number is told
    table["before"] = earlier.reindex(keys).fillna(0).to_numpy()
    known = history.reindex(keys)
    fresh = (known["first_ever"] >= now.start).to_numpy()
    back = known["regressed"].to_numpy(bool)
    table["state"] = ["came back" if b else "new" if f else "known" for b, f in zip(back, fresh, strict=True)]
    total, was = float(found["errors"].sum()), float(past["errors"].sum())
    course = error_course(store, now).groupby("start")["errors"].sum().to_frame()
    course.index = pd.DatetimeIndex(course.index).strftime("%d %b")
    plots = (Plot("lines", course, f"Errors by {now.step}", "errors"),) if len(course) > 1 else ()
    groups = "1 group" if len(found) == 1 else f"{len(found)} groups"
    words = f"{total:,.0f} {'error' if total == 1 else 'errors'} in {groups}, {was:,.0f} in the period before"
    alarms = [f"{back.sum()} came back after a release without them"] * bool(back.any())
    alarms += [f"{fresh.sum()} new"] * bool(fresh.any() and was)
    many = total > max(_MORE * was, _FEW) and bool(was)
    metrics = {"errors": total, "groups": float(len(found)), "came_back": float(back.sum())}
    finding = "; ".join([words, *alarms])
    return Part(finding, Level.ATTENTION if back.any() or many else Level.OK, table, plots, metrics)


def _measures(store: EventStore, span: Span) -> bool:
    """Whether anything of the machinery arrives: then no error is good news."""
    return not vital_figures(store, start=span.start, end=span.end).empty


def speed(context: Context) -> Part:
    """Core Web Vitals at the 75th percentile beside the period before, and which are poor."""
    store, now, before = _spans(context)
    found = vital_figures(store, start=now.start, end=now.end)
    if found.empty:
        return Part("no vitals were measured in this period", Level.EMPTY)
    past = vital_figures(store, start=before.start, end=before.end).set_index("name")["p75"]
    rows = []
    for row in found.itertuples():
        unit = f" ({VITALS[row.name].unit})" if VITALS[row.name].unit else ""
        old = past.get(row.name)
        rows.append(change(f"{row.name}{unit}", row.p75, None if old is None else float(old)) | {"rating": row.rating})
    course = vital_course(store, now).pivot(index="start", columns="name", values="p75")[["LCP"]].dropna()
    course.index = pd.DatetimeIndex(course.index).strftime("%d %b")
    pages = vital_figures(store, by=("device",), start=now.start, end=now.end)
    slowest = pages[pages["name"] == "LCP"].set_index("device")["p75"]
    plots = [Plot("lines", course, f"LCP by {now.step}, 75th percentile", "ms")] if len(course) > 1 else []
    plots.append(Plot("bars", slowest, "LCP by device, 75th percentile", "ms"))
    poor = found.loc[found["rating"] == "poor", "name"].tolist()
    metrics = {str(row.name).lower(): float(row.p75) for row in found.itertuples()}
    good = found.loc[found["rating"] == "good", "name"].tolist()
    words = f"good: {', '.join(good) or 'none'}" + (f"; poor: {', '.join(poor)}" if poor else "")
    return Part(words, Level.ATTENTION if poor else Level.OK, pd.DataFrame(rows), tuple(plots), metrics)


def calls(context: Context) -> Part:
    """API calls by route: how many, how they ended, how long they took."""
    store, now, before = _spans(context)
    found = call_routes(store, start=now.start, end=now.end)
    if found.empty:
        return Part("no API call was recorded in this period", Level.EMPTY)
    past = call_routes(store, start=before.start, end=before.end).set_index("route")
    table = found[["route", "calls", "refused", "failed", "p50", "p95", "p99"]].head(12).copy()
    table["p95 before"] = past["p95"].reindex(table["route"]).to_numpy(float)
    # A failure of a handful of calls is no failing route: the share must be above the bound beyond chance.
    surely = wilson(found["calls"] * found["failed"], found["calls"])[0]
    bad = found[(surely > _FAILING) | (found["p95"] > _SLOW)]["route"].tolist()
    total = float(found["calls"].sum())
    failed = float((found["calls"] * found["failed"]).sum()) / total
    plot = Plot("bars", found.head(8).set_index("route")["p95"], "95th percentile by route", "ms")
    words = f"{total:,.0f} calls, {failed:.2%} failed"
    if bad:
        words += f"; over 5 % failed or over 5 s at the 95th percentile: {', '.join(bad)}"
    metrics = {"calls": total, "failed_share": failed}
    return Part(words, Level.ATTENTION if bad else Level.OK, table, (plot,), metrics)
