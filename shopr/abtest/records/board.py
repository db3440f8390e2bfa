"""What is kept of experiments as people look at it: where each stands, its rows on one scale, its paths over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd

from shopr.abtest.design.spec import Experiment, GroupSequential
from shopr.abtest.judging.analysis import Analysis, Check, Row
from shopr.abtest.judging.trajectory import Trajectory, over_looks, telling
from shopr.abtest.judging.verdict import BLOCKING, Verdict
from shopr.abtest.records.kept import History, Kept, Reading
from shopr.abtest.records.timeplot import value_range

__all__ = [
    "Line",
    "Standing",
    "State",
    "check_state",
    "headline",
    "lines",
    "path_table",
    "paths",
    "rows_csv",
    "standing",
]
__all__ += ["design_words", "standings"]

State = Literal["running", "ready", "keep running", "ship", "stop", "find out", "damaged"]
Part = Literal["primary", "other", "guardrail", "segment"]
_GUARDED = ("held", "violated", "not shown")
_SHAPES = {"two-sided": "two-sided", "greater": "against worse or equal", "less": "against better or equal"}


@dataclass(frozen=True)
class Standing:
    """Where an experiment stands.

    Attributes:
        name: its name; `hypothesis`: what it tests.
        state: running (not to be read yet), ready (its end has come, and nobody read it), what its last reading
            concluded, or damaged (nothing of it can be read).
        words: the same for people, with arm and date.
        readings: how many are kept; `at`: moment of the last; `units`: in it.
        simulated: whether its units are.
        problems: files that cannot be read, one line each.
    """

    name: str
    hypothesis: str
    state: State
    words: str
    readings: int
    at: datetime | None
    units: int
    simulated: bool
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One row of the results for people, with its place in a forest plot of the whole table.

    Attributes:
        metric, arm, segment, method: whose.
        effect: difference with its interval; `lift`: relative to the control with its interval.
        p, corrected: p-value, and after correction; of a Bayesian design the chance to win stands in `p`.
        decision: what it says.
        left, middle, right: interval and estimate of the lift (of a guardrail: as its margin is) in percent of the
            plot's width, zero at 50; None where they are not known.
        mark: a guardrail's margin, likewise.
    """

    metric: str
    arm: str
    segment: str
    method: str
    effect: str
    lift: str
    p: str
    corrected: str
    decision: str
    left: float | None
    middle: float | None
    right: float | None
    mark: float | None = None


def standings(kept: Kept, now: datetime) -> list[Standing]:
    """All experiments that have a folder, those read last first; a damaged one is listed as such."""
    found = [standing(kept.begun(name), now) for name in kept.names()]
    return sorted(found, key=lambda s: (s.at is None, -s.at.timestamp() if s.at else 0.0, s.name))


def standing(history: History, now: datetime) -> Standing:
    """Where one experiment stands at a moment."""
    problems = tuple(f"{d.path.parent.name}/{d.path.name}: {d.reason}" for d in history.damaged)
    last = history.latest
    if last is None:
        words = "Nothing of it can be read" if problems else "Nothing is kept yet"
        return Standing(history.name, "", "damaged", words, 0, None, 0, False, problems)
    spec, state, words = last.spec, *_state(last, now)
    count = len(history.readings)
    return Standing(
        history.name, spec.hypothesis, state, words, count, last.analysis.at, last.n, last.simulated, problems
    )


def _state(reading: Reading, now: datetime) -> tuple[State, str]:
    spec, verdict = reading.spec, reading.verdict
    if reading.has_results or verdict.action == "find out":
        return verdict.action, headline(verdict, spec)
    if spec.end is not None and now >= spec.end:
        return "ready", f"Ready to be read: its end was {spec.end.day} {spec.end:%b %Y}"
    return "running", f"Running until {verdict.until}" if verdict.until else "Running"


def headline(verdict: Verdict, spec: Experiment) -> str:
    """A verdict in a few words."""
    words = {
        "ship": f"Ship {verdict.arm}",
        "stop": f"Stop: stay with {spec.baseline}",
        "keep running": "Keep running",
        "find out": "Find out first what is broken",
    }[verdict.action]
    return f"{words} until {verdict.until}" if verdict.until else words


def design_words(spec: Experiment, analysis: Analysis) -> list[tuple[str, str]]:
    """The design as facts: (name, value)."""
    design = spec.design
    kinds = {
        "fixed": "Read once, at its end",
        "group_sequential": "Read at planned looks",
        "sequential": "Read at any time, by confidence sequences",
        "bayesian": "Posterior of the effect",
    }
    size = f", {design.looks} looks up to {design.n:,} units" if isinstance(design, GroupSequential) else ""
    span = [f"{moment.day} {moment:%b %Y}" for moment in (spec.start, spec.end) if moment is not None]
    return [
        ("Design", kinds[design.type] + size),
        ("Decided by", ", ".join(spec.deciding)),
        ("Control", spec.baseline),
        ("Units", ", ".join(f"{arm} {n:,}" for arm, n in analysis.units.items())),
        ("Error rate", f"{spec.alpha:.1%} {_SHAPES[spec.alternative]}, corrected by {spec.correction}"),
        *([("Planned", " to ".join(span))] if span else []),
    ]


