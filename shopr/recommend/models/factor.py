"""Matrix factorisation of implicit feedback: alternating least squares (Hu, Koren & Volinsky 2008).

With frequency-scaled regularisation (Rendle et al. 2022, "Revisiting the Performance of iALS on Item Recommendation
Benchmarks") where `nu` is above zero. The item factors come from one of three solvers; everything after them is shared.
"""

from __future__ import annotations

import warnings
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.randomness import DEFAULT_SEED, generator
from shopr.recommend.arithmetic.least_squares import influences, solve_rows
from shopr.recommend.arithmetic.weighting import Strength, history_strengths, recency, strengths
from shopr.recommend.contract.base import Config, Recommender
from shopr.recommend.contract.explain import Parts

__all__ = ["IALS", "IALSConfig"]


class IALSConfig(Config):
    """Settings of `IALS`.

    Attributes:
        factors: dimensions.
        regularization: weight of the squared norms; with nu > 0 the weight of a row of mean frequency.
        alpha: an observed pair of strength s has confidence 1 + alpha s, an unobserved one 1.
        iterations: passes over both sides.
        nu: 0 regularises all rows alike (trained by `implicit`'s conjugate gradients); above, the weight of row u is
            proportional to (|u| + n / alpha)^nu, Rendle's scaling (trained by exact half-steps).
        strength: how repeated interactions count.
        half_life_days: recency of a history when it is folded in; None counts all alike.
        seed: of the first factors.
        engine: who learns the item factors: this process, or Spark (see `shopr.recommend.models.spark`), whose
            regularisation is in proportion to a row's entries: its level is mapped, and `nu` is not asked for.
    """

    factors: int = Field(default=128, ge=1, le=2048)
    regularization: float = Field(default=10.0, gt=0)
    alpha: float = Field(default=2.0, gt=0)
    iterations: int = Field(default=15, ge=1, le=200)
    nu: float = Field(default=0.0, ge=0, le=2)
    strength: Strength = "log"
    half_life_days: float | None = Field(default=None, gt=0)
    seed: int = Field(default=DEFAULT_SEED, ge=0)
    engine: Literal["local", "spark"] = "local"

    @model_validator(mode="after")
    def _one_scaling(self) -> Self:
        if self.engine == "spark" and self.nu:
            raise ValueError("nu has no meaning with the engine 'spark', which scales by itself; leave it out")
        return self


class IALS(Recommender):
    """Score = user factors . item factors; the user's factors solve the user side exactly at the fixed item factors.

    Only item factors are kept. Known users and people met later go through the same solution, so a history is worth the
    same wherever it comes from, and nothing of a person outlives their history.
    """

    name = "ials"
    config_class = IALSConfig

    item_factors: NDArray[np.float32]
    """Shape (n_items, d)."""
    gram: NDArray[np.float32]
    """Shape (d, d): item_factors.T @ item_factors."""
    mean_scale: float
    """Mean over training users of (|u| + n_items / alpha)^nu."""
    entry_penalty: float
    """With the engine "spark": the penalty of a row for each of its entries."""

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        c = self.config
        if c.engine == "spark":
            self._on_spark(interactions)
        else:
            confidence = self._confidence(interactions.histories())
            lengths = np.diff(confidence.indptr)
            self.mean_scale = float(self._frequency(lengths[lengths > 0], self.n_items).mean())
            self.item_factors = self._alternate(confidence) if c.nu > 0 else self._conjugate_gradients(confidence)
        self.gram = self.item_factors.T @ self.item_factors

    def _confidence(self, histories: Histories) -> sparse.csr_matrix:
        matrix = histories.matrix
        data = strengths(matrix.data, self.config.strength) * recency(histories, self.config.half_life_days)
        confidence = np.float32(1.0) + np.float32(self.config.alpha) * data.astype(np.float32)
        return sparse.csr_matrix((confidence, matrix.indices, matrix.indptr), shape=matrix.shape)

    def _frequency(self, lengths: NDArray[np.integer], others: int) -> NDArray[np.float64]:
        return np.asarray((lengths + others / self.config.alpha) ** self.config.nu, np.float64)

    def _penalty(self, lengths: NDArray[np.integer]) -> NDArray[np.float64]:
        if self.config.engine == "spark":
            return np.asarray(self.entry_penalty * lengths, np.float64)
        return np.asarray(self.config.regularization * self._frequency(lengths, self.n_items) / self.mean_scale)

    def _on_spark(self, interactions: Interactions) -> None:
        from shopr.recommend.models import spark

        c = self.config
        strengths = history_strengths(interactions.histories(), c.strength, c.half_life_days)
        found = spark.train(
            strengths, factors=c.factors, regularization=c.regularization, alpha=c.alpha, iterations=c.iterations,
            seed=c.seed,
        )  # fmt: skip
        self.item_factors, self.entry_penalty = found.items, found.penalty_per_entry

    def _conjugate_gradients(self, confidence: sparse.csr_matrix) -> NDArray[np.float32]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook its progress bars ask for widgets, which nobody sees
            from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        c = self.config
        # implicit runs its own threads; those of BLAS would only stand in their way.
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=c.factors, regularization=c.regularization, iterations=c.iterations, random_state=c.seed
            )
            model.fit(confidence, show_progress=False)
        return np.asarray(model.item_factors, np.float32)

    def _alternate(self, confidence: sparse.csr_matrix) -> NDArray[np.float32]:
        c = self.config
        columns = confidence.T.tocsr()
        frequency = self._frequency(np.diff(columns.indptr), confidence.shape[0])
        item_penalty = c.regularization * frequency / frequency.mean()
        user_penalty = self._penalty(np.diff(confidence.indptr))
        rng = generator(c.seed, "ials")
        scale = 0.1 / np.sqrt(c.factors)
        items: NDArray[np.float32] = (rng.standard_normal((self.n_items, c.factors)) * scale).astype(np.float32)
        for _ in range(c.iterations):
            users = solve_rows(confidence, items, user_penalty)
            items = np.asarray(solve_rows(columns, users, item_penalty), np.float32)
        return items

    def _users(self, histories: Histories) -> NDArray[np.float32]:
        confidence = self._confidence(histories)
        penalty = self._penalty(np.diff(confidence.indptr))
        return np.asarray(solve_rows(confidence, self.item_factors, penalty, self.gram), np.float32)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        scores: NDArray[np.float32] = self._users(histories) @ self.item_factors.T
        return scores

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        """Hu, Koren & Volinsky 2008, section 5: the score is linear in the history at a fixed system matrix."""
        confidence = self._confidence(histories)
        penalty = self._penalty(np.diff(confidence.indptr))
        pair, entry, values = influences(confidence, self.item_factors, penalty, self.gram, rows, items)
        return Parts.of_items(len(rows), pair, confidence.indices[entry], values)
