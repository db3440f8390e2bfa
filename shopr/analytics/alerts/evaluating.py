"""The evaluator: rules, a metric table and states in; transitions and new states out. It keeps nothing itself.

The same code evaluates the last minute of a running shop and a year of history; only what it is given differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shopr.analytics.alerts.judging import judge
from shopr.analytics.alerts.phases import Phase, Transition, walk
from shopr.analytics.alerts.rules import Rule
from shopr.analytics.alerts.series import Grid, Series

__all__ = [
    "MOST_CAUGHT_UP",
    "Happened",
    "Measure",
    "Standing",
    "Step",
    "evaluate",
    "first_step",
    "last_step",
    "standings",
]

Measure = Callable[[Rule, int, int], tuple[Grid, dict[str, Series]]]
"""Gives the metric of a rule between two moments."""
MOST_CAUGHT_UP = 7 * 86_400
"""Seconds of the past that are evaluated after a longer break; what was before is passed over."""


@dataclass
class Standing:
    """How far a rule has been evaluated, and where its series stand.

    Attributes:
        revision: of the rule then.
        until: Unix seconds.
        phases: by series.
    """

    revision: str
    until: int
    phases: dict[str, Phase] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happened:
    """A transition of one series of one rule."""

    rule: Rule
    series: str
    transition: Transition


@dataclass(frozen=True, slots=True)
class Step:
    """What evaluating a rule came to.

    Attributes:
        before, after: the standing; `before` is None for a rule that is new or was changed.
        happened: in order of time.
    """

    rule: Rule
    before: Standing | None
    after: Standing
    happened: list[Happened]


def last_step(rule: Rule, now: float) -> int:
    """End of the last step that is over."""
    return int(now // rule.step) * rule.step


def first_step(rule: Rule, standing: Standing | None, until: int, most: int | None = MOST_CAUGHT_UP) -> int:
    """Where to go on; a rule that is new, or was changed, begins with the step before `until`."""
    if standing is None or standing.revision != rule.revision:
        return until - rule.step
    return standing.until if most is None else max(standing.until, until - most // rule.step * rule.step)


def evaluate(
    rule: Rule, standing: Standing | None, until: int, measure: Measure, *, most: int | None = MOST_CAUGHT_UP
) -> Step | None:
    """Evaluate a rule up to a moment; None if it has been already.

    Args:
        until: a multiple of the rule's step.
        measure: gives the metric; the span it is asked for begins as far back as the rule looks.
        most: seconds that are caught up with at most; None for all.
    """
    if standing is not None and standing.revision != rule.revision:
        standing = None
    begin = first_step(rule, standing, until, most)
    if begin >= until:
        return None
    lookback = -(-rule.lookback // rule.step) * rule.step
    grid, table = measure(rule, begin - lookback, until)
    first = lookback // rule.step
    after, happened = Standing(rule.revision, until), []
    before = {} if standing is None else standing.phases
    for name in sorted({*table, *before} or {""}):
        phase, moves = _follow(rule, grid, table.get(name), first, before.get(name, Phase()))
        if phase != Phase() or name == "":
            after.phases[name] = phase
        happened += [Happened(rule, name, move) for move in moves]
    happened.sort(key=lambda one: (one.transition.at, one.series))
    return Step(rule, standing, after, happened)


def _follow(rule: Rule, grid: Grid, series: Series | None, first: int, phase: Phase) -> tuple[Phase, list[Transition]]:
    if series is None:
        series = _nothing(rule, grid)
    return walk(rule, grid, judge(rule, grid, series, first, phase.carried), first, phase)


def _nothing(rule: Rule, grid: Grid) -> Series:
    """A series in which nothing happened: which may be just what a rule looks for."""
    zeros = np.zeros(grid.n)
    mixed: Any = np.zeros((grid.n, 1)) if rule.metric.mix else zeros
    return Series(mixed, mixed, zeros, zeros)


def standings(kept: Mapping[str, Any]) -> dict[str, Phase]:
    """Phases by series from what storage kept."""
    return {name: Phase.of(one) for name, one in kept.items()}
