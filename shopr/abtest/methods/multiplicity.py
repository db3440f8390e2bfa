"""Many tests at once: p-values adjusted so that the family's error holds, and intervals to go with them.

Family-wise error: Bonferroni, Šidák, Holm 1979 (also with Šidák's levels), Hochberg 1988, Hommel 1988. False discovery:
Benjamini and Hochberg 1995, Benjamini and Yekutieli 2001. Hochberg, Hommel and Benjamini-Hochberg want independent or
positively dependent tests; Bonferroni, Holm and Benjamini-Yekutieli want nothing. Missing p-values stay missing and are
not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from shopr.abtest.checks import floats, one_of, share, sides
from shopr.errors import InputError

__all__ = ["CORRECTIONS", "Corrected", "Correction", "adjust", "correct", "interval_levels", "simultaneous_intervals"]

Floats = NDArray[np.float64]
Correction = Literal[
    "none",
    "bonferroni",
    "sidak",
    "holm",
    "holm-sidak",
    "hochberg",
    "hommel",
    "benjamini-hochberg",
    "benjamini-yekutieli",
]
CORRECTIONS: tuple[Correction, ...] = get_args(Correction)
_DISCOVERY = ("benjamini-hochberg", "benjamini-yekutieli")


@dataclass(frozen=True)
class Corrected:
    """Of the shape of the p-values: adjusted p-values, and whether each test is rejected at the family's level."""

    p: Floats
    rejected: NDArray[np.bool_]


def adjust(p: ArrayLike, method: str = "holm") -> Floats:
    """Adjusted p-values, of the shape of `p`: reject where one is at most the family's level.

    Raises:
        InputError: for a p-value outside 0 … 1.
        UnknownNameError: for an unknown method.
    """
    kind = one_of("correction", method, CORRECTIONS)
    values = floats("p", p)
    if not np.all(((values >= 0) & (values <= 1)) | np.isnan(values)):
        raise InputError(f"p-values {values.tolist()} hold one outside 0 … 1", hint="Give p-values, NaN where missing")
    flat = values.ravel()
    out = np.full(flat.shape, np.nan)
    present = np.flatnonzero(~np.isnan(flat))
    if len(present):
        order = present[np.argsort(flat[present], kind="stable")]
        out[order] = np.minimum(_sorted(flat[order], kind), 1.0)
    return out.reshape(values.shape)


def correct(p: ArrayLike, method: str = "holm", alpha: float = 0.05) -> Corrected:
    """Adjusted p-values and which tests are rejected at level `alpha`; a missing p-value rejects nothing."""
    share("alpha", alpha)
    adjusted = adjust(p, method)
    return Corrected(adjusted, np.nan_to_num(adjusted, nan=np.inf) <= alpha)


def interval_levels(p: ArrayLike, method: str = "holm", alpha: float = 0.05) -> Floats:
    """The error that each test's interval may have so that all of them hold together, of the shape of `p`.

    - none: alpha; Bonferroni: alpha / m; Šidák: 1 - (1 - alpha)^(1/m).
    - Holm, Hochberg, Hommel: Bonferroni's (Šidák's for holm-sidak). The step-wise tests have no two-sided intervals of
      their own that say more than their decision; these hold, but may cover no effect where the test still rejects.
    - Benjamini-Hochberg and -Yekutieli: for the R rejected tests, R alpha / m (Benjamini and Yekutieli 2005: of the
      intervals that are shown, the share that miss is at most alpha); for the others alpha / m.
    """
    kind = one_of("correction", method, CORRECTIONS)
    values = floats("p", p)
    result = correct(values, kind, alpha)
    m = max(int(np.sum(~np.isnan(values))), 1)
    if kind == "none":
        level = np.full(values.shape, alpha)
    elif kind in ("sidak", "holm-sidak"):
        level = np.full(values.shape, -np.expm1(np.log1p(-alpha) / m))
    else:
        level = np.full(values.shape, alpha / m)
    if kind in _DISCOVERY:
        harmonic = float(np.sum(1 / np.arange(1, m + 1))) if kind == "benjamini-yekutieli" else 1.0
        level = np.where(result.rejected, max(int(result.rejected.sum()), 1) * alpha / m / harmonic, level)
    return np.where(np.isnan(values), np.nan, level)


def simultaneous_intervals(
    effect: ArrayLike,
    standard_error: ArrayLike,
    p: ArrayLike,
    method: str = "holm",
    alpha: float = 0.05,
    *,
    alternative: str = "two-sided",
) -> tuple[Floats, Floats]:
    """Normal intervals at the levels of `interval_levels`: lo and hi, of the shape of `effect`."""
    effects, errors = floats("effect", effect), floats("standard error", standard_error)
    levels = interval_levels(p, method, alpha)
    radius = -ndtri(levels / sides(alternative)) * errors
    lo = effects - radius if alternative != "less" else np.full(effects.shape, -np.inf)
    hi = effects + radius if alternative != "greater" else np.full(effects.shape, np.inf)
    return lo, hi


def _sorted(p: Floats, kind: str) -> Floats:
    """Adjusted values of p-values that rise, before the cap at 1."""
    m = len(p)
    rank = np.arange(1, m + 1)
    if kind == "none":
        return p
    if kind == "bonferroni":
        return p * m
    if kind == "sidak":
        return _sidak(p, np.full(m, m))
    if kind == "holm":
        return np.asarray(np.maximum.accumulate(p * (m - rank + 1)), dtype=np.float64)
    if kind == "holm-sidak":
        return np.asarray(np.maximum.accumulate(_sidak(p, m - rank + 1)), dtype=np.float64)
    if kind == "hochberg":
        return _from_above(p * (m - rank + 1))
    if kind == "hommel":
        return _hommel(p)
    harmonic = float(np.sum(1 / rank)) if kind == "benjamini-yekutieli" else 1.0
    return _from_above(p * m * harmonic / rank)


def _sidak(p: Floats, count: NDArray[np.int64]) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(count * np.log1p(-p)), dtype=np.float64)


def _from_above(values: Floats) -> Floats:
    return np.asarray(np.minimum.accumulate(values[::-1])[::-1], dtype=np.float64)


def _hommel(p: Floats) -> Floats:
    """Simes' test on every intersection, by the algorithm of Wright 1992 (appendix)."""
    m = len(p)
    adjusted = p.copy()
    for size in range(m, 1, -1):
        first, last = slice(0, m - size), slice(m - size, m)
        least = np.min(size * p[last] / np.arange(1, size + 1))
        adjusted[last] = np.maximum(adjusted[last], least)
        adjusted[first] = np.maximum(adjusted[first], np.minimum(least, size * p[first]))
    return adjusted
