"""What the pages of analysis look at: a time, the time before, which part of the events; all of it in the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import streamlit as st

from parts.frame import empty, notice
from parts.words import day
from shopr.analytics.measures.board import Extent, extent
from shopr.analytics.measures.engagement import ACTS
from shopr.analytics.reading.source import SEGMENTS, Filters, Source, choices, narrowed
from shopr.analytics.reading.span import Span
from shopr.shop import Shop

__all__ = ["REFRESH", "Chosen", "View", "choose", "fresh", "nothing_yet", "refreshed", "remembered"]

T = TypeVar("T")
PERIODS = {"7 days": 7, "30 days": 30, "90 days": 90, "12 months": 365}
OWN = "Own dates"
REFRESH = "60s"
"""How often a page that is watched is drawn anew."""
_ALL = {
    "device": "All devices",
    "page": "All pages",
    "country": "All countries",
    "segment": "All shoppers",
    "release": "All releases",
}


@dataclass(frozen=True)
class Chosen:
    """What the controls say.

    Attributes:
        period: a name of PERIODS, or OWN with `first` and `last`.
        compared: whether the time before is shown beside it.
        filters: which part of the events.
        watched: whether the page is drawn anew by itself.
        kinds: types of events that the page is about.
    """

    period: str
    first: date | None
    last: date | None
    compared: bool
    filters: Filters
    watched: bool
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """A chosen part of the store at one moment.

    Attributes:
        source: the events of the chosen part.
        store: all of them.
        span: the time. before: as many days before it; None where nothing is compared, or the store does not reach.
        state: changes when the store does.
        chosen: what the controls say.
        now: the moment.
    """

    source: Source
    store: Source
    span: Span
    before: Span | None
    state: int
    chosen: Chosen
    now: datetime

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes one answer differ from another."""
        return self.span, self.before, self.chosen.filters, self.state

    def beside(self) -> str:
        """ "beside the 30 days before", or why not."""
        if self.before is not None:
            return f"beside the {len(self.span)} days before" if len(self.span) > 1 else "beside the day before"
        return "the store does not reach back to the time before" if self.chosen.compared else "not compared"


def nothing_yet(shop: Shop, kinds: tuple[str, ...] = ACTS) -> bool:
    """Say so where the store holds no event of these types; whether that is so."""
    if _extent(shop, kinds).events:
        return False
    empty(
        "No events are in the store yet",
        "What shoppers do is measured here from the first event on.",
        [
            ("shopr events backfill", "stores the history of this shop"),
            ("shopr events load FILE", "stores a file of events: Parquet, CSV or JSON lines"),
        ],
    )
    if (
        kinds == ACTS
        and shop.data.manifest.times == "real"
        and st.button("Store the history of this shop", key="backfill", type="primary", icon=":material/database:")
    ):
        with st.spinner("Storing what happened. A million events take about half a minute."):
            shop.store_history()
        st.rerun()
    return True


def choose(
    shop: Shop, offered: Sequence[str] = ("device", "page", "country", "segment"), kinds: tuple[str, ...] = ACTS
) -> Chosen:
    """Draw the controls of time and filters; every choice goes into the address.

    Args:
        offered: the filters.
        kinds: types of events that the page is about: its time ends on the day of the newest, so that what was loaded
            from the past can be seen.
    """
    with st.container(key="panel-controls"):
        first, second, third = st.columns([2.6, 1, 1.1], gap="medium", vertical_alignment="bottom")
        period = first.segmented_control(
            "Time", [*PERIODS, OWN], default="30 days", required=True, key="period", bind="query-params", wrap=True
        )
        compared = second.toggle("Compare", value=True, key="compare", bind="query-params",
                                 help="Beside as many days just before.")  # fmt: skip
        watched = third.toggle("Refresh", key="refresh", bind="query-params", help="Draw anew every minute.")
        start = end = None
        if period == OWN:
            start, end = _own(shop, kinds)
        chosen = Chosen(period or "30 days", start, end, bool(compared), Filters(), bool(watched), kinds)
        return replace(chosen, filters=_filters(shop, offered, chosen))


