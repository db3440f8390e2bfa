"""Weighted ridge regressions of many rows at once: one half-step of alternating least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import blas, lapack

from shopr.recommend.contract.explain import entries_of

__all__ = ["influences", "ridge_rows", "solve_rows"]

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


def influences(  # noqa: PLR0917 - the operands of one formula
    confidence: sparse.csr_matrix,
    factors: NDArray[np.floating],
    penalty: NDArray[np.floating],
    gram: NDArray[np.floating],
    rows: NDArray[np.int64],
    items: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """What each entry of a row adds to the row's score of an item (Hu, Koren & Volinsky 2008, section 5).

    With A the matrix of the row's system in `solve_rows`, the score of i is sum_j y_i' A^-1 y_j c_j. One factorisation
    a row serves all its items.

    Args:
        confidence, factors, penalty, gram: as `solve_rows`.
        rows, items: shape (p,), the pairs asked for.

    Returns:
        Which pair, which entry of `confidence`, how much; pair after pair.
    """
    pair, entry = entries_of(confidence, rows)
    values = np.empty(len(entry))
    lengths = np.diff(confidence.indptr)
    first = np.cumsum(lengths[rows]) - lengths[rows]
    order = np.argsort(rows, kind="stable")
    square = gram.astype(np.float64)
    for places in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1) if len(rows) else []:
        row = int(rows[places[0]])
        own = slice(confidence.indptr[row], confidence.indptr[row + 1])
        strength = confidence.data[own].astype(np.float64)[:, None]
        y = factors[confidence.indices[own]].astype(np.float64)
        system = square + (y * (strength - 1.0)).T @ y + float(penalty[row]) * np.eye(len(square))
        solved = np.linalg.solve(system, factors[items[places]].astype(np.float64).T)
        values[first[places][:, None] + np.arange(len(y))] = ((y * strength) @ solved).T
    return pair, entry, values


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
    if n == 1 and matrix.nnz:
        out[0] = _solve_one(factors[matrix.indices], float(penalties[0]), gram, targets, weights)
        return out
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


def _solve_one(
    y: NDArray[np.floating],
    penalty: float,
    gram: NDArray[np.floating],
    targets: NDArray[np.floating],
    weights: NDArray[np.floating],
) -> NDArray[np.floating]:
    """One row of `_solve`, by Cholesky: what a reply to one shopper waits for. `y` has the factors of its entries."""
    # One triangle is enough: half the products, and the sum with `gram` in the same call.
    scaled = y * np.sqrt(weights, dtype=y.dtype)[:, None]
    single = y.dtype == np.float32
    system = (blas.ssyrk if single else blas.dsyrk)(1.0, scaled.T, beta=1.0, c=gram.T)
    system.ravel(order="K")[:: len(system) + 1] += y.dtype.type(penalty)
    right = targets.astype(y.dtype) @ y
    _, found, failed = (lapack.sposv if single else lapack.dposv)(system, right, overwrite_a=0)
    whole = np.triu(system) + np.triu(system, 1).T if failed else None
    solved: NDArray[np.floating] = found if whole is None else np.linalg.solve(whole, right)
    return solved
