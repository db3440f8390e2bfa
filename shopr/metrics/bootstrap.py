"""Bootstrap intervals for means over users, paired where two models are compared (Efron & Tibshirani 1993).

All replicates of all columns come from one product of resampling counts with the values, in blocks of bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["Interval", "Method", "Scheme", "compare", "interval", "paired", "paired_table", "replicates"]

Method = Literal["bca", "percentile"]
Scheme = Literal["multinomial", "poisson"]
BLOCK_CELLS = 2**22
"""Resampling counts that one block may hold."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its bootstrap interval.

    Attributes:
        mean: of the values, or of the paired differences.
        low, high: the interval at `level`.
        p_value: two-sided, for a true mean of zero: the level at which the interval would just touch zero.
        n: users with a value (in both, where paired).
        level: such as .95.
        method: how the interval was made.
    """

    mean: float
    low: float
    high: float
    p_value: float
    n: int
    level: float
    method: Method

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def interval(
    values: NDArray[np.floating],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    method: Method = "bca",
    scheme: Scheme = "multinomial",
    seed: int = DEFAULT_SEED,
) -> Interval:
    """The mean of `values` over users, NaN left out, with its interval.

    Args:
        level: within (0, 1).
        resamples: bootstrap replicates, >= 100.
        method: `bca`, bias-corrected and accelerated, or `percentile`.
        scheme: `multinomial` draws n users with replacement; `poisson` draws each user's count from Poisson(1), which
            needs no total and so fits streams and very many users.
        seed: the same seed gives the same interval.

    Raises:
        InputError: if fewer than two users have a value, or a setting is out of bounds.
    """
    if not 0 < level < 1:
        raise InputError(f"level {level} is not within (0, 1)", hint="Use .95")
    if resamples < 100:
        raise InputError(f"{resamples} resamples are too few for an interval", hint="Use 1000 or more")
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if len(known) < 2:
        raise InputError(f"{len(known)} users with a value; an interval needs 2", hint="Evaluate more users")
    means = replicates(known[:, None], resamples=resamples, scheme=scheme, seed=seed)[:, 0]
    return _summarise(known, np.sort(means), level, method)


def paired(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    method: Method = "bca",
    scheme: Scheme = "multinomial",
    seed: int = DEFAULT_SEED,
) -> Interval:
    """The mean of a - b over the users that have both, with its interval and p-value; settings as in `interval`.

    Raises:
        InputError: if the shapes differ, or as `interval`.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"values of shapes {a.shape} and {b.shape} are not paired", hint="Evaluate the same users")
    return interval(a - b, level=level, resamples=resamples, method=method, scheme=scheme, seed=seed)


def compare(
    candidate: Mapping[str, NDArray[np.floating]],
    baseline: Mapping[str, NDArray[np.floating]],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = DEFAULT_SEED,
) -> dict[str, Interval]:
    """Paired BCa intervals of candidate minus baseline for each measure that both have (see `ranking.evaluate`)."""
    shared = [name for name in candidate if name in baseline]
    return {
        name: paired(candidate[name], baseline[name], level=level, resamples=resamples, seed=seed) for name in shared
    }


def paired_table(
    frame: pd.DataFrame, *, unit: str, group: str, value: str, reference: str, seed: int = DEFAULT_SEED
) -> pd.DataFrame:
    """Each group against a reference over the same units, from a long table of one row a unit and group.

    Args:
        frame: has the columns `unit`, `group` and `value`; a unit and group occur together once at most.
        reference: the group that others are held against.

    Returns:
        One row a group, in the order they occur: `group`, `mean`; then of the paired difference to the reference
        `estimate`, `lo`, `hi` (95 %) and `p` (all NaN for the reference itself); then `n`, the pairs.

    Raises:
        InputError: if the reference does not occur, or as `interval`.
    """
    wide = frame.pivot(index=unit, columns=group, values=value).astype("float64")
    if reference not in wide.columns:
        raise InputError(
            f"group {reference!r} does not occur", hint=f"Choose among {', '.join(map(str, wide.columns))}"
        )
    base = wide[reference].to_numpy()
    rows: list[dict[str, Any]] = []
    for name in frame[group].unique():
        values = wide[name].to_numpy()
        row: dict[str, Any] = {group: name, "mean": float(np.nanmean(values))}
        if name == reference:
            row |= {"estimate": np.nan, "lo": np.nan, "hi": np.nan, "p": np.nan, "n": int((~np.isnan(base)).sum())}
        else:
            found = paired(values, base, seed=seed)
            row |= {"estimate": found.mean, "lo": found.low, "hi": found.high, "p": found.p_value, "n": found.n}
        rows.append(row)
    return pd.DataFrame(rows)


def replicates(
    values: NDArray[np.floating],
    *,
    resamples: int = 2000,
    scheme: Scheme = "multinomial",
    seed: int = DEFAULT_SEED,
) -> NDArray[np.float64]:
    """Bootstrap replicates of column means.

    Args:
        values: shape (n, m), no NaN; all columns share the resampled users.

    Returns:
        Shape (resamples, m).
    """
    values = np.asarray(values, np.float64)
    blocks = [
        (counts @ values) / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
        for counts in _counts(len(values), resamples, scheme, seed)
    ]
    return np.concatenate(blocks)


def _counts(n: int, resamples: int, scheme: Scheme, seed: int) -> Iterator[NDArray[np.float64]]:
    """Blocks (rows, n) of how often each user is drawn in each replicate."""
    rng = generator(seed, "bootstrap", scheme)
    rows = max(1, BLOCK_CELLS // n)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        if scheme == "poisson":
            yield rng.poisson(1.0, (size, n)).astype(np.float64)
        else:
            drawn = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
            yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def _summarise(values: NDArray[np.float64], means: NDArray[np.float64], level: float, method: Method) -> Interval:
    """The interval from sorted replicates; BCa after Efron 1987, with a mean's acceleration in closed form."""
    mean, count = float(values.mean()), len(means)
    centred = values - mean
    spread = float((centred**2).sum())
    if spread <= 1e-24 * max(1.0, mean * mean) * len(values):  # all users agree
        p_value = 1.0 if mean == 0 else 1.0 / (count + 1)
        return Interval(mean, mean, mean, p_value, len(values), level, method)
    bias = acceleration = 0.0
    if method == "bca":
        bias = float(ndtri(_share_below(means, mean)))
        acceleration = float((centred**3).sum()) / (6.0 * spread**1.5)
    tails = ndtri(np.array([(1 - level) / 2, (1 + level) / 2])) + bias
    share = ndtr(bias + tails / (1.0 - acceleration * tails))
    low, high = np.quantile(means, share)
    # The same map read backwards: the tail at which the limit would be zero.
    z = float(ndtri(_share_below(means, 0.0))) - bias
    tail = float(ndtr(z / (1.0 + acceleration * z) - bias))
    p_value = min(1.0, 2.0 * min(tail, 1.0 - tail))
    return Interval(mean, float(low), float(high), max(p_value, 1.0 / (count + 1)), len(values), level, method)


def _share_below(means: NDArray[np.float64], value: float) -> float:
    """Share of sorted replicates below `value`, ties counting half, kept off 0 and 1."""
    below = (np.searchsorted(means, value, "left") + np.searchsorted(means, value, "right")) / 2
    return float((below + 0.5) / (len(means) + 1))
