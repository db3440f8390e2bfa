"""Figures as people read them: tiles with their change and course, tables that can be read aloud and taken along."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from parts.words import compact_money
from shopr.analytics.measures.board import Figure
from shopr.money import format_minor

__all__ = ["download", "figure_tiles", "points", "sparkline", "table", "written"]

_BARS = 30
"""Bars of a sparkline at most."""
_PLAIN = 100_000
"""Minor units from which on an amount is shortened."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(value: float, unit: str, currency: str = "") -> str:
    """A figure in few characters: "2,319", "70.4 %", "£52.81", "4 min 36 s"."""
    if value is None or math.isnan(value):
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "money" and currency:
        minor = round(value)
        return format_minor(minor, currency) if abs(minor) < _PLAIN else compact_money(minor, currency)
    if unit == "seconds":
        minutes, seconds = divmod(abs(round(value)), 60)
        return f"{'-' if value <= -0.5 else ''}{f'{minutes} min ' if minutes else ''}{seconds} s"
    if unit == "number":
        return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,.0f}"


def figure_tiles(figures: Sequence[Figure], label: str, beside: str) -> None:
    """Figures as tiles: the figure, its change, its interval and a course as bars."""
    items = "".join(_tile(figure, beside) for figure in figures)
    st.html(f'<ul class="tiles figures" aria-label="{escape(label)}">{items}</ul>')


def _tile(figure: Figure, beside: str) -> str:
    value, unit, currency = figure.value, figure.unit, figure.currency
    wide = value.hi - value.lo > 1e-9 * max(abs(value.value), 1.0)
    # Of what cannot be less than nothing, no interval is: few and uneven measurements would have it so.
    lo = max(value.lo, 0.0) if unit in ("count", "number", "seconds") and value.value >= 0 else value.lo
    between = f"95 %: {written(lo, unit, currency)} – {written(value.hi, unit, currency)}" if wide else ""
    return (
        f'<li><p class="label">{escape(figure.name)}</p>'
        f'<p class="value">{escape(written(value.value, unit, currency))}</p>{_delta(figure, beside)}'
        f'<p class="under">{escape(between)}</p>{sparkline(figure.course)}</li>'
    )


def _delta(figure: Figure, beside: str) -> str:
    if figure.before is None or math.isnan(figure.change.value):
        return '<p class="delta plain"></p>'
    moved = figure.change.value
    tone = "plain" if abs(moved) < 0.005 else "good" if moved * figure.good > 0 else "out"
    sign = "▲" if moved > 0 else "▼" if moved < 0 else "="
    was = written(figure.before.value, figure.unit, figure.currency)
    word = "more" if moved > 0 else "less"
    return (
        f'<p class="delta {tone}"><span aria-hidden="true">{sign}</span> {abs(moved):.1%}'.replace("%", " %")
        + f'<span class="spoken"> {word},</span> <span class="was">{escape(was)} before</span></p>'
    )


def sparkline(course: Sequence[float]) -> str:
    """A course as bars, at most thirty: what is longer is read in means."""
    values = np.array(course, float)
    if len(values) < 2 or np.isnan(values).all():
        return '<div class="spark" aria-hidden="true"></div>'
    parts = np.array_split(values, min(len(values), _BARS))
    means = [float(np.nanmean(part)) if not np.isnan(part).all() else 0.0 for part in parts]
    top = max(*means, 1e-12)
    bars = "".join(f'<i style="height:{max(4, round(100 * max(v, 0) / top))}%"></i>' for v in means)
    return f'<div class="spark" aria-hidden="true">{bars}</div>'


def points(share: float, lo: float = math.nan, hi: float = math.nan) -> str:
    """A difference of shares in points: "+1.2 points", with its interval."""
    if math.isnan(share):
        return "–"
    between = "" if math.isnan(lo) or math.isnan(hi) else f" ({100 * lo:+.1f} to {100 * hi:+.1f})"
    return f"{100 * share:+.1f}{between}"


def table(
    frame: pd.DataFrame, columns: Mapping[str, tuple[str, Callable[[Any], str] | None]], caption: str, *,
    hidden: str = "hidden", few: str = "fewer than 5",
) -> None:  # fmt: skip
    """A table with a heading a row; rows that are hidden say so instead of showing figures.

    Args:
        columns: column -> (heading, how a value is written; None for words). The first names the row.
    """
    first, *rest = columns
    head = "".join(f'<th scope="col"{_numeric(write)}>{escape(title)}</th>' for title, write in columns.values())
    body = ""
    for row in frame.to_dict("records"):
        name = columns[first][1]
        cells = f'<th scope="row">{escape(str(row[first]) if name is None else name(row[first]))}</th>'
        if bool(row.get(hidden)):
            cells += f'<td colspan="{len(rest)}" class="few">{escape(few)} shoppers, or one of too few such rows</td>'
        else:
            for column in rest:
                write = columns[column][1]
                cells += (
                    f"<td{_numeric(write)}>{escape(str(row[column]) if write is None else write(row[column]))}</td>"
                )
        body += f"<tr>{cells}</tr>"
    st.html(
        f'<div class="wide" role="region" aria-label="{escape(caption)}" tabindex="0"><table class="failing figures">'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _numeric(write: Callable[[Any], str] | None) -> str:
    return "" if write is None else ' class="number"'


def download(frame: pd.DataFrame, name: str, label: str = "Download as CSV") -> None:
    """A button that hands over what is shown, without what is hidden."""
    shown = frame[~frame["hidden"].astype(bool)].drop(columns="hidden") if "hidden" in frame else frame
    # A spreadsheet would run a text that begins like a formula, and queries are what anybody typed.
    texts = {c: shown[c].map(_harmless) for c in shown.columns if not pd.api.types.is_numeric_dtype(shown[c])}
    st.download_button(
        label,
        shown.assign(**texts).to_csv(index=False).encode(),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"csv-{name}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
