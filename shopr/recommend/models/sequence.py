"""What comes after what: directed item-to-item transitions for short, ordered histories.

A first-order Markov chain (Rendle et al. 2010, the chain of FPMC) softened in two ways: entries further apart in a
history still count, by a power of their distance, and the whole history votes, the latest entry most (as in FOSSIL,
He & McAuley 2016, without its factors).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.recommend.arithmetic.pairs import order_within, recent_only, sparse_pairs
from shopr.recommend.contract.base import Config
from shopr.recommend.models.itemweights import ItemWeights, step_rows

__all__ = ["Markov", "MarkovConfig"]


class MarkovConfig(Config):
    """Settings of `Markov`.

    Attributes:
        decay: a transition over d steps counts d^-decay.
        backward: what a pair counts in the opposite direction, as a share.
        half_life: an entry of the history votes half for every so many steps before the last.
        from_power, to_power: transitions are divided by n_first^from_power n_second^to_power, n counting their users.
        shrinkage: added to those counts: transitions of rare items mean less.
        user_power: a shopper with n entries counts n^-user_power.
        longest: entries of a history that are looked at, the latest.
    """

    decay: float = Field(default=1.0, ge=0, le=10)
    backward: float = Field(default=0.3, ge=0, le=1)
    half_life: float = Field(default=1.5, gt=0)
    from_power: float = Field(default=0.5, ge=0, le=1)
    to_power: float = Field(default=0.4, ge=0, le=1)
    shrinkage: float = Field(default=3.0, ge=0)
    user_power: float = Field(default=0.0, ge=0, le=2)
    longest: int = Field(default=200, ge=2)


class Markov(ItemWeights):
    """Directed transitions with distance decay. Without times the order is unknown and all pairs count alike."""

    name = "markov"
    config_class = MarkovConfig

    weights: sparse.csr_matrix

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        c = self.config
        matrix = interactions.binary
        known = interactions.last_times
        matrix, times = recent_only(matrix, np.zeros(matrix.nnz, np.int64) if known is None else known, c.longest)
        lengths = np.diff(matrix.indptr).astype(np.float64)
        weights = np.maximum(lengths, 1.0) ** -c.user_power

        def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.floating]:
            steps = b - a
            near = np.maximum(np.abs(steps), 1.0) ** -c.decay
            share = np.where(steps > 0, 1.0, np.where(steps < 0, c.backward, 0.5 * (1 + c.backward)))
            weighed: NDArray[np.floating] = share * near
            return weighed

        moves = sparse_pairs(matrix, order_within(matrix, times), weights, kernel)
        counts = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64) + c.shrinkage
        counts = np.maximum(counts, 1.0)
        rows = np.repeat(np.arange(matrix.shape[1]), np.diff(moves.indptr))
        moves.data *= (counts[rows] ** -c.from_power * counts[moves.indices] ** -c.to_power).astype(np.float32)
        moves.data[rows == moves.indices] = 0.0
        moves.eliminate_zeros()
        self.weights = moves

    def _history(self, histories: Histories) -> sparse.csr_matrix:
        return step_rows(histories, self.config.half_life)
