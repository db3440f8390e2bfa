"""The best k of each row, deterministic under ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["top_k"]

_GROUP = 16
"""Columns that share one maximum in the first pass over wide rows."""
_WIDE = 4 * _GROUP
"""Columns for each of the best from which that first pass pays."""


def top_k(scores: NDArray[np.floating], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Columns of the k largest scores of each row, best first; equal scores are ordered by column.

    Args:
        scores: shape (n, m); -inf marks what must not be returned.
        k: how many; rows with fewer finite scores are padded with code -1 and score -inf.

    Returns:
        codes (n, k) int32 and scores (n, k) float32.
    """
    n, m = scores.shape
    width = min(k, m)
    codes = np.full((n, k), -1, np.int32)
    best = np.full((n, k), -np.inf, np.float32)
    if width == 0 or n == 0:
        return codes, best
    if m >= width * _WIDE:
        picked, values = _by_groups(scores, width)
    else:
        picked, values = _partition(scores, width)
    order = np.argsort(-values, axis=1, kind="stable")
    best[:, :width] = np.take_along_axis(values, order, axis=1)
    codes[:, :width] = np.take_along_axis(picked, order, axis=1)
    codes[~np.isfinite(best)] = -1
    best[codes < 0] = -np.inf
    return codes, best


def _partition(scores: NDArray[np.floating], width: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The `width` best columns of each row, rising, and their scores; of columns tied at the edge the lowest."""
    n, m = scores.shape
    if width == m:
        return np.broadcast_to(np.arange(m), (n, m)), scores
    picked = np.argpartition(scores, m - width, axis=1)[:, m - width :]
    picked.sort(axis=1)
    values = np.take_along_axis(scores, picked, axis=1)
    # argpartition may keep any of the columns tied at the boundary; take the lowest ones instead.
    edge = values.min(axis=1, keepdims=True)
    tied = np.flatnonzero((scores == edge).sum(axis=1) > (values == edge).sum(axis=1))
    for row in tied:
        above = np.flatnonzero(scores[row] > edge[row])
        level = np.flatnonzero(scores[row] == edge[row])[: width - len(above)]
        picked[row] = np.sort(np.concatenate([above, level]))
    if len(tied):
        values = np.take_along_axis(scores, picked, axis=1)
    return picked, values


def _by_groups(scores: NDArray[np.floating], width: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """`_partition` for wide rows, several times faster: only groups of columns with a large maximum are looked into.

    Group g holds the columns g, g + groups, g + 2 groups, …, so that the maxima are a few whole-row operations. The
    `width` best columns lie in the `width` groups with the largest maxima, unless groups are tied at the edge: such
    rows go the slow way.
    """
    n, m = scores.shape
    groups = -(-m // _GROUP)
    maxima = scores[:, :groups].copy()
    for start in range(groups, m, groups):
        part = scores[:, start : start + groups]
        np.maximum(maxima[:, : part.shape[1]], part, out=maxima[:, : part.shape[1]])
    leading = np.argpartition(maxima, groups - width, axis=1)[:, groups - width :]
    # Every column that scores at least as much as the least of these maxima counts as a candidate's rival.
    least = np.take_along_axis(maxima, leading, axis=1).min(axis=1, keepdims=True)
    clear = ((maxima >= least).sum(axis=1) == width) & np.isfinite(least[:, 0])
    candidates = (leading[:, :, None] + np.arange(0, m, groups)).reshape(n, -1)
    candidates.sort(axis=1)
    inside = candidates < m
    values = np.take_along_axis(scores, np.where(inside, candidates, 0), axis=1)
    values[~inside] = -np.inf
    place, best = _partition(values, width)
    picked = np.take_along_axis(candidates, place, axis=1)
    if not clear.all():
        picked[~clear], best[~clear] = _partition(scores[~clear], width)
    return picked, best
