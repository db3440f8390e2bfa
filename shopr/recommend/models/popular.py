"""What is popular, the same for everybody: the baseline to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shopr.data.interactions import Histories, Interactions
from shopr.recommend.contract.base import Config, Parts, Recommender, popularity
from shopr.recommend.contract.explain import POPULAR

__all__ = ["Popular", "PopularConfig"]


class PopularConfig(Config):
    """Settings of `Popular`.

    Attributes:
        half_life_days: a purchase's vote halves every so many days before the end of the data; None counts all alike.
    """

    half_life_days: float | None = Field(default=30.0, gt=0)


class Popular(Recommender):
    """Distinct shoppers of each product, recent ones counting more; scores within (0, 1]."""

    name = "popular"
    config_class = PopularConfig

    votes: NDArray[np.float32]
    """Shape (n_items,)."""

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        half_life = self.config.half_life_days
        self.votes = popularity(interactions, np.inf if half_life is None else half_life)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return np.tile(self.votes, (len(histories), 1))

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        return Parts.said("popularity", POPULAR, self.votes[items])
