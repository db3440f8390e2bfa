"""The path of an estimate over time as a picture for the report (SVG, light and dark) and as the table behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape

import numpy as np

from shopr.abtest.judging.trajectory import Trajectory

__all__ = ["STYLE", "picture", "value_range"]

STYLE = """
svg.path { width: 100%; min-width: 34rem; height: auto; max-width: 52rem; display: block;
  font: 12px system-ui, sans-serif; }
svg.path text { fill: var(--soft); } svg.path .axis { stroke: var(--line); } svg.path .zero { stroke: var(--soft); }
svg.path .band { fill: var(--accent); opacity: .16; } svg.path .estimate { stroke: var(--accent); fill: none;
  stroke-width: 2; } svg.path circle { fill: var(--accent); }
svg.path .limit { stroke: var(--bad); fill: none; stroke-width: 1.5; stroke-dasharray: 6 4; }
svg.path .planned { stroke: var(--soft); stroke-dasharray: 2 4; }
svg.path .stop { stroke: var(--ink); stroke-width: 1.5; }
svg.path .stop-word { fill: var(--ink); font-weight: 600; } svg.path.naive .band { fill: var(--soft); opacity: .14; }
svg.path.naive .estimate { stroke: var(--soft); } svg.path.naive circle { fill: var(--soft); }
"""
_WIDTH, _HEIGHT = 820, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 26, 34
_CLIP = (
    f'<clipPath id="path-clip"><rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH - _LEFT}" '
    f'height="{_HEIGHT - _TOP - _BOTTOM}"/></clipPath>'
)
_STEPS = (1, 2, 7, 14, 28, 91, 182, 364)


def value_range(path: Trajectory) -> tuple[float, float]:
    """The lowest and highest value that are drawn: zero, all later estimates, and most of the intervals.

    The first intervals of a test are so wide that to show them whole would flatten all others.
    """
    few = len(path.points) <= 6
    values = [0.0]
    values += [p.estimate for p in path.points[0 if few else len(path.points) // 4 :] if np.isfinite(p.estimate)]
    for ends in ([p.lo for p in path.points], [p.hi for p in path.points]):
        known = np.array([v for v in ends if np.isfinite(v)])
        if len(known):
            values += list(known if few else np.quantile(known, [0.25, 0.75]))
    if few:
        values += [s * p.limit for p in path.points for s in _signs(path) if np.isfinite(p.limit)]
    low, high = min(values), max(values)
    pad = 0.08 * (high - low) or 1.0
    return low - pad, high + pad


def picture(path: Trajectory) -> str:
    """The path as one SVG with its description."""
    frame = _Frame(path)
    kind = "path naive" if path.naive else "path"
    label = f"{path.metric} in {path.arm} over time, {len(path.points)} looks. {path.words()}"
    drawn = [_band(frame), *(_limits(frame, sign) for sign in _signs(path)), _estimate(frame)]
    parts = [_CLIP, _axes(frame), _planned(frame), f'<g clip-path="url(#path-clip)">{"".join(drawn)}</g>', _stop(frame)]
    return (
        f'<svg class="{kind}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


class _Frame:
    """Where times and values lie in the picture."""

    def __init__(self, path: Trajectory) -> None:
        self.path = path
        self.low, self.high = value_range(path)
        times = [point.at for point in path.points]
        span = max((times[-1] - times[0]).total_seconds(), 86_400.0)
        later = [p.at for p in path.planned if p.at is not None and not p.taken] + ([path.end] if path.end else [])
        # What is planned far beyond the looks so far would squeeze them into a corner.
        reach = [t for t in later if (t - times[-1]).total_seconds() <= 3 * span]
        self.first, self.last = times[0], max([*times, *reach, times[0] + timedelta(days=1)])

    def x(self, at: datetime) -> float:
        share = (at - self.first).total_seconds() / (self.last - self.first).total_seconds()
        return _LEFT + 8 + share * (_WIDTH - _LEFT - _RIGHT - 16)

    def y(self, value: float) -> float:
        # What lies outside is cut off by the picture's frame; only what is endless needs an end.
        span = self.high - self.low
        kept = float(np.clip(value, self.low - span, self.high + span))
        return _TOP + (self.high - kept) / (self.high - self.low) * (_HEIGHT - _TOP - _BOTTOM)

    def holds(self, at: datetime | None) -> bool:
        return at is not None and self.first <= at <= self.last


def _axes(frame: _Frame) -> str:
    marks = "".join(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{frame.y(v):.1f}" y2="{frame.y(v):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{frame.y(v) + 4:.1f}" text-anchor="end">{v:+.4g}</text>'
        for v in _ticks(frame.low, frame.high)
        if v
    )
    days = "".join(
        f'<text x="{frame.x(t):.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{t.day} {t:%b}</text>'
        for t in _dates(frame.first, frame.last)
    )
    zero = frame.y(0.0)
    return (
        f'{marks}<line class="zero" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{zero:.1f}" y2="{zero:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{zero + 4:.1f}" text-anchor="end">0</text>{days}'
    )


def _planned(frame: _Frame) -> str:
    lines = [(p.at, f"look {p.look}") for p in frame.path.planned if not p.taken and frame.holds(p.at)]
    if frame.holds(frame.path.end):
        lines.append((frame.path.end, "planned end"))
    return "".join(
        f'<line class="planned" x1="{frame.x(at):.1f}" x2="{frame.x(at):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text x="{frame.x(at) - 4:.1f}" y="{_TOP + 10}" text-anchor="end">{word}</text>'
        for at, word in lines
        if at is not None
    )


def _band(frame: _Frame) -> str:
    known = [p for p in frame.path.points if not np.isnan(p.lo) and not np.isnan(p.hi)]
    if len(known) == 1:
        x, point = frame.x(known[0].at), known[0]
        height = frame.y(point.lo) - frame.y(point.hi)
        return f'<rect class="band" x="{x - 3:.1f}" y="{frame.y(point.hi):.1f}" width="6" height="{height:.1f}"/>'
    corners = [(p.at, p.hi) for p in known] + [(p.at, p.lo) for p in reversed(known)]
    return f'<polygon class="band" points="{_line(frame, corners)}"/>'


def _limits(frame: _Frame, sign: int) -> str:
    known = [(p.at, sign * p.limit) for p in frame.path.points if np.isfinite(p.limit)]
    if len(known) == 1:
        at, value = known[0]
        known = [
            (max(at - timedelta(hours=12), frame.first), value),
            (min(at + timedelta(hours=12), frame.last), value),
        ]
    return f'<polyline class="limit" points="{_line(frame, known)}"/>' if known else ""


def _estimate(frame: _Frame) -> str:
    known = [(p.at, p.estimate) for p in frame.path.points if np.isfinite(p.estimate)]
    size = 4 if len(known) <= 15 else 2
    dots = "".join(f'<circle cx="{frame.x(at):.1f}" cy="{frame.y(v):.1f}" r="{size}"/>' for at, v in known)
    return f'<polyline class="estimate" points="{_line(frame, known)}"/>{dots}'


def _stop(frame: _Frame) -> str:
    if frame.path.stopped is None:
        return ""
    x = frame.x(frame.path.points[frame.path.stopped].at)
    anchor, shift = ("end", -4) if x > _WIDTH / 2 else ("start", 4)
    return (
        f'<line class="stop" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 10}" y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text class="stop-word" x="{x + shift:.1f}" y="{_TOP - 12}" text-anchor="{anchor}">decided</text>'
    )


def _line(frame: _Frame, values: Sequence[tuple[datetime, float]]) -> str:
    return " ".join(f"{frame.x(at):.1f},{frame.y(value):.1f}" for at, value in values)


def _signs(path: Trajectory) -> tuple[int, ...]:
    return (1, -1) if path.sides == 2 else (path.sides,)


def _ticks(low: float, high: float) -> list[float]:
    """Round values between two, about five."""
    raw = (high - low) / 5
    size = 10.0 ** np.floor(np.log10(raw))
    step = float(next(m * size for m in (1, 2, 5, 10) if m * size >= raw))
    return [round(k * step, 12) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _dates(first: datetime, last: datetime) -> list[datetime]:
    """Midnights between two moments, at most eight, evenly spaced."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    days = (last - start).days + 1
    step = next((s for s in _STEPS if days / s <= 8), -(-days // 8))
    found = [start + timedelta(days=d) for d in range(0, days + 1, step)]
    return [day for day in found if first <= day <= last] or [first]
