"""Conditions on metric tables: at each step, what was measured against which bound, and whether that alarms.

All are vectorised over steps, and each judges a step by the steps before it alone: the same table cut into other
batches gives the same answers. The sum of a change detector is carried from one batch to the next.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from shopr.analytics.alerts.baseline import seasonal
from shopr.analytics.alerts.change import change
from shopr.analytics.alerts.drift import drift
from shopr.analytics.alerts.judged import Judged, made, share_of
from shopr.analytics.alerts.rules import BurnRate, Drift, Rule, Seasonal, Threshold
from shopr.analytics.alerts.series import Floats, Grid, Series, rolling

__all__ = ["judge"]


def judge(rule: Rule, grid: Grid, series: Series, first: int, carried: float = 0.0) -> Judged:
    """Judge the steps from number `first` on.

    Args:
        carried: the change detector's sum before that step.
    """
    condition = rule.condition
    if isinstance(condition, Threshold):
        return _threshold(rule, condition, grid, series, first)
    if isinstance(condition, BurnRate):
        return _burn_rate(condition, grid, series, first)
    if isinstance(condition, Seasonal):
        return seasonal(condition, grid, series, first)
    if isinstance(condition, Drift):
        return drift(condition, grid, series, first)
    return change(condition, grid, series, first, carried)


def _threshold(rule: Rule, condition: Threshold, grid: Grid, series: Series, first: int) -> Judged:
    steps = condition.window // grid.step
    hits, clears, total, seen = (
        rolling(v, steps)[first:] for v in (series.hits, series.clears, series.total, series.seen)
    )
    if rule.metric.kind == "count":
        clear = condition.above if condition.clear is None else condition.clear
        return made(hits, condition.above, hits > condition.above, hits <= clear, np.ones(len(hits), bool))
    known = seen >= condition.least
    if rule.metric.kind == "quantile":
        assert rule.metric.quantile is not None
        bound = back = 1.0 - rule.metric.quantile
    else:
        bound, back = condition.above, condition.above if condition.clear is None else condition.clear
    share = share_of(hits, total)
    low = share if condition.confidence is None else _wilson(share, seen, condition.confidence)
    return made(share, bound, low > bound + 1e-12, share_of(clears, total) <= back + 1e-12, known)


def _wilson(share: Floats, n: Floats, confidence: float) -> Floats:
    """The lower end of a one-sided Wilson interval."""
    z = float(stats.norm.ppf(confidence))
    n = np.maximum(n, 1.0)
    middle = share + z * z / (2 * n)
    spread = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low: Floats = (middle - spread) / (1 + z * z / n)
    return low


def _burn_rate(condition: BurnRate, grid: Grid, series: Series, first: int) -> Judged:
    n, budget = grid.n - first, 1.0 - condition.objective
    value, bound = np.zeros(n), np.full(n, condition.windows[0].factor)
    worst, clear, known = np.full(n, -1.0), np.ones(n, bool), np.zeros(n, bool)
    for window in condition.windows:
        long, short = (_burn(series, s // grid.step, budget)[first:] for s in (window.long, window.short))
        enough = rolling(series.seen, window.long // grid.step)[first:] >= condition.least
        burn = np.where(enough, np.minimum(long, short), 0.0)
        more = burn / window.factor > worst
        worst, value = np.where(more, burn / window.factor, worst), np.where(more, burn, value)
        bound = np.where(more, window.factor, bound)
        clear &= (short < 0.9 * window.factor) | (long < 0.9 * window.factor)
        known |= enough
    return made(value, bound, worst > 1.0, clear, known)


def _burn(series: Series, steps: int, budget: float) -> Floats:
    return share_of(rolling(series.hits, steps), rolling(series.total, steps)) / budget
