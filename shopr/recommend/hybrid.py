"""A weighed mean of two models, each as the per-user percentile of its ranks, so that their scales need not match."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError
from shopr.recommend.base import Config, Parts, Recommender
from shopr.recommend.explain import Kind
from shopr.recommend.registry import make

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Hybrid", "HybridConfig", "percentiles"]

_ROLES: tuple[tuple[Kind, str], ...] = (
    ("history", "shoppers with similar taste"),
    ("attribute", "products like yours"),
)
"""The reason of each part where its own say nothing."""
BLOCK_CELLS = 2**20
"""Scores that are sorted at a time."""


class HybridConfig(Config):
    """Settings of `Hybrid`.

    Attributes:
        weight: of the collaborative part, within [0, 1]; the content part has the rest.
        collaborative, content: names of registered models.
        collaborative_settings, content_settings: their hyperparameters.
    """

    weight: float = Field(default=0.7, ge=0, le=1)
    collaborative: str = "item_knn"
    content: str = "content"
    collaborative_settings: dict[str, Any] = Field(default_factory=dict)
    content_settings: dict[str, Any] = Field(default_factory=dict)


class Hybrid(Recommender):
    """Score = weight x percentile by the collaborative part + (1 - weight) x percentile by the content part.

    A percentile is the share of the items that the user has not seen which score lower, ties counting half.
    """

    name = "hybrid"
    config_class = HybridConfig
    needs_catalog: ClassVar[bool] = True

    parts: list[Recommender]
    """The fitted collaborative and content models."""

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        c = self.config
        if "hybrid" in (c.collaborative, c.content):
            raise InputError("hybrid cannot be a part of itself", hint="Name two other models")
        named = ((c.collaborative, c.collaborative_settings), (c.content, c.content_settings))
        self.parts = [make(name, **settings).fit(interactions, catalog) for name, settings in named]

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of the two parts."""
        return self.config.weight, 1.0 - self.config.weight

    def _score_users(self, users: NDArray[np.int64]) -> NDArray[np.floating]:
        history = self.train.histories(users)
        return self._blend(history, [part._score_users(users) for part in self.parts])

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return self._blend(histories, [part._score(histories) for part in self.parts])

    def _blend(self, histories: Histories, scores: list[NDArray[np.floating]]) -> NDArray[np.floating]:
        unseen = self._unseen(histories)
        blended = np.zeros(unseen.shape, np.float32)
        for weight, part in zip(self.weights, scores, strict=True):
            blended += np.float32(weight) * percentiles(part, unseen)
        return blended

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        """A rank is not linear in the history: it is split in proportion to what pushed the part's own score up."""
        unseen = self._unseen(histories)
        found = []
        for weight, part, (kind, label) in zip(self.weights, self.parts, _ROLES, strict=True):
            ranks = percentiles(part._score(histories), unseen)[rows, items].astype(np.float64)
            share = np.float32(weight) * ranks
            own = part._parts(histories, rows, items)
            pushed = replace(own, value=np.maximum(own.value, 0.0))
            total = pushed.scores()
            found.append(pushed.scaled(np.divide(share, total, out=np.zeros_like(share), where=total > 0)))
            found.append(Parts.said(kind, f"{label} ({part.name})", np.where(total > 0, 0.0, share)))
        return Parts.merged(found)

    def _unseen(self, histories: Histories) -> NDArray[np.bool_]:
        matrix = histories.matrix
        unseen = np.ones((len(histories), self.n_items), bool)
        unseen[np.repeat(np.arange(len(histories)), np.diff(matrix.indptr)), matrix.indices] = False
        return unseen


def percentiles(scores: NDArray[np.floating], among: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share of the items of `among` in the row that score below each item, plus half of those that score the same.

    Args:
        scores: shape (n, m).
        among: shape (n, m): the items that count.

    Returns:
        Shape (n, m), within [0, 1]; 0 in rows where nothing counts.
    """
    out = np.zeros(scores.shape, np.float32)
    step = max(1, BLOCK_CELLS // max(scores.shape[1], 1))
    for start in range(0, len(scores) if out.size else 0, step):
        block = slice(start, start + step)
        out[block] = _percentiles(scores[block], among[block])
    return out


def _percentiles(scores: NDArray[np.floating], among: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`percentiles` of one block: runs of equal scores share the middle of the places they take."""
    n, m = scores.shape
    order = np.argsort(scores, axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    counted = np.take_along_axis(among, order, axis=1).ravel()
    starts = np.ones((n, m), bool)
    starts[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    first = np.flatnonzero(starts)
    upto = np.concatenate([[0], np.cumsum(counted, dtype=np.int32)])
    last = np.append(first[1:], n * m)
    row_start = upto[: n * m : m]
    total = np.maximum(upto[m::m] - row_start, 1)
    row = first // m
    middle = ((upto[first] + upto[last]) / 2 - row_start[row]) / total[row]
    out = np.empty((n, m), np.float32)
    values = np.repeat(middle.astype(np.float32), last - first).reshape(n, m)
    np.put_along_axis(out, order, values, axis=1)
    return out
