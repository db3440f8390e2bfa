"""What profiles are measured against: a shop's categories, brands, price ranges, styles and months, and its averages.

Everything that a profile knows is a sum over events of values in one row of features. So all shoppers' profiles are one
sparse product, one event adds a few numbers to one row, and both give the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.catalog import Catalog
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import DataError
from shopr.recommend.profile.acts import Acts, Codes, Floats, ProfileConfig
from shopr.recommend.profile.styles import PER_ITEM, Styles, learn_styles

__all__ = ["BINS", "DAY", "Layout", "ProfileSpace", "place_bin"]

DAY = 86_400.0
BINS = 41
"""Bins of a price's place, .05 wide, from -.5 to 1.5; dearer and cheaper prices count in the outer ones."""
_LEAST_RANGE = float(np.log(1.5))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each part lies in a row of features: categories, brands, places of prices, styles, months, order rate."""

    categories: int
    brands: int
    styles: int

    @property
    def brand(self) -> int:
        """First brand."""
        return self.categories

    @property
    def place(self) -> int:
        """First bin of the first category."""
        return self.brand + self.brands

    @property
    def style(self) -> int:
        """First style."""
        return self.place + self.categories * BINS

    @property
    def month(self) -> int:
        """January."""
        return self.style + self.styles

    @property
    def rate(self) -> int:
        """Orders, fading."""
        return self.month + 12

    @property
    def size(self) -> int:
        """Features in all."""
        return self.rate + 1


class ProfileSpace:
    """The shop's side of profiles, learnt once (nightly) and then fixed, while profiles follow each event.

    Args:
        catalog: the products.
        source: the flat event table, or interactions.
        now: Unix seconds; events fade from here backwards, and later ones count more.
        config: how profiles are learnt.

    Attributes:
        item_ids: the catalogue's products.
        categories: every category path at every level; `parent` (n,) its parent's code or -1, `depth` (n,) from 1.
        leaf: shape (n_items,), code of each product's full path, -1 without.
        brands, brand: the brands, and shape (n_items,) each product's code, -1 without.
        log_price: shape (n_items,), NaN where unknown.
        low, width: shape (categories + 1,), log price of place 0 and the log distance to place 1; NaN at the end.
        styles: the styles.
        shop: shape (features,), sums over all shoppers.
    """

    def __init__(
        self, catalog: Catalog, source: pd.DataFrame | Interactions, *, now: float, config: ProfileConfig
    ) -> None:
        if not len(catalog):
            raise DataError("the catalogue holds 0 products", hint="Import one before profiles are built")
        self.config, self.origin, self.item_ids = config, float(now), catalog.product_ids
        frame = catalog.frame
        self.categories, self.parent, self.depth, self.leaf = _tree(frame["category"])
        names = frame["brand"].to_numpy(dtype=object).astype(str)
        self.brands = IdMap(sorted(set(names) - {""}))
        self.brand = self.brands.encode(names).astype(np.int64)
        price = frame["price"].to_numpy(dtype=np.float64, na_value=np.nan)
        self.log_price = np.log(np.where(price > 0, price, np.nan))
        self.currency = next((c for c in frame["currency"] if c), "")
        self.low, self.width = self._ranges()
        acts = Acts.of(source, self.item_ids, config, now=self.origin)
        self.styles = self._learn_styles(catalog, acts)
        self.layout = Layout(len(self.categories), len(self.brands), len(self.styles))
        _, columns, values = self.features(acts)
        self.shop = np.bincount(columns, weights=values, minlength=self.layout.size)
        self.brand_mix = self._brand_mix(acts)

    def features(self, acts: Acts) -> tuple[Codes, Codes, Floats]:
        """(event, feature, value) of everything the events say; a feature is the sum over a shopper's events."""
        at = self.layout
        weight = acts.worth * np.exp2((acts.times - self.origin) / (DAY * self.config.half_life_days))
        event = np.arange(len(acts))
        parts: list[tuple[Codes, Codes, Floats, NDArray[np.bool_]]] = []
        leaf = self.leaf[acts.items]
        parts.extend((event, nodes, weight, nodes >= 0) for nodes in self._upwards(leaf))
        brand = self.brand[acts.items]
        parts.append((event, at.brand + brand, weight, brand >= 0))
        place = self.place(acts.items, acts.prices)
        binned = at.place + leaf * BINS + place_bin(place)
        parts.append((event, binned, weight, (leaf >= 0) & ~np.isnan(place)))
        for turn in range(PER_ITEM if len(self.styles) else 0):
            share = self.styles.weights[acts.items, turn]
            parts.append((event, at.style + self.styles.codes[acts.items, turn], weight * share, share > 0))
        month = acts.times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
        parts.append((event, at.month + month, acts.worth, np.ones(len(acts), bool)))  # seasons do not fade
        fading = weight / np.where(acts.worth > 0, acts.worth, 1.0)
        parts.append((event, np.full(len(acts), at.rate), fading, acts.ordered))
        chosen = [(e[keep], c[keep], v[keep]) for e, c, v, keep in parts]
        return (
            np.concatenate([e for e, _, _ in chosen]),
            np.concatenate([c for _, c, _ in chosen]),
            np.concatenate([v for _, _, v in chosen]),
        )

    def place(self, items: Codes, prices: Floats | None = None) -> Floats:
        """Where prices lie in the range of the products' categories: 0 cheap, 1 dear; NaN where unknown."""
        log_price = self.log_price[items]
        if prices is not None:
            paid = np.log(np.where(prices > 0, prices, np.nan))
            log_price = np.where(np.isnan(paid), log_price, paid)
        leaf = self.leaf[items]
        return np.asarray((log_price - self.low[leaf]) / self.width[leaf])

    def matrix(self, rows: Codes, columns: Codes, values: Floats, n_rows: int) -> sparse.csr_matrix:
        """Sums of values by row and feature, CSR (n_rows, features), sorted."""
        table = sparse.coo_matrix((values, (rows, columns)), shape=(n_rows, self.layout.size)).tocsr()
        table.sum_duplicates()
        return table

    def _upwards(self, leaf: Codes) -> Iterator[Codes]:
        nodes = leaf
        while (nodes >= 0).any():
            yield nodes
            nodes = np.where(nodes >= 0, self.parent[nodes], -1)

    def _ranges(self) -> tuple[Floats, Floats]:
        """The log price at place 0 and the distance to place 1: the 5 % and 95 % quantiles of each leaf's products."""
        # One more, so that code -1 reads an unknown range.
        low, width = np.full((2, len(self.categories) + 1), np.nan)
        known = (self.leaf >= 0) & ~np.isnan(self.log_price)
        quantiles = pd.Series(self.log_price[known]).groupby(self.leaf[known]).quantile([0.05, 0.95]).unstack()
        if not len(quantiles):
            return low, width
        bottom, top = quantiles[0.05].to_numpy(), quantiles[0.95].to_numpy()
        missing = np.maximum(_LEAST_RANGE - (top - bottom), 0.0)  # of a category with one price
        nodes = quantiles.index.to_numpy()
        low[nodes], width[nodes] = bottom - missing / 2, top - bottom + missing
        return low, width

    def _learn_styles(self, catalog: Catalog, acts: Acts) -> Styles:
        if not self.config.styles or not len(acts):
            return Styles.none(len(catalog))
        people, _ = pd.factorize(acts.users)
        counts = sparse.csr_matrix((acts.worth, (people, acts.items)), shape=(people.max() + 1, len(catalog)))
        return learn_styles(catalog, counts, styles=self.config.styles, seed=self.config.seed)

    def _brand_mix(self, acts: Acts) -> sparse.csr_matrix:
        """CSR (categories, brands): how the shop's sales of each leaf category fall to brands; rows sum to 1 or 0."""
        leaf, brand = self.leaf[acts.items], self.brand[acts.items]
        both = (leaf >= 0) & (brand >= 0)
        shape = (max(len(self.categories), 1), max(len(self.brands), 1))
        table = sparse.csr_matrix((acts.worth[both], (leaf[both], brand[both])), shape=shape)
        # Over all that was sold of the leaf, so that goods without a brand take their share.
        sold = np.bincount(leaf[leaf >= 0], weights=acts.worth[leaf >= 0], minlength=shape[0])
        return (sparse.diags(1.0 / np.where(sold > 0, sold, 1.0)) @ table).tocsr()


def place_bin(place: Floats) -> Codes:
    """The bin of each place; NaN falls into the first."""
    return np.clip(np.rint((np.nan_to_num(place) + 0.5) * 20), 0, BINS - 1).astype(np.int64)


def _tree(paths: pd.Series) -> tuple[IdMap, Codes, Codes, Codes]:
    """All category paths at all levels, parents, depths, and each product's node."""
    full = paths.to_numpy(dtype=object).astype(str)
    nodes: set[str] = set()
    for path in set(full) - {""}:
        levels = path.split(" > ")
        nodes.update(" > ".join(levels[: depth + 1]) for depth in range(len(levels)))
    ids = IdMap(sorted(nodes))
    parents = [str(node).rpartition(" > ")[0] for node in ids.ids]
    depth = np.array([str(node).count(" > ") + 1 for node in ids.ids], np.int64)
    return ids, ids.encode(parents).astype(np.int64), depth, ids.encode(full).astype(np.int64)
