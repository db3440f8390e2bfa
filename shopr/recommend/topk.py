"""The best k of each row, deterministic under ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["top_k"]


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
    if width < m:
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
    else:
        picked = np.broadcast_to(np.arange(m), (n, m))
        values = scores
    order = np.argsort(-values, axis=1, kind="stable")
    best[:, :width] = np.take_along_axis(values, order, axis=1)
    codes[:, :width] = np.take_along_axis(picked, order, axis=1)
    codes[~np.isfinite(best)] = -1
    best[codes < 0] = -np.inf
    return codes, best
