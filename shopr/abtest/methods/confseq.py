"""Confidence sequences: intervals that hold at every look at once, however often and whenever one looks.

The normal mixture of Robbins 1970 in the asymptotic form of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021
(arXiv 2103.06476v7: equations 9, 134, 155, 161), and the polynomial stitched boundary of Howard, Ramdas, McAuliffe and
Sekhon 2021 (equation 10). Both need only an effect, its standard error and the number of units behind it at each look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.abtest.checks import ALTERNATIVES, Alternative, floats, one_of, positive, share
from shopr.errors import InputError

__all__ = ["TUNING", "ConfidenceSequence", "confidence_sequence", "mixture_variance", "sequence_radius"]

Floats = NDArray[np.float64]
Boundary = Literal["mixture", "stitched"]
BOUNDARIES: tuple[Boundary, ...] = ("mixture", "stitched")
TUNING = 5000.0
"""Units at which the interval is narrowest, unless told (GrowthBook's default)."""


@dataclass(frozen=True)
class ConfidenceSequence:
    """Arrays of the shape of the effects: the interval and the always-valid p-value at each look."""

    lo: Floats
    hi: Floats
    p: Floats


def mixture_variance(alpha: float, tuning: float = TUNING) -> float:
    """The variance of the mixing normal that makes the interval narrowest at `tuning` units (equation 161)."""
    share("alpha", alpha)
    positive("tuning", tuning)
    double = -2 * np.log(alpha)
    return float((double + np.log(double + 1)) / tuning)


def sequence_radius(
    n: ArrayLike,
    alpha: float = 0.05,
    *,
    tuning: float = TUNING,
    two_sided: bool = True,
    boundary: str = "mixture",
    variance: float | None = None,
) -> Floats:
    """Half the width of the interval in standard errors, at `n` units.

    Args:
        n: units behind the effect, all arms together, above 0.
        tuning: where the mixture is narrowest; for the stitched boundary, where it begins (it is flat before).
        two_sided: one limit on each side, or one with all the error.
        variance: of the mixing normal, in place of the one that `tuning` gives.
    """
    kind = one_of("boundary of a confidence sequence", boundary, BOUNDARIES)
    share("alpha", alpha)
    units = floats("n", n)
    if not np.all((units > 0) | np.isnan(units)):
        raise InputError(f"n {units[units <= 0].min()} is not above 0", hint="Give the units behind each effect")
    if kind == "stitched":
        side = alpha / 2 if two_sided else alpha
        age = np.maximum(units / positive("tuning", tuning), 1.0)
        squared = (
            (1.7 * np.sqrt(np.log(np.log(2 * age)) + 0.72 * np.log(5.2 / side))) ** 2
            * np.maximum(units, tuning)
            / units
        )
        return np.asarray(np.sqrt(squared), dtype=np.float64)
    mixed = units * (_variance(alpha, tuning, two_sided) if variance is None else positive("variance", variance))
    root = np.sqrt(mixed + 1)
    log = np.log(root / alpha) if two_sided else np.log1p(root / (2 * alpha))
    return np.asarray(np.sqrt(2 * (mixed + 1) / mixed * log), dtype=np.float64)


def confidence_sequence(
    effect: ArrayLike,
    standard_error: ArrayLike,
    n: ArrayLike,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    tuning: float = TUNING,
    boundary: str = "mixture",
    running: bool = False,
    null: float = 0.0,
) -> ConfidenceSequence:
    """Intervals and always-valid p-values at every look.

    Args:
        effect, standard_error, n: arrays that broadcast together; where `running`, looks on the last axis, in order of
            time. The approximation wants some dozens of units an arm at the first look.
        alternative: "two-sided"; "greater" has no upper limit, "less" no lower.
        running: intersect each interval with those before it and keep the smallest p-value (what a decision may use; it
            never widens, so it assumes that the effect does not change over time).
        null: the effect that the p-value tests.

    Returns:
        NaN where the effect or its standard error is missing or the standard error is not above 0.

    Raises:
        InputError: for n, alpha or tuning outside their bounds.
    """
    side = one_of("alternative", alternative, ALTERNATIVES)
    two_sided = side == "two-sided"
    effects, errors, units = np.broadcast_arrays(
        floats("effect", effect), floats("standard error", standard_error), floats("n", n)
    )
    errors = np.where(errors > 0, errors, np.nan)
    kind = one_of("boundary of a confidence sequence", boundary, BOUNDARIES)
    radius = sequence_radius(units, alpha, tuning=tuning, two_sided=two_sided, boundary=kind) * errors
    lo = effects - (radius if side != "less" else np.where(np.isnan(radius), np.nan, np.inf))
    hi = effects + (radius if side != "greater" else np.where(np.isnan(radius), np.nan, np.inf))
    z = (effects - null) / errors
    distance = {"two-sided": np.abs(z), "greater": z, "less": -z}[side]
    p = (
        _stitched_p(distance, units, tuning, two_sided)
        if kind == "stitched"
        else _mixture_p(distance, units * _variance(alpha, tuning, two_sided), two_sided)
    )
    if running:
        lo, hi = np.fmax.accumulate(lo, axis=-1), np.fmin.accumulate(hi, axis=-1)
        p = np.fmin.accumulate(p, axis=-1)
    return ConfidenceSequence(lo, hi, p)


def _variance(alpha: float, tuning: float, two_sided: bool) -> float:
    # The one-sided sequence is tuned as the two-sided one of twice the error.
    return mixture_variance(alpha if two_sided else min(2 * alpha, 0.999), tuning)


def _mixture_p(distance: Floats, mixed: Floats, two_sided: bool) -> Floats:
    """The level at which the interval just touches the null: 1 over the mixture's likelihood ratio (equation 155)."""
    exponent = np.square(distance) * mixed / (2 * (mixed + 1))
    half_log = 0.5 * np.log1p(mixed)
    if two_sided:
        return np.asarray(np.exp(np.minimum(half_log - exponent, 0.0)), dtype=np.float64)
    with np.errstate(over="ignore", divide="ignore"):
        log_p = half_log - np.log(2.0) - exponent - np.log(-np.expm1(-exponent))
    return np.where(np.isnan(distance), np.nan, np.where(distance > 0, np.exp(np.minimum(log_p, 0.0)), 1.0))


def _stitched_p(distance: Floats, units: Floats, tuning: float, two_sided: bool) -> Floats:
    age = np.maximum(units / tuning, 1.0)
    squared = np.square(np.maximum(distance, 0.0)) * units / np.maximum(units, tuning)
    log_side = np.log(5.2) - (squared / 1.7**2 - np.log(np.log(2 * age))) / 0.72
    return np.asarray(np.exp(np.minimum(log_side + (np.log(2.0) if two_sided else 0.0), 0.0)), dtype=np.float64)
