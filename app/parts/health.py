"""How the shop fares, drawn: vitals as tiles with their thresholds, errors as a table with their course."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from parts.figures import sparkline, written
from parts.words import count, moment, short
from shopr.analytics.health.quality import VITALS
from shopr.analytics.measures.anonymity import K, few

__all__ = ["error_table", "vital_tiles", "vital_words"]

TOLD = {
    "LCP": "Largest paint",
    "INP": "Answer to a click",
    "CLS": "Shift of layout",
    "FCP": "First paint",
    "TTFB": "First byte",
}
TONES = {"good": "good", "needs improvement": "low", "poor": "out"}
_HEADS = ("Error", "Errors", "Shoppers", "Course", "First seen", "Releases")


def vital_words(name: str, value: float) -> str:
    """A vital with its unit."""
    if math.isnan(value):
        return "–"
    if not VITALS[name].unit:
        return f"{value:.3f}"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def vital_tiles(found: pd.DataFrame, before: pd.DataFrame | None = None) -> None:
    """Each vital at its 75th percentile, with its rating, its interval, and how visits fall into the thresholds."""
    past = {} if before is None else dict(zip(before["name"], before["p75"], strict=True))
    items = "".join(_vital(row, past.get(row["name"])) for row in found.to_dict("records"))
    st.html(f'<ul class="tiles vitals" aria-label="Core Web Vitals">{items}</ul>')


def _vital(row: dict[str, Any], before: float | None) -> str:
    name, rating = row["name"], row["rating"]
    shares = {"good": row["good"], "low": max(0.0, 1 - row["good"] - row["poor"]), "out": row["poor"]}
    bars = "".join(f'<i class="{kind}" style="width:{100 * share:.1f}%"></i>' for kind, share in shares.items())
    between = f"95 %: {vital_words(name, row['lo'])} – {vital_words(name, row['hi'])}"
    moved = "" if not before else f"{(row['p75'] / before - 1) * 100:+.1f} %, was {vital_words(name, before)}"
    split = f"{100 * row['good']:.0f} % good, {100 * row['poor']:.0f} % poor, {count(int(row['measured']))} measured"
    return (
        f'<li><p class="label">{escape(TOLD[name])} ({name})</p>'
        f'<p class="value">{vital_words(name, row["p75"])}</p>'
        f'<p><span class="pill {TONES[rating]}">{escape(rating.capitalize())}</span></p>'
        f'<p class="under">{moved}</p>'
        f'<p class="under">{between}</p><div class="split" aria-hidden="true">{bars}</div>'
        f'<p class="under">{split}</p></li>'
    )


def error_table(found: pd.DataFrame, course: pd.DataFrame, steps: Sequence[date], zone: str) -> None:
    """Groups of errors with their course over the steps of the time.

    Args:
        found: of `quality.error_groups`, with `first_ever regressed releases` of `experience.error_history` and `new`.
        course: of `experience.error_course`.
    """
    at = pd.to_datetime(list(steps)).astype("datetime64[us]")
    rows = ""
    for row in found.to_dict("records"):
        mine = course[course["fingerprint"] == row["fingerprint"]].set_index("start")["errors"]
        rows += _error(row, list(mine.reindex(at, fill_value=0.0)), zone)
    heads = "".join(f'<th scope="col"{_right(title)}>{title}</th>' for title in _HEADS)
    st.html(
        '<div class="wide" role="region" aria-label="Errors" tabindex="0"><table class="failing figures errors">'
        f"<caption>Most frequent first</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _right(title: str) -> str:
    return ' class="number"' if title in ("Errors", "Shoppers") else ""


def _error(row: dict[str, Any], course: list[float], zone: str) -> str:
    back = ' <span class="pill out">Came back</span>' if row["regressed"] else ""
    back += ' <span class="pill low">New</span>' if row["new"] else ""
    trend = "rising" if row["trend"] > 0 else "falling" if row["trend"] < 0 else "level"
    persons = few() if 0 < row["users"] < K else count(int(row["users"]))
    releases = short(", ".join(row["releases"]) or "none named", 40)
    first, last = (escape(moment(row[name], zone)) for name in ("first_ever", "last_seen"))
    return (
        f'<tr><th scope="row">{escape(str(row["name"]))}{back}'
        f'<span class="under">{escape(short(str(row["message"]), 90))}</span></th>'
        f'<td class="number">{written(row["errors"], "count")}</td><td class="number">{persons}</td>'
        f'<td>{sparkline(course)}<span class="under">{trend}</span></td>'
        f'<td>{first}<span class="under">last {last}</span></td><td>{escape(releases)}</td></tr>'
    )
