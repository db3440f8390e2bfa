"""Ranges of [0, 1) for the arms of a test, and the arm into which a number falls.

Arm i owns [c, c + coverage * w) where c is the sum of the weights before it: raising the coverage widens every range
and moves no one from arm to arm, which is why a ramp is made by coverage and never by weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.errors import InputError

__all__ = ["bucket_ranges", "choose", "equal_weights"]

_SLACK = 0.01  # how far weights may sum from 1 before GrowthBook's SDKs replace them by equal ones


def equal_weights(n: int) -> list[float]:
    """`n` equal weights that sum to 1; none for n < 1."""
    return [1 / n] * n if n >= 1 else []


def bucket_ranges(
    n: int, coverage: float = 1.0, weights: Sequence[float] | None = None, *, strict: bool = True
) -> NDArray[np.float64]:
    """The range of each of `n` arms, shape (n, 2), half-open.

    Args:
        coverage: share of units that take part.
        weights: share of each arm among those; equal if None.
        strict: refuse what does not fit. If False, mend it as GrowthBook's SDKs do: coverage is clamped to 0 … 1,
            weights of a wrong number or sum are replaced by equal ones.

    Raises:
        InputError: if `strict` and the coverage or the weights do not fit.
    """
    if strict:
        _check(n, coverage, weights)
    if weights is None or len(weights) != n or abs(sum(weights) - 1) > _SLACK:
        weights = equal_weights(n)
    coverage = min(max(coverage, 0.0), 1.0)
    shares = np.asarray(weights, dtype=np.float64)
    starts = np.concatenate(([0.0], np.cumsum(shares)[:-1])) if n else np.empty(0)
    return np.column_stack((starts, starts + coverage * shares))


def choose(at: ArrayLike, ranges: ArrayLike) -> NDArray[np.int64]:
    """The first range that holds each number, -1 where none does.

    Args:
        at: numbers in [0, 1), shape (n,).
        ranges: shape (arms, 2), half-open.
    """
    numbers, bounds = np.atleast_1d(np.asarray(at, dtype=np.float64)), np.asarray(ranges, dtype=np.float64)
    chosen = np.full(len(numbers), -1, dtype=np.int64)
    for index, (low, high) in reversed(list(enumerate(bounds.reshape(-1, 2)))):
        chosen[(numbers >= low) & (numbers < high)] = index
    return chosen


def _check(n: int, coverage: float, weights: Sequence[float] | None) -> None:
    if n < 1:
        raise InputError(f"{n} arms is fewer than 1", hint="Name at least one arm")
    if not 0 <= coverage <= 1:
        raise InputError(f"coverage {coverage} is outside 0 … 1", hint="Give the share of units that take part")
    if weights is None:
        return
    if len(weights) != n:
        raise InputError(f"{len(weights)} weights for {n} arms", hint="Give one weight an arm")
    if not all(np.isfinite(w) and w >= 0 for w in weights):
        raise InputError(f"weights {list(weights)} hold a negative or missing one", hint="Give weights of 0 or more")
    if abs(sum(weights) - 1) > 1e-9:
        raise InputError(f"weights {list(weights)} sum to {sum(weights):.6g}, not 1", hint="Divide them by their sum")
