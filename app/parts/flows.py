"""Ways through the shop, drawn: funnels as bars, journeys as a Sankey diagram, retention as a table of shades."""

from __future__ import annotations

import math
from html import escape

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from parts.figures import points, written
from shopr.analytics.measures.anonymity import K, few
from shopr.analytics.measures.sankey import Sankey

__all__ = ["funnel_bars", "paths_list", "retention_grid", "sankey_chart"]

INK = "#827e77"
ON, LEAVES = "go on", "leave"


def funnel_bars(table: pd.DataFrame, caption: str, *, k: int = K) -> None:
    """One row a step: its share of the entries as a bar, who was lost on the way, and how that was before."""
    compared = "share_before" in table
    rows = "".join(_step(row, k) for row in table.to_dict("records"))
    past = '<th scope="col" class="number">Change in points</th>' if compared else ""
    st.html(
        f'<div class="wide" role="region" aria-label="{escape(caption)}" tabindex="0"><table class="forest funnel">'
        f'<caption>{escape(caption)}</caption><thead><tr><th scope="col">Step</th><th scope="col">Of those who entered'
        '</th><th scope="col" class="number">Shoppers</th><th scope="col" class="number">Lost before it</th>'
        f'<th scope="col" class="number">Median time</th>{past}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _step(row: dict[str, float], k: int) -> str:
    name, seen, share = str(row["step"]).capitalize(), float(row["seen"]), float(row["share"])
    past = ""
    if "change" in row:
        moved = points(row["change"], row["change_lo"], row["change_hi"])
        past = f'<td class="number">{escape(moved)}</td>'
    head = f'<th scope="row">{escape(name)}</th>'
    if 0 < seen < k:
        return f'<tr>{head}<td colspan="{5 if past else 4}" class="few">{few(k)} shoppers</td></tr>'
    lost = "" if math.isnan(row["from_previous"]) else f"{1 - row['from_previous']:.0%}".replace("%", " %")
    seconds = row.get("median_seconds", math.nan)
    width = 0.0 if math.isnan(share) else 100 * share
    return (
        f'<tr>{head}<td><div class="plot"><div class="scale" aria-hidden="true">'
        f'<i class="bar" style="width:{width:.2f}%"></i></div><b>{escape(written(share, "share"))}</b></div></td>'
        f'<td class="number">{written(row["persons"], "count")}</td><td class="number">{lost}</td>'
        f'<td class="number">{escape(written(seconds, "seconds"))}</td>{past}</tr>'
    )


def sankey_chart(drawn: Sankey, n: int) -> None:
    """Journeys as ribbons, those who leave in a colour of their own."""
    ribbons = drawn.ribbons.assign(kind=np.where(drawn.ribbons["leaves"], LEAVES, ON))
    nodes = drawn.nodes.assign(kind=np.where(drawn.nodes["leaves"], LEAVES, ON))
    nodes["middle"] = nodes[["low", "high"]].mean(axis=1)
    nodes["share"] = nodes["sessions"] / max(n, 1)
    nodes["label"] = [str(name).replace("_", " ").strip("()") for name in nodes["name"]]
    big = nodes[nodes["sessions"] >= 0.03 * drawn.height]
    x = alt.Scale(domain=[float(nodes["left"].min()), float(nodes["right"].max()) + 0.75], nice=False)
    y = alt.Scale(domain=[0.0, float(nodes["high"].max())], nice=False)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=[ON, LEAVES]), legend=alt.Legend(title=None, orient="top"))
    flow = (
        alt.Chart(ribbons)
        .mark_area(opacity=0.24, interpolate="monotone")
        .encode(
            x=alt.X("x:Q", axis=None, scale=x),
            y=alt.Y("low:Q", axis=None, scale=y),
            y2="high:Q",
            color=colour,
            detail="ribbon:N",
            tooltip=[
                alt.Tooltip("source:N", title="From"),
                alt.Tooltip("target:N", title="To"),
                alt.Tooltip("sessions:Q", title="Sessions", format=",.0f"),
            ],
        )
    )
    bar = (
        alt.Chart(nodes)
        .mark_rect(cornerRadius=2)
        .encode(
            x=alt.X("left:Q", scale=x, axis=None),
            x2="right:Q",
            y=alt.Y("low:Q", scale=y, axis=None),
            y2="high:Q",
            color=colour,
            tooltip=[
                alt.Tooltip("label:N", title="Step"),
                alt.Tooltip("sessions:Q", title="Sessions", format=",.0f"),
                alt.Tooltip("share:Q", title="Of all", format=".1%"),
            ],
        )
    )
    text = alt.Chart(big).encode(x=alt.X("right:Q", scale=x), y=alt.Y("middle:Q", scale=y))
    # Where columns are too near each other the words would lie over one another: the table has them.
    label = alt.ExprRef("width < 620 ? '' : datum.label")
    names = text.mark_text(align="left", dx=5, color=INK, fontSize=11, fontWeight=600, limit=112, text=label)
    left = int(nodes.loc[nodes["leaves"], "sessions"].sum())
    st.altair_chart(
        alt.layer(flow, bar, names).properties(height=420, background="transparent").configure_view(stroke=None),
        width="stretch",
        alt=f"Journeys of {n:,} sessions; {left:,} leave within the steps shown. The table below has the same.",
    )


def paths_list(paths: pd.DataFrame, k: int = K) -> pd.DataFrame:
    """The paths that enough persons took, in words; how many sessions took the others is told below."""
    shown = paths[paths["persons"] >= k].copy()
    shown["path"] = [" → ".join(str(step).replace("_", " ") for step in path) for path in shown["path"]]
    return shown


def retention_grid(table: pd.DataFrame, period: str, k: int = K) -> None:
    """Cohorts by offsets; each cell in a shade of its share, with the share in figures."""
    offsets = sorted(table["offset"].unique())
    head = "".join(f'<th scope="col">{period} {offset}</th>' for offset in offsets)
    rows = ""
    for cohort, group in table.groupby("cohort"):
        cells = dict(zip(group["offset"], zip(group["share"], group["persons"], strict=True), strict=True))
        size = float(group["size"].iloc[0])
        if float(group["seen"].iloc[0]) < k:
            body = f'<td colspan="{len(offsets) + 1}" class="few">{few(k)} shoppers</td>'
        else:
            body = f'<td class="number">{written(size, "count")}</td>' + "".join(
                _shade(cells.get(o), k) for o in offsets
            )
        rows += f'<tr><th scope="row">{cohort.day} {cohort:%b %Y}</th>{body}</tr>'
    caption = f"Of those who first came in a {period}, the share that came again so many {period}s later"
    st.html(
        f'<div class="wide" role="region" aria-label="{escape(caption)}" tabindex="0"><table class="shades">'
        f'<caption>{escape(caption)}</caption><thead><tr><th scope="col">First {period}</th>'
        f'<th scope="col" class="number">Shoppers</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _shade(cell: tuple[float, float] | None, k: int) -> str:
    if cell is None:
        return "<td></td>"
    share, persons = cell
    if 0 < persons < k:
        return f'<td class="shade" style="--share:0%"><span aria-label="{few(k)}">&lt; {k}</span></td>'
    return f'<td class="shade" style="--share:{round(100 * share)}%">{share:.0%}</td>'.replace("%</td>", " %</td>")
