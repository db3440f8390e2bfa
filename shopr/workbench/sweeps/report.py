"""The report of a sweep: one self-contained page with the best trial, the way to it, what mattered, and all trials."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from shopr import htmlpage
from shopr.workbench.specs.sweep import SweepSpec
from shopr.workbench.sweeps.work import objective_of

__all__ = ["importance", "report"]

_STYLE = """
.best { border-left: 4px solid var(--accent); background: var(--panel); padding: .8rem 1.2rem; margin: 1.2rem 0; }
.best b { font-size: 1.3rem; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.number, th.number { font-variant-numeric: tabular-nums; text-align: right; } .failed { color: var(--bad); }
svg { width: 100%; min-width: 46rem; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 12.5px; paint-order: stroke; stroke: light-dark(#fbfaf7, #131516);
  stroke-width: 4px; }
svg .axis { stroke: var(--line); } svg .name { fill: var(--ink); font-weight: 600; }
svg .dot { fill: var(--soft); } svg .lead { fill: none; stroke: var(--accent); stroke-width: 2.5; }
svg .trial { fill: none; stroke-width: 1.6; opacity: .75; }
svg .top { stroke: var(--accent); stroke-width: 4; opacity: 1; } svg .bar { fill: var(--accent); }
"""
_WIDE, _HIGH, _EDGE = 900, 300, 46
_LEAST = 4
_APART = 0.07  # of the axis: nearer labels would overlap


def report(spec: SweepSpec, rows: Sequence[Mapping[str, Any]], reason: str = "") -> str:
    """The page: no script, nothing from elsewhere, every text escaped, light and dark.

    Args:
        rows: the trials' rows in the ledger.
        reason: why the sweep ended before all trials were made.
    """
    sign = 1.0 if spec.objective.goal == "maximize" else -1.0
    valued = [(value, row) for row in rows if (value := objective_of(spec, row)) is not None]
    valued.sort(key=lambda pair: -sign * pair[0])
    parts = [f'<h1>{escape(spec.name)}</h1><p class="soft">{escape(spec.description)}</p>', _best(spec, valued, reason)]
    if valued:
        parts.append("<h2>The way to it</h2>" + _history(spec, rows, sign))
    weights = importance(spec, [row["parameters"] for _, row in valued], [value for value, _ in valued])
    if weights:
        parts.append(
            '<h2>What mattered</h2><p class="soft">Share of the variation of the objective that a random forest '
            f"attributes to each parameter (Breiman 2001, impurity), over {len(valued)} trials.</p>" + _bars(weights)
        )
    if len(valued) > 1:
        parts.append(
            '<h2>All trials side by side</h2><p class="soft">A line a trial; the bright ones are the better ones, '
            "the thick one is the best.</p>" + _coordinates(spec, valued, sign)
        )
    parts.append("<h2>Trials</h2>" + _table(spec, rows, sign))
    return htmlpage.document(spec.name, "".join(parts), _STYLE)


def importance(spec: SweepSpec, points: Sequence[Mapping[str, Any]], values: Sequence[float]) -> dict[str, float]:
    """Parameter -> share of the variation of the values, the largest first; empty where there are too few trials.

    Args:
        points: the values of each trial's parameters.
        values: its objective.
    """
    varied = [n for n in spec.space if len({json.dumps(point.get(n)) for point in points}) > 1]
    if len(points) < _LEAST or not varied or len(set(values)) < 2:
        return {}
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    columns = [[_at(spec, name, point.get(name)) for point in points] for name in varied]
    forest = RandomForestRegressor(n_estimators=64, random_state=0).fit(np.array(columns).T, np.array(values))
    weights = dict(zip(varied, (float(w) for w in forest.feature_importances_), strict=True))
    return dict(sorted(weights.items(), key=lambda item: -item[1]))


def _best(spec: SweepSpec, valued: Sequence[tuple[float, Mapping[str, Any]]], reason: str) -> str:
    ended = f'<p class="soft">It ended before all trials were made: {escape(reason)}.</p>' if reason else ""
    if not valued:
        return f'<div class="best"><b>No trial has a value</b>{ended}</div>'
    value, row = valued[0]
    settings = ", ".join(f"{name} = {_shown(row['parameters'].get(name))}" for name in spec.space)
    return (
        f'<div class="best"><b>{escape(spec.objective.metric)} {value:.5g}</b><br>{escape(settings)}<br>'
        f'<span class="soft">trial {row["trial"]}, run {escape(row["run_id"])}</span>{ended}</div>'
    )


def _history(spec: SweepSpec, rows: Sequence[Mapping[str, Any]], sign: float) -> str:
    ended = sorted((r for r in rows if r["ended_at"] is not None), key=lambda r: r["ended_at"])
    series = [(i, v, row) for i, row in enumerate(ended, 1) if (v := objective_of(spec, row)) is not None]
    low, high = min(v for _, v, _ in series), max(v for _, v, _ in series)
    last = max(2, len(ended))

    def x(i: int) -> float:
        return _EDGE * 1.6 + (_WIDE - 2.4 * _EDGE) * (i - 1) / (last - 1)

    def y(value: float) -> float:
        return _EDGE / 2 + (_HIGH - 1.7 * _EDGE) * (1 - _share(value, low, high))

    dots: list[str] = []
    path: list[str] = []
    best = -math.inf
    for i, value, row in series:
        dots.append(
            f'<circle class="dot" cx="{x(i):.1f}" cy="{y(value):.1f}" r="4"><title>{_tip(row, value)}</title></circle>'
        )
        if path:
            path.append(f"{x(i):.1f},{y(sign * best):.1f}")
        best = max(best, sign * value)
        path.append(f"{x(i):.1f},{y(sign * best):.1f}")
    labels = "".join(
        f'<line class="axis" x1="{_EDGE * 1.6}" x2="{_WIDE - 0.8 * _EDGE}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text x="{_EDGE * 1.5}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.4g}</text>'
        for v in dict.fromkeys((low, (low + high) / 2, high))
    )
    words = "trials in the order in which they ended; the line is the best so far"
    foot = f'<text x="{_WIDE / 2}" y="{_HIGH - 8}" text-anchor="middle">{words}</text>'
    title = f"{spec.objective.metric} of {len(series)} trials, best {sign * best:.4g}"
    return _svg(_HIGH, title, f'{labels}<polyline class="lead" points="{" ".join(path)}"/>{"".join(dots)}{foot}')


def _bars(weights: Mapping[str, float]) -> str:
    row = 26
    body = "".join(
        f'<text class="name" x="190" y="{i * row + 18}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="bar" x="200" y="{i * row + 6}" width="{max(1.0, 600 * weight):.1f}" height="15" rx="2"/>'
        f'<text x="{208 + max(1.0, 600 * weight):.1f}" y="{i * row + 18}">{weight:.0%}</text>'
        for i, (name, weight) in enumerate(weights.items())
    )
    shares = ", ".join(f"{name} {weight:.0%}" for name, weight in weights.items())
    return _svg(len(weights) * row + 8, f"Importance: {shares}", body)


def _coordinates(spec: SweepSpec, valued: Sequence[tuple[float, Mapping[str, Any]]], sign: float) -> str:
    points = [row["parameters"] for _, row in valued]
    names = list(spec.space)
    top, bottom = 40, _HIGH - 20
    step = (_WIDE - 3 * _EDGE) / len(names)
    at = [1.5 * _EDGE + i * step for i in range(len(names) + 1)]
    values = [value for value, _ in valued]
    low, high = min(values), max(values)
    scales = {n: [_at(spec, n, p.get(n)) for p in points] for n in names}

    def y(share: float) -> float:
        return bottom - (bottom - top) * share

    lines = []
    for i in reversed(range(len(valued))):  # the best on top
        value, row = valued[i]
        shares = [_share(scales[n][i], min(scales[n]), max(scales[n])) for n in names] + [_share(value, low, high)]
        good = _share(sign * value, *sorted((sign * low, sign * high)))
        path = " ".join(f"{x:.1f},{y(s):.1f}" for x, s in zip(at, shares, strict=True))
        colour = f"hsl({270 - 110 * good:.0f} {25 + 45 * good:.0f}% {58 - 8 * good:.0f}%)"
        style = 'class="trial top"' if i == 0 else f'class="trial" stroke="{colour}"'
        lines.append(f'<polyline {style} points="{path}"><title>{_tip(row, value)}</title></polyline>')
    axes = []
    for x, name in zip(at, [*names, spec.objective.metric], strict=True):
        ticks = _ticks(spec, name, points) if name in scales else [(low, f"{low:.4g}"), (high, f"{high:.4g}")]
        ends = (min(scales[name]), max(scales[name])) if name in scales else (low, high)
        anchor = "end" if x == at[-1] else "start"
        beside = x - 6 if x == at[-1] else x + 6
        axes.append(
            f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
            f'<text class="name" x="{x:.1f}" y="20" text-anchor="middle">{escape(name)}</text>'
            + "".join(
                f'<text x="{beside:.1f}" y="{y(_share(v, *ends)) + 4:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
                for v, text in ticks
            )
        )
    title = f"Parallel coordinates of {len(valued)} trials over {', '.join(names)}"
    return _svg(_HIGH, title, "".join(lines) + "".join(axes))


def _ticks(spec: SweepSpec, name: str, points: Sequence[Mapping[str, Any]]) -> list[tuple[float, str]]:
    known = {json.dumps(point.get(name)): point.get(name) for point in points}
    found = sorted((_at(spec, name, value), _shown(value)) for value in known.values())
    reach = (found[-1][0] - found[0][0]) or 1.0
    shown: list[tuple[float, str]] = []
    for place, text in [found[0], found[-1], *found[1:-1]]:
        if all(abs(place - other) / reach > _APART for other, _ in shown):
            shown.append((place, text))
    return shown


def _at(spec: SweepSpec, name: str, value: Any) -> float:
    """Where a value stands on its axis: in a range by its size or logarithm, else by its place in the spec."""
    dimension = spec.space[name]
    if dimension.values is not None:
        return float(next((i for i, known in enumerate(dimension.values) if known == value), -1))
    return math.log(value) if dimension.log else float(value)


def _table(spec: SweepSpec, rows: Sequence[Mapping[str, Any]], sign: float) -> str:
    def rank(row: Mapping[str, Any]) -> tuple[bool, float]:
        value = objective_of(spec, row)
        return value is None, 0.0 if value is None else -sign * value

    heads = ["trial", *spec.space, spec.objective.metric, "state", "seconds", "message"]
    body = []
    for row in sorted(rows, key=rank):
        value = objective_of(spec, row)
        seconds = (row["ended_at"] - row["started_at"]).total_seconds() if row["ended_at"] else None
        cells = [f'<td class="number">{row["trial"]}</td>']
        cells += [f"<td>{escape(_shown(row['parameters'].get(name)))}</td>" for name in spec.space]
        cells.append(f'<td class="number">{"–" if value is None else f"{value:.5g}"}</td>')
        state = str(row["state"]) + (f" ({row['reason']})" if row["reason"] else "")
        tone = "" if value is not None else ' class="soft"' if row["reason"] == "pruned" else ' class="failed"'
        cells.append(f"<td{tone}>{escape(state)}</td>")
        cells.append(f'<td class="number">{"–" if seconds is None else f"{seconds:.1f}"}</td>')
        cells.append(f'<td class="soft">{escape((row["message"] or "")[:160])}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    numbers = {"trial", escape(spec.objective.metric), "seconds"}
    return htmlpage.table("".join(body), map(escape, heads), numbers=numbers)


def _tip(row: Mapping[str, Any], value: float) -> str:
    settings = ", ".join(f"{name} {_shown(v)}" for name, v in row["parameters"].items())
    return escape(f"trial {row['trial']}: {value:.5g} ({settings})")


def _svg(height: float, title: str, body: str) -> str:
    return (
        f'<div class="scroll" tabindex="0"><svg viewBox="0 0 {_WIDE} {height:g}" role="img" '
        f'aria-label="{escape(title)}">'
        f"{body}</svg></div>"
    )


def _share(value: float, low: float, high: float) -> float:
    return 0.5 if high <= low else (value - low) / (high - low)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
