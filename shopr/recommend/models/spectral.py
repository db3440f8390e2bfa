"""Item-to-item filters whose cost grows with the interactions, not with the square of the items.

ItemFilter: the normalised co-occurrence of items, asymmetric between the item of the history and the item scored
(as in P3alpha, Cooper et al. 2014; asymmetric cosine, Aiolli 2013). Spectral adds the ideal low-pass filter of GF-CF
(Shen et al. 2021, "How Powerful is Graph Convolution for Recommendation?"): the leading singular vectors of the
normalised matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.recommend.arithmetic.gram import scale
from shopr.recommend.arithmetic.neighbours import top_rows
from shopr.recommend.contract.explain import Parts, entries_of
from shopr.recommend.models.itemweights import HistoryConfig, ItemWeights

__all__ = ["ItemFilter", "ItemFilterConfig", "RP3beta", "RP3betaConfig", "Spectral", "SpectralConfig", "low_rank"]


class ItemFilterConfig(HistoryConfig):
    """Settings of `ItemFilter`.

    Attributes:
        user_power: a pair by a shopper with n entries counts n^-user_power.
        from_power: the weight from item j to i is divided by n_j^from_power.
        to_power: and by n_i^to_power.
        neighbours: items kept for each item of a history; None keeps all.
    """

    user_power: float = Field(default=0.5, ge=0, le=2)
    from_power: float = Field(default=0.6, ge=0, le=1)
    to_power: float = Field(default=0.4, ge=0, le=1)
    neighbours: int | None = Field(default=None, ge=1)


class SpectralConfig(ItemFilterConfig):
    """Settings of `Spectral`.

    Attributes:
        rank: leading singular vectors of the low-pass filter.
        mix: its weight beside the item filter.
        spectral_user_power, spectral_item_power: of the matrix whose singular vectors are taken.
        outer_power: low-pass scores of item i are multiplied by n_i^outer_power, less of it favouring rare items. None
            takes spectral_item_power, which undoes the scaling, as in GF-CF.
    """

    rank: int = Field(default=256, ge=1, le=4096)
    mix: float = Field(default=0.3, ge=0)
    spectral_user_power: float = Field(default=0.5, ge=0, le=1)
    spectral_item_power: float = Field(default=0.5, ge=0, le=1)
    outer_power: float | None = Field(default=None, ge=-1, le=1)


class ItemFilter(ItemWeights):
    """Asymmetric co-occurrence filter."""

    name = "item_filter"
    config_class = ItemFilterConfig

    weights: sparse.csr_matrix

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        c = self.config
        self.weights = _filter(interactions.binary, c.user_power, c.from_power, c.to_power, c.neighbours)


class RP3betaConfig(ItemFilterConfig):
    """Settings of `RP3beta`: a random walk of three steps from the item, over its users, to other items.

    Attributes:
        to_power: beta of the paper, the penalty of popular items.
    """

    user_power: float = Field(default=1.0, ge=0, le=2)
    from_power: float = Field(default=1.0, ge=0, le=1)
    to_power: float = Field(default=0.6, ge=0, le=1)


class RP3beta(ItemFilter):
    """RP3beta at alpha = 1 (Paudel et al. 2017): the item filter with the powers of a random walk."""

    name = "rp3beta"
    config_class = RP3betaConfig


class Spectral(ItemFilter):
    """Item filter plus a low-rank low-pass filter, brought to one scale by their spread over training users."""

    name = "spectral"
    config_class = SpectralConfig

    vectors: NDArray[np.float32]
    """(n_items, rank), orthonormal columns."""
    inner: NDArray[np.float32]
    outer: NDArray[np.float32]

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        super()._fit(interactions, catalog)
        c = self.config
        matrix = interactions.binary
        lengths = np.maximum(np.diff(matrix.indptr).astype(np.float64), 1.0)
        counts = np.maximum(np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64), 1.0)
        normal = scale(matrix, lengths**-c.spectral_user_power, counts**-c.spectral_item_power)
        self.vectors = low_rank(normal, c.rank)
        self.inner = (counts**-c.spectral_item_power).astype(np.float32)
        outer = c.spectral_item_power if c.outer_power is None else c.outer_power
        self.outer = (counts**outer).astype(np.float32)
        self.gain = c.mix * self._balance(interactions)

    def _balance(self, interactions: Interactions) -> float:
        """Ratio of the spreads of the two parts over a few users, so that `mix` means the same on all data."""
        filled = np.flatnonzero(np.diff(interactions.binary.indptr))
        some = interactions.histories(filled[:: max(1, len(filled) // 200)])
        base = super()._score(some)
        low = self._low_pass(self._history(some))
        return float(np.sqrt((base**2).mean()) / max(float(np.sqrt((low**2).mean())), 1e-12))

    def _low_pass(self, rows: sparse.csr_matrix) -> NDArray[np.float32]:
        return np.asarray((scale(rows, None, self.inner) @ self.vectors) @ self.vectors.T * self.outer, np.float32)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        scores = super()._score(histories)
        scores += self.gain * self._low_pass(self._history(histories))
        return scores

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        strengths = scale(self._history(histories), None, self.inner)
        pair, entry = entries_of(strengths, rows)
        own, other = strengths.indices[entry], items[pair]
        # Two gathers of rows of the basis: their products are what the projection holds for each pair of items.
        kinship = np.einsum("nr,nr->n", self.vectors[own], self.vectors[other], dtype=np.float64)
        low = self.gain * strengths.data[entry] * kinship * self.outer[other]
        return Parts.merged([super()._parts(histories, rows, items), Parts.of_items(len(rows), pair, own, low)])


def _filter(
    matrix: sparse.csr_matrix, user_power: float, from_power: float, to_power: float, neighbours: int | None
) -> sparse.csr_matrix:
    """CSR (m, m) float32 with a zero diagonal: D^-from X' U^-user X D^-to."""
    lengths = np.maximum(np.diff(matrix.indptr).astype(np.float64), 1.0)
    counts = np.maximum(np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64), 1.0)
    left = scale(matrix, lengths**-user_power, counts**-from_power).T.tocsr()
    found = (left @ scale(matrix, None, counts**-to_power)).tocsr()
    found.setdiag(0.0)
    found.eliminate_zeros()
    if neighbours is not None:
        found = top_rows(found, neighbours)
    found.sort_indices()
    return found


