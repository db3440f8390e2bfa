"""Is a pair met more often than chance? Dunning's G² (1993) and Benjamini & Hochberg's correction (1995)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

__all__ = ["false_discoveries", "g2"]


def g2(
    joint: NDArray[np.number], first: NDArray[np.number], second: NDArray[np.number], total: int
) -> NDArray[np.float64]:
    """Dunning's G² of 2 x 2 tables from joint counts, marginal counts and the number of baskets."""
    a = np.asarray(joint, np.float64)
    b, c = first - a, second - a
    cells = (a, b, c, total - a - b - c)
    rows, cols = (a + b, total - a - b), (a + c, total - a - c)
    inner = sum(xlogy(x, x) for x in cells)
    outer = sum(xlogy(x, x) for x in (*rows, *cols))
    return np.asarray(np.maximum(2.0 * (inner - outer + xlogy(total, total)), 0.0))


def false_discoveries(p: NDArray[np.floating], tests: int | None = None) -> NDArray[np.float64]:
    """Benjamini and Hochberg's adjusted p-values; `tests` counts those left out too (taken as larger than all)."""
    order = np.argsort(p, kind="stable")
    ranks = np.arange(1, len(p) + 1)
    scaled = p[order] * (tests or len(p)) / ranks
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