def check_state(check: Check) -> Literal["ok", "caution", "failed"]:
    """How much a health check weighs."""
    return "ok" if check.ok else "failed" if check.name in BLOCKING else "caution"


def lines(reading: Reading, part: Part) -> list[Line]:
    """The rows of one part of the results, on one scale."""
    spec, rows = reading.spec, reading.analysis.rows
    chosen: dict[Part, Callable[[Row], bool]] = {
        "primary": lambda r: r.decides and not r.segment and r.metric in spec.deciding,
        "other": lambda r: r.decides and not r.segment and r.metric not in spec.deciding,
        "guardrail": lambda r: r.decision in _GUARDED,
        "segment": lambda r: r.decides and bool(r.segment),
    }
    picked = [row for row in rows if chosen[part](row)]
    lifts = {(r.metric, r.arm, r.segment, r.method): r for r in rows if r.relative}
    pairs = [(row, row if part == "guardrail" else lifts.get(_lift_key(row))) for row in picked]
    # Guardrails are each drawn against their own margin; the others share one scale of lifts.
    margins = {rail.metric: rail.margin for rail in spec.guardrails}
    reach = _reach([shown for _, shown in pairs if shown is not None])
    found = []
    for row, shown in pairs:
        margin = margins.get(row.metric) if part == "guardrail" else None
        own = max(_reach([row]), 1.3 * margin) if margin is not None else reach
        bad = -1.0 if spec.metric(row.metric).direction == "increase" else 1.0
        found.append(_line(row, shown, own, None if margin is None else bad * margin))
    return found


def _lift_key(row: Row) -> tuple[str, str, str, str]:
    base, plus, suffix = row.method.partition("+")
    return row.metric, row.arm, row.segment, f"{base}_lift{plus}{suffix}"


def _reach(rows: Sequence[Row]) -> float:
    """Half of a plot's width: all ends, unless a few are far out."""
    ends = np.array([abs(v) for r in rows for v in (r.lo, r.hi, r.estimate) if np.isfinite(v)])
    if not len(ends):
        return 1.0
    return float(min(ends.max(), 4 * np.median(ends)) * 1.05) or 1.0


def _line(row: Row, shown: Row | None, reach: float, mark: float | None) -> Line:
    def place(value: float) -> float | None:
        return None if np.isnan(value) else float(50 + 50 * np.clip(value / reach, -1, 1))

    known = shown is not None and np.isfinite(shown.estimate)
    bayesian = np.isfinite(row.chance_to_win)
    return Line(
        row.metric,
        row.arm,
        row.segment,
        row.method,
        "" if row.relative else _figures(row),
        _figures(shown) if shown is not None and shown.relative else "",
        f"{row.chance_to_win:.1%} to win" if bayesian else _number(row.p),
        _number(row.p_adjusted),
        row.decision,
        place(shown.lo) if known and shown is not None else None,
        place(shown.estimate) if known and shown is not None else None,
        place(shown.hi) if known and shown is not None else None,
        None if mark is None else place(mark),
    )


def _figures(row: Row) -> str:
    digits = "{:+.1%}" if row.relative else "{:+.4g}"
    if not np.isfinite(row.estimate):
        return "–"
    low, high = (_end(v, digits) for v in (row.lo, row.hi))
    return f"{digits.format(row.estimate)} [{low}, {high}]"


def _end(value: float, digits: str) -> str:
    return digits.format(value) if np.isfinite(value) else "?" if np.isnan(value) else "∞" if value > 0 else "-∞"


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "–"


def paths(history: History, reading: Reading) -> tuple[Trajectory, ...]:
    """The paths over time as of a reading: over the looks kept by then, or by day where those tell more."""
    if not reading.has_results:
        return ()
    known = [r.analysis for r in history.readings if r.number <= reading.number]
    return telling(over_looks(known, reading.spec), reading.days)


def path_table(path: Trajectory) -> pd.DataFrame:
    """A path for a chart: one row a look.

    Returns:
        Columns at, n, estimate, lo, hi (cut where the picture ends), above, below (the stopping limits; NaN where there
        is none or it lies outside), interval (as text), decision.
    """
    low, high = value_range(path)
    rows = []
    for point in path.points:
        ends = " … ".join(_end(v, "{:+.4g}") for v in (point.lo, point.hi))
        limits = [sign * point.limit if path.sides in (2, sign) else np.nan for sign in (1, -1)]
        above, below = (v if low <= v <= high else np.nan for v in limits)
        cut = [float(np.clip(v, low, high)) for v in (point.lo, point.hi)]
        said = "" if path.naive else point.decision
        rows.append((point.at, point.n, point.estimate, *cut, above, below, ends, said))
    names = ["at", "n", "estimate", "lo", "hi", "above", "below", "interval", "decision"]
    return pd.DataFrame(rows, columns=names)


def rows_csv(reading: Reading) -> str:
    """All rows of a reading as CSV, every figure in full."""
    return str(pd.DataFrame([asdict(row) for row in reading.analysis.rows]).to_csv(index=False))
