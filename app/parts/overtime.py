"""An estimate over the looks of a test: its interval, the limit from which on it may stop, and where it did."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from parts.words import count
from shopr.abtest.judging.trajectory import Trajectory
from shopr.abtest.records.board import path_table
from shopr.abtest.records.timeplot import value_range

__all__ = ["over_time"]

EFFECT, LIMIT, NAIVE = "Effect, interval", "Stopping limit", "Not to be read before the end"
INK = "#85817a"  # of lines and words that belong to no series: it can be read in both modes
FEW = 6
KINDS = alt.Scale(domain=[EFFECT, LIMIT, NAIVE])  # in the order of the theme's colours, which follow the mode


def over_time(path: Trajectory) -> None:
    """The path as a chart; it takes its colours from the theme of the mode in use."""
    table = path_table(path).assign(kind=NAIVE if path.naive else EFFECT)
    table["until"] = [f"{at.day} {at:%b %Y}" for at in table["at"]]
    table["at"] = table["at"].dt.tz_convert(None)  # days are those of UTC, wherever the browser is
    low, high = value_range(path)
    scale = alt.Scale(domain=[low, high], nice=False)
    x = alt.X("at:T", title=None, axis=alt.Axis(grid=False, labelOverlap=True, tickCount=6, format="%-d %b"),
              scale=alt.Scale(type="utc", padding=14))  # fmt: skip
    y = alt.Y(
        "estimate:Q",
        title=None,
        scale=scale,
        axis=alt.Axis(
            tickCount=5, labelExpr="datum.value == 0 ? '0' : format(datum.value, '+.4~g')", domain=False, ticks=False
        ),
    )
    base = alt.Chart(table).encode(x=x)
    colour = alt.Color("kind:N", scale=KINDS, legend=_legend(path))
    layers = [
        alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=INK).encode(y=alt.Y("zero:Q", scale=scale)),
        base.mark_area(opacity=0.14).encode(y=alt.Y("lo:Q", scale=scale), y2="hi:Q", color=colour),
        base.mark_line(strokeWidth=2, clip=True).encode(y=y, color=colour),
    ]
    if not path.naive:
        limits = alt.Chart(table.assign(kind=LIMIT)).encode(x=x, color=colour)
        line = limits.mark_line(strokeDash=[6, 4], strokeWidth=1.6) if len(table) > 1 else limits.mark_tick(thickness=2)
        layers += [line.encode(y=alt.Y(f"{name}:Q", scale=scale)) for name in ("above", "below")]
    if len(table) <= FEW:  # a band through few looks says little, and none through one
        layers.append(
            base.mark_rule(strokeWidth=2, opacity=0.55).encode(y=alt.Y("lo:Q", scale=scale), y2="hi:Q", color=colour)
        )
    layers += _marks(path, scale, (low, high))
    tooltip = [
        alt.Tooltip("until:N", title="Until"),
        alt.Tooltip("n:Q", title="Units", format=","),
        alt.Tooltip("estimate:Q", title="Effect", format="+.4~g"),
        alt.Tooltip("interval:N", title="Interval"),
        *([] if path.naive else [alt.Tooltip("decision:N", title="Says")]),
    ]
    size = 60 if len(table) <= 15 else 22
    layers.append(
        base.mark_point(filled=True, size=size, opacity=1, clip=True).encode(y=y, color=colour, tooltip=tooltip)
    )
    st.altair_chart(
        alt.layer(*layers).properties(height=300, background="transparent"),
        width="stretch",
        alt=f"{path.metric} in {path.arm} over {count(len(table), 'look')}. {path.words()}",
    )


def _legend(path: Trajectory) -> alt.Legend:
    limited = any(pd.notna(point.limit) for point in path.points)
    shown = [NAIVE] if path.naive else [EFFECT, LIMIT] if limited else [EFFECT]
    return alt.Legend(
        title=None,
        orient="top",
        values=shown,
        symbolType="stroke",
        symbolStrokeWidth=3,
        symbolOpacity=1,
        labelLimit=240,
    )


def _marks(path: Trajectory, scale: alt.Scale, reach: tuple[float, float]) -> list[alt.Chart]:
    """Upright lines: where it decided, the planned looks that are to come, the planned end."""
    span = max((path.points[-1].at - path.points[0].at).total_seconds(), 86_400.0)
    marks = [(p.at, f"look {p.look}") for p in path.planned if p.at is not None and not p.taken]
    marks += [(path.end, "planned end")] if path.end is not None else []
    # What is planned far beyond the looks so far would squeeze them into a corner.
    marks = [(at, word) for at, word in marks if 0 <= (at - path.points[0].at).total_seconds() <= 4 * span]
    if path.stopped is not None:
        marks.append((path.points[path.stopped].at, "decided"))
    if not marks:
        return []
    table = pd.DataFrame({"at": [at.replace(tzinfo=None) for at, _ in marks], "word": [word for _, word in marks]})
    table["decided"] = table["word"] == "decided"
    table["value"] = table["decided"].map({True: reach[0], False: reach[1]})
    rule = (
        alt.Chart(table)
        .mark_rule(color=INK)
        .encode(x="at:T", strokeDash=alt.condition("datum.decided", alt.value([1, 0]), alt.value([2, 4])))
    )
    # Words stand on that side of their line which has room, and in two rows, so that those of close lines part.
    middle = path.points[0].at + (max(path.points[-1].at, *(at for at, _ in marks)) - path.points[0].at) / 2
    words = [
        alt.Chart(table.iloc[[i]])
        .mark_text(align=align, dx=shift, dy=-8 if word == "decided" else 12 + 14 * (i % 2), color=INK)
        .encode(x="at:T", y=alt.Y("value:Q", scale=scale), text="word:N")
        for i, (at, word) in enumerate(marks)
        for align, shift in [("left", 5) if at <= middle else ("right", -5)]
    ]
    return [rule, *words]
