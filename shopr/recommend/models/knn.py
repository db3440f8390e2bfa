"""Neighbourhood models: items like those in the history, or what shoppers with a like history took.

Item neighbours: Sarwar et al. 2001; Deshpande & Karypis 2004. BM25 and TF-IDF weights as in `implicit`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.recommend.arithmetic.neighbours import BLOCK_CELLS, all_pairs, similarities, top_rows
from shopr.recommend.arithmetic.weighting import Scheme, Strength, Terms, history_strengths, strengths
from shopr.recommend.contract.base import Config, Recommender
from shopr.recommend.contract.explain import Parts, entries_of, gathered
from shopr.recommend.models.itemweights import linear_parts

__all__ = ["ItemKNN", "KNNConfig", "UserKNN", "UserKNNConfig"]


class KNNConfig(Config):
    """Settings of `ItemKNN`.

    Attributes:
        similarity: how rows are weighed before they are compared (see `weighting.Terms`).
        neighbours: how many to keep.
        shrinkage: similarities that rest on c shared terms are multiplied by c / (c + shrinkage).
        k1, b: BM25's saturation and length normalisation.
        strength: how repeated interactions count.
        half_life_days: an item in a history counts half for every so many days before the user's last one; None: alike.
    """

    similarity: Scheme = "bm25"
    neighbours: int = Field(default=20, ge=1, le=10_000)
    shrinkage: float = Field(default=0.0, ge=0)
    k1: float = Field(default=1.2, gt=0)
    b: float = Field(default=0.75, ge=0, le=1)
    strength: Strength = "log"
    half_life_days: float | None = Field(default=None, gt=0)


class UserKNNConfig(KNNConfig):
    """Settings of `UserKNN`: as `KNNConfig`, with more neighbours and cosine by default."""

    similarity: Scheme = "cosine"
    neighbours: int = Field(default=100, ge=1, le=10_000)


class ItemKNN(Recommender):
    """Items like those in the history.

    The score of item i is the sum over history items j of their strength times the similarity of i to j, where i is
    among the nearest neighbours of j.
    """

    name = "item_knn"
    config_class = KNNConfig

    similarity: sparse.csr_matrix
    """CSR (n_items, n_items) float32; row j holds the neighbours of j, without j."""

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        c = self.config
        matrix = interactions.matrix
        data = strengths(matrix.data, c.strength)
        items = sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape).T.tocsr()
        weighed = Terms.learn(items, c.similarity, c.k1, c.b).weigh(items)
        self.similarity = all_pairs(weighed, c.neighbours, c.shrinkage)

    def _history(self, histories: Histories) -> sparse.csr_matrix:
        return history_strengths(histories, self.config.strength, self.config.half_life_days)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        scores: NDArray[np.float32] = (self._history(histories) @ self.similarity).toarray()
        return scores

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        return linear_parts(self._history(histories), self.similarity, rows, items)


class UserKNN(Recommender):
    """What the shoppers with the most similar histories took.

    The score of item i is the sum of the similarities of the nearest shoppers who took i, times the strength with which
    they did. A training user's own history is among the shoppers; it speaks only for items already taken.
    """

    name = "user_knn"
    config_class = UserKNNConfig

    weighed: sparse.csr_matrix
    """CSR (n_users, n_items) float64: training histories as compared."""
    votes: sparse.csr_matrix
    """CSR (n_users, n_items) float32: training histories as they vote."""
    idf: NDArray[np.float64]
    mean_length: float

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        c = self.config
        documents = history_strengths(interactions.histories(), c.strength)
        terms = Terms.learn(documents, c.similarity, c.k1, c.b)
        self.idf, self.mean_length = terms.idf, terms.mean_length
        self.weighed = terms.weigh(documents)
        self.votes = documents

    def _weigh(self, histories: Histories) -> sparse.csr_matrix:
        c = self.config
        terms = Terms(c.similarity, c.k1, c.b, self.idf, self.mean_length)
        return terms.weigh(history_strengths(histories, c.strength, c.half_life_days))

    def _near(self, rows: sparse.csr_matrix) -> sparse.csr_matrix:
        near = similarities(rows, self.weighed, self.config.shrinkage)
        return top_rows(near, self.config.neighbours)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        rows = self._weigh(histories)
        scores = np.empty(rows.shape, np.float32)
        step = max(1, BLOCK_CELLS // self.weighed.shape[0])
        for start in range(0, len(scores), step):
            block = slice(start, start + step)
            scores[block] = (self._near(rows[block]).astype(np.float32) @ self.votes).toarray()
        return scores

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        weighed = self._weigh(histories)
        near = self._near(weighed)
        # similarity(u, v) = sum over j of row_j weighed_vj, times v's shrinkage, which does not depend on j.
        owner = np.repeat(np.arange(len(histories)), np.diff(near.indptr))
        raw = np.asarray(self.weighed[near.indices].multiply(weighed[owner]).sum(axis=1)).ravel()
        pair, entry = entries_of(near, rows)
        others = near.indices[entry]
        votes = near.data[entry] / raw[entry] * gathered(self.votes, others, items[pair])
        spoke = np.flatnonzero(votes)
        shape = (len(rows), len(self.user_ids))
        voters = sparse.csr_matrix((votes[spoke], (pair[spoke], others[spoke])), shape=shape)
        shares = (voters @ self.weighed).multiply(weighed[rows]).tocoo()
        return Parts.of_items(len(rows), shares.row, shares.col, shares.data)
