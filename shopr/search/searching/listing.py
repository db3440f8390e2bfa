"""A page of a product list with what narrows it: counts by brand, category, colour and price, and ways out of nothing.

Counts tell how many products there would be, so those of a brand are of the list without its brands: to choose a second
one adds to the first. Where the conditions leave nothing, the list says how many there are without each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shopr.search.asking.request import PageRequest
from shopr.search.asking.results import Found
from shopr.search.searching.engine import ProductSearch
from shopr.search.text.tokens import fold

__all__ = ["SIZE", "Choice", "Listing", "Wayout", "list_page"]

SIZE = 12
"""Products on a page."""
_FACETS = {"brand": "brands", "category": "categories", "colour": "colours"}
"""Facet -> the attribute of a request that it narrows."""
_FEW = 2
"""Values of a facet below which it narrows nothing."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet: how many products of the list bear it, and whether it was chosen."""

    name: str
    count: int
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Wayout:
    """A condition, as `PageRequest.conditions` names it, and how many products there are without it."""

    part: str
    name: str
    total: int


@dataclass(frozen=True)
class Listing:
    """A page of a list.

    Attributes:
        request: what was asked for, with the page that there is. found: the products of the page.
        pages: how many there are, 1 or more. first: place of the page's first product, from 1.
        facets: "brand", "category" and "colour", where they narrow something, most products first.
        bands: price bands as (lowest, highest, products), minor units. low, high: the prices of the list without its
            bounds of price; None where no product has one.
        available: how many can be had, whatever `in_stock` asks.
        wayouts: where the conditions leave nothing: those whose absence would leave something.
    """

    request: PageRequest
    found: Found
    pages: int
    first: int
    facets: Mapping[str, tuple[Choice, ...]]
    bands: tuple[tuple[int, int, int], ...]
    low: int | None
    high: int | None
    available: int
    wayouts: tuple[Wayout, ...] = ()

    @property
    def total(self) -> int:
        """Products of all pages."""
        return self.found.total


@dataclass(frozen=True)
class _Asker:
    """The same question under other conditions."""

    search: ProductSearch
    features: Mapping[str, NDArray[np.floating]] | None
    stock: NDArray[np.floating] | None
    prices: NDArray[np.floating] | None

    def ask(self, request: PageRequest, k: int = 1, start: int = 0) -> Found:
        return self.search.search(
            request.query,
            k,
            filters=request.filters,
            sort=request.sort,
            features=self.features,
            stock=self.stock,  # type: ignore[arg-type]
            prices=self.prices,
            start=start,
            whole=True,
            exact=request.exact,
        )

    def facets(self, found: Found) -> dict[str, dict[str, int]]:
        return self.search.facets(found, prices=self.prices)


def list_page(
    search: ProductSearch,
    request: PageRequest,
    size: int = SIZE,
    *,
    features: Mapping[str, NDArray[np.floating]] | None = None,
    stock: NDArray[np.floating] | None = None,
    prices: NDArray[np.floating] | None = None,
) -> Listing:
    """The page that a request asks for; the last one where it asks for one beyond.

    Args:
        size: products on a page.
        features, stock, prices: as for `ProductSearch.search`.

    Raises:
        InputError: if size < 1, or an array does not fit the catalogue.
    """
    asker = _Asker(search, features, stock, prices)
    found = asker.ask(request, size, size * (request.page - 1))
    pages = max(1, -(-found.total // size))
    if request.page > pages:
        request = request.changed(page=pages)
        found = asker.ask(request, size, size * (pages - 1))
    bare = request.changed(price_min=None, price_max=None)
    open_priced = found if bare.filters == request.filters else asker.ask(bare)
    amounts = search.index.shelf.priced(prices)[open_priced.matches]
    amounts = amounts[amounts >= 0]
    return Listing(
        request,
        found,
        pages,
        size * (request.page - 1) + 1,
        _facets(asker, request, found),
        _bands(asker.facets(open_priced).get("price", {})),
        int(amounts.min()) if len(amounts) else None,
        int(amounts.max()) if len(amounts) else None,
        _available(asker, request, found),
        _wayouts(asker, request) if not found.total and request.filters else (),
    )


def _facets(asker: _Asker, request: PageRequest, found: Found) -> dict[str, tuple[Choice, ...]]:
    counted = asker.facets(found)
    facets = {}
    for facet, part in _FACETS.items():
        chosen = {fold(name): name for name in getattr(request, part)}
        counts = counted.get(facet, {})
        if chosen:
            counts = asker.facets(asker.ask(request.changed(**{part: ()}))).get(facet, {})
        choices = [Choice(name, count, chosen.pop(fold(name), None) is not None) for name, count in counts.items()]
        choices += [Choice(name, 0, chosen=True) for name in chosen.values()]
        if len(choices) >= _FEW or any(choice.chosen for choice in choices):
            facets[facet] = tuple(choices)
    return facets


def _bands(counts: Mapping[str, int]) -> tuple[tuple[int, int, int], ...]:
    """Bands that do not meet: the upper end of one is the lower end of the next."""
    bands = [(*map(int, name.split("-")), count) for name, count in counts.items()]
    last = len(bands) - 1
    return tuple((low, high if i == last else high - 1, count) for i, (low, high, count) in enumerate(bands))


def _available(asker: _Asker, request: PageRequest, found: Found) -> int:
    everything = asker.ask(replace(request, in_stock=False)) if request.in_stock else found
    pieces = asker.search.index.shelf.pieces(asker.stock)  # type: ignore[arg-type]
    return int((pieces[everything.matches] != 0).sum())


def _wayouts(asker: _Asker, request: PageRequest) -> tuple[Wayout, ...]:
    """The conditions whose absence leaves something, those that leave most first."""
    totals = [(part, name, asker.ask(request.without(part, name)).total) for part, name in request.conditions]
    ways = [Wayout(*way) for way in totals if way[2]]
    return tuple(sorted(ways, key=lambda way: -way.total))
