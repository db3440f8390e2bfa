"""One experiment on the page: where it stands, its health, its results as tables with forest plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import streamlit as st

from parts.words import count, day
from shopr.abtest.records.board import Line, Standing, check_state, headline
from shopr.abtest.records.kept import Reading

__all__ = ["effects", "facts", "health", "list_of", "verdict"]

TONES = {"ship": "good", "stop": "out", "find out": "out", "damaged": "out", "ready": "low"}
SAID = {"better": "good", "held": "good", "worse": "out", "violated": "out", "not shown": "low"}
HEADS = ("Metric", "Arm", "Change against the control", "", "Difference", "p, corrected", "Says")


def list_of(found: Sequence[Standing], chosen: str) -> None:
    """All experiments, each with its state; the name is the link to it."""
    rows = "".join(_listed(one, one.name == chosen) for one in found)
    st.html(f'<ul class="board" aria-label="Experiments">{rows}</ul>')


def _listed(one: Standing, current: bool) -> str:
    link = f"experiments?experiment={quote(one.name)}"
    mark = ' aria-current="true"' if current else ""
    when = "" if one.at is None else f" · last read as of {day(one.at)}"
    under = f"{count(one.readings, 'reading')}{when} · {count(one.units, 'unit')}"
    made = ' <span class="tag">simulated</span>' if one.simulated else ""
    problems = "".join(f'<p class="problem">{escape(p)}</p>' for p in one.problems)
    return (
        f'<li><div><a href="{link}" target="_self"{mark}>{escape(one.name)}</a>{made}'
        f'<p class="meta">{escape(under)}</p>{problems}</div>'
        f'<span class="pill {TONES.get(one.state, "plain")}">{escape(one.words)}</span></li>'
    )


def verdict(reading: Reading, one: Standing) -> None:
    """What to do, and why."""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in reading.verdict.reasons)
    words = headline(reading.verdict, reading.spec) if reading.has_results else one.words
    tone = TONES.get(reading.verdict.action, "plain")
    asked = f'<p class="hypothesis">{escape(one.hypothesis)}</p>' if one.hypothesis else ""
    st.html(f'<section class="verdict {tone}"><h2>{escape(words)}</h2><ul>{reasons}</ul>{asked}</section>')


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Names with values, as a list."""
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    st.html(f'<div class="champion"><dl>{body}</dl></div>')


def health(reading: Reading) -> None:
    """The checks, failed ones first."""
    order = ("failed", "caution", "ok")
    tones = {"ok": "good", "caution": "low", "failed": "out"}
    checks = sorted(reading.analysis.health, key=lambda check: order.index(check_state(check)))
    body = "".join(
        f'<li><span class="pill {tones[check_state(c)]}">{check_state(c)}</span>'
        f"<div><b>{escape(c.name[:1].upper() + c.name[1:])}</b> <p>{escape(c.message)}</p></div></li>"
        for c in checks
    )
    st.html(f'<ul class="checks" aria-label="Health checks">{body}</ul>')


def effects(rows: Sequence[Line], caption: str, *, name: str, first: str = "Metric") -> None:
    """Rows with intervals on one scale, zero in the middle; wide tables scroll by themselves.

    Args:
        name: of the table, for those who hear it.
        first: heading of the first column.
    """
    heads = "".join(f'<th scope="col">{text}</th>' if text else "<td></td>" for text in (first, *HEADS[1:]))
    body = "".join(_effect(row) for row in rows)
    st.html(
        f'<div class="strip" role="region" aria-label="{escape(name)}" tabindex="0"><table class="effects">'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _effect(row: Line) -> str:
    whose = f'<span class="of">{escape(row.segment)}</span> {escape(row.metric)}' if row.segment else escape(row.metric)
    corrected = row.p if row.corrected in ("–", row.p) else f"{row.p}, {row.corrected}"
    return (
        f'<tr><th scope="row">{whose}<span class="method">{escape(row.method.replace("_", " "))}</span></th>'
        f'<td>{escape(row.arm)}</td><td class="figure">{escape(row.lift or "–")}</td><td>{_plot(row)}</td>'
        f'<td class="figure">{escape(row.effect or "–")}</td><td class="figure">{escape(corrected)}</td>'
        f'<td><span class="pill {SAID.get(row.decision, "plain")}">{escape(row.decision)}</span></td></tr>'
    )


def _plot(row: Line) -> str:
    if row.left is None or row.middle is None or row.right is None:
        return ""
    mark = "" if row.mark is None else f'<s style="left:{row.mark:.1f}%"></s>'
    tone = SAID.get(row.decision, "plain")
    return (
        f'<div class="span {tone}" aria-hidden="true"><i style="left:{row.left:.1f}%;'
        f'width:{max(row.right - row.left, 0.5):.1f}%"></i>{mark}<u style="left:{row.middle:.1f}%"></u></div>'
    )
