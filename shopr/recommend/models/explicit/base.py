"""What all models of star ratings share: biases, the scale, and a damped rating as the score to rank by."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError
from shopr.recommend.contract.base import Parts, Recommender
from shopr.recommend.models.explicit.training import Ratings

__all__ = ["ExplicitRecommender", "rated_only"]


class ExplicitRecommender(Recommender):
    """Base of the rating models: biases, clipping to the scale, damping; the rest is a taste term for each pair."""

    needs_ratings: ClassVar[bool] = True
    user_reg: ClassVar[float] = 15.0

    mean: float
    low: float
    high: float
    user_bias: NDArray[np.float64]
    """Shape (n_users,); 0 without ratings."""
    item_bias: NDArray[np.float64]
    """Shape (n_items,); 0 without ratings."""
    damp: NDArray[np.float64]
    """Shape (n_items,): n / (n + damping), within [0, 1)."""

    @abstractmethod
    def _learn(self, ratings: Ratings) -> None:
        """Train, and keep what was learned in plain arrays."""

    @abstractmethod
    def _user_terms(self, histories: Histories) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bias (n,) and taste over all items (n, n_items) from histories alone."""

    @abstractmethod
    def _taste(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Shape (n,): taste of training users for items, pair by pair."""

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        stars = interactions.mean_ratings
        if stars is None or np.isnan(stars).all():
            raise InputError(
                f"{self.name} learns from star ratings and was given none", hint="Give a rating column, or use 'ials'"
            )
        matrix = interactions.matrix
        rated = np.flatnonzero(~np.isnan(stars))
        owner = np.repeat(np.arange(interactions.n_users), np.diff(matrix.indptr))[rated]
        values = stars[rated].astype(np.float64)
        self.mean, self.low, self.high = float(values.mean()), float(values.min()), float(values.max())
        counts = np.bincount(matrix.indices[rated], minlength=self.n_items)
        self.damp = counts / np.maximum(counts + self.config.damping, 1e-9)
        self.user_bias, self.item_bias = np.zeros(interactions.n_users), np.zeros(self.n_items)
        self._learn(Ratings.of(owner, matrix.indices[rated], values))

    def predict_ratings(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.float64]:
        """Shape (n,): the stars that user `users[i]` would give item `items[i]`, within the scale seen in training.

        -1 stands for an unknown user or item, whose bias and taste count as 0.
        """
        who, what = np.asarray(users).astype(np.int64), np.asarray(items).astype(np.int64)
        known, listed = who >= 0, what >= 0
        stars = np.full(len(who), self.mean)
        stars[known] += self.user_bias[who[known]]
        stars[listed] += self.item_bias[what[listed]]
        both = known & listed
        stars[both] += self._taste(who[both], what[both])
        return np.asarray(np.clip(stars, self.low, self.high))

    def _ranked_scores(self, bias: NDArray[np.float64], taste: NDArray[np.float64]) -> NDArray[np.floating]:
        scores = taste + self.item_bias + bias[:, None]
        scores *= self.damp
        scores += self.mean
        return scores

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return self._ranked_scores(*self._user_terms(histories))

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        bias, taste = self._user_terms(histories)
        return self._rated(items, bias[rows], Parts.said("model", "taste", taste[rows, items]))

    def _rated(self, items: NDArray[np.int64], bias: NDArray[np.float64], taste: Parts) -> Parts:
        """Mean, biases (n,) and taste of n pairs, damped as the score is."""
        damp = self.damp[items]
        return Parts.merged(
            [
                Parts.said("model", "mean rating", np.full(len(items), self.mean)),
                Parts.said("popularity", "rated above or below the mean", damp * self.item_bias[items]),
                Parts.said("model", "how this shopper rates", damp * bias),
                taste.scaled(damp),
            ]
        )


def rated_only(histories: Histories) -> sparse.csr_matrix:
    """CSR (n, n_items) float64 of the stars in histories; unrated entries left out, explicit zeros kept."""
    matrix = histories.matrix
    if histories.ratings is None:
        return sparse.csr_matrix(matrix.shape)
    keep = ~np.isnan(histories.ratings)
    indptr = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    return sparse.csr_matrix(
        (histories.ratings[keep].astype(np.float64), matrix.indices[keep], indptr), shape=matrix.shape
    )
