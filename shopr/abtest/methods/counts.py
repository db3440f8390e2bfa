"""Tests of two proportions from counts: z with or without pooling and continuity, exact tests, chi-square and G.

The exact tests enumerate tables and so are for small samples: Fisher conditions on both margins; Barnard (with the Wald
statistic) and Boschloo on the arms' sizes alone, which gives them more power.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from shopr.abtest.checks import Alternative, alternative, floats, one_of, share
from shopr.abtest.methods.arms import Arm, scalar
from shopr.errors import InputError

__all__ = ["PROPORTION_TESTS", "ProportionTest", "proportion_arm", "proportion_test"]

Floats = NDArray[np.float64]
Method = Literal["auto", "z", "fisher", "barnard", "boschloo", "pearson", "g"]
PROPORTION_TESTS: tuple[Method, ...] = ("auto", "z", "fisher", "barnard", "boschloo", "pearson", "g")
_EXACT_BELOW = 1000


@dataclass(frozen=True)
class ProportionTest:
    """Two proportions compared; intervals are NaN for tests that have none.

    Attributes:
        control, treatment: the proportions.
        estimate, lo, hi: difference and interval, within -1 … 1.
        lift, lift_lo, lift_hi: relative difference and interval.
        p: p-value; NaN where nobody or everybody converted in both arms.
        method: the test that was used.
    """

    control: Floats
    treatment: Floats
    estimate: Floats
    lo: Floats
    hi: Floats
    lift: Floats
    lift_lo: Floats
    lift_hi: Floats
    p: Floats
    method: str


def proportion_arm(count: ArrayLike, n: ArrayLike) -> Arm:
    """An arm in which `count` of `n` units converted."""
    units = floats("n", n)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = floats("count", count) / units
    return scalar(units, p, p * (1 - p))


def proportion_test(
    control: ArrayLike,
    n_control: ArrayLike,
    treatment: ArrayLike,
    n_treatment: ArrayLike,
    *,
    method: str = "z",
    side: Alternative | str = "two-sided",
    alpha: float = 0.05,
    pooled: bool = True,
    continuity: bool = False,
) -> ProportionTest:
    """Compare two proportions.

    Args:
        control, treatment: units that converted.
        n_control, n_treatment: units.
        method: "z"; "fisher", "barnard", "boschloo" (exact); "pearson" (chi-square), "g" (log-likelihood ratio); "auto"
            is Barnard's below 1,000 units in all and z from there on. All but z take single numbers.
        pooled: take the variance of the z and of Barnard's statistic under equal proportions.
        continuity: correct z, chi-square and G for counts being whole numbers.

    Raises:
        InputError: for counts outside 0 … n, or a one-sided chi-square or G test.
    """
    share("alpha", alpha)
    chosen = alternative(side)
    kind = one_of("test of proportions", method, PROPORTION_TESTS)
    x, n, y, m = np.broadcast_arrays(*(floats("counts", v) for v in (control, n_control, treatment, n_treatment)))
    if np.any((x < 0) | (x > n) | (y < 0) | (y > m)):
        raise InputError("a count lies outside 0 … n", hint="Give converted units and all units of each arm")
    if kind == "auto":
        kind = "barnard" if float((n + m).max()) < _EXACT_BELOW else "z"
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = x / n, y / m
        gap, lift = q - p, q / p - 1
        lift = np.where(p > 0, lift, np.nan)
    if kind == "z":
        lo, hi, lift_lo, lift_hi, value = _z(p, n, q, m, side=chosen, alpha=alpha, pooled=pooled, continuity=continuity)
        return ProportionTest(p, q, gap, lo, hi, lift, lift_lo, lift_hi, value, kind)
    value = np.asarray(_table_p(kind, _table(x, n, y, m), chosen, pooled, continuity))
    none = np.full_like(gap, np.nan)
    return ProportionTest(p, q, gap, none, none, lift, none, none, value, kind)


def _table(x: Floats, n: Floats, y: Floats, m: Floats) -> NDArray[np.int64]:
    if x.ndim:
        raise InputError("exact and chi-square tests take one pair of arms", hint="Use method 'z' for arrays")
    return np.rint([[y, x], [m - y, n - x]]).astype(np.int64)


def _table_p(kind: str, table: NDArray[np.int64], side: Alternative, pooled: bool, continuity: bool) -> float:
    from scipy import stats

    if kind == "fisher":
        return float(stats.fisher_exact(table, alternative=side).pvalue)
    if kind == "barnard":
        return float(stats.barnard_exact(table, alternative=side, pooled=pooled).pvalue)
    if kind == "boschloo":
        return float(stats.boschloo_exact(table, alternative=side).pvalue)
    if side != "two-sided":
        raise InputError(f"the {kind} test has no side {side!r}", hint="Use z, fisher, barnard or boschloo")
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        return float("nan")
    statistic = "log-likelihood" if kind == "g" else "pearson"
    return float(stats.chi2_contingency(table, correction=continuity, lambda_=statistic).pvalue)


def _z(
    p: Floats, n: Floats, q: Floats, m: Floats, *, side: Alternative, alpha: float, pooled: bool, continuity: bool
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Intervals of difference and lift, and the p-value; the lift's by the log of the ratio."""
    gap = q - p
    with np.errstate(invalid="ignore", divide="ignore"):
        if pooled:
            mean = (p * n + q * m) / (n + m)
            scale = np.sqrt(mean * (1 - mean) * (1 / n + 1 / m))
            log_scale = scale / mean
        else:
            scale = np.sqrt(p * (1 - p) / n + q * (1 - q) / m)
            log_scale = np.sqrt((1 - p) / (n * p) + (1 - q) / (m * q))
        step = 0.5 * (1 / n + 1 / m) if continuity else np.zeros_like(gap)
        log_step = step / p
        z = -special.ndtri(alpha / 2 if side == "two-sided" else alpha)
        ratio = q / p
        factor = np.exp(z * log_scale + log_step)
        toward = np.sign(gap) * np.maximum(np.abs(gap) - step, 0.0)
        value = {
            "two-sided": lambda: 2 * special.ndtr(-np.abs(toward) / scale),
            "greater": lambda: special.ndtr(-np.where(gap > 0, toward, gap) / scale),
            "less": lambda: special.ndtr(np.where(gap < 0, toward, gap) / scale),
        }[side]()
        lo = np.maximum(gap - z * scale - step, -1.0) if side != "less" else np.full_like(gap, -1.0)
        hi = np.minimum(gap + z * scale + step, 1.0) if side != "greater" else np.full_like(gap, 1.0)
        lift_lo = ratio / factor - 1 if side != "less" else np.full_like(gap, -1.0)
        lift_hi = ratio * factor - 1 if side != "greater" else np.full_like(gap, np.inf)
    return lo, hi, lift_lo, lift_hi, np.asarray(np.where(scale > 0, value, np.nan))
