"""Ratings from the user's own ratings of similar items, around baselines (Koren 2010)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories
from shopr.errors import CapacityError
from shopr.recommend.contract.base import Config, Parts
from shopr.recommend.models.explicit.base import ExplicitRecommender, rated_only
from shopr.recommend.models.explicit.training import Ratings, train

__all__ = ["KNNBaseline", "KNNBaselineConfig"]

MAX_KNN_ITEMS = 6_000
"""`surprise` holds several dense matrices of items x items; above this they would not fit (1.5 GB)."""
BLOCK_CELLS = 2**21
"""Cells of one padded block of neighbours."""


class KNNBaselineConfig(Config):
    """Settings of `KNNBaseline`.

    Attributes:
        neighbours, fewest: most neighbours that count, and fewest without which the baseline stands alone.
        shrinkage: of the Pearson similarity around baselines (Koren 2010, eq. 2).
        damping: ratings at which an item's predicted rating counts half.
    """

    neighbours: int = Field(default=40, ge=1, le=1000)
    fewest: int = Field(default=1, ge=1)
    shrinkage: float = Field(default=100.0, ge=0)
    damping: float = Field(default=10.0, ge=0)


class KNNBaseline(ExplicitRecommender):
    """Rating = baseline + mean deviation of the user's ratings of the k most similar items, weighed by similarity.

    Item neighbours; a user's bias is the closed-form baseline at fixed item biases, so that a training history folded
    in gives exactly the training user's scores.
    """

    name = "knn_baseline"
    config_class = KNNBaselineConfig

    similarity: NDArray[np.float64]
    """Shape (rated items, rated items); 0 where not positive."""
    place: NDArray[np.int64]
    """Shape (n_items,): row of an item in `similarity`; -1 for unrated items."""

    def _learn(self, ratings: Ratings) -> None:
        users, items = ratings.users, ratings.items
        if len(items) > MAX_KNN_ITEMS:
            raise CapacityError(
                f"knn_baseline compares all pairs of items: {len(items)} rated items, at most {MAX_KNN_ITEMS}",
                hint="Use 'svd', or 'item_knn' for rankings",
            )
        c = self.config
        options = {"name": "pearson_baseline", "user_based": False, "shrinkage": c.shrinkage}
        learned = train("KNNBaseline", ratings, k=c.neighbours, min_k=c.fewest, sim_options=options, verbose=False)
        self.user_bias[users], self.item_bias[items] = learned.bu, learned.bi
        self.similarity = np.maximum(learned.sim, 0.0)
        self.place = np.full(self.n_items, -1, np.int64)
        self.place[items] = np.arange(len(items))

    def _bias(self, rated: sparse.csr_matrix) -> NDArray[np.float64]:
        owner = np.repeat(np.arange(rated.shape[0]), np.diff(rated.indptr))
        rest = np.bincount(
            owner, weights=rated.data - self.mean - self.item_bias[rated.indices], minlength=rated.shape[0]
        )
        biases: NDArray[np.float64] = rest / (self.user_reg + np.diff(rated.indptr))
        return biases

    def _deviation(
        self, rated: sparse.csr_matrix, bias: NDArray[np.float64], rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Shape (n,): the neighbour term of row `rows[i]` for item `items[i]`, rows of like length together."""
        lengths = np.diff(rated.indptr)[rows]
        out = np.zeros(len(rows))
        order = np.argsort(lengths, kind="stable")
        order = order[(lengths[order] > 0) & (self.place[items[order]] >= 0)]
        start = 0
        while start < len(order):
            width = int(lengths[order[min(start + BLOCK_CELLS, len(order)) - 1]])
            stop = start + max(1, min(len(order) - start, BLOCK_CELLS // width))
            part = order[start:stop]
            out[part] = self._weighed(rated, bias, rows[part], items[part])
            start = stop
        return out

    def _weighed(
        self, rated: sparse.csr_matrix, bias: NDArray[np.float64], rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        near, inside, deviation = self._neighbours(rated, bias, rows, items)
        weight = np.where(inside, near, 0.0)
        total = weight.sum(axis=1)
        enough = ((weight > 0).sum(axis=1) >= self.config.fewest) & (total > 0)
        return np.where(enough, (weight * deviation).sum(axis=1) / np.where(enough, total, 1.0), 0.0)

    def _neighbours(
        self, rated: sparse.csr_matrix, bias: NDArray[np.float64], rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
        """For each pair: similarities to the row's items, which of them are the nearest k, the items' deviations."""
        lengths = np.diff(rated.indptr)[rows]
        width = int(lengths.max())
        slots = rated.indptr[rows].astype(np.int64)[:, None] + np.arange(width)
        inside = np.arange(width) < lengths[:, None]
        slots = np.where(inside, slots, 0)
        others = rated.indices[slots]
        known = inside & (self.place[others] >= 0)
        near = np.where(known, self.similarity[self.place[items][:, None], self.place[others]], 0.0)
        deviation = rated.data[slots] - self.mean - self.item_bias[others] - bias[rows][:, None]
        k = self.config.neighbours
        if width > k:
            nearest = np.zeros_like(inside)
            np.put_along_axis(nearest, np.argpartition(-near, k - 1, axis=1)[:, :k], True, axis=1)
            known &= nearest
        return near, known, deviation

    def _taste(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._deviation(rated_only(self.train.histories()), self.user_bias, users, items)

    def _user_terms(self, histories: Histories) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rated = rated_only(histories)
        bias = self._bias(rated)
        taste = np.empty((len(histories), self.n_items))
        step = max(1, BLOCK_CELLS // self.n_items)
        for start in range(0, len(taste), step):
            size = min(step, len(taste) - start)
            rows, items = np.divmod(np.arange(size * self.n_items), self.n_items)
            taste[start : start + size] = self._deviation(rated, bias, rows + start, items).reshape(size, self.n_items)
        return bias, taste

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        rated = rated_only(histories)
        bias = self._bias(rated)
        full = np.flatnonzero((np.diff(rated.indptr)[rows] > 0) & (self.place[items] >= 0))
        taste = Parts.said("model", "taste", np.zeros(len(rows)))
        if len(full):
            near, inside, deviation = self._neighbours(rated, bias, rows[full], items[full])
            weight = np.where(inside, near, 0.0)
            enough = (weight > 0).sum(axis=1) >= self.config.fewest
            share = weight * deviation / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
            pair, slot = np.nonzero(inside & enough[:, None])
            entry = rated.indptr[rows[full][pair]] + slot
            taste = Parts.of_items(len(rows), full[pair], rated.indices[entry], share[pair, slot])
        return self._rated(items, bias[rows], taste)
