"""Products without interactions in a model of item-to-item weights: what is known of products like them, carried over.

The known products that stand in for a cold one (see `cold_map`) lend it their weights. With S, whose row c holds them
(a known product stands for itself), the weights B become S (B + E) S', off the diagonal: the column of c says what in a
history speaks for it, its row what it speaks for once it is in a history. E is diagonal and fills what B leaves at 0:
that having j speaks for what is like j. The model stays linear, and with it increments, explanations and speed.
Products of few shoppers move part of the way: of n, n / (n + prior) remain their own.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.contract.base import Config
from shopr.recommend.contract.registry import make
from shopr.recommend.models.cold_map import ContentMap, MapKind, reduced
from shopr.recommend.models.content import ContentConfig, item_vectors
from shopr.recommend.models.itemweights import ItemWeights

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Cold", "ColdConfig", "carried_over", "content_vectors"]

_LEAST_SHARE = 0.05
"""Share of what is carried over from which a product is worth the work."""


class ColdConfig(Config):
    """Settings of `Cold`.

    Attributes:
        base, base_settings: a registered model of item-to-item weights, and its hyperparameters.
        content_settings: of the content vectors: title, brand, category, attributes, rarest (see `ContentConfig`).
        kind, neighbours, sharpness, ridge, shrinkage: how cold products are told from known ones (see `ContentMap`).
        rank: content dimensions of the kind `ridge`.
        likeness: what having a product speaks for its like, in units of the strongest weight towards that product.
        trust: factor of what is carried over; below 1 holds cold products back among known ones.
        prior: shoppers at which a product's own weights and those carried over count alike; 0 leaves known ones alone.
        seed: of the reduction.
    """

    base: str = "item_filter"
    base_settings: dict[str, Any] = Field(default_factory=dict)
    content_settings: dict[str, Any] = Field(default_factory=dict)
    kind: MapKind = "neighbours"
    neighbours: int = Field(default=20, ge=1)
    sharpness: float = Field(default=2.0, gt=0, le=20)
    ridge: float = Field(default=1.0, gt=0)
    shrinkage: float = Field(default=5.0, ge=0)
    rank: int = Field(default=128, ge=1)
    likeness: float = Field(default=1.0, ge=0)
    trust: float = Field(default=1.0, ge=0, le=10)
    prior: float = Field(default=0.0, ge=0)
    seed: int = DEFAULT_SEED

    @property
    def map(self) -> ContentMap:
        """How cold products are told from known ones."""
        return ContentMap(self.kind, self.neighbours, self.sharpness, self.ridge, self.shrinkage)


class Cold(ItemWeights):
    """Any model of item-to-item weights, with cold products in it."""

    name = "cold"
    config_class = ColdConfig
    needs_catalog: ClassVar[bool] = True

    base: ItemWeights
    """The fitted model; it shares the extended weights."""

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        if catalog is None:
            raise InputError(
                f"{self.name} needs a catalogue",
                hint=f"Call fit(interactions, catalog), or use {self.config.base!r} alone",
            )
        c = self.config
        if c.base == self.name:
            raise InputError("cold cannot be its own base", hint="Name a model such as 'item_filter' or 'edlae'")
        base = make(c.base, **c.base_settings)
        if not isinstance(base, ItemWeights):
            raise InputError(
                f"{c.base!r} has no item-to-item weights", hint="Use item_filter, edlae, ease, rp3beta or markov"
            )
        self._extend(base.fit(interactions, catalog), interactions, catalog)

    @classmethod
    def upon(
        cls, base: ItemWeights, catalog: Catalog, config: ColdConfig | None = None, *, vectors: Any = None
    ) -> Cold:
        """Cold products added to a fitted model, which stays as it is; nothing is fitted again.

        Args:
            base: fitted over all products asked for, those without interactions among them.
            catalog: what products are.
            config: its base and base_settings are replaced by the model's own.
            vectors: as `content_vectors` makes them for this config, where they are at hand; made if None.
        """
        own = {"base": base.name, "base_settings": base.config.model_dump(mode="json")}
        model = cls((config or ColdConfig()).model_copy(update=own))
        model.user_ids, model.item_ids, model.fallback = base.user_ids, base.item_ids, base.fallback
        model._train = base.train
        model._extend(copy(base), base.train, catalog, vectors)
        return model

    def _extend(self, base: ItemWeights, interactions: Interactions, catalog: Catalog, vectors: Any = None) -> None:
        if vectors is None:
            vectors = content_vectors(catalog, interactions, self.config)
        counts = np.bincount(interactions.binary.indices, minlength=interactions.n_items).astype(np.float64)
        self.base = base
        self.weights = base.weights = carried_over(base.weights, vectors, counts, self.config)

    def _history(self, histories: Histories) -> sparse.csr_matrix:
        return self.base._history(histories)


def content_vectors(catalog: Catalog, interactions: Interactions, config: ColdConfig) -> Any:
    """What products are told apart by: CSR of TF-IDF for `neighbours`, dense reduced vectors for `ridge`."""
    settings = ContentConfig(**config.content_settings)
    fields = {name: getattr(settings, name) for name in ("title", "brand", "category", "attributes")}
    vectors, _ = item_vectors(catalog.align(interactions.item_ids), fields, settings.rarest)
    return reduced(vectors, config.rank, config.seed) if config.kind == "ridge" else vectors


def carried_over(
    weights: Any, vectors: sparse.csr_matrix | NDArray[np.float32], counts: NDArray[np.float64], config: ColdConfig
) -> Any:
    """Fresh weights with those of cold products filled in; dense stays dense, CSR stays CSR.

    Args:
        weights: (n_items, n_items) of the base model; an empty row and column for what it does not know.
        vectors: as `content_vectors` makes them.
        counts: shape (n_items,), shoppers of each product.
    """
    share = np.where(counts > 0, config.prior / (config.prior + np.maximum(counts, 1)), 1.0)
    who = np.flatnonzero(share >= _LEAST_SHARE)
    kept = np.ones(len(counts))
    kept[who] = 1 - share[who]
    kin = config.map.weights(vectors, counts, who)
    kin = sparse.diags_array((share[who] * config.trust).astype(np.float32)) @ kin
    place = sparse.csr_matrix((np.ones(len(who), np.float32), (who, np.arange(len(who)))), (len(counts), len(who)))
    stand_in = (place @ kin + sparse.diags_array(kept.astype(np.float32))).tocsr()
    strongest = weights.max(axis=0)
    top = strongest.toarray().ravel() if sparse.issparse(strongest) else np.asarray(strongest)
    filled = _with_diagonal(weights, config.likeness * np.maximum(top, 0))
    return _with_diagonal((stand_in @ (stand_in @ filled).T).T, np.zeros(len(counts)))


def _with_diagonal(weights: Any, diagonal: NDArray[np.floating]) -> Any:
    """A copy of a matrix with another diagonal."""
    if not sparse.issparse(weights):
        dense = np.array(weights)
        np.fill_diagonal(dense, diagonal)
        return dense
    entries = sparse.coo_matrix(weights)
    off = entries.row != entries.col
    rest = sparse.csr_matrix((entries.data[off], (entries.row[off], entries.col[off])), shape=weights.shape)
    found = sparse.csr_matrix(rest + sparse.diags_array(diagonal.astype(rest.dtype)))
    found.eliminate_zeros()
    return found
