"""SVD and SVD++: ratings from latent factors (Funk 2006; Koren 2008)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.arithmetic.least_squares import ridge_rows
from shopr.recommend.contract.base import Config, Explanation, Parts
from shopr.recommend.contract.explain import read
from shopr.recommend.models.explicit.base import ExplicitRecommender, rated_only
from shopr.recommend.models.explicit.training import Algorithm, Ratings, train

__all__ = ["SVD", "SVDConfig", "SVDpp", "SVDppConfig"]


class SVDConfig(Config):
    """Settings of `SVD`: those of stochastic gradient descent, and `damping`.

    `damping` is the number of ratings at which an item's predicted rating counts half.
    """

    factors: int = Field(default=50, ge=1, le=1000)
    epochs: int = Field(default=20, ge=1, le=500)
    learning_rate: float = Field(default=0.005, gt=0, le=1)
    regularization: float = Field(default=0.02, ge=0)
    damping: float = Field(default=10.0, ge=0)
    seed: int = Field(default=DEFAULT_SEED, ge=0, lt=2**32)


class SVDppConfig(SVDConfig):
    """Settings of `SVDpp`, as `SVDConfig`; it takes longer, so it starts with fewer factors."""

    factors: int = Field(default=20, ge=1, le=1000)
    learning_rate: float = Field(default=0.007, gt=0, le=1)


class SVD(ExplicitRecommender):
    """Rating = mean + user bias + item bias + p_u . q_i, by stochastic gradient descent (Funk 2006).

    People the fit never saw get the ridge solution for (p, bias) at fixed item factors, with weight `regularization`
    for each of their ratings, which is what gradient descent minimises for a training user.
    """

    name = "svd"
    config_class = SVDConfig

    user_factors: NDArray[np.float64]
    """Shape (n_users, d)."""
    item_factors: NDArray[np.float64]
    """Shape (n_items, d)."""

    algorithm: ClassVar[Algorithm] = "SVD"

    def _learn(self, ratings: Ratings) -> None:
        c, users, items = self.config, ratings.users, ratings.items
        learned = train(
            self.algorithm,
            ratings,
            n_factors=c.factors,
            n_epochs=c.epochs,
            lr_all=c.learning_rate,
            reg_all=c.regularization,
            random_state=c.seed,
        )
        self.user_factors = np.zeros((len(self.user_bias), c.factors))
        self.item_factors = np.zeros((self.n_items, c.factors))
        self.user_bias[users], self.item_bias[items] = learned.bu, learned.bi
        self.user_factors[users], self.item_factors[items] = learned.pu, learned.qi
        self._keep(learned, items)

    def _keep(self, learned: Any, items: NDArray[np.int64]) -> None:
        """What a descendant keeps besides."""

    def _taste(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        taste: NDArray[np.float64] = np.einsum("nd,nd->n", self.user_factors[users], self.item_factors[items])
        return taste

    def _score_users(self, users: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._ranked_scores(self.user_bias[users], self.user_factors[users] @ self.item_factors.T)

    def _given(self, histories: Histories) -> NDArray[np.float64]:
        """Shape (n, d): the part of the user factors that follows from which items were taken."""
        return np.zeros((len(histories), self.item_factors.shape[1]))

    def _user_terms(self, histories: Histories) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rated = rated_only(histories)
        given = self._given(histories)
        owner = np.repeat(np.arange(len(histories)), np.diff(rated.indptr))
        fixed = np.einsum("nd,nd->n", given[owner], self.item_factors[rated.indices])
        rest = rated.data - self.mean - self.item_bias[rated.indices] - fixed
        residual = sparse.csr_matrix((rest, rated.indices, rated.indptr), shape=rated.shape)
        widened = np.hstack([self.item_factors, np.ones((self.n_items, 1))])
        penalty = max(self.config.regularization, 1e-6) * np.maximum(np.diff(rated.indptr), 1)
        solved = ridge_rows(residual, widened, penalty)
        taste = (solved[:, :-1] + given) @ self.item_factors.T
        return solved[:, -1].astype(np.float64), taste.astype(np.float64)

    def explain(
        self, users: NDArray[np.integer], items: NDArray[np.integer], *, most: int | None = None
    ) -> list[Explanation]:
        """As `Recommender.explain`; for training users from their learned factors, as `recommend` scores them."""
        found = super().explain(users, items, most=most)
        who = np.array([one.user for one in found], np.int64)
        what = np.array([one.item for one in found], np.int64)
        known = np.flatnonzero((who >= 0) & (np.diff(self.train.matrix.indptr)[np.maximum(who, 0)] > 0))
        who, what = who[known], what[known]
        taste = Parts.said("model", "taste", self._taste(who, what))
        parts = self._rated(what, self.user_bias[who], taste)
        for place, one in zip(known.tolist(), read(parts, who, what, self.item_ids, self.name, most), strict=True):
            found[place] = one
        return found


class SVDpp(SVD):
    """SVD plus what rating an item says by itself (Koren 2008, eq. 15): p_u + |N(u)|^-1/2 sum of y_j over them."""

    name = "svdpp"
    config_class = SVDppConfig

    implicit_factors: NDArray[np.float64]
    """Shape (n_items, d): y."""

    algorithm = "SVDpp"

    def _keep(self, learned: Any, items: NDArray[np.int64]) -> None:
        self.implicit_factors = np.zeros_like(self.item_factors)
        self.implicit_factors[items] = learned.yj
        self.user_factors += self._given(self.train.histories())

    def _given(self, histories: Histories) -> NDArray[np.float64]:
        rated = rated_only(histories)
        taken = sparse.csr_matrix((np.ones(rated.nnz), rated.indices, rated.indptr), shape=rated.shape)
        counts = np.maximum(np.diff(rated.indptr), 1)
        given: NDArray[np.float64] = (taken @ self.implicit_factors) / np.sqrt(counts)[:, None]
        return given
