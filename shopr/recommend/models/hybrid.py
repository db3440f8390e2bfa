"""A weighed mean of a collaborative and a content model, on one scale: what people bought and what products are.

Scores of both parts are standardised over the items of a row before they are weighed (mean 0, spread 1), which keeps
how far the best stand above the rest; a blend of ranks would lose it (Montague & Aslam 2001, score normalisation for
metasearch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shopr.data.interactions import Histories, Interactions
from shopr.errors import CapacityError, InputError
from shopr.recommend.contract.base import Config, Parts, Recommender
from shopr.recommend.contract.registry import make
from shopr.recommend.models.stack import moments, standardise

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Hybrid", "HybridConfig"]

_BEST, _LARGE = "ease", "item_filter"


class HybridConfig(Config):
    """Settings of `Hybrid`.

    Attributes:
        weight: of the collaborative part, within [0, 1]; the content part has the rest.
        collaborative: name of a registered model; None takes EASE, or the item filter where items x items does not fit.
        content: name of a registered model.
        collaborative_settings, content_settings: their hyperparameters; a collaborative one must be named to have any.
    """

    weight: float = Field(default=0.7, ge=0, le=1)
    collaborative: str | None = None
    content: str = "content"
    collaborative_settings: dict[str, Any] = Field(default_factory=dict)
    content_settings: dict[str, Any] = Field(default_factory=dict)


class Hybrid(Recommender):
    """Score = weight x standardised collaborative score + (1 - weight) x standardised content score."""

    name = "hybrid"
    config_class = HybridConfig
    needs_catalog: ClassVar[bool] = True

    parts: list[Recommender]
    """The fitted collaborative and content models."""

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        c = self.config
        if "hybrid" in (c.collaborative, c.content):
            raise InputError("hybrid cannot be a part of itself", hint="Name two other models")
        if c.collaborative is None and c.collaborative_settings:
            raise InputError(
                f"settings {', '.join(c.collaborative_settings)} of no named model", hint="Name it as collaborative"
            )
        if c.collaborative is None:
            try:
                first = make(_BEST).fit(interactions, catalog)
            except CapacityError:
                first = make(_LARGE).fit(interactions, catalog)
        else:
            first = make(c.collaborative, **c.collaborative_settings).fit(interactions, catalog)
        self.parts = [first, make(c.content, **c.content_settings).fit(interactions, catalog)]

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of the two parts."""
        return self.config.weight, 1.0 - self.config.weight

    def _score_users(self, users: NDArray[np.int64]) -> NDArray[np.floating]:
        return self._blend([part._score_users(users) for part in self.parts])

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        return self._blend([part._score(histories) for part in self.parts])

    def _blend(self, scores: list[NDArray[np.floating]]) -> NDArray[np.floating]:
        first, second = (np.float32(w) * standardise(s) for w, s in zip(self.weights, scores, strict=True))
        return np.asarray(first + second, np.float32)

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        """Reasons of both parts on the blend's scale; the shift by the means is the model's own."""
        found, shift = [], np.zeros(len(histories))
        for weight, part in zip(self.weights, self.parts, strict=True):
            mean, spread = moments(part._score(histories).astype(np.float32, copy=False))
            factor = weight / spread[:, 0].astype(np.float64)
            shift -= factor * mean[:, 0]
            found.append(part._parts(histories, rows, items).scaled(factor[rows]))
        return Parts.merged([*found, Parts.said("model", "against the average product", shift[rows])])
