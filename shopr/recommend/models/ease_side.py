"""EASE with side information: products that share words of the catalogue regress on each other as if bought together.

CEASE (Jeunen, Van Balen & Goethals 2020, "Closed-form models for collaborative filtering with side-information"): the
matrix of histories is stacked on a matrix of tags by products, T, so that the Gram matrix becomes X'X + side T'T. Here
T holds TF-IDF vectors of unit length. Products that nobody has bought are part of the regression through their tags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Interactions
from shopr.errors import InputError
from shopr.recommend.arithmetic.gram import check_square, gram, regression
from shopr.recommend.models.content import ContentConfig, item_vectors
from shopr.recommend.models.itemweights import ItemWeights
from shopr.recommend.models.linear import EaseConfig, item_counts, weighted

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["EaseSide", "EaseSideConfig"]

_COPIES = 2.6
"""Dense float32 squares that a fit holds at its peak."""
_BLOCK_CELLS = 2**23


class EaseSideConfig(EaseConfig):
    """Settings of `EaseSide`.

    Attributes:
        side: weight of the catalogue: what full likeness counts, in shoppers.
        dropout: ridge in proportion to each product's own diagonal, as in `edlae`.
        user_power: a shopper with n products counts n^-user_power in each pair.
        content_settings: of the content vectors: title, brand, category, attributes, rarest (see `ContentConfig`).
    """

    lam: float = Field(default=100.0, gt=0)
    side: float = Field(default=20.0, ge=0)
    dropout: float = Field(default=0.5, ge=0)
    user_power: float = Field(default=0.3, ge=0, le=2)
    content_settings: dict[str, Any] = Field(default_factory=dict)


class EaseSide(ItemWeights):
    """CEASE over content vectors."""

    name = "ease_side"
    config_class = EaseSideConfig
    needs_catalog: ClassVar[bool] = True

    weights: NDArray[np.floating]

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        if catalog is None:
            raise InputError(f"{self.name} needs a catalogue", hint="Call fit(interactions, catalog), or use 'edlae'")
        c = self.config
        check_square(self.name, interactions.n_items, _COPIES, c.memory_gb)
        settings = ContentConfig(**c.content_settings)
        fields = {name: getattr(settings, name) for name in ("title", "brand", "category", "attributes")}
        vectors, _ = item_vectors(catalog.align(self.item_ids), fields, settings.rarest)
        square = gram(weighted(interactions.binary, c.user_power))
        _add_likeness(square, vectors, c.side)
        weights = regression(square, c.lam + c.dropout * square.diagonal().astype(np.float64))
        known = item_counts(interactions.binary) > 0
        described = np.diff(vectors.indptr) > 0
        weights[:, ~(known | described)] = 0  # nothing is known of these
        self.weights = weights


def _add_likeness(square: NDArray[np.float32], vectors: sparse.csr_matrix, side: float) -> None:
    """Add side x cosines in place, by blocks of columns (the square is in Fortran order, and symmetric)."""
    m = len(square)
    step = max(1, _BLOCK_CELLS // max(m, 1))
    for start in range(0, m, step):
        part = vectors[start : start + step]
        square[:, start : start + step] += np.float32(side) * (vectors @ part.T).toarray()
