"""Weighted ridge regressions of many rows at once: one half-step of alternating least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["ridge_rows", "row_system", "solve_rows"]

BLOCK_FLOATS = 2**22
"""Numbers that one padded block of gathered factors may hold."""


def solve_rows(
    confidence: sparse.csr_matrix,
    factors: NDArray[np.floating],
    penalty: NDArray[np.floating] | float,
    gram: NDArray[np.floating] | None = None,
) -> NDArray[np.floating]:
    """Exact user side of implicit-feedback ALS (Hu, Koren & Volinsky 2008, eq. 4) for every row.

    Row u minimises sum_i c_ui (p_ui - x . y_i)^2 + penalty_u |x|^2 over all items i, where p_ui = 1 and c_ui is the
    stored value for stored pairs, and p_ui = 0, c_ui = 1 for all others.

    Args:
        confidence: CSR (n, m), values >= 1.
        factors: shape (m, d): y.
        penalty: shape (n,) or one number, > 0.
        gram: shape (d, d), `factors.T @ factors` where the caller has it already.

    Returns:
        Shape (n, d) in the precision of `factors`; rows without entries are zero.
    """
    gram = factors.T @ factors if gram is None else gram
    return _solve(confidence, factors, penalty, gram, confidence.data, confidence.data - 1.0)


def ridge_rows(
    targets: sparse.csr_matrix, factors: NDArray[np.floating], penalty: NDArray[np.floating] | float
) -> NDArray[np.floating]:
    """Row u minimises sum over its stored pairs of (t_ui - x . y_i)^2, plus penalty_u |x|^2; shape (n, d)."""
    nothing = np.zeros((factors.shape[1], factors.shape[1]), factors.dtype)
    return _solve(targets, factors, penalty, nothing, targets.data, np.ones_like(targets.data))


def row_system(
    confidence: sparse.csr_matrix, factors: NDArray[np.floating], penalty: float
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """One row of `solve_rows`: its matrix (d, d), and c_j y_j of each stored pair (nnz, d), summing to the right."""
    y = factors[confidence.indices]
    matrix = factors.T @ factors + (y * (confidence.data - 1.0)[:, None]).T @ y
    return matrix + penalty * np.eye(factors.shape[1]), y * confidence.data[:, None]


def _solve(  # noqa: PLR0917 - one internal seam of two public functions
    matrix: sparse.csr_matrix,
    factors: NDArray[np.floating],
    penalty: NDArray[np.floating] | float,
    gram: NDArray[np.floating],
    targets: NDArray[np.floating],
    weights: NDArray[np.floating],
) -> NDArray[np.floating]:
    """Solve (gram + sum_j w_j y_j y_j^T + penalty I) x = sum_j t_j y_j for each row, rows of like length together."""
    n, d = matrix.shape[0], factors.shape[1]
    out = np.zeros((n, d), factors.dtype)
    penalties = np.broadcast_to(np.asarray(penalty, factors.dtype), (n,))
    lengths = np.diff(matrix.indptr)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    eye = np.eye(d, dtype=factors.dtype)
    start = 0
    while start < len(order):
        stop = int(np.searchsorted(lengths[order], 1.2 * lengths[order[start]] + 4, side="right"))
        width = int(lengths[order[stop - 1]])
        stop = min(stop, start + max(1, BLOCK_FLOATS // (max(width, d) * d)))
        rows = order[start:stop]
        width = int(lengths[rows].max())
        place = matrix.indptr[rows].astype(np.int64)[:, None] + np.arange(width)
        inside = np.arange(width) < lengths[rows][:, None]
        place = np.where(inside, place, 0)
        y = factors[matrix.indices[place]]
        w = np.where(inside, weights[place], 0).astype(factors.dtype)
        t = np.where(inside, targets[place], 0).astype(factors.dtype)
        system = np.matmul((y * w[:, :, None]).transpose(0, 2, 1), y)
        system += gram + penalties[rows][:, None, None] * eye
        right = np.matmul(t[:, None, :], y).transpose(0, 2, 1)
        out[rows] = np.linalg.solve(system, right)[:, :, 0]
        start = stop
    return out
