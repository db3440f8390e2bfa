"""Charts: sales over time, and estimates with their intervals as a table one can read aloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import altair as alt
import pandas as pd
import streamlit as st

from shopr.money import exponent

__all__ = ["Estimate", "forest", "sales_chart"]

_NAMED = {"day": "%-d %b %Y", "week": "week of %-d %b %Y", "month": "%B %Y"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval, as one row of a forest plot; without `lo` and `hi` only the figure is drawn."""

    name: str
    value: float
    lo: float | None = None
    hi: float | None = None
    best: bool = False


def sales_chart(table: pd.DataFrame, measure: str, currency: str, step: str) -> None:
    """Revenue or orders of each step as an area; the chart takes its colours from the theme of the mode in use.

    Args:
        table: of `shopr.data.sales.sales_over_time`.
        measure: "revenue" or "orders".
    """
    money = measure == "revenue"
    value = table[measure] / 10 ** exponent(currency) if money else table[measure]
    shown = pd.DataFrame({"start": table["start"], "value": value})
    title = f"Revenue ({currency})" if money else "Orders"
    x = alt.X("start:T", title=None, axis=alt.Axis(grid=False, labelOverlap=True, tickCount=6, format="%b %Y"))
    y = alt.Y(
        "value:Q",
        title=None,
        axis=alt.Axis(tickCount=4, labelExpr="format(datum.value, '~s')", domain=False, ticks=False),
    )
    near = alt.selection_point(nearest=True, on="pointerover", fields=["start"], empty=False)
    tooltip = [
        alt.Tooltip("start:T", title=step.capitalize(), format=_NAMED[step]),
        alt.Tooltip("value:Q", title=title, format=",.2f" if money else ","),
    ]
    base = alt.Chart(shown).encode(x=x, y=y)
    area = base.mark_area(opacity=0.16, line={"strokeWidth": 2})
    point = base.mark_point(filled=True, size=70).encode(
        opacity=alt.condition(near, alt.value(1), alt.value(0)), tooltip=tooltip
    )
    st.altair_chart(
        (area + point.add_params(near)).properties(height=270, background="transparent"),
        width="stretch",
        alt=f"{title} by {step}, from {shown['start'].min():%d %b %Y} to {shown['start'].max():%d %b %Y}",
    )


def forest(rows: Sequence[Estimate], measure: str, caption: str) -> None:
    """Estimates with intervals, best first, on one scale that begins at zero."""
    ordered = sorted(rows, key=lambda row: -row.value)
    top = max([row.hi if row.hi is not None else row.value for row in ordered], default=0.0) * 1.04 or 1.0
    body = "".join(_forest_row(row, top) for row in ordered)
    st.html(
        f'<table class="forest"><caption>{escape(caption)}</caption><thead><tr><th scope="col">Model</th>'
        f'<th scope="col">{escape(measure)}</th><th scope="col" class="number">95 % interval</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _forest_row(row: Estimate, top: float) -> str:
    interval, between = "", "–"
    if row.lo is not None and row.hi is not None:
        interval = (
            f'<i class="range" style="left:{100 * row.lo / top:.2f}%;width:{100 * (row.hi - row.lo) / top:.2f}%"></i>'
        )
        between = f"{row.lo:.4f} – {row.hi:.4f}"
    bar = f'<i class="bar" style="width:{100 * row.value / top:.2f}%"></i>'
    mark = ' <span class="tag">champion</span>' if row.best else ""
    return (
        f'<tr class="{"best" if row.best else ""}"><th scope="row">{escape(row.name)}{mark}</th>'
        f'<td><div class="plot"><div class="scale" aria-hidden="true">{bar}{interval}</div>'
        f"<b>{row.value:.4f}</b></div></td>"
        f'<td class="number">{between}</td></tr>'
    )
