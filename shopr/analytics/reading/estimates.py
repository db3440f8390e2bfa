"""Estimates from sampled events, with the intervals that sampling and chance allow.

Sampling keeps or leaves out a person's events of one class together, so that a person and not an event is the unit of
every variance. Totals are those of Horvitz & Thompson (1952) with their interval for Poisson sampling: where nothing
was left out the interval is the figure itself. Ratios and shares are also subject to chance where everything was kept;
theirs is linearised over persons (Särndal, Swensson & Wretman 1992, 5.6), shares in Wilson's form with the effective
number of trials (Korn & Graubard 1998). Quantiles are Student's, by the number of persons: few persons tell little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from shopr.analytics.reading.log import EventLog
from shopr.metrics.proportions import wilson

__all__ = ["Estimate", "change", "counted", "followed", "grouped_ratio", "lightest", "ratio", "total"]

_Z = float(ndtri(0.975))
_NONE = float("nan")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value, lo, hi: NaN where nothing was measured.
        se: standard error.
        n: persons it rests on.
    """

    value: float
    lo: float
    hi: float
    se: float
    n: int


def total(weights: ArrayLike, values: ArrayLike = 1.0) -> Estimate:
    """The sum over a population of which each person was kept with probability 1 / weight.

    Args:
        weights: one a person that was kept.
        values: what is added up, of one person each. Where none is negative, the interval begins no lower than at the
            sum over those who were kept: so much there was.
    """
    w, y = np.broadcast_arrays(np.asarray(weights, np.float64), np.asarray(values, np.float64))
    value, se = float((w * y).sum()), float(np.sqrt((w * (w - 1) * y * y).sum()))
    reach = float(_quantile(len(w))) * se
    low = max(value - reach, float(y.sum())) if len(y) and y.min() >= 0 else value - reach
    return Estimate(value, low, value + reach, se, len(w))


def counted(log: EventLog) -> Estimate:
    """How many events there were, of which a person's were kept or left out together."""
    each = lightest(log.persons, log.weights, log.n_persons)
    seen = each > 0
    sums = np.bincount(log.persons, log.weights, log.n_persons)
    return total(each[seen], sums[seen] / each[seen])


def ratio(above: ArrayLike, below: ArrayLike, *, share: bool = False) -> Estimate:
    """The ratio of two weighted sums, each given as its part of every person.

    Args:
        above, below: shape (persons,), weights included.
        share: whether it lies between 0 and 1, as do the figure and its interval then.
    """
    y, x = np.asarray(above, np.float64), np.asarray(below, np.float64)
    table = grouped_ratio(np.zeros(len(y), np.int64), np.arange(len(y)), y, x, groups=1, share=share)
    value, lo, hi, se, n = table.iloc[0]
    return Estimate(float(value), float(lo), float(hi), float(se), int(n))


def grouped_ratio(
    group: NDArray[np.integer],
    person: NDArray[np.integer],
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    *,
    groups: int,
    share: bool = False,
) -> pd.DataFrame:
    """The same for many groups at once, from rows of which a person may have several.

    Args:
        group: code of each row, 0 … groups - 1. person: code of each row.
        above, below: of each row, weights included.

    Returns:
        One row a group: `value lo hi se persons`.
    """
    cells, where = _cells(group, person)
    y, x = np.bincount(where, above, len(cells)), np.bincount(where, below, len(cells))
    of = cells[:, 0]
    sums = [np.bincount(of, part, groups) for part in (y, x)]
    n = np.bincount(of[x != 0], minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = sums[0] / sums[1]
        spread = np.bincount(of, (y - np.where(np.isfinite(value), value, 0.0)[of] * x) ** 2, groups)
        # One person tells nothing about how persons differ: no interval then, but for a share.
        se = np.where(n > 1, np.sqrt(spread * n / np.maximum(n - 1, 1)) / sums[1], np.nan)
        low, high = _share_interval(value, se, n) if share else (value - _quantile(n) * se, value + _quantile(n) * se)
        if share:  # of few who were sampled, those who did it may weigh more than those who were there
            value = np.clip(value, 0.0, 1.0)
    return pd.DataFrame({"value": value, "lo": low, "hi": high, "se": se, "persons": n})


def _cells(group: NDArray[np.integer], person: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Every pair of a group and a person that occurs, and which one each row is of."""
    width = int(person.max()) + 1 if len(person) else 1
    keys, where = np.unique(group.astype(np.int64) * width + person, return_inverse=True)
    return np.stack([keys // width, keys % width], axis=1), where


def _quantile(n: ArrayLike) -> NDArray[np.float64]:
    """How many standard errors a 95 % interval from n persons reaches to each side."""
    found: NDArray[np.float64] = stdtrit(np.maximum(np.asarray(n, np.float64) - 1, 1.0), 0.975)
    return found


def _share_interval(
    value: NDArray[np.float64], se: NDArray[np.float64], n: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    inner = value * (1 - value)
    # A share of none or all has no spread: then each person counts as one trial.
    spread = np.maximum(se * _quantile(n) / _Z, 1e-300) ** 2
    trials = np.where((se > 0) & (inner > 0), inner / spread, n)
    return wilson(np.clip(value, 0, 1) * trials, trials)


def change(now: Estimate, before: Estimate) -> Estimate:
    """How much more `now` is, relative to `before`; NaN where that was nothing."""
    if not before.value or np.isnan(before.value) or np.isnan(now.value):
        return Estimate(_NONE, _NONE, _NONE, _NONE, min(now.n, before.n))
    times = now.value / before.value
    se = float(np.hypot(now.se, times * before.se) / abs(before.value))
    value = times - 1 if before.value > 0 else 1 - times
    return Estimate(value, value - _Z * se, value + _Z * se, se, min(now.n, before.n))


def lightest(keys: NDArray[np.integer], weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """How many persons each key stands for, by the weights of its events; 0 where it has none.

    A person of whom anything is kept was kept with the largest of the rates of what they did, the inverse of the
    smallest weight.

    Args:
        keys: shape (events,), 0 … n - 1: persons, sessions, or persons by day.
    """
    found = np.full(n, np.inf)
    np.minimum.at(found, keys, weights)
    return np.where(np.isfinite(found), found, 0.0)


def followed(log: EventLog) -> tuple[EventLog, float]:
    """The events of persons of whom everything was kept, and how many persons each of these stands for.

    Where behaviour is sampled and facts are not, most persons are known by their facts alone. Paths, sessions and
    returns can be counted only of those whose behaviour was kept as well.
    """
    heaviest = float(log.weights.max()) if len(log) else 1.0
    if heaviest <= 1.0:
        return log, 1.0
    whole = np.zeros(log.n_persons, bool)
    whole[log.persons[log.weights >= heaviest * (1 - 1e-9)]] = True
    return log.take(np.flatnonzero(whole[log.persons])), heaviest
