"""Experience: how fast pages are, which errors shoppers meet, and how the interfaces answer."""

from __future__ import annotations

import math
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from parts.courses import Course, bars_chart, course_chart, marked
from parts.figures import download, table, written
from parts.frame import NO_SHOP, boundary, header, no_shop, notice, section
from parts.health import error_table, vital_tiles, vital_words
from parts.machine import processes_part
from parts.source import open_shop
from parts.view import Chosen, View, choose, fresh, nothing_yet, refreshed, remembered
from parts.words import moment, short

from shopr.analytics.health.experience import (
    call_histogram,
    call_routes,
    error_course,
    error_history,
    error_samples,
    vital_course,
    vital_figures,
)
from shopr.analytics.health.quality import VITALS, error_groups
from shopr.analytics.measures.anonymity import K, few, suppressed
from shopr.analytics.measures.board import marks
from shopr.shop import Shop

KINDS = ("vital_measured", "error_raised", "api_called")
LISTED = 12
BY = {"Page": "page", "Device": "device", "Release": "release"}


# -- vitals -----------------------------------------------------------------------------------------------------------


def vitals_part(view: View, zone: str, past: Any) -> None:
    """The five vitals, then one of them over time and by page, device or release."""
    section("Speed", "Core Web Vitals: what three of four visits are at least as good as (the 75th percentile).")
    found = remembered(view, "vitals", lambda: vital_figures(view.source, start=view.span.start, end=view.span.end))
    if found.empty:
        notice("No vitals were measured in this time. The browser script sends them from shoppers who agreed.")
        return
    found = found[found["persons"] >= K]
    if found.empty:
        notice(f"{few().capitalize()} shoppers measured anything in this part, so that nothing is told of them.")
        return
    past_span = view.before
    before = None if past_span is None else remembered(
        view, "vitals before", lambda: vital_figures(view.source, start=past_span.start, end=past_span.end)
    )  # fmt: skip
    st.html(f'<p class="soft">{view.span.words()}, {view.beside()}.</p>')
    vital_tiles(found, before)
    left, right = st.columns([1.4, 1], gap="medium")
    with left, st.container(key="panel-vital-course", height="stretch"):
        name = st.segmented_control(
            "Vital", list(found["name"]), default=str(found["name"].iloc[0]), required=True, key="vital",
            bind="query-params",
        ) or str(found["name"].iloc[0])  # fmt: skip
        course = remembered(view, "vital course", lambda: vital_course(view.source, view.span))
        seen = remembered(view, "marks", lambda: marks(view.store, view.span, past))
        mine = course[course["name"] == name]
        number = ",.3f" if not VITALS[name].unit else ",.0f"
        course_chart(
            Course(mine, {"p75": name}, f"{name}, 75th percentile", view.span.step, number), seen, zone
        )  # fmt: skip
        marked(seen, zone)
    with right, st.container(key="panel-vital-by", height="stretch"):
        by = BY[st.selectbox("By", list(BY), key="by", bind="query-params") or "Page"]
        split = remembered(
            view, f"vitals by {by}",
            lambda: vital_figures(view.source, by=(by,), start=view.span.start, end=view.span.end),
        )  # fmt: skip
        _vitals_by(split[split["name"] == name], name, by)


def _vitals_by(split: pd.DataFrame, name: str, by: str) -> None:
    shown = suppressed(split, keep=[by, "name"]).sort_values("measured", ascending=False)
    shown[by] = [value or "unknown" for value in shown[by]]
    shown["rating"] = shown["rating"].astype(str).str.capitalize()
    columns: dict[str, Any] = {
        by: (by.capitalize(), None),
        "p75": (name, partial(vital_words, name)),
        "rating": ("Rating", None),
        "measured": ("Measured", partial(written, unit="count")),
    }
    table(shown.head(LISTED), columns, f"{name} by {by}, those measured most")
    download(shown, f"vitals-by-{by}")


# -- errors -----------------------------------------------------------------------------------------------------------


