"""Alerts, drawn: open ones, their history as a timeline, the evidence as a course with its bound, the rules."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

import altair as alt
import pandas as pd
import streamlit as st

from parts.frame import plain_tiles
from parts.words import count, sentence
from parts.words import moment as shown
from shopr.analytics.alerts.rulebook import RuleBook
from shopr.analytics.alerts.rules import Rule
from shopr.analytics.alerts.words import figure

__all__ = ["alert_list", "alert_tiles", "evidence_chart", "rules_table", "silences_list", "state_of", "timeline"]

_TONES = {"critical": "out", "warning": "low"}
_STATES = {"firing": "out", "pending": "low", "ok": "good"}


def state_of(row: dict[str, Any], zone: str) -> str:
    """What became of an alert, in words."""
    if row["resolved_at"] is not None:
        return f"Resolved {shown(row['resolved_at'], zone)}: {row['resolution']}"
    if row["outcome"]:
        return str(row["outcome"])
    if row["acknowledged_at"] is not None:
        note = f": {row['note']}" if row["note"] else ""
        return f"Acknowledged by {row['acknowledged_by']}{note}"
    if row["escalated_at"] is not None:
        return "Escalated: nobody has acknowledged it"
    return "Open"


def alert_tiles(opened: Sequence[dict[str, Any]], fired: int, days: int, silences: int, waiting: int) -> None:
    """The figures one asks for first."""
    alone = sum(row["acknowledged_at"] is None for row in opened)
    figures = [
        ("Open now", len(opened), f"{alone:,} not acknowledged"),
        ("Fired", fired, "in 24 hours" if days == 1 else f"in {days} days"),
        ("Silences", silences, "hold now or will"),
        ("Notices", waiting, "wait to be delivered"),
    ]
    plain_tiles([(name, f"{value:,}", under) for name, value, under in figures], "Alerts in figures")


def alert_list(rows: Sequence[dict[str, Any]], zone: str, chosen: str = "") -> None:
    """Alerts as a list of links to their evidence."""
    items = "".join(
        f'<li class="{"refuse" if row["severity"] == "critical" else "rollback"}"><p class="what">'
        f'<a href="?{escape(_address(row["id"]))}" target="_self"{" aria-current=true" if row["id"] == chosen else ""}>'
        f'{escape(_name(row))}</a> <span class="pill {_TONES.get(row["severity"], "plain")}">'
        f"{escape(row['severity'].capitalize())}</span></p>"
        f'<p class="meta">{escape(shown(row["began_at"] or row["time"], zone))}</p>'
        f'<p class="reason">{escape(sentence(row["message"]))} {escape(sentence(state_of(row, zone)))}</p></li>'
        for row in rows
    )
    st.html(f'<ol class="log alarms">{items}</ol>')


def _address(alert: str) -> str:
    """The page's address with this alert: the rest of what was chosen stays."""
    kept = {name: st.query_params.get_all(name) for name in st.query_params if name != "alert"}
    return urlencode({**kept, "alert": alert}, doseq=True)


def _name(row: dict[str, Any]) -> str:
    name = str(row["kind"]).replace("_", " ").capitalize()
    return f"{name} ({row['series']})" if row["series"] else name


def timeline(rows: Sequence[dict[str, Any]], start: Any, now: Any) -> None:
    """Each alert as a bar over its time, one line a rule, in the colours of the theme."""
    table = pd.DataFrame(
        [
            {
                "rule": str(row["kind"]).replace("_", " "), "severity": row["severity"].capitalize(),
                "begin": max(pd.Timestamp(row["time"]), pd.Timestamp(start)),
                "end": pd.Timestamp(row["resolved_at"] or row["handled_at"] or now), "message": row["message"],
            }
            for row in rows
        ]
    )  # fmt: skip
    # A short alert must still be seen, and found by the pointer.
    least = (pd.Timestamp(now) - pd.Timestamp(start)) / 160
    table["end"] = table["end"].where(table["end"] - table["begin"] > least, table["begin"] + least)
    for name in ("begin", "end"):
        table[name] = table[name].dt.tz_convert("UTC").dt.tz_localize(None)
    domain = [pd.Timestamp(m).tz_convert("UTC").tz_localize(None).isoformat() for m in (start, now)]
    bars = alt.Chart(table).mark_bar(height=12, cornerRadius=4).encode(
        x=alt.X("begin:T", title=None, scale=alt.Scale(type="utc", domain=domain),
                axis=alt.Axis(grid=False, labelOverlap=True, tickCount=6, format="%-d %b, %H:%M")),
        x2="end:T",
        y=alt.Y("rule:N", title=None, axis=alt.Axis(labelLimit=150, domain=False, ticks=False)),
        color=alt.Color("severity:N", title=None, sort=["Critical", "Warning"], legend=alt.Legend(orient="top")),
        tooltip=[alt.Tooltip("rule:N", title="Rule"), alt.Tooltip("message:N", title="Message")],
    )  # fmt: skip
    rules = table["rule"].nunique()
    st.altair_chart(
        bars.properties(height=alt.Step(26), background="transparent"),
        width="stretch",
        alt=f"{count(len(table), 'alert')} of {count(rules, 'rule')} over time; they are listed below",
    )


