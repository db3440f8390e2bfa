"""Funnel and journeys: how shoppers come through the shop, where they leave, and whether they come again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from parts.figures import download, points, table, written
from parts.flows import funnel_bars, paths_list, retention_grid, sankey_chart
from parts.frame import NO_SHOP, boundary, header, no_shop, notice, section
from parts.source import open_shop
from parts.view import Chosen, View, choose, fresh, nothing_yet, refreshed, remembered
from parts.words import count

from shopr.analytics.measures.anonymity import K, few, hidden_ways, suppressed
from shopr.analytics.measures.funnel import Step
from shopr.analytics.measures.funnels import ANY, entrances, funnel_table, versus
from shopr.analytics.measures.journey import Journeys, journeys
from shopr.analytics.measures.retention import retention
from shopr.analytics.measures.sankey import sankey
from shopr.analytics.reading.log import EventLog
from shopr.shop import Shop

STEPS = [
    "page_viewed", "search_performed", "product_shown", "product_clicked", "product_viewed", "cart_item_added",
    "checkout_started", "order_completed", "recommendation_clicked", "message_sent", "image_searched", "feedback_given",
]  # fmt: skip
USUAL = ["page_viewed", "product_viewed", "cart_item_added", "checkout_started", "order_completed"]
WAYS = ["page_viewed", "search_performed", "product_viewed", "cart_item_added", "checkout_started", "order_completed",
        "recommendation_clicked", "message_sent", "image_searched"]  # fmt: skip
GROUPS = {"Nothing": "", "Device": "device", "Page": "page", "Source": "source", "Way in": "entry"}
ORDERS = {"In this order": "ordered", "Nothing between": "strict", "Any order": "any"}
WINDOWS = {"1 hour": 1, "1 day": 24, "7 days": 168, "30 days": 720}


def spoken(kind: str) -> str:
    """A type of event in words."""
    return kind.replace("_", " ").capitalize()


def log_of(view: View, which: str, types: list[str], columns: list[str]) -> EventLog:
    """The events that a question needs, of the span or of the time before it."""
    span = view.span if which == "now" or view.before is None else view.before
    return EventLog.read(view.source, start=span.start, end=span.end, types=types, columns=columns)


# -- the funnel -------------------------------------------------------------------------------------------------------


def asked() -> tuple[list[str], str, str, timedelta]:
    """Steps, what they are told apart by, in which order, and within which time."""
    with st.container(key="panel-funnel-controls"):
        kinds = st.multiselect(
            "Steps, in order", STEPS, default=USUAL, key="steps", format_func=spoken, bind="query-params"
        )
        first, second, third = st.columns(3, gap="medium")
        by = first.selectbox("By", list(GROUPS), key="by", bind="query-params")
        order = second.selectbox("Order", list(ORDERS), key="order", bind="query-params")
        window = third.selectbox("Within", list(WINDOWS), index=2, key="within", bind="query-params")
    hours = WINDOWS[window or "7 days"]
    return list(kinds), GROUPS[by or "Nothing"], ORDERS[order or "In this order"], timedelta(hours=hours)


def followed(view: View, question: tuple[list[str], str, str, timedelta]) -> pd.DataFrame:
    """The funnel that was asked for."""
    kinds, by, order, window = question
    steps, columns = [Step(kind) for kind in kinds], [by] if by in ("device", "page", "source") else []
    more: dict[str, Any] = {"window": window, "order": order}
    if by == "entry":
        log = log_of(view, "now", ["page_viewed", *kinds], ["page"])
        pages = [str(name) for name in log.columns["page"].names[:6]]  # type: ignore[union-attr]
        ways = [Step("page_viewed", {"page": page}, page) for page in sorted(pages)]
        return entrances(log, ways or [steps[0]], steps[1:] or steps, **more)
    if view.before is None:
        return funnel_table(log_of(view, "now", kinds, columns), steps, breakdown=by or None, **more)
    logs = (log_of(view, which, kinds, columns) for which in ("now", "before"))
    return versus(*logs, steps, breakdown=by or None, **more)


def funnel_part(view: View, question: tuple[list[str], str, str, timedelta]) -> None:
    """The funnel as bars, or by groups as a table."""
    kinds, by, _, _ = question
    if len(kinds) < 2:
        notice("Choose two steps or more.")
        return
    found = remembered(view, f"funnel {question}", lambda: followed(view, question))
    if not found["persons"].sum():
        notice("Nobody entered this funnel in this time.")
        return
    caption = f"{view.span.words()}, {view.beside()}"
    with st.container(key="panel-funnel"):
        if by:
            grouped(found, by, caption)
        elif found["seen"].iloc[0] < K:
            notice(f"{few().capitalize()} shoppers entered this funnel, so that nothing is told of them.")
        else:
            funnel_bars(found, caption)
            download(found.assign(hidden=(found["seen"] > 0) & (found["seen"] < K)), "funnel")


def grouped(found: pd.DataFrame, by: str, caption: str) -> None:
    """One row a group: who entered, and the share that reached each step."""
    steps = list(dict.fromkeys(found["step"]))
    shares = found.pivot(index="group", columns="step", values="share")[steps[1:]]
    entered = found[found["step"] == steps[0]].set_index("group")[["persons", "seen"]]
    wide = entered.join(shares).reset_index().sort_values("persons", ascending=False)
    if "change" in found:
        last = found[found["step"] == steps[-1]].set_index("group")
        moved = [
            points(*row)
            for row in last[["change", "change_lo", "change_hi"]].loc[wide["group"]].itertuples(index=False)
        ]
        wide["moved"] = moved
    apart = wide["group"] == ANY  # the ways in overlap, so that they are no parts of a total
    shown = (
        suppressed(wide, persons="seen", keep=["group"]) if not apart.any() else wide.assign(hidden=wide["seen"] < K)
    )
    shown["group"] = [name or "unknown" for name in shown["group"]]
    columns: dict[str, Any] = {"group": (by.capitalize(), None), "persons": ("Entered", partial(written, unit="count"))}
    columns |= {step: (step.capitalize(), partial(written, unit="share")) for step in steps[1:]}
    if "moved" in wide:
        columns["moved"] = (f"{steps[-1].capitalize()}, change in points", str)
    table(shown, columns, caption)
    download(shown.drop(columns="seen"), f"funnel-by-{by}")


# -- journeys and retention -------------------------------------------------------------------------------------------


def journeys_part(view: View) -> None:
    """Where sessions go, as a Sankey diagram and as paths."""
    section("Journeys", "What sessions do first, next, and where they leave. Repeats of a step count as one.")
    with st.container(key="panel-journeys"):
        first, second = st.columns([1, 1.4], gap="medium")
        by = first.segmented_control("A step is", ["What was done", "Page"], default="What was done", required=True,
                                     key="step-is", bind="query-params")  # fmt: skip
        depth = second.slider("Steps", 2, 8, 5, key="depth", bind="query-params")
        column = "page" if by == "Page" else "type"
        found: Journeys = remembered(view, f"journeys {column} {depth}", lambda: _journeys(view, column, int(depth)))
        if not found.n:
            notice("No session has a step in this time.")
            return
        hidden = hidden_ways(found.links)
        known = found.links[~hidden]
        if known.empty:
            notice(f"Every way was taken by {few()} shoppers, so that none is told.")
            return
        sankey_chart(sankey(known), found.n)
        words = f" Ways of {few()} shoppers are left out, with those that would give them away." if hidden.any() else ""
        ends = "Who goes on after the last step is not drawn further."
        st.html(f'<p class="soft">{count(found.n, "session")}, {view.span.words()}. {ends}{words}</p>')
        paths = paths_list(found.paths)
        table(
            paths.head(10),
            {
                "path": ("Path", None), "sessions": ("Sessions", partial(written, unit="count")),
                "share": ("Share", partial(written, unit="share")),
            },
            "The paths that are taken most",
        )  # fmt: skip
        download(paths, "paths")


def _journeys(view: View, column: str, depth: int) -> Journeys:
    log = log_of(view, "now", ["page_viewed"] if column == "page" else WAYS, ["page"] if column == "page" else [])
    return journeys(log, by=column, depth=depth, top=7)


def retention_part(view: View, zone: str) -> None:
    """Who comes again."""
    section(
        "Retention", "Cohorts by the first visit within the time chosen; choose 90 days or more to see them return."
    )
    with st.container(key="panel-retention"):
        first, second = st.columns(2, gap="medium")
        period = first.segmented_control("Period", ["Week", "Month"], default="Week", required=True, key="cohort",
                                         bind="query-params")  # fmt: skip
        again = second.selectbox("Came again to", ["Do anything", "Order"], key="again", bind="query-params")
        kind, what = ("month" if period == "Month" else "week"), ("order_completed" if again == "Order" else None)
        types = [*WAYS, "feedback_given"]
        found = remembered(
            view, f"retention {kind} {what}",
            lambda: retention(log_of(view, "now", types, []), again=what, period=kind, periods=11, time_zone=zone),  # type: ignore[arg-type]
        )  # fmt: skip
        if found.empty:
            notice("Nobody came in this time.")
            return
        retention_grid(found.tail(400), kind)
        download(
            found.assign(hidden=(found["seen"] < K) | ((found["persons"] > 0) & (found["persons"] < K))), "retention"
        )


def drawn(shop: Shop, chosen: Chosen, question: tuple[list[str], str, str, timedelta]) -> None:
    """All parts of the page below its controls."""
    view = fresh(shop, chosen)
    with boundary("the funnel"):
        funnel_part(view, question)
    with boundary("the journeys"):
        journeys_part(view)
    with boundary("the retention"):
        retention_part(view, shop.settings.time_zone)


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("Funnel and journeys", "How shoppers come through the shop, where they leave, and whether they come again.",
           eyebrow="Analytics")  # fmt: skip
    if not shop.exists:
        no_shop(shop.name, "Nobody walks through it yet.", NO_SHOP[:1])
        return
    if nothing_yet(shop):
        return
    chosen = choose(shop)
    section("Funnel", "Each shopper counts once, at the farthest step that any of their entries led to.")
    question = asked()
    refreshed(chosen, partial(drawn, shop, chosen, question))


with boundary("this page"):
    page()
