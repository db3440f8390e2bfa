"""Several fitted models as one: a weighted sum of their scores on one scale (weights are learned by `tuning`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from shopr.data.interactions import Histories, Interactions
from shopr.recommend.contract.base import Config, Parts, Recommender
from shopr.recommend.contract.registry import make

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Member", "Stack", "StackConfig", "moments", "standardise", "unit"]

_SAMPLE = 200
"""Users that the unit of a member's scores is measured on, about."""


class Member(Config):
    """One model of a stack.

    Attributes:
        model: its name in the registry.
        params: its hyperparameters.
        weight: of its scores on the common scale.
    """

    model: str
    params: dict[str, Any] = Field(default_factory=dict)
    weight: float = Field(default=1.0, gt=0)


class StackConfig(Config):
    """Settings of `Stack`.

    Attributes:
        members: at least one, none of them a stack.
        scale: how scores come to one scale. `row`: each row of scores gets mean 0 and spread 1. `model`: all scores of
            a member are divided by their root mean square over training users, so that a member says more where its
            scores are large: a history it knows much about.
    """

    members: tuple[Member, ...] = (Member(model="item_filter"), Member(model="markov", weight=0.5))
    scale: Literal["row", "model"] = "row"

    @field_validator("members")
    @classmethod
    def _plain(cls, members: tuple[Member, ...]) -> tuple[Member, ...]:
        if not members or any(m.model == Stack.name for m in members):
            raise ValueError("a stack needs at least one member, and no stack among them")
        return members


class Stack(Recommender):
    """Blend of models: each member's scores on a common scale, times its weight."""

    name = "stack"
    config_class = StackConfig

    members: list[Recommender]
    units: list[float]
    """What the scores of each member are divided by where `scale` is `model`."""

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        self.members = [make(m.model, **m.params).fit(interactions, catalog) for m in self.config.members]
        self.units = [unit(m, interactions) for m in self.members] if self.config.scale == "model" else []

    def _blend(self, parts: Iterable[NDArray[np.floating]]) -> NDArray[np.floating]:
        total: NDArray[np.float32] | None = None
        for place, (member, scores) in enumerate(zip(self.config.members, parts, strict=True)):
            one = scores / np.float32(self.units[place]) if self.units else standardise(scores)
            one *= np.float32(member.weight)
            total = np.asarray(one, np.float32) if total is None else total + one
        assert total is not None  # a config without members is refused
        return total

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return self._blend(m._score(histories) for m in self.members)

    def _score_users(self, users: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._blend(m._score_users(users) for m in self.members)

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        """Reasons of all members on the blend's scale; the shift by the mean is the model's own."""
        found, shift = [], np.zeros(len(histories))
        for place, (settings, member) in enumerate(zip(self.config.members, self.members, strict=True)):
            if self.units:
                factor = np.full(len(histories), settings.weight / self.units[place])
            else:
                mean, spread = moments(member._score(histories).astype(np.float32, copy=False))
                factor = np.float32(settings.weight) / spread[:, 0].astype(np.float64)
                shift -= factor * mean[:, 0]
            found.append(member._parts(histories, rows, items).scaled(factor[rows]))
        if not self.units:
            found.append(Parts.said("model", "against the average product", shift[rows]))
        return Parts.merged(found)


def unit(model: Recommender, interactions: Interactions) -> float:
    """Root mean square of a fitted model's scores for some evenly drawn users of its training data; 1 if all are 0."""
    filled = np.flatnonzero(np.diff(interactions.binary.indptr))
    if not len(filled):
        return 1.0
    scores = model._score_users(filled[:: max(1, len(filled) // _SAMPLE)])
    return float(np.sqrt(np.square(scores, dtype=np.float64).mean())) or 1.0


def standardise(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """Each row less its mean and divided by its standard deviation (rows of one value become 0)."""
    values = scores.astype(np.float32, copy=True)
    mean, spread = moments(values)
    values -= mean
    values /= spread
    return values


def moments(scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each row, shapes (n, 1); 1 for the deviation of rows of one value."""
    mean = scores.mean(axis=1, keepdims=True)
    # A row of one value must not be divided by the rounding of its mean.
    level = scores.max(axis=1, keepdims=True) == scores.min(axis=1, keepdims=True)
    centred = scores - mean
    spread = np.sqrt(np.einsum("ij,ij->i", centred, centred) / np.float32(max(scores.shape[1], 1)))[:, None]
    return mean, np.where(level | (spread == 0), np.float32(1.0), spread)
