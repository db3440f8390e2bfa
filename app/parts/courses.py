"""Courses over time: lines with the time before, and what may explain a bend (releases, promotions of models)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

import altair as alt
import pandas as pd
import streamlit as st

from parts.words import day
from shopr.analytics.measures.board import Mark

__all__ = ["Course", "bars_chart", "course_chart", "marked"]

INK = "#85817a"  # of lines and words that belong to no series: it can be read in both modes
_FORMATS = {"day": "%-d %b %Y", "week": "week of %-d %b %Y", "month": "%B %Y"}


@dataclass(frozen=True)
class Course:
    """What is drawn.

    Attributes:
        table: `start` and a column a series.
        series: column -> what to call it.
        title: what is measured, for those who hear the page.
        step: "day", "week" or "month".
        number: d3's format of a value. suffix: what follows it.
        dashed: series that are drawn dashed: the time before.
    """

    table: pd.DataFrame
    series: dict[str, str]
    title: str
    step: str = "day"
    number: str = ",.0f"
    dashed: tuple[str, ...] = ()
    height: int = 250


def course_chart(course: Course, marks: Sequence[Mark] = (), zone: str = "UTC") -> None:
    """The lines of a course; they take their colours from the theme of the mode in use."""
    long = course.table.melt("start", list(course.series), "series", "value").dropna(subset=["value"])
    long["series"] = long["series"].map(course.series)
    names = list(course.series.values())
    dashed = [course.series[name] for name in course.dashed]
    days = alt.Axis(grid=False, labelOverlap=True, tickCount=6, format="%-d %b")
    x = alt.X("start:T", title=None, axis=days, scale=alt.Scale(type="utc"))
    short = course.number.replace(",.0f", "~s")
    figures = alt.Axis(tickCount=4, format=short, domain=False, ticks=False)
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=True, nice=True), axis=figures)
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3, labelLimit=260)
    colour = alt.Color("series:N", sort=names, legend=legend if len(names) > 1 else None)
    base = alt.Chart(long).encode(x=x, y=y, color=colour)
    tooltip = [
        alt.Tooltip("start:T", title=course.step.capitalize(), format=_FORMATS[course.step]),
        alt.Tooltip("series:N", title="Figure"),
        alt.Tooltip("value:Q", title=course.title, format=course.number),
    ]
    dash = alt.condition(alt.FieldOneOfPredicate("series", dashed), alt.value([5, 4]), alt.value([1, 0]))
    few = len(course.table) <= 31
    layers: list[alt.Chart] = [
        base.mark_line(strokeWidth=2, point=False).encode(strokeDash=dash),
        base.mark_point(filled=True, size=36 if few else 14, opacity=0.9 if few else 0.0).encode(tooltip=tooltip),
    ]
    if marks and len(long):
        layers += _marks(marks, zone)
    low, high = (f"{long['value'].agg(f):,.4g}" for f in ("min", "max")) if len(long) else ("–", "–")
    st.altair_chart(
        alt.layer(*layers).properties(height=course.height, background="transparent"),
        width="stretch",
        alt=f"{course.title} by {course.step}: {', '.join(names)}; between {low} and {high}",
    )


def _marks(marks: Sequence[Mark], zone: str) -> list[alt.Chart]:
    """Upright lines with numbers; what they stand for is listed below the chart."""
    rows = [{"at": _local(mark.time, zone), "number": str(n), "label": mark.label} for n, mark in enumerate(marks, 1)]
    table = pd.DataFrame(rows)
    base = alt.Chart(table).encode(x="at:T", tooltip=[alt.Tooltip("label:N", title="What happened")])
    return [
        base.mark_rule(color=INK, strokeDash=[2, 3]),
        base.mark_text(color=INK, dy=-6, baseline="bottom", fontSize=11).encode(y=alt.value(0), text="number:N"),
    ]


def marked(marks: Sequence[Mark], zone: str) -> None:
    """The legend of the marks."""
    if marks:
        items = "".join(
            f"<li><b>{n}</b> {escape(mark.label)}, {escape(day(_local(mark.time, zone)))}</li>"
            for n, mark in enumerate(marks, 1)
        )
        st.html(f'<ol class="marks" aria-label="Marks in the charts">{items}</ol>')


def _local(time: datetime, zone: str) -> datetime:
    return time.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def bars_chart(table: pd.DataFrame, name: str, value: str, title: str, number: str = ".1%") -> None:
    """A histogram: one bar a name, in the order of the table."""
    chart = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X(f"{name}:N", sort=None, title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False)),
            y=alt.Y(f"{value}:Q", title=None, axis=alt.Axis(tickCount=4, format=number, domain=False, ticks=False)),
            tooltip=[alt.Tooltip(f"{name}:N", title=title), alt.Tooltip(f"{value}:Q", title="Share", format=number)],
        )
    )
    most = table.loc[table[value].idxmax(), name] if len(table) else "–"
    st.altair_chart(
        chart.properties(height=220, background="transparent"), width="stretch", alt=f"{title}: most in {most}"
    )
