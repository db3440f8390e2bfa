"""Which products pass filters, and how many there are of each brand, colour, kind and price."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.errors import InputError
from shopr.search.asking.results import Filters
from shopr.search.catalogue.columns import Columns, mask_of
from shopr.search.catalogue.forward import Vocabulary
from shopr.search.catalogue.kinds import Kinds
from shopr.search.catalogue.postings import Postings
from shopr.search.text.lexicon import Phrase, colours, materials, phrase
from shopr.search.text.tokens import fold

__all__ = ["Shelf"]

MAX_FACET = 20


class Shelf:
    """What filters look at: the columns, kinds and words of one index."""

    def __init__(self, ids: IdMap, terms: Vocabulary, *, columns: Columns, kinds: Kinds, postings: Postings) -> None:
        self.ids, self.columns, self.kinds, self.postings, self.terms = ids, columns, kinds, postings, terms

    def passing(
        self,
        filters: Filters,
        stock: NDArray[np.integer] | None = None,
        prices: NDArray[np.floating] | None = None,
    ) -> NDArray[np.bool_]:
        """Which products meet all conditions.

        Args:
            stock: pieces by row, as the shop knows them now (masked, NaN or negative: not counted); the catalogue's if
                None.
            prices: minor units by row, as the shop asks them now (as for stock where unknown); the catalogue's if None.

        Raises:
            InputError: if `stock` or `prices` do not have one entry a product.
        """
        keep = np.ones(len(self.columns), bool)
        if filters.price_min is not None or filters.price_max is not None:
            self._within(filters, keep, self.priced(prices))
        self._names(filters, keep)
        for name in filters.not_types:
            keep &= ~self.of_type(name)
        if filters.types:
            keep &= np.any([self.of_type(name) for name in filters.types], axis=0)
        self._tints(filters, keep)
        if filters.in_stock is not None:
            sold_out = self.pieces(stock) == 0
            keep &= ~sold_out if filters.in_stock else sold_out
        if filters.only_ids is not None:
            keep &= self._rows(filters.only_ids)
        if filters.exclude_ids:
            keep &= ~self._rows(filters.exclude_ids)
        return keep

    def of_type(self, name: str) -> NDArray[np.bool_]:
        """Which products are of a kind; of one that nobody knows, those whose title has all its words."""
        terms = phrase(name)
        asked = self.kinds.ask(terms) if terms else None
        if asked is not None:
            return self.kinds.rows(asked)
        return self.with_words(terms)

    def with_words(self, terms: Sequence[str]) -> NDArray[np.bool_]:
        """Which products have all the words in title or type."""
        keep = np.full(len(self.columns), bool(terms))
        for term in terms:
            code = self.terms.get(term)
            has = np.zeros(len(keep), bool)
            if 0 <= code < len(self.postings.count):
                cut = slice(int(self.postings.start[code]), int(self.postings.start[code + 1]))
                has[self.postings.rows[cut][(self.postings.fields[cut] & 3) > 0]] = True
            keep &= has
        return keep

    @staticmethod
    def _within(filters: Filters, keep: NDArray[np.bool_], price: NDArray[np.int64]) -> None:
        if filters.price_min is not None:
            keep &= (price >= filters.price_min) & (price >= 0)
        if filters.price_max is not None:
            keep &= (price <= filters.price_max) & (price >= 0)

    def _names(self, filters: Filters, keep: NDArray[np.bool_]) -> None:
        if filters.brands:
            keep &= self.columns.brand.matching(filters.brands)
        if filters.not_brands:
            keep &= ~self.columns.brand.matching(filters.not_brands)
        if filters.categories:
            keep &= self._below(filters.categories)

    def _below(self, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
        """Products whose category is one of the named or below it; a level's own name suffices."""
        category = self.columns.category
        asked = [" > ".join(part.strip() for part in fold(name).split(">")) for name in wanted]
        good = [
            code
            for code, name in enumerate(category.names)
            if any(f" > {want} > " in f" > {fold(name)} > " for want in asked)
        ]
        return np.isin(category.codes, good)

    def level(self, terms: Phrase) -> str | None:
        """The name of the categories, at any level, that a phrase names."""
        return self._levels.get(terms) if terms else None

    @cached_property
    def _levels(self) -> dict[Phrase, str]:
        levels = {level.strip() for name in self.columns.category.names for level in name.split(">")}
        return {phrase(level): level for level in sorted(levels)}

    def _tints(self, filters: Filters, keep: NDArray[np.bool_]) -> None:
        columns = self.columns
        if filters.colours:
            known, strange = mask_of("colours", filters.colours)
            said = (columns.colour & known) > 0
            # What only a title says counts where no product says it in its colour.
            if not (said & keep).any():
                said = (columns.colour_said & known) > 0
            for name in strange:
                said |= self.with_words(phrase(name))
            keep &= said
        if filters.not_colours:
            known, _ = mask_of("colours", filters.not_colours)
            keep &= ((columns.colour | columns.colour_said) & known) == 0
        if filters.materials:
            known, strange = mask_of("materials", filters.materials)
            made = (columns.material & known) > 0
            for name in strange:
                made |= self.with_words(phrase(name))
            keep &= made
        if filters.not_materials:
            known, strange = mask_of("materials", filters.not_materials)
            keep &= (columns.material & known) == 0
            for name in strange:
                keep &= ~self.with_words(phrase(name))

    def pieces(self, stock: NDArray[np.integer] | None = None) -> NDArray[np.int64]:
        """Pieces by row, -1 where not counted; the catalogue's if None. Raises as `passing`."""
        return self.columns.stock if stock is None else self._whole("stock", stock)

    def priced(self, prices: NDArray[np.floating] | None = None) -> NDArray[np.int64]:
        """Prices by row, -1 where unknown; the catalogue's if None. Raises as `passing`."""
        return self.columns.price if prices is None else self._whole("prices", prices)

    def _whole(self, name: str, values: Any) -> NDArray[np.int64]:
        """A caller's column as whole numbers, -1 where it is masked, NaN or negative."""
        if len(values) != len(self.columns):
            raise InputError(
                f"{name} has {len(values)} entries for {len(self.columns)} products", hint="Give one a catalogue row"
            )
        if hasattr(values, "to_numpy"):
            told: NDArray[np.float64] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            told = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
        return np.where(np.isnan(told) | (told < 0), -1, told).astype(np.int64)

    def _rows(self, product_ids: tuple[str, ...]) -> NDArray[np.bool_]:
        chosen = np.zeros(len(self.columns), bool)
        codes = self.ids.encode(product_ids)
        chosen[codes[codes >= 0]] = True
        return chosen

    def facets(
        self, rows: NDArray[np.integer], prices: NDArray[np.floating] | None = None
    ) -> dict[str, dict[str, int]]:
        """Among some products: how many of each brand, category, kind, colour, material, and of each price band.

        A colour that no product of the shop names in its colour is counted where titles say it, as filters do.
        """
        columns = self.columns
        kind_names = tuple(self.kinds.name(code) for code in range(len(self.kinds.phrases)))
        found = {
            "brand": _count(columns.brand.codes[rows], columns.brand.names),
            "category": _count(columns.category.codes[rows], columns.category.names),
            "type": _count(self.kinds.main[rows], kind_names),
            "colour": _count_bits(self._tinted(rows), colours().names),
            "material": _count_bits(columns.material[rows], materials().names),
            "price": _bands(self.priced(prices)[rows]),
        }
        return {name: counts for name, counts in found.items() if counts}

    def _tinted(self, rows: NDArray[np.integer]) -> NDArray[np.uint32]:
        columns = self.columns
        tints: NDArray[np.uint32] = columns.colour[rows] | (columns.colour_said[rows] & ~self._named_tints)
        return tints

    @cached_property
    def _named_tints(self) -> np.uint32:
        """The colours that some product names in its colour."""
        return np.uint32(np.bitwise_or.reduce(self.columns.colour, initial=0))


def _count(codes: NDArray[np.integer], names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")[:MAX_FACET]
    return {names[i]: int(counts[i]) for i in order.tolist() if counts[i]}


def _count_bits(bits: NDArray[np.uint32], names: Sequence[str]) -> dict[str, int]:
    counts = [(int(((bits >> i) & 1).sum()), name) for i, name in enumerate(names)]
    return {name: count for count, name in sorted(counts, key=lambda pair: (-pair[0], pair[1])) if count}


def _bands(prices: NDArray[np.int64]) -> dict[str, int]:
    """Products in up to five price bands of about equal size, "from-to" in minor units."""
    known = np.sort(prices[prices >= 0])
    if not len(known):
        return {}
    edges = np.unique(np.quantile(known, np.linspace(0, 1, 6), method="lower")).astype(np.int64)
    if len(edges) == 1:
        return {f"{edges[0]}-{edges[0]}": len(known)}
    places = np.minimum(np.searchsorted(edges, known, side="right") - 1, len(edges) - 2)
    counts = np.bincount(places, minlength=len(edges) - 1)
    return {f"{edges[i]}-{edges[i + 1]}": int(n) for i, n in enumerate(counts) if n}
