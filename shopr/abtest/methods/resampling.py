"""Bootstrap and permutation: for statistics without a formula, and to check those that have one.

Arms are resampled independently. Means and ratios may be resampled by weights (Poisson or multinomial counts, Chamandy
et al. 2012), one matrix product a batch; any other statistic by indices. Rows must be what was randomised: for sessions
nested in users give one row a user (numerator, denominator) and the ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from shopr.abtest.checks import Alternative, alternative, one_of, positive, share
from shopr.errors import InputError

__all__ = ["BootstrapInterval", "PermutationTest", "bootstrap", "permutation_test"]

Floats = NDArray[np.float64]
Statistic = Literal["mean", "ratio"] | Callable[..., Any]
METHODS = ("percentile", "basic", "bca", "normal")
SCHEMES = ("index", "poisson", "multinomial")
_CELLS = 4_000_000
"""Most cells of a batch of resamples, so that memory stays bounded."""


@dataclass(frozen=True)
class BootstrapInterval:
    """A difference (or lift) with an interval from its resamples.

    Attributes:
        control, treatment: the statistic in each arm.
        estimate: difference or lift; `se`: standard deviation of the resamples.
        lo, hi: interval; `p`: two-sided share of resamples on the other side of zero, at least 1 / resamples.
        resamples: how many.
    """

    control: float
    treatment: float
    estimate: float
    se: float
    lo: float
    hi: float
    p: float
    resamples: int


@dataclass(frozen=True)
class PermutationTest:
    """Difference, and the share of relabellings at least as extreme: (1 + count) / (1 + permutations)."""

    estimate: float
    p: float
    permutations: int


def bootstrap(
    control: ArrayLike,
    treatment: ArrayLike,
    statistic: Statistic = "mean",
    *,
    resamples: int = 2000,
    method: str = "bca",
    scheme: str = "index",
    relative: bool = False,
    side: Alternative | str = "two-sided",
    alpha: float = 0.05,
    seed: int | np.random.Generator = 0,
) -> BootstrapInterval:
    """Interval of a difference by resampling units.

    Args:
        control, treatment: values, shape (units,); for "ratio" (units, 2): numerator, denominator.
        statistic: "mean", "ratio", or a function of (values, axis=) such as numpy.median.
        resamples: how many.
        method: "percentile", "basic" (reversed), "bca" (Efron 1987, corrected for bias and skew), "normal".
        scheme: "index"; "poisson" or "multinomial" weights, for mean and ratio only, faster on large arms.
        relative: the lift as a share of the control instead of the difference.
        side: "greater" and "less" leave one end open.
        seed: a seed, or a generator to draw from.

    A missing value makes everything NaN: drop missing values first.
    """
    share("alpha", alpha)
    positive("resamples", resamples)
    chosen = alternative(side)
    one_of("bootstrap method", method, METHODS)
    if one_of("resampling scheme", scheme, SCHEMES) != "index" and callable(statistic):
        raise InputError(f"scheme {scheme!r} works for mean and ratio only", hint="Use scheme 'index'")
    a, b = _rows(control, statistic), _rows(treatment, statistic)
    one, other = (float(_value(x[None], statistic)[0]) for x in (a, b))
    estimate = float(_compare(np.asarray(one), np.asarray(other), relative))
    if not np.isfinite(one) or not np.isfinite(other):
        nan = float("nan")
        return BootstrapInterval(one, other, estimate, nan, nan, nan, nan, resamples)
    rng = np.random.default_rng(seed) if isinstance(seed, int) else seed
    draws = np.concatenate(
        [
            _compare(_resampled(a, size, statistic, scheme, rng), _resampled(b, size, statistic, scheme, rng), relative)
            for size in _batches(resamples, max(len(a), len(b)))
        ]
    )
    lo, hi = _interval(draws, estimate, (a, b), statistic, relative=relative, method=method, side=chosen, alpha=alpha)
    beyond = min(np.mean(draws <= 0), np.mean(draws >= 0)) if np.isfinite(draws).all() else np.nan
    p = float(min(1.0, 2 * max(beyond, 1 / resamples))) if np.isfinite(beyond) else np.nan
    se = float(np.std(draws, ddof=1)) if np.isfinite(draws).all() else np.nan
    return BootstrapInterval(one, other, estimate, se, lo, hi, p, resamples)


def permutation_test(
    control: ArrayLike,
    treatment: ArrayLike,
    statistic: Statistic = "mean",
    *,
    permutations: int = 2000,
    side: Alternative | str = "two-sided",
    seed: int | np.random.Generator = 0,
) -> PermutationTest:
    """Test that the arms have one distribution, by relabelling units (Phipson & Smyth 2010 for the p-value)."""
    chosen = alternative(side)
    positive("permutations", permutations)
    a, b = _rows(control, statistic), _rows(treatment, statistic)
    pooled = np.concatenate([a, b])
    observed = float(_value(b[None], statistic)[0] - _value(a[None], statistic)[0])
    if not np.isfinite(observed):
        return PermutationTest(observed, np.nan, permutations)
    rng = np.random.default_rng(seed) if isinstance(seed, int) else seed
    extreme = 0
    # Relabellings that tie with the one observed count as extreme; rounding must not decide.
    slack = 1e-12 * max(1.0, abs(observed))
    for size in _batches(permutations, len(pooled)):
        order = rng.permuted(np.broadcast_to(np.arange(len(pooled)), (size, len(pooled))), axis=1)
        gap = _value(pooled[order[:, len(a) :]], statistic) - _value(pooled[order[:, : len(a)]], statistic)
        reach = {"two-sided": np.abs(gap) - abs(observed), "greater": gap - observed, "less": observed - gap}[chosen]
        extreme += int((reach >= -slack).sum())
    return PermutationTest(observed, (1 + extreme) / (1 + permutations), permutations)


def _rows(values: ArrayLike, statistic: Statistic) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    wanted = 2 if statistic == "ratio" else 1
    if array.ndim != wanted or not len(array):
        shape = "(units, 2)" if wanted == 2 else "(units,)"
        raise InputError(f"values of shape {array.shape} are not {shape} with at least one unit", hint="Reshape them")
    return array


def _batches(resamples: int, units: int) -> Iterator[int]:
    size = max(1, min(resamples, _CELLS // max(units, 1)))
    done = 0
    while done < resamples:
        yield min(size, resamples - done)
        done += size


def _value(rows: Floats, statistic: Statistic) -> Floats:
    """The statistic of each resample, shape (resamples, units[, 2])."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if statistic == "ratio":
            sums = rows.sum(axis=1)
            return np.asarray(sums[:, 0] / sums[:, 1])
        if callable(statistic):
            return np.asarray(statistic(rows, axis=-1), dtype=np.float64)
        return np.asarray(rows.mean(axis=1))


