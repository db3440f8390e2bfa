"""Scores that follow a history instead of being computed again: one click costs one row of the item-to-item matrix.

Where a score is linear in the history, score = s W with the strengths s of its entries, a new history with strengths s'
scores s' W = c s W + (s' - c s) W for any c. With c the factor by which the old entries faded, s' - c s is zero but for
what changed, usually one entry: O(items) instead of O(items x history), and exact for every strength rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.interactions import Histories
from shopr.recommend.contract.base import Recommender
from shopr.recommend.models.hybrid import Hybrid
from shopr.recommend.models.itemweights import ItemWeights
from shopr.recommend.models.knn import ItemKNN
from shopr.recommend.models.stack import Stack

__all__ = ["Scores", "follow", "item_rows"]

_REFRESH = 512
"""Increments after which the scores are computed afresh, so that rounding cannot add up."""
_SAME = 1e-6
"""Strengths (float32) closer than this, as a share, count as unchanged but for the common factor."""


class Scores(Protocol):
    """The scores of one shopper, kept from one history to the next."""

    def at(self, history: Histories) -> NDArray[np.floating]:
        """Shape (n_items,): the scores for a history (one row) with an entry at least; the caller may not write."""


def item_rows(model: Recommender) -> Any:
    """The item-to-item matrix of a model that is linear in its history, (n_items, n_items); None for others.

    A model that adds something to the product with its matrix (as `Spectral` does) is none of them.
    """
    scoring = type(model)._score
    if isinstance(model, ItemWeights) and scoring is ItemWeights._score:
        return model.weights
    return model.similarity if isinstance(model, ItemKNN) and scoring is ItemKNN._score else None


def follow(model: Recommender) -> Scores:
    """Scores of one shopper by a fitted model: by increments where it is linear, else computed again each time."""
    if isinstance(model, Stack):
        return _Blend(model, model.members)
    if isinstance(model, Hybrid):
        return _Blend(model, model.parts)
    return _Afresh(model) if item_rows(model) is None else _Linear(model)


class _Afresh:
    def __init__(self, model: Recommender) -> None:
        self._model = model

    def at(self, history: Histories) -> NDArray[np.floating]:
        scores: NDArray[np.floating] = self._model._score(history)[0]
        return scores


class _Blend:
    """A stack or hybrid: each member by increments, then the model's own blend, which is O(items)."""

    def __init__(self, model: Stack | Hybrid, members: Sequence[Recommender]) -> None:
        self._model, self._members = model, [follow(member) for member in members]

    def at(self, history: Histories) -> NDArray[np.floating]:
        parts = [np.asarray(member.at(history), np.float32)[None, :] for member in self._members]
        scores: NDArray[np.floating] = self._model._blend(parts)[0]
        return scores


class _Linear:
    def __init__(self, model: Recommender) -> None:
        self._model: Any = model
        self._weights = item_rows(model)
        self._items = np.empty(0, np.int64)
        self._strengths = np.empty(0)
        self._scores = np.zeros(model.n_items)
        self._steps = 0

    def at(self, history: Histories) -> NDArray[np.floating]:
        row = self._model._history(history)
        items, new = row.indices.astype(np.int64), row.data.astype(np.float64)
        every = np.union1d(self._items, items)
        old_at, new_at = np.zeros(len(every)), np.zeros(len(every))
        old_at[np.searchsorted(every, self._items)] = self._strengths
        new_at[np.searchsorted(every, items)] = new
        factor = _common_factor(old_at, new_at)
        change = new_at - factor * old_at
        moved = np.flatnonzero(np.abs(change) > _SAME * np.maximum(np.abs(new_at), factor * np.abs(old_at)))
        self._steps += 1
        if len(moved) > len(items) // 2 + 1 or self._steps % _REFRESH == 0:
            factor, moved, change = 0.0, np.flatnonzero(new_at), new_at
            self._scores = np.zeros(len(self._scores))
        elif factor != 1.0:
            self._scores *= factor
        if len(moved):
            self._add(every[moved], change[moved])
        self._items, self._strengths = items, new
        return self._scores

    def _add(self, items: NDArray[np.int64], amounts: NDArray[np.float64]) -> None:
        if not sparse.issparse(self._weights):
            self._scores += amounts @ self._weights[items]
            return
        indptr, indices, data = self._weights.indptr, self._weights.indices, self._weights.data
        for item, amount in zip(items, amounts, strict=True):  # usually one
            part = slice(indptr[item], indptr[item + 1])
            self._scores[indices[part]] += amount * data[part]


def _common_factor(old: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    """The factor by which most of the entries in both changed; 1 where none is in both."""
    both = (old != 0) & (new != 0)
    if not both.any():
        return 1.0
    ratios = np.sort(new[both] / old[both])
    return float(ratios[(len(ratios) - 1) // 2])
