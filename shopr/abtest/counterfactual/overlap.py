"""Whether a log can say anything about a policy: how much of it counts, and how much hangs on few rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from shopr.abtest.checks import positive
from shopr.abtest.counterfactual.logged import Logged
from shopr.abtest.counterfactual.offpolicy import weights

__all__ = ["Overlap", "overlap", "propensity_histogram"]

_LOW_SHARE, _HEAVY_SHARE, _ALPHA = 0.05, 0.1, 0.001


@dataclass(frozen=True, slots=True)
class Overlap:
    """Diagnostics of importance weights.

    Attributes:
        n: rows.
        effective: (sum w)^2 / sum w^2: rows' worth of information that is left (Kish 1965).
        effective_share: effective / n.
        max_weight: the largest weight.
        heaviest_share: its share of all weight.
        clip, clipped_share: a bound, and the share of rows above it.
        zero_share: rows whose action the policy never takes.
        mean_weight, mean_z, mean_p: their mean, which is 1 if propensities are right and the log covers the policy, the
            distance from 1 in standard errors over users, and its two-sided p-value.
        unlogged: mean probability that the policy gives to actions the log never shows (in that slot).
        warnings: what a reader should know, in words; empty if all is well.
    """

    n: int
    effective: float
    effective_share: float
    max_weight: float
    heaviest_share: float
    clip: float
    clipped_share: float
    zero_share: float
    mean_weight: float
    mean_z: float
    mean_p: float
    unlogged: float
    warnings: tuple[str, ...]


def overlap(log: Logged, policy: ArrayLike, *, clip: float | None = None) -> Overlap:
    """Diagnose a policy against a log.

    Args:
        clip: the bound whose excess is counted; the square root of n by default, as in `estimate`.

    Raises:
        InputError: if there is no overlap at all, or the policy is none for this log.
    """
    w = weights(log, policy)
    n, total = len(log), float(w.sum())
    bound = positive("clip", np.sqrt(n) if clip is None else clip)
    effective = total**2 / float((w**2).sum())
    mean = total / n
    z = _distance(log, w, mean)
    p = float(2 * ndtr(-abs(z)))
    unlogged = _unlogged(log, policy)
    heaviest = float(w.max()) / total
    warnings = []
    if effective < _LOW_SHARE * n:
        warnings.append(f"only {effective:,.0f} of {n:,} rows' worth of information is left")
    if heaviest > _HEAVY_SHARE:
        warnings.append(f"one row carries {heaviest:.0%} of all weight")
    if unlogged > 0:
        warnings.append(f"the policy gives {unlogged:.1%} to actions that were never logged: no method can know them")
    if p < _ALPHA:
        warnings.append(f"the mean weight is {mean:.3f}, not 1 (p = {p:.1g}): wrong propensities or missing support")
    return Overlap(
        n, effective, effective / n, float(w.max()), heaviest, bound, float((w > bound).mean()),
        float((w == 0).mean()), mean, z, p, unlogged, tuple(warnings),
    )  # fmt: skip


def propensity_histogram(log: Logged, *, bins: int = 20) -> pd.DataFrame:
    """Rows by propensity, in bins of equal width on the log scale: `low`, `high`, `rows`."""
    logs = np.log10(log.propensities)
    low = min(float(logs.min()), -1e-9)
    rows, edges = np.histogram(logs, bins=bins, range=(low, 0.0))
    return pd.DataFrame({"low": 10 ** edges[:-1], "high": 10 ** edges[1:], "rows": rows})


def _distance(log: Logged, w: NDArray[np.float64], mean: float) -> float:
    rest = w - mean if log.users is None else np.bincount(np.unique(log.users, return_inverse=True)[1], w - mean)
    se = float(np.sqrt(len(rest) / (len(rest) - 1) * (rest**2).sum())) / len(w) if len(rest) > 1 else 0.0
    if se <= 1e-12 * max(mean, 1.0):
        return 0.0 if abs(mean - 1) < 1e-9 else float(np.copysign(np.inf, mean - 1))
    return (mean - 1) / se


def _unlogged(log: Logged, policy: ArrayLike) -> float:
    slots = np.zeros(len(log), np.int64) if log.positions is None else log.positions
    seen = np.zeros((log.n_positions, log.n_actions), bool)
    seen[slots, log.actions] = True
    return float((log.policy(policy) * ~seen[slots]).sum(axis=1).mean())
