"""What the guard saw, drawn: attempts over time, bars by class and rule, who is locked out."""

from __future__ import annotations

from html import escape

import altair as alt
import pandas as pd
import streamlit as st

from parts.frame import plain_tiles
from parts.words import count, moment
from shopr.security.access_book import KeptRule
from shopr.security.reading import Attempts
from shopr.security.sessions import Session
from shopr.security.watch import KeptLock

__all__ = ["attempts_chart", "bars", "held_list", "sessions_list", "tiles"]

_NAMES = {"block": "Blocked", "flag": "Flagged"}


def tiles(found: Attempts, held: int, sessions: int, days: int) -> None:
    """The figures one asks for first, each beside the time before."""
    before = "in the 24 hours before" if days == 1 else f"in the {days} days before"
    figures = [
        ("Blocked", found.counts["blocked"], f"{found.before['blocked']:,} {before}"),
        ("Flagged", found.counts["flagged"], f"{found.before['flagged']:,} {before}"),
        ("Too fast", found.counts["rate"], "callers and minutes over a limit"),
        ("Kept out now", held, "locks and blocks that hold"),
        ("Sessions", sessions, "in use in the last half hour"),
    ]
    plain_tiles([(name, f"{value:,}", under) for name, value, under in figures], "Security in figures")


def attempts_chart(found: Attempts) -> None:
    """Blocked and flagged requests of each step, as stacked bars in the colours of the theme."""
    table = found.over_time
    long = table.melt("start", ["block", "flag"], "decision", "requests")
    long["decision"] = long["decision"].map(_NAMES)
    shape = "%-d %b, %H:%M" if found.step == "hour" else "%-d %b"
    x = alt.X("start:T", title=None, axis=alt.Axis(grid=False, labelOverlap=True, tickCount=6, format=shape))
    y = alt.Y(
        "requests:Q", title=None, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1, domain=False, ticks=False)
    )
    chart = (
        alt.Chart(long)
        .mark_bar(size=max(3, min(28, 620 // max(len(table), 1))))
        .encode(
            x=x,
            y=y,
            color=alt.Color("decision:N", title=None, sort=list(_NAMES.values()), legend=alt.Legend(orient="top")),
            tooltip=[
                alt.Tooltip("start:T", title=found.step.capitalize(), format=shape),
                alt.Tooltip("decision:N", title="Decision"),
                alt.Tooltip("requests:Q", title="Requests", format=","),
            ],
        )
    )
    blocked, flagged = int(table["block"].sum()), int(table["flag"].sum())
    st.altair_chart(
        chart.properties(height=250, background="transparent"),
        width="stretch",
        alt=f"Requests by {found.step}: {blocked:,} blocked, {flagged:,} flagged",
    )


def bars(title: str, text: str, rows: pd.DataFrame, name: str, value: str) -> None:
    """A list of names with a bar each."""
    most = max(float(rows[value].max()), 1.0) if len(rows) else 1.0
    items = "".join(
        f'<li><span class="name">{escape(str(row[name]))}</span><b>{row[value]:,}</b>'
        f'<i style="width:{100 * row[value] / most:.1f}%"></i></li>'
        for _, row in rows.iterrows()
    )
    body = f"<ul>{items}</ul>" if items else "<p>Nothing in this time.</p>"
    st.html(f'<div class="traits"><h2 class="inner">{escape(title)}</h2><p>{escape(text)}</p>{body}</div>')


def held_list(held: list[KeptLock], rules: list[KeptRule], time_zone: str) -> None:
    """Who is locked out, why and until when; then what operators decided."""
    items = "".join(
        f'<li class="{"refuse" if lock.kind == "lock" else "rollback"}"><p class="what">{escape(lock.who)}</p>'
        f'<p class="meta">until {escape(moment(lock.until, time_zone))}</p>'
        f'<p class="reason">{escape(lock.reason)}</p></li>'
        for lock in held
    )
    ends = {rule.network: moment(rule.expires_at, time_zone) for rule in rules if rule.expires_at}
    items += "".join(
        f'<li><p class="what">{escape(rule.network)} {"has no access" if rule.action == "deny" else "is let in"}</p>'
        f'<p class="meta">until {escape(ends.get(rule.network, "somebody ends it"))}</p>'
        f'<p class="reason">{escape(rule.reason)} ({escape(rule.actor)})</p></li>'
        for rule in rules
        if rule.source == "operator"
    )
    st.html(f'<ol class="log">{items}</ol>' if items else "<p>Nobody is kept out now.</p>")


def sessions_list(sessions: list[Session], time_zone: str) -> None:
    """Sessions that hold, last seen first."""
    items = "".join(
        f'<li><p class="what">{escape(one.user or "a visitor")}, {escape(one.id[:8])}</p>'
        f'<p class="meta">seen {escape(moment(one.seen_at, time_zone))}</p>'
        f'<p class="reason">{escape(one.privilege)} since {escape(moment(one.created_at, time_zone))}</p></li>'
        for one in sessions
    )
    shown = count(len(sessions), "session")
    st.html(f'<ol class="log" aria-label="{shown}">{items}</ol>' if items else "<p>No session is in use.</p>")
