"""What a shopper asks a page of products for, as one value that an address can hold: words, filters, order, page.

    request = PageRequest.of({"q": ["red mug"], "brand": ["Nordlys"], "max": ["25.00"]}, "EUR")
    request.params("EUR")                                   # the same again
    request.changed(sort="price_asc")                       # on its first page
    request.without("brands", "Nordlys")

An address is written by anybody, so whatever does not fit is left out in silence: a page opens, with what it can take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from shopr.errors import ShoprError
from shopr.money import from_minor, to_minor
from shopr.search.asking.results import SORTS, Filters

__all__ = ["LONGEST", "PageRequest"]

LONGEST = 200
"""Characters of a query or a name that are read."""
_MOST_NAMES = 20
_MOST_PAGES = 1_000
_DEAREST = 10**12
_NAMES = {"brand": "brands", "category": "categories", "colour": "colours"}
"""Parameter of an address -> attribute."""


@dataclass(frozen=True)
class PageRequest:
    """What is asked for.

    Attributes:
        query: words; "" to browse.
        brands, categories, colours: any of each.
        price_min, price_max: minor units, both included.
        in_stock: only what can be had.
        sort: one of `shopr.search.SORTS`. page: from 1.
        exact: the words as typed, without spelling and synonyms.
    """

    query: str = ""
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    sort: str = "relevance"
    page: int = 1
    exact: bool = False

    @classmethod
    def of(cls, params: Mapping[str, Sequence[str]], currency: str) -> Self:
        """Read the parameters of an address; what does not fit is left out.

        Args:
            params: name -> its values: `q`, `brand`, `category`, `colour` (each as often as wanted), `min` and `max`
                in major units ("12.50"), `stock`, `sort`, `page`, `exact`.
            currency: of the prices.
        """

        def one(name: str) -> str:
            return next((str(value) for value in params.get(name, ())), "")

        sort = one("sort")
        low, high = (_minor(one(name), currency) for name in ("min", "max"))
        return cls(
            query=one("q")[:LONGEST],
            **{into: _names(params.get(name, ())) for name, into in _NAMES.items()},
            price_min=low,
            price_max=high,
            in_stock=one("stock") == "1",
            sort=sort if sort in SORTS else SORTS[0],
            page=_page(one("page")),
            exact=one("exact") == "1",
        )

    def params(self, currency: str) -> dict[str, list[str]]:
        """The parameters of an address; what is as usual is left out."""
        prices = {"min": self.price_min, "max": self.price_max}
        found: dict[str, list[str]] = {"q": [self.query] if self.query else []}
        found |= {name: list(getattr(self, source)) for name, source in _NAMES.items()}
        found |= {name: [str(from_minor(amount, currency))] for name, amount in prices.items() if amount is not None}
        found["stock"] = ["1"] if self.in_stock else []
        found["sort"] = [self.sort] if self.sort != SORTS[0] else []
        found["page"] = [str(self.page)] if self.page > 1 else []
        found["exact"] = ["1"] if self.exact and self.query else []
        return {name: values for name, values in found.items() if values}

    @property
    def filters(self) -> Filters:
        """The conditions."""
        return Filters(
            price_min=self.price_min,
            price_max=self.price_max,
            brands=self.brands,
            categories=self.categories,
            colours=self.colours,
            in_stock=True if self.in_stock else None,
        )

    @property
    def conditions(self) -> tuple[tuple[str, str], ...]:
        """Each condition by its attribute and name; that of a price has the name ""."""
        named = [(part, name) for part in _NAMES.values() for name in getattr(self, part)]
        prices = [(part, "") for part in ("price_min", "price_max") if getattr(self, part) is not None]
        return (*named, *prices, *([("in_stock", "")] if self.in_stock else []))

    def changed(self, **to: Any) -> Self:
        """Another request, on its first page unless the page is what changes."""
        return replace(self, **{"page": 1, **to})

    def without(self, part: str, name: str = "") -> Self:
        """Without one condition, as `conditions` names it."""
        if part in _NAMES.values():
            return self.changed(**{part: tuple(n for n in getattr(self, part) if n != name)})
        return self.changed(**{part: False if part == "in_stock" else None})

    def unfiltered(self) -> Self:
        """Without all conditions."""
        bare = PageRequest()
        return self.changed(**{part: getattr(bare, part) for part, _ in self.conditions})

    @property
    def told(self) -> dict[str, Any]:
        """The conditions as an event keeps them: name -> value, those that are met by everything left out."""
        amounts = {name: getattr(self, name) for name in ("price_min", "price_max")}
        given = {part: list(getattr(self, part)) for part in _NAMES.values()} | amounts | {"in_stock": self.in_stock}
        return {name: value for name, value in given.items() if value not in ([], None, False)}


def _names(values: Sequence[str]) -> tuple[str, ...]:
    kept = (" ".join(str(value).split()) for value in values[:_MOST_NAMES])
    return tuple(dict.fromkeys(name for name in kept if name and len(name) <= LONGEST and name.isprintable()))


def _minor(text: str, currency: str) -> int | None:
    try:
        amount = to_minor(text, currency) if 0 < len(text) <= 20 else None
    except (ShoprError, ValueError):
        return None
    return amount if amount is not None and 0 <= amount <= _DEAREST else None


def _page(text: str) -> int:
    return min(max(int(text), 1), _MOST_PAGES) if text.isascii() and text.isdigit() and len(text) < 10 else 1
