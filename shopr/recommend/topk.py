"""The best k of each row, deterministic under ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["top_k"]

_GROUPS = ((64, 16), (32, 8))
"""Columns for each of the best from which a first pass over wide rows pays, and how many share one maximum in it."""


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
    group = next((size for least, size in _GROUPS if m >= least * width), None)
    picked, values = _partition(scores, width) if group is None else _by_groups(scores, width, group)
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
    # Values alone are partitioned in half the time that their places take.
    edge = np.partition(scores, m - width, axis=1)[:, m - width, None]
    keep = scores >= edge
    cells = np.flatnonzero(keep)
    if len(cells) < n * width:  # NaN is sorted as the largest, and is not above the edge
        return _partition(np.where(np.isnan(scores), -np.inf, scores), width)
    if len(cells) > n * width:
        tied = np.flatnonzero(np.count_nonzero(keep, axis=1) > width)
        part = scores[tied]
        above, level = part > edge[tied], part == edge[tied]
        room = width - np.count_nonzero(above, axis=1)[:, None]
        keep[tied] = above | (level & (np.cumsum(level, axis=1) <= room))
        cells = np.flatnonzero(keep)
    picked = cells.reshape(n, width) - m * np.arange(n)[:, None]
    return picked, np.take_along_axis(scores, picked, axis=1)


def _by_groups(scores: NDArray[np.floating], width: int, group: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """`_partition` for wide rows, several times faster: only groups of columns with a large maximum are looked into.

    Group g holds the columns g, g + groups, g + 2 groups, …, so that the maxima are a few whole-row operations. The
    `width` best columns lie in the `width` groups with the largest maxima, unless groups are tied at the edge: such
    rows go the slow way.
    """
    n, m = scores.shape
    groups = -(-m // group)
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
