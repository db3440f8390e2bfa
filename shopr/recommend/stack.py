"""Several fitted models as one: a weighted sum of their standardised scores (weights are learned by `tuning`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from shopr.data.interactions import Histories, Interactions
from shopr.recommend.base import Config, Parts, Recommender
from shopr.recommend.registry import make

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Member", "Stack", "StackConfig", "moments", "standardise"]


class Member(Config):
    """One model of a stack.

    Attributes:
        model: its name in the registry.
        params: its hyperparameters.
        weight: of its standardised scores.
    """

    model: str
    params: dict[str, Any] = Field(default_factory=dict)
    weight: float = Field(default=1.0, gt=0)


class StackConfig(Config):
    """Settings of `Stack`: its members, at least one, none of them a stack."""

    members: tuple[Member, ...] = (Member(model="item_filter"), Member(model="markov", weight=0.5))

    @field_validator("members")
    @classmethod
    def _plain(cls, members: tuple[Member, ...]) -> tuple[Member, ...]:
        if not members or any(m.model == Stack.name for m in members):
            raise ValueError("a stack needs at least one member, and no stack among them")
        return members


class Stack(Recommender):
    """Blend of models: each member's scores get mean 0 and spread 1 over the items of a row, then its weight."""

    name = "stack"
    config_class = StackConfig

    members: list[Recommender]

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        self.members = [make(m.model, **m.params).fit(interactions, catalog) for m in self.config.members]

    def _blend(self, parts: list[NDArray[np.floating]]) -> NDArray[np.floating]:
        total = np.zeros(parts[0].shape, np.float32)
        for member, scores in zip(self.config.members, parts, strict=True):
            total += np.float32(member.weight) * standardise(scores)
        return total

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return self._blend([m._score(histories) for m in self.members])

    def _score_users(self, users: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._blend([m._score_users(users) for m in self.members])

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        """Reasons of all members on the blend's scale; the shift by the mean is the model's own."""
        found, shift = [], np.zeros(len(histories))
        for settings, member in zip(self.config.members, self.members, strict=True):
            mean, spread = moments(member._score(histories).astype(np.float32, copy=False))
            factor = np.float32(settings.weight) / spread[:, 0].astype(np.float64)
            shift -= factor * mean[:, 0]
            found.append(member._parts(histories, rows, items).scaled(factor[rows]))
        return Parts.merged([*found, Parts.said("model", "against the average product", shift[rows])])


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
    spread = scores.std(axis=1, keepdims=True)
    return mean, np.where(level | (spread == 0), np.float32(1.0), spread)
