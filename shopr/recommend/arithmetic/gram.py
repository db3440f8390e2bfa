"""Item-by-item Gram matrices of weighted histories, and the closed-form item regressions that are solved from them.

One dense square is held at a time, made and solved in place; what goes into it is cut into blocks of bounded size.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import blas, lapack

from shopr.errors import CapacityError
from shopr.recommend.contract.memory import budget

__all__ = [
    "MEMORY_GB",
    "add_sparse",
    "check_square",
    "gram",
    "gram_seconds",
    "mirror",
    "regression",
    "scale",
    "user_blocks",
]

MEMORY_GB = 6.0
"""Memory up to which the search for a model tries dense item-by-item models."""
_SPARSE_PAIR = 8e-9
_PANEL_CELL = 1.8e-10
_DENSE_FLOP = 2.5e-11
"""Rough seconds for one pair of a sparse product, one multiply-add of a sparse matrix with dense panels, and one of a
dense product; only their ratios matter."""
_PANEL = 256
"""Columns of a panel."""
_BLOCK_CELLS = 2**21
"""Cells of one block of a product: 8 MiB dense in float32; as CSR in float64 at most 24 MiB."""
_SCATTERED = 16
"""Cells of a dense block that are added in the time of one scattered entry."""


def check_square(name: str, n_items: int, copies: float, memory_gb: float | None) -> None:
    """Refuse a model that needs `copies` float32 squares of items at once: by the budget, or its own tighter bound.

    Raises:
        CapacityError: naming the size, the bound and models that need no such matrix.
    """
    need = copies * 4.0 * n_items**2
    bound = budget() if memory_gb is None else min(budget(), memory_gb * 1e9)
    if need > bound:
        raise CapacityError(
            f"{name} over {n_items:,} items needs {need / 1e9:.1f} GB for items x items, "
            f"its bound is {bound / 1e9:.3g} GB",
            hint="Use 'item_filter' or 'spectral', whose memory grows with the interactions, 'edlae' with head=8000, "
            "or raise SHOPR_MEMORY_BUDGET",
        )


def scale(
    matrix: sparse.csr_matrix, rows: NDArray[np.floating] | None, columns: NDArray[np.floating] | None
) -> sparse.csr_matrix:
    """CSR float32 of the same pattern: entry (u, i) times rows[u] times columns[i]."""
    data = matrix.data.astype(np.float32, copy=True)
    if rows is not None:
        data *= np.repeat(rows.astype(np.float32), np.diff(matrix.indptr))
    if columns is not None:
        data *= columns.astype(np.float32)[matrix.indices]
    return sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def gram(matrix: sparse.csr_matrix) -> NDArray[np.float32]:
    """Dense X'X, float32 (m, m) in Fortran order, both triangles filled; X is CSR (n, m).

    Short histories go through a sparse product, longer ones through a sparse product with dense panels, full ones
    through dense blocks, whichever costs least.
    """
    n, m = matrix.shape
    rows = max(1, _BLOCK_CELLS // max(m, 1))
    pairs, panels, dense = gram_seconds(matrix)
    if panels < min(pairs, dense):
        total = _by_panels(matrix.astype(np.float32, copy=False))
        mirror(total)
        return total.T
    if pairs < dense:
        total = np.zeros((m, m), np.float32)
        # A row is one long sum for each of its cells, which loses digits in float32.
        exact = matrix.astype(np.float64)
        columns = exact.T.tocsr()
        for start in range(0, m, rows):
            total[start : start + rows] = (columns[start : start + rows] @ exact).toarray()
        return total.T  # symmetric, so the transposed view is the same matrix in Fortran order
    upper = np.zeros((m, m), np.float32, order="F")
    for start in range(0, n, rows):
        block = matrix[start : start + rows].toarray()
        upper = blas.ssyrk(1.0, block.T, beta=1.0, c=upper, overwrite_c=1)
    mirror(upper)
    return upper


def gram_seconds(matrix: sparse.csr_matrix) -> tuple[float, float, float]:
    """Rough seconds of X'X by a sparse product, by dense panels and by dense blocks."""
    n, m = matrix.shape
    pairs = float((np.diff(matrix.indptr).astype(np.float64) ** 2).sum())
    return pairs * _SPARSE_PAIR, float(matrix.nnz) * m * _PANEL_CELL, n * float(m) ** 2 / 2 * _DENSE_FLOP