def evidence_chart(table: pd.DataFrame, rule: Rule, began: Any, ended: Any) -> None:
    """The metric with its bound, and what was expected; the time of the alert is shaded."""
    percent = rule.metric.kind in ("share", "quantile") and rule.condition.kind != "burn_rate"
    shape = ".1%" if percent else "~g"
    long = table.melt("time", ["value", "bound", "expected"], "line", "figure").dropna()
    long["line"] = long["line"].map({"value": "Measured", "bound": "Bound", "expected": "Expected"})
    long["time"] = long["time"].dt.tz_localize(None)
    names = [name for name in ("Measured", "Bound", "Expected") if (long["line"] == name).any()]
    x = alt.X("time:T", title=None, scale=alt.Scale(type="utc"),
              axis=alt.Axis(grid=False, labelOverlap=True, tickCount=6, format="%-d %b, %H:%M"))  # fmt: skip
    y = alt.Y("figure:Q", title=None, axis=alt.Axis(tickCount=4, format=shape, domain=False, ticks=False))
    shade = pd.DataFrame({"begin": [_naive(began)], "end": [_naive(ended)]})
    band = alt.Chart(shade).mark_rect(opacity=0.14, color="#c25252").encode(x="begin:T", x2="end:T")
    lines = alt.Chart(long).mark_line(interpolate="step-before").encode(
        x=x, y=y,
        color=alt.Color("line:N", title=None, sort=names, legend=alt.Legend(orient="top", symbolType="stroke")),
        strokeDash=alt.StrokeDash("line:N", sort=names, legend=None),
        tooltip=[alt.Tooltip("time:T", title="Until", format="%-d %b, %H:%M"), alt.Tooltip("line:N", title="Line"),
                 alt.Tooltip("figure:Q", title="Figure", format=shape)],
    )  # fmt: skip
    worst = table.loc[table["breach"], "value"]
    beyond = f"beyond its bound in {count(len(worst), 'step')}" if len(worst) else "within its bound"
    first, last = (f"{moment:%d %b %H:%M}" for moment in (table["time"].min(), table["time"].max()))
    st.altair_chart(
        alt.layer(band, lines).properties(height=270, background="transparent"),
        width="stretch",
        alt=f"{rule.description}: {beyond}, from {first} to {last} UTC",
    )


def _naive(when: Any) -> Any:
    return pd.Timestamp(when).tz_convert("UTC").tz_localize(None)


def silences_list(rows: Sequence[dict[str, Any]], zone: str) -> None:
    """What nobody is told of, until when, by whom and why."""
    items = "".join(
        f'<li><p class="what">{escape((one["rule"] or "all rules").replace("_", " "))}</p>'
        f'<p class="meta">until {escape(shown(one["ends_at"], zone))}</p>'
        f'<p class="reason">{escape(one["reason"])} ({escape(one["created_by"])})</p></li>'
        for one in rows
    )
    st.html(f'<ol class="log">{items}</ol>' if items else '<p class="soft">Nothing is silenced.</p>')


def rules_table(book: RuleBook, states: Sequence[dict[str, Any]], problems: dict[str, str]) -> None:
    """Each rule with the state of its series."""
    rows = "".join(_rule_row(book.rules[name], states, problems.get(name, "")) for name in book.rules)
    st.html(
        '<div class="wide" role="region" aria-label="Rules" tabindex="0"><table class="failing">'
        f"<caption>{count(len(book.enabled), 'rule')} in force</caption>"
        '<thead><tr><th scope="col">Rule</th><th scope="col">State</th><th scope="col">Last figure</th>'
        f'<th scope="col">What it looks for</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _rule_row(rule: Rule, states: Sequence[dict[str, Any]], problem: str) -> str:
    own = [state for state in states if state["rule"] == rule.name]
    worst = min(own, key=lambda s: ("firing", "pending", "ok").index(s["state"]), default=None)
    name = "off" if not rule.enabled else "not evaluated yet" if worst is None else worst["state"]
    pill = f'<span class="pill {_STATES.get(name, "plain")}">{escape(name.capitalize())}</span>'
    value = None if worst is None else worst["value"]
    last = "not enough events" if value is None else figure(rule, value)
    under = f'<span class="under">{escape(problem)}</span>' if problem else ""
    return (
        f'<tr><th scope="row">{escape(rule.name.replace("_", " "))}'
        f'<span class="under">{escape(rule.severity)}, {escape(rule.condition.kind.replace("_", " "))}</span></th>'
        f'<td>{pill}</td><td class="number">{escape(last)}</td><td>{escape(rule.description)}{under}</td></tr>'
    )