def errors_part(view: View, zone: str) -> None:
    """Errors by group; one of them in detail."""
    section("Errors", "Grouped by what failed and where it came through, not by line numbers.")
    found = remembered(view, "errors", lambda: error_groups(view.source, start=view.span.start, end=view.span.end))
    if found.empty:
        notice("No error was raised in this time.")
        return
    known = remembered(view, "error history", lambda: error_history(view.source, end=view.span.end))
    found = found.drop(columns=["releases", "regressed"]).merge(known, on="fingerprint", how="left")
    found["new"] = found["first_ever"] >= view.span.start
    course = remembered(view, "error course", lambda: error_course(view.source, view.span))
    steps = view.span.steps(view.span.step)[0]
    with st.container(key="panel-errors"):
        error_table(found.head(LISTED), course, steps, zone)
        download(found.drop(columns="message").assign(users=found["users"].where(found["users"] >= K)), "errors")
    names = {
        f"{row.name}: {short(str(row.message), 60)}": row.fingerprint for row in found.head(50).itertuples(index=False)
    }
    with st.container(key="panel-error"):
        picked = st.selectbox("Look into", list(names), key="error", bind="query-params")
        if picked:
            _detail(view, str(names[picked]), zone)


def _detail(view: View, fingerprint: str, zone: str) -> None:
    samples = error_samples(view.source, fingerprint, start=view.span.start, end=view.span.end, most=5)
    shown: set[str] = set()
    for sample in samples:
        stack = str(sample["stack"] or sample["message"] or "no stack was sent")[-4_000:]
        where = [sample[name] for name in ("page", "device", "release", "platform") if sample[name]]
        handled = "handled" if sample["handled"] else "not handled"
        st.html(f'<p class="soft">{escape(moment(sample["time"], zone))}, {escape(", ".join([*where, handled]))}</p>')
        if stack not in shown:  # one picture of a stack is enough
            st.code(stack, language=None, wrap_lines=True)
        shown.add(stack)
    frames = [frame for frame in (samples[0]["frames"] or []) if isinstance(frame, dict)] if samples else []
    held = [f for f in frames if f.get("held")]
    if held:
        rows = [
            {"function": f"{f.get('function')} ({f.get('file')}:{f.get('line')})", "name": k, "value": v}
            for f in held
            for k, v in dict(f["held"]).items()
        ]
        columns = {"function": ("In", None), "name": ("Variable", None), "value": ("Held, redacted", None)}
        table(pd.DataFrame(rows), columns, "What the variables held in the newest")


# -- calls ------------------------------------------------------------------------------------------------------------


def calls_part(view: View) -> None:
    """API calls by route, and how long they take."""
    section("Interfaces", "API calls by route: how they end and how long they take.")
    found = remembered(view, "calls", lambda: call_routes(view.source, start=view.span.start, end=view.span.end))
    if found.empty:
        notice("No API call was recorded in this time.")
        return
    left, right = st.columns([1.5, 1], gap="medium")
    share, ms = partial(written, unit="share"), lambda v: f"{v:,.0f}"
    with left, st.container(key="panel-routes", height="stretch"):
        table(
            found.head(LISTED),
            {
                "route": ("Route", None), "calls": ("Calls", partial(written, unit="count")), "ok": ("2xx", share),
                "refused": ("4xx", share), "failed": ("5xx", share), "p50": ("p50 ms", ms), "p95": ("p95 ms", ms),
                "p99": ("p99 ms", ms),
            },
            "Routes, those called most",
        )  # fmt: skip
        download(found, "routes")
    with right, st.container(key="panel-durations", height="stretch"):
        route = st.selectbox("Route", ["All routes", *found["route"].head(50)], key="route", bind="query-params")
        chosen = None if route in (None, "All routes") else str(route)
        buckets = remembered(
            view, f"durations {chosen}",
            lambda: call_histogram(view.source, chosen, start=view.span.start, end=view.span.end),
        )  # fmt: skip
        named = buckets.assign(bucket=[f"≤ {u:g}" if math.isfinite(u) else "more" for u in buckets["upper"]])
        bars_chart(named, "bucket", "share", "Milliseconds")


def drawn(shop: Shop, chosen: Chosen) -> None:
    """All parts of the page below its controls."""
    view, zone = fresh(shop, chosen, by_event=True), shop.settings.time_zone
    past = shop.promotions()
    with boundary("the vitals"):
        vitals_part(view, zone, past)
    with boundary("the errors"):
        errors_part(view, zone)
    with boundary("the interfaces"):
        calls_part(view)
    with boundary("the processes"):
        processes_part(view, zone)


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("Experience", "How fast pages are, which errors shoppers meet, and how the interfaces answer.",
           eyebrow="Analytics")  # fmt: skip
    if not shop.exists:
        no_shop(shop.name, "Nothing is measured yet.", NO_SHOP[:1])
        return
    if nothing_yet(shop, KINDS):
        return
    chosen = choose(shop, ("device", "page", "release"), KINDS)
    refreshed(chosen, partial(drawn, shop, chosen))


with boundary("this page"):
    page()
