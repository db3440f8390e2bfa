"""What a search is asked for beside its words, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from shopr.errors import InputError

__all__ = ["SORTS", "Cut", "Filters", "Found", "Refusal", "Updated"]

SORTS = ("relevance", "price_asc", "price_desc", "newest", "popularity")
"""The orders in which products may be asked for."""


@dataclass(frozen=True)
class Filters:
    """Conditions that every product found must meet; an empty one asks nothing.

    Attributes:
        price_min, price_max: in minor units of the catalogue's currency, both included. A product without a price meets
            neither.
        brands, not_brands, categories, types, not_types, colours, not_colours, materials, not_materials: the product
            has one of the named, or none of them. Names are compared without case and accents; a category covers all
            below it; a type is what the thing is ("laptop" is met by notebooks, not by bags for them).
        in_stock: only what is in stock, or where False only what is sold out. What is not counted is in stock.
        exclude_ids, only_ids: product ids.
    """

    price_min: int | None = None
    price_max: int | None = None
    brands: tuple[str, ...] = ()
    not_brands: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    not_colours: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    not_types: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    not_materials: tuple[str, ...] = ()
    in_stock: bool | None = None
    exclude_ids: tuple[str, ...] = ()
    only_ids: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name.startswith("price"):
                if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer))):
                    raise InputError(f"{each.name} is {value!r}", hint="Give whole minor units, such as 1250 for 12.50")
            elif isinstance(value, str):
                raise InputError(f"{each.name} is the text {value!r}", hint="Give a tuple of names")
            elif isinstance(value, (list, set, frozenset)):
                object.__setattr__(self, each.name, tuple(value))

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that a query rules out: "shoes not red".

    Attributes:
        part: the attribute of `Filters` that does so, "not_colours". name: its name there. said: as it was typed.
        without: the query that no longer rules it out.
    """

    part: str
    name: str
    said: str
    without: str


@dataclass(frozen=True)
class Found:
    """The answer to one query, best first.

    Attributes:
        query: as asked. corrected: what was searched after spelling, None where nothing was changed.
        did_you_mean: a spelling that the catalogue knows better, for the shopper to choose; None without one.
        rows: catalogue rows. product_ids: their ids. scores: float, falling unless `sort` or a learned
            ranker orders otherwise.
        confidences: probability, 0 to 1, that each is a match for the query.
        product_type: what the query asks for ("laptop"), None where it names no known kind of thing.
        abstained: no product is a match; `product_ids` is empty and `alternatives` holds the nearest, which are to be
            shown as such.
        total: products that match well, before the cut to k. matches: their rows, best first.
        refused: what the query rules out, each a condition that was met beside the caller's filters.
    """

    query: str
    corrected: str | None = None
    did_you_mean: str | None = None
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    product_ids: tuple[str, ...] = ()
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    confidences: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    product_type: str | None = None
    abstained: bool = False
    alternatives: tuple[str, ...] = ()
    total: int = 0
    matches: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    refused: tuple[Refusal, ...] = ()

    def __len__(self) -> int:
        return len(self.product_ids)


@dataclass(frozen=True)
class Cut:
    """Which part of a list is wanted, and in which order: see `ProductSearch.search`."""

    k: int
    sort: str
    prices: NDArray[np.floating] | None
    start: int
    whole: bool
    abstain: bool

    def of(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """The part of an order."""
        return order[self.start : self.start + self.k]


@dataclass(frozen=True)
class Updated:
    """What an update did: numbers of products."""

    added: int
    changed: int
    removed: int
    unchanged: int