def _by_panels(matrix: sparse.csr_matrix) -> NDArray[np.float32]:
    """Upper triangle of X'X, C order: X' times dense panels of X's columns, of no more users than fit a block."""
    n, m = matrix.shape
    total = np.zeros((m, m), np.float32)
    users = max(1, 2 * _BLOCK_CELLS // _PANEL)
    for first in range(0, n, users):
        part = matrix[first : first + users] if n > users else matrix
        columns = part.tocsc()
        items = sparse.csr_matrix((columns.data, columns.indices, columns.indptr), shape=(m, part.shape[0]))
        for start in range(0, m, _PANEL):
            stop = min(start + _PANEL, m)
            panel = columns[:, start:stop].toarray(order="C")
            total[:stop, start:stop] += items[:stop] @ panel
    return total


def add_sparse(total: NDArray[np.float32], part: sparse.csr_matrix) -> None:
    """Add a CSR matrix (unique entries within a row) to a dense C-ordered one in place, by blocks of rows."""
    m = total.shape[1]
    rows = max(1, _BLOCK_CELLS // max(m, 1))
    for start in range(0, total.shape[0], rows):
        block = part[start : start + rows]
        if block.nnz * _SCATTERED < block.shape[0] * m:
            owner = np.repeat(np.arange(start, start + block.shape[0]), np.diff(block.indptr))
            total[owner, block.indices] += block.data
        else:
            total[start : start + rows] += block.toarray()


def user_blocks(lengths: NDArray[np.floating], pairs: int = 2**25) -> list[tuple[int, int]]:
    """Ranges of users of about `pairs` pairs of history entries each (at least one user a range)."""
    group = (np.cumsum(np.asarray(lengths, np.float64) ** 2) // pairs).astype(np.int64)
    edges = np.flatnonzero(np.diff(group)) + 1
    bounds = np.concatenate([[0], edges, [len(lengths)]])
    return [(int(a), int(b)) for a, b in pairwise(bounds) if b > a]


def mirror(square: NDArray[np.floating]) -> None:
    """Copy the upper triangle of a matrix onto the lower one, in place and by blocks."""
    m, width = square.shape[0], 512
    for start in range(0, m, width):
        stop = min(start + width, m)
        corner = square[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
        square[stop:, start:stop] = square[start:stop, stop:].T


def regression(gram_matrix: NDArray[np.floating], ridge: NDArray[np.floating]) -> NDArray[np.floating]:
    """B with a zero diagonal that minimises the ridge regression of every item on all others (Steck 2019, eq. 8).

    With P = (G + diag(ridge))^-1: B = I - P diag(1 / diag P), so B[:, j] = -P[:, j] / P[j, j] off the diagonal.

    Args:
        gram_matrix: (m, m), overwritten; positive semidefinite.
        ridge: shape (m,), > 0.

    Returns:
        (m, m), the same dtype; column j holds the weights that predict item j.

    Raises:
        CapacityError: if the ridge is too small for the matrix to be inverted in its precision.
    """
    m = gram_matrix.shape[0]
    work = np.asfortranarray(gram_matrix)
    work[np.arange(m), np.arange(m)] += ridge.astype(work.dtype)
    single = work.dtype == np.float32
    factor, failed = (lapack.spotrf if single else lapack.dpotrf)(work, lower=0, clean=0, overwrite_a=1)
    if not failed:
        factor, failed = (lapack.spotri if single else lapack.dpotri)(factor, lower=0, overwrite_c=1)
    if failed:
        raise CapacityError(
            f"the item matrix ({m:,} items) is not positive definite at a ridge of {float(ridge.min()):g}",
            hint="Raise lam",
        )
    diagonal = factor.diagonal().copy()
    mirror(factor)
    # P is symmetric: dividing the rows of its C-ordered transpose gives the transposed weights without a copy.
    weights = factor.T
    weights /= -diagonal[None, :]
    weights[np.arange(m), np.arange(m)] = 0.0
    found: NDArray[np.floating] = weights
    return found