def _resampled(rows: Floats, size: int, statistic: Statistic, scheme: str, rng: np.random.Generator) -> Floats:
    n = len(rows)
    if scheme == "index":
        return _value(rows[rng.integers(0, n, (size, n))], statistic)
    if scheme == "poisson":
        weights = rng.poisson(1.0, (size, n)).astype(np.float64)
    else:
        weights = rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)
    sums = weights @ rows
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1] if statistic == "ratio" else sums / weights.sum(axis=1))


def _compare(control: Floats, treatment: Floats, relative: bool) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((treatment - control) / np.abs(control) if relative else treatment - control)


def _interval(
    draws: Floats,
    estimate: float,
    arms: tuple[Floats, Floats],
    statistic: Statistic,
    *,
    relative: bool,
    method: str,
    side: Alternative,
    alpha: float,
) -> tuple[float, float]:
    if not np.isfinite(draws).all() or not np.isfinite(estimate):
        return np.nan, np.nan
    low, high = {"two-sided": (alpha / 2, 1 - alpha / 2), "greater": (alpha, 1.0), "less": (0.0, 1 - alpha)}[side]
    if method == "normal":
        spread = float(np.std(draws, ddof=1))
        lo, hi = estimate + special.ndtri(low) * spread, estimate + special.ndtri(high) * spread
    else:
        if method == "bca":
            low, high = _bca(draws, estimate, arms, statistic, relative=relative, levels=(low, high))
        if method == "basic":
            hi, lo = 2 * estimate - np.quantile(draws, [1 - high, 1 - low])
        else:
            lo, hi = np.quantile(draws, [low, high])
    return (-np.inf if side == "less" else float(lo)), (np.inf if side == "greater" else float(hi))


def _bca(
    draws: Floats,
    estimate: float,
    arms: tuple[Floats, Floats],
    statistic: Statistic,
    *,
    relative: bool,
    levels: tuple[float, float],
) -> tuple[float, float]:
    """The levels of the percentile interval, corrected for bias and acceleration."""
    below = (np.sum(draws < estimate) + 0.5 * np.sum(draws == estimate)) / len(draws)
    bias = special.ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    pull = np.concatenate(_influence(arms, statistic, relative))
    size = np.sum(pull**2) ** 1.5
    acceleration = np.sum(pull**3) / (6 * size) if size > 0 else 0.0
    z = special.ndtri(np.asarray(levels))
    with np.errstate(invalid="ignore"):
        moved = special.ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
    moved = np.where(np.isfinite(z), moved, levels)
    return float(moved[0]), float(moved[1])


def _influence(arms: tuple[Floats, Floats], statistic: Statistic, relative: bool) -> list[Floats]:
    """What each unit (or group of units, in large arms) pulls the estimate by: the jackknife."""
    values = [float(_value(x[None], statistic)[0]) for x in arms]
    found = []
    for i, rows in enumerate(arms):
        parts = min(len(rows), 200) if callable(statistic) else len(rows)
        if parts < 2:
            found.append(np.zeros(1))
            continue
        if statistic == "mean":
            left = (rows.sum() - rows) / (len(rows) - 1)
        elif statistic == "ratio":
            rest = rows.sum(axis=0) - rows
            with np.errstate(invalid="ignore", divide="ignore"):
                left = rest[:, 0] / rest[:, 1]
        else:
            group = np.arange(len(rows)) % parts
            left = np.array([_value(rows[None, group != g], statistic)[0] for g in range(parts)])
        pair = [np.full(parts, v) for v in values]
        pair[i] = left
        gaps = _compare(pair[0], pair[1], relative)
        # A unit of a small arm pulls harder: the jackknife of an arm is scaled by its size.
        found.append((np.nanmean(gaps) - np.nan_to_num(gaps, nan=float(np.nanmean(gaps)))) * (parts - 1) / parts)
    return found
