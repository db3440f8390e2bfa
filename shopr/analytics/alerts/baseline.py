"""The seasonal condition: a count against the same time of the week in the weeks before.

What is expected is the median over weeks, at the level of the last week; how far counts stray from that is measured on
the last week, too. The bound is a probability that keeps a stated number of false alarms a year.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from shopr.analytics.alerts.judged import DAY, WEEK, WINSOR, YEAR, Judged, lagged, made, share_of
from shopr.analytics.alerts.rules import Seasonal
from shopr.analytics.alerts.series import Floats, Grid, Series, rolling

__all__ = ["seasonal", "so_few", "tail_bound"]

_MOST_VISITS = 2000


def tail_bound(condition: Seasonal, step: int) -> float:
    """The probability below which a count alarms, so that stated false alarms a year are not passed (union bound)."""
    return condition.false_alarms_a_year * step / YEAR


def seasonal(condition: Seasonal, grid: Grid, series: Series, first: int) -> Judged:
    step, week, day = grid.step, WEEK // grid.step, DAY // grid.step
    window = condition.window // step
    count = rolling(series.hits, window)
    known_count = np.where(np.arange(grid.n) >= grid.born + window - 1, count, np.nan)
    expected = _usual(known_count, condition.weeks, week, max(condition.window, 3600) // step)
    level, spread = _strays(known_count, expected, week, day)
    expected = (expected * level)[first:]
    count, spread = count[first:], np.maximum(spread, 1.0)[first:]
    known = ~np.isnan(expected) & (expected >= condition.least if condition.side == "below" else ~np.isnan(expected))
    mean = np.maximum(np.nan_to_num(expected), condition.least if condition.side == "above" else 1e-9)
    below = condition.side == "below"
    beyond = count < condition.ratio * mean if below else count > condition.ratio * mean
    back = count >= condition.clear * mean if below else count <= condition.clear * mean
    breach, at = np.zeros(len(count), bool), np.flatnonzero(beyond & known)
    given = count[at], mean[at], np.nan_to_num(spread[at], nan=1.0)
    # A median of weeks tells three quarters of what their mean would.
    windows = 0.75 * condition.weeks * (2 * max(condition.window, 3600) // step + 1) / window
    breach[at] = (so_few(*given, windows) if below else _so_many(*given)) < tail_bound(condition, step)
    return made(count, condition.ratio * mean, breach, back, known, expected=mean)


def _usual(count: Floats, weeks: int, week: int, blur: int) -> Floats:
    """The median over earlier weeks of the count at this time of the week, blurred by an hour to either side."""
    ahead = np.full(len(count), np.nan)
    if len(count) > blur:
        filled = np.nan_to_num(count)
        mean = rolling(filled, 2 * blur + 1) / (2 * blur + 1)
        ahead[: len(count) - blur] = mean[blur:]
        ahead[np.isnan(count)] = np.nan
    lags = np.stack([lagged(ahead, j * week) for j in range(1, weeks + 1)])
    enough = np.sum(~np.isnan(lags), axis=0) >= min(2, weeks)
    lags[:, ~enough] = 0.0
    return np.where(enough, np.nanmedian(lags, axis=0), np.nan)


def _strays(count: Floats, expected: Floats, week: int, day: int) -> tuple[Floats, Floats]:
    """How far the last week lay from what was expected of it: in level, and as a variance over the mean."""
    both = ~np.isnan(count) & ~np.isnan(expected)
    x, e = np.where(both, count, 0.0), np.where(both, expected, 0.0)

    def last(values: Floats) -> Floats:
        return lagged(rolling(values, week), day)

    sums = last(e)
    # An incident of the last week is no new level: counts far from what is usual are left out of it.
    usual = (x > 0.5 * e) & (x < 2.0 * e) & (e > 0)
    level = share_of(np.nan_to_num(last(np.where(usual, x, 0.0))), np.nan_to_num(last(np.where(usual, e, 0.0))))
    level = np.where((sums > 0) & (level > 0), np.clip(level, 0.5, 2.0), 1.0)
    squared = np.minimum((x - level * e) ** 2 / np.maximum(level * e, 1.0), WINSOR)
    number = np.nan_to_num(last((e > 0).astype(np.float64)))
    spread = share_of(np.nan_to_num(last(np.where(e > 0, squared, 0.0))), number)
    return level, np.where(number > 0, spread, 1.0)


def _so_many(count: Floats, mean: Floats, spread: Floats) -> Floats:
    """Probability of so many events or more: negative binomial with variance `spread` times the mean."""
    spread = np.maximum(spread, 1.01)
    found: Floats = stats.nbinom.sf(np.round(count) - 1.0, mean / (spread - 1.0), 1.0 / spread)
    return found


def so_few(count: Floats, mean: Floats, spread: Floats, windows: float) -> Floats:
    """Probability of so few events or fewer: visits by chance that count a geometric number of times (Polya-Aeppli).

    A visit counts in each step that it lasts, which is why counts stray more than by chance. And how many visits there
    are is known from as much as `windows` windows alone, so that they are negative binomial themselves. A negative
    binomial of events with the same variance makes silence several times too improbable: stated a half, it gave two
    false alarms a year.
    """
    found = np.ones(len(count))
    for at, (c, m, s) in enumerate(zip(np.round(count), mean, np.maximum(spread, 1.0), strict=True)):
        visits, again = 2.0 * m / (s + 1.0), (s - 1.0) / (s + 1.0)
        if c > _MOST_VISITS:  # so far below so large a mean, both are zero
            found[at] = stats.poisson.cdf(c / s, m / s)
            continue
        n = np.arange(c + 1.0)
        few = np.concatenate([[1.0], stats.nbinom.cdf(c - n[1:], n[1:], 1.0 - again)])
        found[at] = float(np.sum(stats.nbinom.pmf(n, windows * visits, windows / (windows + 1.0)) * few))
    return found
