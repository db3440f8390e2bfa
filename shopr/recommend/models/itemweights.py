"""Models whose score is a sum over the history: strength of each entry times a learned item-to-item weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories
from shopr.recommend.arithmetic.pairs import order_within
from shopr.recommend.contract.base import Config, Recommender
from shopr.recommend.contract.explain import Parts, entries_of, gathered

__all__ = ["HistoryConfig", "ItemWeights", "as_dense", "history_rows", "linear_parts", "products", "step_rows"]

_DAY = 86_400.0
_STRIP = 384
"""Columns of dense weights that are multiplied at once."""
_ENTRIES_PER_ITEM = 4
"""History entries for each item from which copying the strips pays."""


class HistoryConfig(Config):
    """How the entries of a history count when people are scored.

    Attributes:
        half_life_days: an entry counts half for every so many days before the user's last one; None: all count alike.
        floor: the least an entry counts, however old.
    """

    half_life_days: float | None = Field(default=None, gt=0)
    floor: float = Field(default=0.0, ge=0, le=1)


def history_rows(
    histories: Histories, half_life_days: float | None = None, floor: float = 0.0, norm_power: float = 0.0
) -> sparse.csr_matrix:
    """CSR (n, n_items) float32: max(floor, 2^(-age / half-life)) for each entry, divided by length^norm_power.

    Ages count back from each user's own last entry. Ones without times or without a half-life.
    """
    matrix = histories.matrix
    data = np.ones(matrix.nnz, np.float32)
    lengths = np.diff(matrix.indptr)
    if half_life_days is not None and histories.times is not None and matrix.nnz:
        filled = np.flatnonzero(lengths)
        last = np.maximum.reduceat(histories.times, matrix.indptr[filled])
        age = (np.repeat(last, lengths[filled]) - histories.times) / (half_life_days * _DAY)
        data = np.maximum(np.exp2(-age), floor).astype(np.float32)
    if norm_power:
        data *= np.repeat(np.maximum(lengths, 1).astype(np.float32) ** -norm_power, lengths)
    return sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def step_rows(histories: Histories, half_life: float) -> sparse.csr_matrix:
    """CSR (n, n_items) float32: each entry counts half for every `half_life` steps before the last of its history.

    Entries of one time share their mean step. Ones without times, as the order is unknown then.
    """
    matrix, times = histories.matrix, histories.times
    data = np.ones(matrix.nnz, np.float32)
    lengths = np.diff(matrix.indptr)
    if times is not None and matrix.nnz:
        behind = np.repeat(lengths, lengths) - 1 - order_within(matrix, times)
        data = np.exp2(-behind / half_life).astype(np.float32)
    return sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def products(rows: sparse.csr_matrix, weights: Any) -> NDArray[np.floating]:
    """Dense (n, m): CSR rows times dense or sparse weights.

    Many rows are multiplied by one strip of dense columns after the other: a strip stays in the processor's cache while
    all rows gather from it, which more than halves the time.
    """
    m = weights.shape[1]
    if sparse.issparse(weights) or rows.nnz < _ENTRIES_PER_ITEM * m or m <= _STRIP:
        return as_dense(rows @ weights)
    scores = np.empty((rows.shape[0], m), np.result_type(rows.dtype, weights.dtype))
    for start in range(0, m, _STRIP):
        scores[:, start : start + _STRIP] = rows @ np.ascontiguousarray(weights[:, start : start + _STRIP])
    return scores


def as_dense(matrix: Any) -> NDArray[np.floating]:
    """A dense array of a matrix that may be sparse."""
    dense: NDArray[np.floating] = matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)
    return dense


class ItemWeights(Recommender):
    """Base of item-to-item models: score(u, i) = sum over j in u's history of strength(u, j) * weights[j, i]."""

    weights: NDArray[np.floating] | sparse.csr_matrix
    """(n_items, n_items), row j: what entry j of a history adds to every item's score."""

    def _history(self, histories: Histories) -> sparse.csr_matrix:
        c = self.config
        return history_rows(histories, c.half_life_days, c.floor)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return products(self._history(histories), self.weights)

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        return linear_parts(self._history(histories), self.weights, rows, items)


def linear_parts(
    strengths: sparse.csr_matrix, weights: Any, rows: NDArray[np.int64], items: NDArray[np.int64]
) -> Parts:
    """Parts of scores that are products: each entry of the history times its weight for the item scored.

    Args:
        strengths: CSR (n histories, n_items).
        weights: (n_items, n_items), dense or CSR.
        rows, items: shape (p,), the pairs asked for.
    """
    pair, entry = entries_of(strengths, rows)
    own = strengths.indices[entry]
    return Parts.of_items(len(rows), pair, own, strengths.data[entry] * gathered(weights, own, items[pair]))
