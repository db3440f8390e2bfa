"""The change condition: a share that moved and stays moved, found by a sum of evidence and not by a bound on itself.

Each step adds the log-likelihood ratio of the moved share against the baseline, divided by how much more than by chance
shares stray (shoppers act in sessions, not alone). The sum never falls below zero (Page 1954); it passes `bound` by
chance once in e^bound steps or more on average (Lorden 1971), which the rule states as false alarms a year.
"""

from __future__ import annotations

import math

import numpy as np

from shopr.analytics.alerts.judged import DAY, WINSOR, YEAR, Judged, lagged, made, share_of
from shopr.analytics.alerts.rules import Change
from shopr.analytics.alerts.series import Floats, Grid, Series, rolling

__all__ = ["change", "change_bound"]


def change_bound(condition: Change, step: int) -> float:
    """The bound of the sum of log-likelihood ratios: e^bound steps pass at least between false alarms on average."""
    return math.log(YEAR / step / condition.false_alarms_a_year)


def _baseline(series: Series, weeks: int, day: int, least: int) -> tuple[Floats, Floats]:
    """The median of the daily shares of the weeks before yesterday, and the events that they rest on."""
    hits, total, seen = (rolling(v, day) for v in (series.hits, series.total, series.seen))
    daily = np.where(seen > 0, share_of(hits, total), np.nan)
    lags = np.stack([lagged(daily, (1 + d) * day) for d in range(7 * weeks)])
    rests = np.nansum(np.stack([lagged(seen, (1 + d) * day) for d in range(7 * weeks)]), axis=0)
    enough = (rests >= least) & (np.sum(~np.isnan(lags), axis=0) >= 7)
    lags[:, ~enough] = 0.0
    return np.where(enough, np.nanmedian(lags, axis=0), np.nan), rests


def change(condition: Change, grid: Grid, series: Series, first: int, carried: float) -> Judged:
    day = DAY // grid.step
    base, rests = _baseline(series, condition.weeks, day, condition.least)
    base = np.clip(base, 1.0 / np.maximum(rests, 2.0), 0.98)
    n = series.seen
    share = share_of(series.hits, series.total)
    squared = np.minimum((share - base) ** 2 * n / np.maximum(base * (1 - base), 1e-12), WINSOR)
    judged = (n > 0) & ~np.isnan(base)
    recent = 14 * day
    number = lagged(rolling(judged.astype(np.float64), recent), day)
    spread = lagged(rolling(np.where(judged, squared, 0.0), recent), day)
    spread = np.maximum(share_of(np.nan_to_num(spread), np.nan_to_num(number)), 1.0)
    sign = -1.0 if condition.side == "below" else 1.0
    moved = np.clip(base * (1.0 + sign * condition.shift), 1e-9, 0.99)
    odds = np.where(judged, n / spread, 0.0) * (
        share * np.log(moved / base) + (1 - share) * np.log((1 - moved) / (1 - base))
    )
    bound = change_bound(condition, grid.step)
    sums = _cusum(np.nan_to_num(odds)[first:], carried, 1.25 * bound)
    known = ~np.isnan(base[first:])
    breach, clear = sums > bound, sums <= 0.5 * bound
    found = made(share[first:], moved[first:], breach, clear, known, expected=base[first:], carried=sums)
    found.value = np.where(known, share_of(rolling(series.hits, day), rolling(series.total, day))[first:], np.nan)
    return found


def _cusum(odds: Floats, start: float, most: float) -> Floats:
    """Page's sum: never below zero, and held at `most`, so that it comes down when all is well again."""
    sums, now = np.empty(len(odds)), start
    for place, more in enumerate(odds.tolist()):
        now = min(max(now + more, 0.0), most)
        sums[place] = now
    return sums
