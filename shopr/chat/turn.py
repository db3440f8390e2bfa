"""One message being answered: what flows may look at and change, and what they found out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from shopr.chat.facts import Line, Money, Product, Title
from shopr.chat.finder import Hits, find
from shopr.chat.need import Need
from shopr.chat.shelf import Shelf
from shopr.chat.state import State

if TYPE_CHECKING:
    from shopr.clock import Clock
    from shopr.commerce.carts import Cart
    from shopr.commerce.facade import Commerce
    from shopr.commerce.offers import Snapshot
    from shopr.commerce.order_records import Order
    from shopr.search import ProductSearch

__all__ = ["LIST", "MOST_SHOWN", "Suggest", "Turn"]

MOST_SHOWN = 5
"""Products of one list."""
LIST = "list"
"""The line in whose place the products shown are listed."""

Suggest = Callable[[str | None, int], Sequence[tuple[str, str]]]
"""User id and how many -> (product id, reason) of products that suit them."""


@dataclass
class Turn:
    """The answer in the making.

    Attributes:
        state: of the conversation; flows change it.
        shelf, commerce, search: what is sold, facts of now, and the product search.
        owner: whose cart; user_id: who is signed in.
        suggest, related: recommendations for a person, and what goes with products; None where there are none.
        said: plain numbers of the message. sizes: how many products the searches of this turn found.
        lines: what will be said. products: the list shown. flags, compare, order, citations: of the reply.
    """

    state: State
    shelf: Shelf
    commerce: Commerce
    search: ProductSearch | None
    owner: str
    user_id: str | None
    clock: Clock
    suggest: Suggest | None = None
    related: Suggest | None = None
    lines: list[Line] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    compare: list[str] = field(default_factory=list)
    order: Order | None = None
    citations: dict[str, None] = field(default_factory=dict)
    quick: list[str] = field(default_factory=list)
    bare_stock: bool = False
    memory: Any = None
    said: frozenset[Decimal] = frozenset()
    sizes: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.offers: Snapshot = self.commerce.snapshot()
        self.told = dict(self.state.prices)
        self.cart_changed = False

    @property
    def currency(self) -> str:
        """The currency of the shop's prices."""
        return self.commerce.currency

    def say(self, key: str, n: int | None = None, **values: Any) -> None:
        """Add a sentence."""
        self.lines.append(Line(key, values, n))

    def cite(self, *sources: str) -> None:
        """Name the records that what is said came from."""
        self.citations.update(dict.fromkeys(sources))

    def find(self, need: Need) -> Hits:
        """What meets a need, now."""
        hits = find(need, self.shelf, self.offers, self.search)
        self.sizes.add(len(hits))
        return hits

    def cart(self) -> Cart:
        """The shopper's cart, as it is now."""
        return self.commerce.carts.of(self.owner)

    def title(self, product_id: str) -> Title:
        """A product's title; its id for one that has left the catalogue."""
        self.cite(product_id)
        row = self.shelf.row(product_id)
        return Title(product_id, self.shelf.titles[row] if row >= 0 else product_id)

    def price(self, product_id: str) -> Money | None:
        """A product's price now."""
        row = self.offers.row(product_id)
        if row < 0 or np.isnan(self.offers.prices[row]):
            return None
        self.cite(product_id)
        return Money(int(self.offers.prices[row]), str(self.offers.currencies[row]) or self.currency)

    def stock(self, product_id: str) -> int | None:
        """Pieces in stock now; None where they are not counted."""
        row = self.offers.row(product_id)
        return None if row < 0 or np.isnan(self.offers.stock[row]) else int(self.offers.stock[row])

    def product(self, product_id: str, confidence: float = 1.0, why: Iterable[Line] = ()) -> Product:
        """The record of a product that is sold."""
        row = self.shelf.row(product_id)
        frame = self.shelf.catalog.frame
        price = self.price(product_id)
        self.cite(product_id)
        return Product(
            product_id,
            self.shelf.titles[row],
            self.shelf.brand_names[row],
            str(frame["language"].iat[row]),
            None if price is None else price.amount,
            self.currency if price is None else price.currency,
            self.stock(product_id),
            round(float(confidence), 3),
            tuple(why),
        )

    def show(self, products: Sequence[Product], listed: str, *, lines: bool = True) -> None:
        """Show a list that "the second one" will mean from now on; without lines where the flow words them itself."""
        self.products = list(products)[:MOST_SHOWN]
        state = self.state
        state.shown = [p.id for p in self.products]
        state.listed, state.focus = listed, []
        self.tell_prices(self.products)
        if lines:
            self.lines.append(Line(LIST))
            self._note_language()

    def _note_language(self) -> None:
        """Say once in each language that the names of products stand in another one."""
        state = self.state
        foreign = any(p.language and p.language.split("-")[0] != state.language for p in self.products)
        if foreign and state.language not in state.noted:
            state.noted = [*state.noted, state.language]
            self.say("translated_note")

    def tell_prices(self, products: Iterable[Product]) -> None:
        """Keep in mind which prices the shopper was told."""
        told = {p.id: p.price for p in products if p.price is not None}
        kept = {**self.state.prices, **told}
        self.state.prices = dict(list(kept.items())[-50:])

    def sold(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that are in the catalogue."""
        return [i for i in dict.fromkeys(ids) if self.shelf.row(i) >= 0]
