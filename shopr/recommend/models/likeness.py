"""Products like the latest ones, by what the catalogue says, popular ones first.

The content model (Pazzani & Billsus 2007) for short, ordered histories: where few people bought the same things, what a
product is says more about the next one than who else took it. It is worth most beside a model of transitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.recommend.arithmetic.weighting import normalise_rows
from shopr.recommend.contract.base import Parts
from shopr.recommend.models.content import Content, ContentConfig
from shopr.recommend.models.itemweights import step_rows

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Likeness", "LikenessConfig"]


class LikenessConfig(ContentConfig):
    """Settings of `Likeness`; `strength` and `half_life_days` of `ContentConfig` do not count here.

    Attributes:
        half_life: an entry of the history counts half for every so many steps before the last.
        popularity: scores are multiplied by n^popularity, n counting the users of the product, 1 for a new one.
        sharpness: cosines are raised to this power: above 1, only close likeness counts.
    """

    half_life: float = Field(default=1.0, gt=0)
    popularity: float = Field(default=0.5, ge=0, le=2)
    sharpness: float = Field(default=1.0, ge=0.1, le=10)


class Likeness(Content):
    """Score = cosine(product, fading profile)^sharpness * users of the product^popularity."""

    name = "likeness"
    config_class = LikenessConfig

    reach: NDArray[np.float32]
    """(n_items,): what the cosines are multiplied by."""

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        super()._fit(interactions, catalog)
        counts = np.bincount(interactions.binary.indices, minlength=interactions.n_items)
        self.reach = (np.maximum(counts, 1.0) ** self.config.popularity).astype(np.float32)

    def _profiles(self, histories: Histories) -> sparse.csr_matrix:
        rows = step_rows(histories, self.config.half_life)
        return normalise_rows((rows @ self.vectors).tocsr()).astype(np.float32)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        scores = super()._score(histories)
        if self.config.sharpness != 1:
            scores = np.maximum(scores, 0) ** np.float32(self.config.sharpness)
        scores *= self.reach
        return scores

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        parts = super()._parts(histories, rows, items)
        # The power is shared out in proportion to the cosine's own parts.
        cosine = np.maximum(parts.scores(), 0)
        power = np.where(cosine > 0, np.maximum(cosine, 1e-12) ** (self.config.sharpness - 1), 0)
        return parts.scaled(power * self.reach[items])
