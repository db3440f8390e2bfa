"""The decision report: one self-contained page that joins design, health, results, guardrails and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from shopr import htmlpage
from shopr.abtest.design.spec import Experiment
from shopr.abtest.judging.analysis import Analysis, Check, Row
from shopr.abtest.judging.trajectory import Trajectory
from shopr.abtest.judging.verdict import BLOCKING, Verdict, conclude
from shopr.abtest.records import timeplot
from shopr.data.folders import replaced_file

__all__ = ["Report"]

_STYLE = """
.verdict { border-left: 4px solid var(--accent); background: var(--panel); padding: .8rem 1.2rem; margin: 1.2rem 0; }
.verdict b { font-size: 1.3rem; } .verdict.stop, .verdict.find { border-color: var(--bad); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; } .failed { color: var(--bad); font-weight: 600; }
svg.interval { width: 130px; height: 18px; vertical-align: middle; }
svg.interval * { stroke: currentColor; fill: currentColor; } .interval .zero { stroke-dasharray: 2 2; opacity: .6; }
details { margin-top: .8rem; } h3 { font-size: 1rem; margin: 1rem 0 .2rem; } .warn { border-left: 4px solid var(--bad);
  padding-left: .8rem; }
"""
_WIDTH = 66
_WORDS = {
    "ship": "Ship {arm}",
    "stop": "Stop: stay with {control}",
    "keep running": "Keep running",
    "find out": "Find out first what is broken",
}


@dataclass(frozen=True)
class Report:
    """A reading as a page; a notebook shows it by itself.

    Attributes:
        analysis: the reading; `spec`: the experiment; `verdict`: what follows.
        paths: how the estimates went over time.
        given: the verdict, where it was reached already.
    """

    analysis: Analysis
    spec: Experiment
    paths: tuple[Trajectory, ...] = ()
    given: Verdict | None = None

    @property
    def verdict(self) -> Verdict:
        """What to do, with reasons."""
        return self.given or conclude(self.analysis, self.spec)

    def html(self) -> str:
        """The whole page: no script, nothing from elsewhere, every text escaped, light and dark."""
        return htmlpage.document(self.analysis.experiment, self._body(), _STYLE + timeplot.STYLE, width=_WIDTH)

    def save(self, path: Path) -> Path:
        """Write the page, whole or not at all.

        Raises:
            StorageError: if it cannot be written.
        """
        with replaced_file(path) as fresh:
            fresh.write_text(self.html(), encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        return f"<style>{htmlpage.style(_STYLE + timeplot.STYLE, width=_WIDTH)}</style>{self._body()}"

    def _body(self) -> str:
        analysis, spec, verdict = self.analysis, self.spec, self.verdict
        title = _WORDS[verdict.action].format(arm=verdict.arm, control=spec.baseline)
        until = f" until {verdict.until}" if verdict.until else ""
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict.reasons)
        whole = [row for row in analysis.rows if not row.segment]
        shown = [row for row in whole if row.decides or row.decision in ("held", "violated", "not shown")]
        parts = [
            f'<h1>{escape(analysis.experiment)}</h1><p class="soft">{escape(spec.hypothesis)}</p>',
            f'<div class="verdict {verdict.action.split()[0]}"><b>{escape(title + until)}</b><ul>{reasons}</ul></div>',
            "<h2>Design</h2>" + _facts(self._design()),
            "<h2>Health</h2>" + _health(analysis),
            "<h2>Results that decide</h2>" + (_rows(shown) if whole else "<p>Not read yet.</p>"),
        ]
        if self.paths:
            parts.append("<h2>Over time</h2>" + "".join(_path(path) for path in self.paths))
        segments = [row for row in analysis.rows if row.segment and row.decides]
        if segments:
            parts.append(
                '<h2>Segments</h2><p class="soft">p-values are corrected over metrics, arms and segments; a segment '
                "alone decides nothing.</p>" + _rows(segments)
            )
        if whole:
            parts.append(f"<details><summary>All {len(whole)} rows</summary>{_rows(whole)}</details>")
        return "".join(parts)

    def _design(self) -> list[tuple[str, str]]:
        analysis, spec = self.analysis, self.spec
        span = [moment.strftime("%-d %b %Y") for moment in (spec.start, spec.end) if moment is not None]
        return [
            ("Read as", analysis.design.replace("_", " ") + (
                f", look {analysis.look}" + ("" if analysis.final else ", not the last one")
                if analysis.look else ", its health alone")),
            ("Read at", analysis.at.strftime("%-d %b %Y, %H:%M UTC")),
            ("Units", ", ".join(f"{arm} {n:,}" for arm, n in analysis.units.items())),
            ("Control", spec.baseline),
            ("Decided by", ", ".join(spec.deciding)),
            ("Error rate", f"{spec.alpha:.1%}, corrected by {spec.correction}"),
            *([("Planned", " to ".join(span))] if span else []),
        ]  # fmt: skip


def _facts(rows: list[tuple[str, str]]) -> str:
    return htmlpage.table(
        "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    )


def _health(analysis: Analysis) -> str:
    body = "".join(
        f"<tr><td{'' if check.ok else ' class=failed'}>{_state(check)}</td>"
        f'<th scope="row">{escape(check.name)}</th><td style="white-space:normal">{escape(check.message)}</td></tr>'
        for check in analysis.health
    )
    return htmlpage.table(body)


def _state(check: Check) -> str:
    return "ok" if check.ok else "failed" if check.name in BLOCKING else "caution"


def _path(path: Trajectory) -> str:
    """One metric and arm over time: what it says, the picture, and its figures."""
    body = "".join(
        f'<tr><th scope="row">{point.at.day} {point.at:%b %Y}</th><td class="number">{point.n:,}</td>'
        f'<td class="number">{point.estimate:+.4g}</td><td class="number">{_end(point.lo)} … {_end(point.hi)}</td>'
        f'<td class="number">{f"{point.limit:.4g}" if np.isfinite(point.limit) else "–"}</td>'
        f"<td>{'–' if path.naive else escape(point.decision)}</td></tr>"
        for point in path.points
    )
    said = f'<p class="{"warn" if path.naive else "soft"}">{escape(path.words())}</p>'
    key = "" if path.naive else f'<p class="soft">{escape(path.key())}</p>'
    table = htmlpage.table(body, ("until", "units", "effect", "interval", "stops at", "says"))
    return (
        f"<h3>{escape(path.metric)} in {escape(path.arm)} ({escape(path.method)})</h3>{said}"
        f'<div class="scroll" tabindex="0">{timeplot.picture(path)}</div>{key}'
        f"<details><summary>The figures</summary>{table}</details>"
    )


def _end(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:+.4g}" if np.isfinite(value) else "∞" if value > 0 else "-∞"


def _rows(rows: list[Row]) -> str:
    """A table; each family of rows (relative or not, one metric) has its own scale with zero marked."""
    scale = {
        key: max((abs(v) for r in rows if (r.metric, r.relative) == key for v in (r.lo, r.hi, r.estimate)
                  if np.isfinite(v)), default=1.0) or 1.0
        for key in {(r.metric, r.relative) for r in rows}
    }  # fmt: skip
    body = "".join(_row(row, scale[row.metric, row.relative]) for row in rows)
    heads = ("metric", "arm", "method", "effect", "interval", "", "p", "corrected", "says")
    return htmlpage.table(body, heads)


def _row(row: Row, scale: float) -> str:
    digits = "{:+.2%}" if row.relative else "{:+.4g}"
    effect, low, high = (digits.format(v) if np.isfinite(v) else _end(v) for v in (row.estimate, row.lo, row.hi))
    name = f"{row.metric} ({row.segment})" if row.segment else row.metric
    p, corrected = (f"{v:.3g}" if np.isfinite(v) else "–" for v in (row.p, row.p_adjusted))
    return (
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(row.arm)}</td><td>{escape(row.method)}</td>'
        f'<td class="number">{effect}</td><td class="number">{low} … {high}</td><td>{_picture(row, scale)}</td>'
        f'<td class="number">{p}</td><td class="number">{corrected}</td><td>{escape(row.decision)}</td></tr>'
    )


def _picture(row: Row, scale: float) -> str:
    """The interval as a line with its estimate as a point, zero in the middle."""
    if not np.isfinite(row.estimate):
        return ""
    left, middle, right = (float(90 + 86 * np.clip(v / scale, -1, 1)) for v in (row.lo, row.estimate, row.hi))
    return (
        '<svg class="interval" viewBox="0 0 180 18" aria-hidden="true">'
        '<line class="zero" x1="90" x2="90" y1="1" y2="17"/>'
        f'<line x1="{left:.1f}" x2="{right:.1f}" y1="9" y2="9"/><circle cx="{middle:.1f}" cy="9" r="3"/></svg>'
    )
