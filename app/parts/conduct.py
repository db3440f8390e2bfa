"""What shoppers do, for the Overview: engagement, business, search and recommendations, beside the time before."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from parts.courses import Course, course_chart, marked
from parts.figures import download, figure_tiles, table, written
from parts.frame import boundary, notice, section
from parts.view import Chosen, View, choose, fresh, nothing_yet, refreshed, remembered
from parts.words import count
from shopr.analytics.measures.anonymity import K, few, suppressed
from shopr.analytics.measures.board import Board, Mark, board, marks
from shopr.analytics.measures.recommended import BY
from shopr.money import exponent
from shopr.shop import Shop

__all__ = ["conduct"]

ENGAGEMENT = ("persons", "sessions", "stickiness", "seconds", "events")
BUSINESS = ("revenue", "orders", "order_value", "conversion", "returned")
FOUND = ("searches", "empty", "ctr", "ndcg")


def conduct(shop: Shop) -> None:
    """Controls and figures."""
    section("What shoppers do", "Engagement, business, search and recommendations, from the events of the store.")
    if nothing_yet(shop):
        return
    chosen = choose(shop)
    refreshed(chosen, partial(_drawn, shop, chosen))


def _drawn(shop: Shop, chosen: Chosen) -> None:
    with boundary("what shoppers do"):
        view = fresh(shop, chosen)
        found = remembered(view, "board", lambda: board(view.source, view.span, compared=view.before is not None))
        part = f", {view.chosen.filters.words()}" if view.chosen.filters else ""
        st.html(f'<p class="soft">{view.span.words()}{part}, {view.beside()}.</p>')
        if found.figures["persons"].value.n < K:
            notice(f"In this part there were {few()} shoppers, so that nothing is told of them.")
            return
        past = shop.promotions()
        seen = remembered(view, "marks", lambda: marks(view.store, view.span, past))
        zone = shop.settings.time_zone
        _engagement(view, found, seen, zone)
        _business(view, found, seen, zone)
        _found(view, found)


def _engagement(view: View, found: Board, seen: list[Mark], zone: str) -> None:
    figure_tiles([found.figures[key] for key in ENGAGEMENT], "Engagement", view.beside())
    left, right = st.columns([1.75, 1], gap="medium")
    with left, st.container(key="panel-active", height="stretch"):
        st.html('<h2 class="inner">Active shoppers</h2>')
        series = {"daily": "On the day", "weekly": "In 7 days", "monthly": "In 30 days"}
        active = _enough(view, found.active, list(series))
        course_chart(Course(active.rename(columns={"day": "start"}), series, "Active shoppers"), seen, zone)
        marked(seen, zone)
        download(active, "active-shoppers")
    with right, st.container(key="panel-features", height="stretch"):
        st.html('<h2 class="inner">What they use</h2>')
        used = found.features
        some = used[used["persons"] > 0].assign(hidden=used["persons"] < K)
        some["feature"] = some["feature"].str.capitalize()
        table(
            some,
            {"feature": ("Feature", None), "share": ("Of all shoppers", partial(written, unit="share"))},
            "Share of the shoppers who used each feature",
        )
        unused = ", ".join(used.loc[used["persons"] == 0, "feature"])
        if unused:
            st.html(f'<p class="soft">Used by nobody: {unused}.</p>')


def _enough(view: View, active: pd.DataFrame, windows: list[str]) -> pd.DataFrame:
    """Of a part of the shoppers, no day is told on which fewer than k of them came; of all, every day is."""
    if not view.chosen.filters:
        return active
    made = active.copy()
    for name in windows:
        small = (made[name] > 0) & (made[name] < K)
        of = [column for column in made if column.startswith(name)] + (["stickiness"] if small.any() else [])
        made.loc[small, of] = float("nan")
    return made


def _business(view: View, found: Board, seen: list[Mark], zone: str) -> None:
    figures = [found.figures[key] for key in BUSINESS]
    if 0 < found.figures["revenue"].value.n < K:
        notice(f"{few().capitalize()} shoppers ordered, so that nothing is told of their orders.")
        return
    figure_tiles(figures, "Business", "")
    currency = found.figures["revenue"].currency
    if not currency and found.sales.empty:
        return
    now, before = (t[t["currency"] == currency] if len(t) else t for t in (found.sales, found.sales_before))
    sold = found.sales.assign(hidden=False)
    if view.chosen.filters:  # the shop's own books are no secret of anybody; those of a part of its shoppers may be
        sold = suppressed(found.sales, persons="buyers", within="currency", keep=["start"])
        now = sold[sold["currency"] == currency]
        before = suppressed(before, persons="buyers") if len(before) else before
    unit = 10 ** exponent(currency or "GBP")
    table_of = pd.DataFrame({"start": now["start"].to_numpy(), "now": now["revenue"].to_numpy() / unit})
    series = {"now": "Revenue"}
    dashed: tuple[str, ...] = ()
    if len(before) == len(now):
        table_of["before"] = before["revenue"].to_numpy() / unit
        series["before"], dashed = "The time before", ("before",)
    with st.container(key="panel-revenue"):
        st.html(f'<h2 class="inner">Revenue by {found.step}</h2>')
        course_chart(Course(table_of, series, f"Revenue ({currency})", found.step, dashed=dashed), seen, zone)
        download(sold, "sales")
    others = sorted(set(found.sales["currency"]) - {currency})
    if others:
        notice(f"Orders in {', '.join(o or 'no currency' for o in others)} are in the CSV: amounts are not converted.")


def _found(view: View, found: Board) -> None:
    figure_tiles([found.figures[key] for key in FOUND], "Search and recommendations", view.beside())
    left, right = st.columns(2, gap="medium")
    with left, st.container(key="panel-queries", height="stretch"), boundary("the searches"):
        _queries(found)
    with right, st.container(key="panel-suggested", height="stretch"), boundary("the recommendations"):
        _recommendations(found)


def _queries(found: Board) -> None:
    st.html('<h2 class="inner">Searched most</h2>')
    asked = found.queries
    shown = asked[asked["persons"] >= K]  # a query of few may name one of them
    if shown.empty:
        st.html(f"<p>No query was asked by {K} shoppers or more.</p>")
        return
    share = partial(written, unit="share")
    table(
        shown.head(8),
        {
            "query": ("Query", None), "searches": ("Searches", partial(written, unit="count")),
            "clicked": ("Clicked", share), "bought": ("Bought", share),
        },
        f"What {count(K)} shoppers or more searched for",
    )  # fmt: skip
    download(shown, "queries")


def _recommendations(found: Board) -> None:
    st.html('<h2 class="inner">Recommendations</h2>')
    by = st.selectbox(
        "By", list(BY), key="by", bind="query-params", format_func=lambda b: b.replace("_", " ").capitalize()
    )
    judged = found.recommended[by or "source"]
    if judged.empty:
        st.html("<p>No recommendation was shown in this time.</p>")
        return
    name = by or "source"
    shown = suppressed(judged, keep=[name]).assign(**{name: [_named(v) for v in judged[name]]})
    share = partial(written, unit="share")
    shown["interval"] = [f"{share(lo)} – {share(hi)}" for lo, hi in zip(shown["ctr_lo"], shown["ctr_hi"], strict=True)]
    table(
        shown.head(10),
        {
            name: (name.replace("_", " ").capitalize(), None), "impressions": ("Shown", partial(written, unit="count")),
            "ctr": ("Clicked", share), "interval": ("95 %", str), "conversion": ("Bought", share),
            "ndcg": ("nDCG", partial(written, unit="number")),
        },
        "What became of what was recommended",
    )  # fmt: skip
    download(shown.drop(columns="interval"), "recommendations")


def _named(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("_", " ") or "unknown"
