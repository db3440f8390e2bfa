"""The k nearest neighbours of every row by sparse products in blocks, so that memory does not grow with the square."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.recommend.arithmetic.gram import gram, gram_seconds
from shopr.recommend.topk import top_k

__all__ = ["BLOCK_CELLS", "all_pairs", "similarities", "top_rows"]

SQUARE_ITEMS = 4096
"""Rows up to which all similarities may be held at once, dense: 64 MiB."""
BLOCK_CELLS = 2**22
"""Cells of a similarity matrix that one block may hold at most (at most about 100 MB as CSR, shared terms included)."""


def all_pairs(documents: sparse.csr_matrix, neighbours: int, shrinkage: float = 0.0) -> sparse.csr_matrix:
    """The nearest rows of each row by dot product, without the row itself.

    Args:
        documents: CSR (n, m) float64, weighed by `Terms.weigh`, non-negative.
        neighbours: how many to keep for each row.
        shrinkage: h >= 0: similarities are multiplied by c / (c + h), where c counts the terms that two rows share
            (significance weighting, Bell & Koren 2007); 0 leaves them alone.

    Returns:
        CSR (n, n) float32, sorted indices; row i holds what is nearest to i.
    """
    n = documents.shape[0]
    width = min(neighbours, max(n - 1, 1))
    if shrinkage > 0:
        blocks = []
        for start in range(0, n, _rows(n)):
            block = documents[start : start + _rows(n)]
            near = similarities(block, documents, shrinkage)
            _without_diagonal(near, start)
            blocks.append(top_rows(near, width))
        kept = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((n, n))
    elif n <= SQUARE_ITEMS and _dense_is_quicker(transposed := documents.T.tocsr()):
        kept = _top_of_square(gram(transposed), width)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook its progress bars ask for widgets, which nobody sees
            from implicit.nearest_neighbours import all_pairs_knn

        # One more than asked for, as a row is usually its own nearest neighbour.
        found = all_pairs_knn(documents.T.tocsr(), width + 1, show_progress=False).tocsr()
        _without_diagonal(found, 0)
        kept = top_rows(found, width)
    kept = kept.astype(np.float32)
    kept.sort_indices()
    return kept


def _dense_is_quicker(transposed: sparse.csr_matrix) -> bool:
    """Whether a dense Gram matrix takes less time than implicit's sparse product, which takes half of SciPy's."""
    sparsely, *densely = gram_seconds(transposed)
    return min(densely) < sparsely / 2


def _top_of_square(square: NDArray[np.float32], width: int) -> sparse.csr_matrix:
    """CSR with the `width` largest positive entries of each row of a dense symmetric matrix, without its diagonal."""
    n = len(square)
    np.fill_diagonal(square, 0.0)
    codes, values = top_k(square.T, width)
    keep = values > 0
    indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])
    return sparse.csr_matrix((values[keep], codes[keep], indptr), shape=(n, n))


def similarities(rows: sparse.csr_matrix, documents: sparse.csr_matrix, shrinkage: float = 0.0) -> sparse.csr_matrix:
    """CSR (len(rows), n): dot products of some rows with all documents, shrunk as in `all_pairs`."""
    near = (rows @ documents.T).tocsr()
    if shrinkage > 0:
        shared = (_ones(rows) @ _ones(documents).T).tocsr()
        near.sort_indices()
        shared.sort_indices()
        near.data *= shared.data / (shared.data + shrinkage)
    return near


def top_rows(matrix: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """The k largest positive entries of each row, of equal ones those stored first.

    Rows of like length are cut together; none is made dense.
    """
    lengths = np.diff(matrix.indptr).astype(np.int64)
    keep = matrix.data > 0
    long = np.flatnonzero(lengths > k)
    long = long[np.argsort(lengths[long], kind="stable")]
    start = 0
    while start < len(long):
        # Rows of up to 1.5 times the shortest row's length share one padded block.
        stop = int(np.searchsorted(lengths[long], 1.5 * lengths[long[start]], side="right"))
        stop = min(stop, start + max(1, BLOCK_CELLS // int(lengths[long[stop - 1]])))
        _cut(matrix, long[start:stop], lengths, k, keep)
        start = stop
    kept = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    return sparse.csr_matrix((matrix.data[keep], matrix.indices[keep], kept), shape=matrix.shape)


def _cut(
    matrix: sparse.csr_matrix, rows: NDArray[np.int64], lengths: NDArray[np.int64], k: int, keep: NDArray[np.bool_]
) -> None:
    """Clear `keep` for all but the k largest entries of each of `rows`, all longer than k."""
    width = int(lengths[rows].max())
    place = matrix.indptr[rows].astype(np.int64)[:, None] + np.arange(width)
    inside = np.arange(width) < lengths[rows][:, None]
    values = np.where(inside, matrix.data[np.where(inside, place, 0)], -np.inf)
    edge = np.partition(values, width - k, axis=1)[:, width - k, None]
    above, level = values > edge, values == edge
    # Of entries tied at the edge the first ones stay, whatever else is in the block.
    room = k - above.sum(axis=1, keepdims=True)
    gone = place[inside & ~above & ~(level & (np.cumsum(level, axis=1) <= room))]
    keep[gone] = False


def _without_diagonal(matrix: sparse.csr_matrix, offset: int) -> None:
    """Set entries (i, i + offset) to zero in place, without changing the pattern."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    matrix.data[matrix.indices == row + offset] = 0.0


def _ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _rows(n: int) -> int:
    return max(1, BLOCK_CELLS // max(n, 1))
