"""Baskets as a sparse matrix: which products were bought together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.interactions import Interactions
from shopr.errors import InputError

__all__ = ["baskets_of", "binary", "within_pairs"]


def baskets_of(interactions: Interactions, baskets: NDArray[Any] | None = None) -> sparse.csr_matrix:
    """CSR (n baskets, n_items), 1 where a basket holds an item, in order of the basket key.

    Args:
        baskets: shape (n,), the order of each interaction; without it a user's interactions of one moment are one.
    """
    if baskets is None:
        if interactions.times is None:
            raise InputError("interactions without times have no baskets", hint="Pass the order ids")
        baskets = interactions.users.astype(np.int64) << 33 | (interactions.times & ((1 << 33) - 1))
    keys, rows = np.unique(np.asarray(baskets), return_inverse=True)
    shape = (len(keys), interactions.n_items)
    return binary(sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, interactions.items)), shape=shape))


def within_pairs(rows: sparse.csr_matrix, member: sparse.csr_matrix) -> NDArray[np.float64]:
    """Shape (n_categories,): pairs within each category as a share of all pairs of the rows."""
    counts = (rows @ member).tocsc()
    inside = np.asarray((counts.multiply(counts) - counts).sum(axis=0), np.float64).ravel()
    lengths = np.diff(rows.indptr).astype(np.float64)
    return np.asarray(inside / max(float((lengths * (lengths - 1)).sum()), 1.0))


def binary(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The same pattern with ones, in a matrix of its own."""
    out = sparse.csr_matrix(matrix, dtype=np.float32, copy=True)
    out.sum_duplicates()
    out.data[:] = 1.0
    return out
