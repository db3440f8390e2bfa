"""Are alert rules as quiet as they state? Streams in which nothing happens, and the alerts that come all the same.

The first streams are what the conditions assume: counts with a weekly profile that stray more than by chance, shares of
independent events. The others are harsher: shares that clump, baselines of few events.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shopr.analytics.alerts.judging import judge
from shopr.analytics.alerts.phases import Phase, walk
from shopr.analytics.alerts.rules import Change, Drift, Metric, Rule, Seasonal, Selection, Threshold
from shopr.analytics.alerts.series import Floats, Grid, Series
from shopr.data.events import EventType
from shopr.randomness import generator

__all__ = ["null_rates"]

_YEAR = 8766 * 3600
_PIECE = 4  # years at once


def null_rates(years: int, *, seed: int = 0) -> pd.DataFrame:
    """Alerts a year of streams without incidents.

    Args:
        years: of each stream.

    Returns:
        Rows `stream condition stated alerts a_year low high`; `low` and `high` are the exact 95 % Poisson interval.
    """
    from scipy import stats

    made = []
    for name, rule, draw in _streams():
        rng = generator(seed, "alert null", name)
        found = sum(_alerts(rule, draw, min(_PIECE, years - at), rng) for at in range(0, years, _PIECE))
        low = float(stats.chi2.ppf(0.025, 2 * found) / 2) if found else 0.0
        high = float(stats.chi2.ppf(0.975, 2 * found + 2) / 2)
        stated = getattr(rule.condition, "false_alarms_a_year", None)
        made.append((name, rule.condition.kind, stated, found, found / years, low / years, high / years))
    columns = ["stream", "condition", "stated", "alerts", "a_year", "low", "high"]
    return pd.DataFrame(made, columns=columns)


def _alerts(rule: Rule, draw: Any, years: int, rng: np.random.Generator) -> int:
    """Alerts that fire in so many years, after as long a past as the rule looks back."""
    first = -(-rule.lookback // rule.step)
    grid = Grid(0, rule.step, first + years * _YEAR // rule.step)
    judged = judge(rule, grid, draw(grid, rng), first)
    _, moves = walk(rule, grid, judged, first, Phase())
    return sum(move.kind == "fired" for move in moves)


def _streams() -> list[tuple[str, Rule, Any]]:
    return [
        ("counts, profile of a week", _counted("below"), _weekly(20.0, 1.0)),
        ("the same, variance 2.5 times the mean", _counted("below"), _weekly(20.0, 2.5)),
        ("visits of 15 minutes, counted in each step", _counted("below", 0.3), _visits(25.0, 3.0)),
        ("many counts, variance 2.5 times the mean", _counted("above"), _weekly(20.0, 2.5)),
        ("shares, 100 events an hour, p .2", _moved("above", 0.5), _binomial(100, 0.2, 0.0)),
        ("shares, 300 events an hour, p .03", _moved("below", 0.3), _binomial(300, 0.03, 0.0)),
        ("the same, clumped (variance 3 times)", _moved("below", 0.3), _binomial(300, 0.03, 2.0 / 299)),
        ("shares, 5 events an hour, p .3", _moved("below", 0.3), _binomial(5, 0.3, 0.0)),
        ("2 % of 40 calls an hour fail, bound 5 %", _bounded(), _binomial(4, 0.02, 0.0)),
        ("a mix of 20 prices, 400 events a day", _drifting(), _mixed(400 / 24)),
    ]


def _counted(side: Any, ratio: float | None = None) -> Rule:
    ratio = ratio or (0.8 if side == "below" else 1.25)
    condition = Seasonal(side=side, window=1800, ratio=ratio, clear=1.0, false_alarms_a_year=1.0, least=5)
    return _rule(300, Metric(count=_any()), condition)


def _moved(side: Any, shift: float) -> Rule:
    return _rule(3600, Metric(share=_any(), of=_any()), Change(side=side, shift=shift, false_alarms_a_year=1.0))


def _bounded() -> Rule:
    return _rule(
        360, Metric(share=_any(), of=_any()), Threshold(window=3600, above=0.05, clear=0.03, least=10, confidence=0.95)
    )


def _drifting() -> Rule:
    return _rule(3600, Metric(mix="price", of=_any()), Drift(window=86_400, reference=28 * 86_400))


def _rule(step: int, metric: Metric, condition: Any) -> Rule:
    return Rule(name="null", description="nothing happens", step=step, metric=metric, condition=condition)


def _any() -> Selection:
    return Selection(type=(EventType.PAGE_VIEWED,))


def _weekly(an_hour: float, spread: float) -> Any:
    """Counts with a profile of the week from .3 to 1.7 times the mean; `spread` is variance over mean."""

    def draw(grid: Grid, rng: np.random.Generator) -> Series:
        hour = np.arange(grid.n) * grid.step / 3600
        profile = 1 + 0.5 * np.sin(2 * np.pi * hour / 24) + 0.2 * np.sin(2 * np.pi * hour / 168)
        mean = 2 * an_hour * profile * grid.step / 3600
        if spread > 1.0:
            size = mean / (spread - 1.0)
            values = rng.negative_binomial(size, size / (size + mean)).astype(np.float64)
        else:
            values = rng.poisson(mean).astype(np.float64)
        return Series(values, values, values, values)

    return draw


def _visits(half_an_hour: float, steps: float) -> Any:
    """Visits by chance that last `steps` steps in the mean and count in each; so many counts in half an hour."""

    def draw(grid: Grid, rng: np.random.Generator) -> Series:
        profile = 1 + 0.5 * np.sin(2 * np.pi * np.arange(grid.n) * grid.step / 86_400)
        begun = rng.poisson(half_an_hour * grid.step / 1800 / steps * profile)
        first = np.repeat(np.arange(grid.n), begun)
        after = np.minimum(first + rng.geometric(1.0 / steps, len(first)), grid.n)
        moves = np.bincount(first, minlength=grid.n + 1) - np.bincount(after, minlength=grid.n + 1)
        values = np.cumsum(moves)[:-1].astype(np.float64)
        return Series(values, values, values, values)

    return draw


def _binomial(n: int, p: float, correlation: float) -> Any:
    """Shares of Poisson many events; `correlation` within a step makes them clump (beta-binomial)."""

    def draw(grid: Grid, rng: np.random.Generator) -> Series:
        total = rng.poisson(n, grid.n)
        own: Any = p
        if correlation:
            size = 1.0 / correlation - 1.0
            own = rng.beta(p * size, (1 - p) * size, grid.n)
        hits: Floats = rng.binomial(total, own).astype(np.float64)
        return Series(hits, hits, total.astype(np.float64), total.astype(np.float64))

    return draw


def _mixed(an_hour: float) -> Any:
    def draw(grid: Grid, rng: np.random.Generator) -> Series:
        shares = np.linspace(2.0, 1.0, 20)
        hits = rng.poisson(an_hour * shares / shares.sum(), (grid.n, 20)).astype(np.float64)
        total = hits.sum(axis=1)
        return Series(hits, hits, total, total)

    return draw