def _own(shop: Shop, kinds: tuple[str, ...]) -> tuple[date | None, date | None]:
    """Two dates, the earlier first."""
    newest = _newest_day(shop, kinds)
    left, right = st.columns(2, gap="medium")
    first = left.date_input("From", newest - timedelta(days=29), key="from", format="YYYY-MM-DD", bind="query-params")
    last = right.date_input("To, included", newest, key="to", format="YYYY-MM-DD", bind="query-params")
    first, last = first or newest, last or newest
    if first > last:
        notice(f"The time ended before it began: it is read as {day(last)} to {day(first)}.")
    return min(first, last), max(first, last)


def _filters(shop: Shop, offered: Sequence[str], chosen: Chosen) -> Filters:
    span = _span(shop, chosen)
    known = _choices(shop.events, shop.events.count(), span)
    picks: dict[str, str] = {}
    for column, name in zip(st.columns(len(offered), gap="medium"), offered, strict=True):
        options = list(SEGMENTS) if name == "segment" else known.get(name, [])
        picked = column.selectbox(
            name.capitalize(), [_ALL[name], *options], key=name, bind="query-params", disabled=not options
        )
        picks[name] = "" if picked in (None, _ALL[name]) else str(picked)
    return Filters(**picks)


def fresh(shop: Shop, chosen: Chosen, *, by_event: bool = False) -> View:
    """The chosen part as it is now.

    Args:
        by_event: the filters choose the events that have the traits, and not whole sessions.
    """
    state = shop.events.count()
    span, reach = _span(shop, chosen), _extent(shop, chosen.kinds).first
    before = span.previous() if chosen.compared and reach is not None and span.previous().end > reach else None
    if before is not None and reach is not None and before.start + timedelta(days=1) < reach:
        before = None
    source = narrowed(shop.events, chosen.filters, by="event" if by_event else "session")
    return View(source, shop.events, span, before, state, chosen, shop.clock.now())


def refreshed(chosen: Chosen, draw: Callable[[], None]) -> None:
    """Draw a part of the page, again every minute where that is wanted, and alone: the rest of the page stands."""
    st.fragment(draw, run_every=REFRESH if chosen.watched else None)()


def remembered(view: View, what: str, make: Callable[[], T]) -> T:
    """An answer, asked of the store once for each state of it."""
    return _remembered((what, view.key), make)  # type: ignore[no-any-return]


@st.cache_data(show_spinner="Counting …", max_entries=128)
def _remembered(key: Any, _make: Callable[[], Any]) -> Any:
    return _make()


@st.cache_data(show_spinner=False, max_entries=64)
def _choices(_store: Source, state: int, span: Span) -> dict[str, list[str]]:
    # The store itself is no part of the key: its state is.
    return choices(_store, start=span.start, end=span.end)


def _extent(shop: Shop, kinds: tuple[str, ...]) -> Extent:
    return _measured_extent(shop.events, str(shop.settings.home), shop.events.count(), kinds)


@st.cache_data(show_spinner=False, max_entries=8)
def _measured_extent(_store: Source, home: str, state: int, kinds: tuple[str, ...]) -> Extent:
    return extent(_store, kinds)


def _newest_day(shop: Shop, kinds: tuple[str, ...]) -> date:
    """The day up to which there is something to see: a few visits after a long silence hide what came before."""
    newest, now = _extent(shop, kinds).busy, shop.clock.now()
    return (min(newest, now) if newest else now).astimezone(ZoneInfo(shop.settings.time_zone)).date()


def _span(shop: Shop, chosen: Chosen) -> Span:
    zone = shop.settings.time_zone
    if chosen.first is not None and chosen.last is not None:
        return Span(max(chosen.first, chosen.last - timedelta(days=3_600)), chosen.last, zone)
    end, days = _newest_day(shop, chosen.kinds), PERIODS.get(chosen.period, 30)
    return Span(end - timedelta(days=days - 1), end, zone)
