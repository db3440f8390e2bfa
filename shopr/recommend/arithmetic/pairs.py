"""Weighted counts of pairs within histories, by kernels on how far apart in time or order the two entries are.

All pairs (a, b) of one user's entries are laid out as a CSR matrix with one row an entry a and the user's entries b as
columns; a sparse product then gathers the rows by item. Users are taken in blocks, so that memory stays bounded.
Callers cut long histories with `recent_only`: pairs grow with the square of the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.recommend.arithmetic.gram import add_sparse, user_blocks

__all__ = ["Kernel", "dense_pairs", "order_within", "recent_only", "sparse_pairs"]

Kernel = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.floating]]
"""Of the positions (times or ranks) of a and of b, aligned arrays: the weight of each pair."""
_BLOCK_PAIRS, _MERGED_PAIRS = 2**21, 2**23
"""Pairs laid out at once, about 60 bytes each: for a dense sum, and for a sparse one, where each merge costs more."""


def dense_pairs(
    matrix: sparse.csr_matrix,
    position: NDArray[np.float64],
    user_weights: NDArray[np.floating],
    kernel: Kernel,
    into: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Dense (m, m), C order: sum over users of weight_u * kernel(position a, position b), row item a, column item b.

    Args:
        matrix: CSR (n, m), one entry a pair of user and item.
        position: shape (nnz,), aligned with `matrix.data`.
        user_weights: shape (n,).
        into: a C-ordered (m, m) to which the sum is added in place, so that no second square is held.
    """
    m = matrix.shape[1]
    total = np.zeros((m, m), np.float32) if into is None else into
    for part in _blocks(matrix, position, user_weights, kernel, _BLOCK_PAIRS):
        add_sparse(total, part)
    return total


def sparse_pairs(
    matrix: sparse.csr_matrix, position: NDArray[np.float64], user_weights: NDArray[np.floating], kernel: Kernel
) -> sparse.csr_matrix:
    """CSR float32 (m, m): as `dense_pairs`, without zero entries."""
    m = matrix.shape[1]
    total = sparse.csr_matrix((m, m), dtype=np.float32)
    for part in _blocks(matrix, position, user_weights, kernel, _MERGED_PAIRS):
        total = total + part
    total.eliminate_zeros()
    total.sort_indices()
    return total


def _blocks(
    matrix: sparse.csr_matrix,
    position: NDArray[np.float64],
    user_weights: NDArray[np.floating],
    kernel: Kernel,
    most: int,
) -> Iterator[sparse.csr_matrix]:
    lengths = np.diff(matrix.indptr).astype(np.int64)
    m = matrix.shape[1]
    for start, stop in user_blocks(lengths, most):
        low, high = matrix.indptr[start], matrix.indptr[stop]
        own = lengths[start:stop]
        first = np.repeat(matrix.indptr[start:stop].astype(np.int64), own)  # of each entry a: its user's first entry
        width = np.repeat(own, own)  # and how many entries b stand in its row
        indptr = np.concatenate([[0], np.cumsum(width)])
        other = np.repeat(first - indptr[:-1], width)
        other += np.arange(indptr[-1])
        values = kernel(np.repeat(position[low:high], width), position[other]).astype(np.float32)
        pairs = sparse.csr_matrix((values, matrix.indices[other], indptr), shape=(high - low, m))
        del other, values
        # The weights ride on the matrix that gathers the rows by item: one number an entry, not one a pair.
        carried = np.repeat(user_weights[start:stop], own).astype(np.float32)
        places = (matrix.indices[low:high], np.arange(high - low))
        gather = sparse.csr_matrix((carried, places), shape=(m, high - low))
        yield (gather @ pairs).tocsr()


def order_within(matrix: sparse.csr_matrix, times: NDArray[np.integer]) -> NDArray[np.float64]:
    """Shape (nnz,): each entry's rank by time in its user's history, from 0; ties share their mean."""
    n = matrix.shape[0]
    owner = np.repeat(np.arange(n), np.diff(matrix.indptr))
    order = np.lexsort((times, owner))
    place = np.arange(len(order)) - matrix.indptr[owner[order]]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (owner[order][1:] != owner[order][:-1]) | (times[order][1:] != times[order][:-1])
    group = np.cumsum(fresh) - 1
    mean = np.bincount(group, weights=place) / np.maximum(np.bincount(group), 1)
    ranks = np.empty(len(order))
    ranks[order] = mean[group]
    return ranks


def recent_only(
    matrix: sparse.csr_matrix, times: NDArray[np.integer], longest: int
) -> tuple[sparse.csr_matrix, NDArray[np.integer]]:
    """The `longest` last entries of each history and their times: pairs grow with the square of the length."""
    lengths = np.diff(matrix.indptr)
    if not len(lengths) or lengths.max() <= longest:
        return matrix, times
    owner = np.repeat(np.arange(matrix.shape[0]), lengths)
    order = np.lexsort((-times, owner))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - matrix.indptr[owner[order]]
    keep = place < longest
    indptr = np.concatenate([[0], np.cumsum(np.minimum(lengths, longest))]).astype(np.int32)
    return sparse.csr_matrix((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape), times[keep]