def low_rank(matrix: sparse.csr_matrix, rank: int, passes: int = 3, seed: int = 0) -> NDArray[np.float32]:
    """(m, rank) float32: leading right singular vectors by randomised subspace iteration (Halko et al. 2011).

    The rank is cut to what the matrix can have.
    """
    n, m = matrix.shape
    rank = min(rank, n, m)
    width = min(rank + 16, m)
    basis = np.random.Generator(np.random.PCG64(seed)).standard_normal((m, width)).astype(np.float32)
    back = matrix.T.tocsr()
    for _ in range(passes + 1):
        basis = _orthonormal(back @ (matrix @ basis))
    small = matrix @ basis
    _, rotation = np.linalg.eigh((small.T @ small).astype(np.float64))
    leading = rotation[:, ::-1][:, :rank].astype(np.float32)
    found: NDArray[np.float32] = np.ascontiguousarray(basis @ leading)
    return found


def _orthonormal(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """An orthonormal basis of the span of tall columns.

    Whitened twice by their small Gram matrix, which costs products only (as CholeskyQR2, Yamamoto et al. 2015); where
    that is ill-conditioned, by Householder reflections.
    """
    basis = columns
    for _ in range(2):
        values, rotation = np.linalg.eigh((basis.T @ basis).astype(np.float64))
        if values[0] <= 1e-5 * values[-1]:
            return np.asarray(np.linalg.qr(columns)[0], np.float32)
        basis = basis @ (rotation / np.sqrt(values)).astype(np.float32)
    return basis
