"""The drift condition: the mix of a column over a window against that of the longer time before."""

from __future__ import annotations

import numpy as np

from shopr.analytics.alerts.judged import Judged, made
from shopr.analytics.alerts.rules import Drift
from shopr.analytics.alerts.series import Floats, Grid, Series, rolling

__all__ = ["drift"]


def drift(condition: Drift, grid: Grid, series: Series, first: int) -> Judged:
    window, reference = condition.window // grid.step, condition.reference // grid.step
    # Shares come from weights, their certainty from the events that were stored.
    now = rolling(series.hits, window)
    total, seen = rolling(series.total, window), rolling(series.seen, window)

    def lag(values: Floats) -> Floats:
        return _rows_before(rolling(values, reference), window)

    before, before_total, before_seen = lag(series.hits), lag(series.total), lag(series.seen)
    psi = _stability(now, total, seen, before, before_total, before_seen)[first:]
    known = (seen[first:] >= condition.least) & (before_seen[first:] >= 3 * condition.least)
    return made(psi, condition.above, psi > condition.above, psi <= condition.clear, known)


def _rows_before(values: Floats, steps: int) -> Floats:
    out = np.zeros_like(values)
    out[steps:] = values[:-steps]
    return out


def _stability(  # noqa: PLR0917 - two mixes, their totals and how many events they rest on
    now: Floats, total: Floats, seen: Floats, before: Floats, all_: Floats, known: Floats
) -> Floats:
    """Population stability index with half an event added to each bin, less its mean under equal mixes.

    That mean is about (bins - 1) (1/n + 1/m) (Yurdakul & Naranjo 2020).
    """
    n, m = np.maximum(seen, 1.0), np.maximum(known, 1.0)
    used = (now + before) > 0
    bins = np.maximum(used.sum(axis=1), 1)
    p = (_ratio(now, total) * n[:, None] + 0.5) / (n + 0.5 * bins)[:, None]
    q = (_ratio(before, all_) * m[:, None] + 0.5) / (m + 0.5 * bins)[:, None]
    psi = np.where(used, (p - q) * np.log(p / q), 0.0).sum(axis=1)
    corrected: Floats = np.maximum(psi - (bins - 1) * (1.0 / n + 1.0 / m), 0.0)
    return corrected


def _ratio(parts: Floats, total: Floats) -> Floats:
    return np.divide(parts, total[:, None], out=np.zeros_like(parts), where=total[:, None] > 0)
