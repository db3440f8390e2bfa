"""The shop's window: a page of products for a shopper, and what is written down of who saw, opened and took what.

    page = shop.storefront.page(PageRequest("red mug"), Shopper("ann", session_id))
    shop.storefront.record(page)                            # the search and what was shown, once
    shop.storefront.opened(page, "p012")                    # a click, by its impression
    shop.storefront.take(page, "p012", owner=owner)         # into the cart

To look costs nothing and leaves no trace: a page that is drawn again, or typed into, is one search once it is recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from shopr.commerce.stock import MOST_PIECES
from shopr.data.events import Event, EventType
from shopr.errors import InputError, ShoprError
from shopr.money import format_minor
from shopr.randomness import generator
from shopr.recommend.lists.cards import Card, Reason
from shopr.search.asking.request import PageRequest
from shopr.search.learnt.clicks import shuffled
from shopr.search.learnt.journal import FILTERED
from shopr.search.searching.listing import SIZE, Listing, list_page
from shopr.search.text.masking import masked
from shopr.shop.product_page import ProductPage, product_page

if TYPE_CHECKING:
    from shopr.commerce.offers import Snapshot
    from shopr.commerce.rulings import Ruling
    from shopr.shop.root import Shop

__all__ = ["EXPLORED", "ShopPage", "Shopper", "Storefront"]

log = logging.getLogger(__name__)
EXPLORED = 0.1
"""Share of the lists in which two results are exchanged: what tells the pull of a place from that of a product."""
_NEAREST = 4
_LIKED = 0.4
"""Logarithm of how much more than others somebody chooses something, from which on it is worth a word."""
_WORDS = {"brand": "a brand you often choose", "category": "a kind you often choose", "style": "a style you like"}


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who looks: the user, None for a visitor, and the session."""

    user_id: str | None
    session_id: str


@dataclass(frozen=True)
class ShopPage:
    """A page as it is shown.

    Attributes:
        shopper: to whom. listing: counts, filters, pages. number: of the search, with which its impressions begin.
        cards: products in the order shown, at the prices and stock of now, each with its impression.
        confidences: how sure search is of each; () where nothing was searched for.
        nearest: where nothing is a match: products that were not asked for.
        exchanged: whether two results changed places for the sake of learning. personal: whether the order follows what
            is known of the shopper.
    """

    shopper: Shopper
    listing: Listing
    number: str
    cards: tuple[Card, ...]
    confidences: tuple[float, ...] = ()
    nearest: tuple[Card, ...] = ()
    exchanged: bool = False
    personal: bool = False

    @property
    def request(self) -> PageRequest:
        """What was asked for."""
        return self.listing.request

    def card(self, product_id: str) -> Card | None:
        """The card of a product on this page."""
        return next((card for card in (*self.cards, *self.nearest) if card.product_id == product_id), None)


class Storefront:
    """The window of one shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    @property
    def currency(self) -> str:
        """Of most prices."""
        named = self._shop.catalog.frame["currency"]
        usual = named[named != ""].mode()
        return str(usual.iloc[0]) if len(usual) else self._shop.settings.currency

    def page(
        self, request: PageRequest, shopper: Shopper, *, size: int = SIZE, number: str = "", explore: float = EXPLORED
    ) -> ShopPage:
        """The page for a shopper; nothing is recorded.

        Args:
            number: of the search that this page belongs to; a new one if "".
            explore: share of the lists in which two results are exchanged at random; only of first pages by relevance
                without conditions, which search learns from.

        Raises:
            InputError: if size is below 1, or the share is none.
            NotReadyError: if the shop has no data.
            SpecError: if the synonyms file is wrong.
        """
        if not 0 <= explore <= 1:
            raise InputError(f"explore is {explore:g}", hint="Give a share, 0 to 1")
        shop, number = self._shop, number or uuid4().hex
        now, search = shop.commerce.snapshot(), shop.search
        known = self._affinity(shopper)
        listing = list_page(
            search, request, size, features=_features(known), stock=now.stock, prices=now.prices
        )  # fmt: skip
        found = listing.found
        order, exchanged = self._order(listing, number, explore)
        searched = bool(request.query.strip())
        cards = tuple(
            replace(
                self._card(str(found.product_ids[at]), now, known),
                position=listing.first + place,
                impression_id=f"{number}-{listing.first + place}",
                policy=_policy(request, exchanged),
            )
            for place, at in enumerate(order)
        )
        sure = tuple(float(found.confidences[at]) for at in order) if searched else ()
        nearest = tuple(self._card(name, now, {}) for name in found.alternatives[:_NEAREST])
        return ShopPage(shopper, listing, number, cards, sure, nearest, exchanged, bool(known))

    def record(self, page: ShopPage, *, language: str = "und", searched: bool = True) -> None:
        """Write down what was searched for and what was shown; call it once a page.

        Args:
            language: BCP 47 of the query. searched: whether the search itself is new, and not a further page of it.
        """
        request, found = page.request, page.listing.found
        if request.query.strip() and searched:
            asked: dict[str, Any] = {
                "query": masked(request.query),
                "results": found.total,
                "abstained": found.abstained,
                "impression_id": page.number,
            }
            asked |= {"corrected": masked(found.corrected)} if found.corrected else {}
            asked |= {"filters": request.told} if request.told else {}
            asked |= {"sort": request.sort} if request.sort != PageRequest().sort else {}
            self._note(EventType.SEARCH_PERFORMED, page.shopper, asked)
            if not request.told:
                self._shop.search_desk.count(found, language)
        for card in page.cards:
            self._note(EventType.PRODUCT_SHOWN, page.shopper, self._line(page, card))

    def opened(self, page: ShopPage | None, product_id: str, shopper: Shopper) -> None:
        """A shopper opened a product's own page, from a list or by its address."""
        card = page.card(product_id) if page is not None else None
        if page is not None and card is not None and card.impression_id:
            self._note(EventType.PRODUCT_CLICKED, shopper, self._line(page, card))
        self._note(EventType.PRODUCT_VIEWED, shopper, {"product_id": product_id, "source": "store"})

    def take(
        self, page: ShopPage | None, product_id: str, quantity: int = 1, *, shopper: Shopper, owner: str
    ) -> Ruling:
        """Put a product into a cart; the answer says whether that could be done.

        Args:
            page: from which it was taken, if any. owner: of the cart.
        """
        done = self._shop.commerce.carts.add(owner, product_id, quantity)
        if done:
            card = page.card(product_id) if page is not None else None
            line = self._line(page, card) if page is not None and card is not None else {"source": "store"}
            price = self._shop.commerce.prices.of(product_id)
            said = {} if price is None else {"price": price.amount, "currency": price.currency}
            self._note(
                EventType.CART_ITEM_ADDED, shopper, line | said | {"product_id": product_id, "quantity": quantity}
            )
        return done.ruling

    def product(self, product_id: str, shopper: Shopper) -> ProductPage | None:
        """A product's own page; None if the shop has no such product."""
        shop = self._shop
        if product_id not in shop.catalog:
            return None
        now, known = shop.commerce.snapshot(), self._affinity(shopper)
        return product_page(shop, product_id, now, card=lambda name: self._card(name, now, known))

    # -- parts --------------------------------------------------------------------------------------------------------

    def _order(self, listing: Listing, number: str, explore: float) -> tuple[list[int], bool]:
        """Places of the page's products as shown, and whether two were exchanged."""
        order = np.arange(len(listing.found))
        request, shop = listing.request, self._shop
        plain = _policy(request) == "search" and request.page == 1
        if not plain or generator(shop.settings.seed, "search-explore", number).random() >= explore:
            return order.tolist(), False
        return shuffled(order, seed=shop.settings.seed, stream=number).tolist(), len(order) > 1

    def _card(self, product_id: str, now: Snapshot, known: Mapping[str, NDArray[np.float64]]) -> Card:
        """A card at the price and stock of now, with what speaks for it beyond words."""
        card, row = self._shop.cards.card(product_id), now.row(product_id)
        price, stock = float(now.prices[row]), float(now.stock[row])
        minor = None if np.isnan(price) else int(price)
        return replace(
            card,
            price=None if minor is None else format_minor(minor, str(now.currencies[row])),
            price_minor=minor,
            currency=str(now.currencies[row]),
            stock=None if np.isnan(stock) else min(int(stock), MOST_PIECES),
            reasons=_reasons(known, row),
        )

    def _affinity(self, shopper: Shopper) -> Mapping[str, NDArray[np.float64]]:
        """What is known of a shopper, as features by catalogue row; nothing of who is unknown or does not want it."""
        shop, user = self._shop, shopper.user_id
        if not user or not shop.choice_of(user, shopper.session_id).allows("personalisation"):
            return {}
        try:
            return shop.profiles.affinity(user, shop.catalog.product_ids)
        except ShoprError as error:
            log.warning("a page was not made personal: %s", error.one_line())
            return {}

    def _line(self, page: ShopPage, card: Card) -> dict[str, Any]:
        source = "search" if page.request.query.strip() else "browse"
        told: dict[str, Any] = {"product_id": card.product_id, "policy": card.policy, "source": source}
        if _policy(page.request) == "search":  # searches are sampled, what was shown is not: it names its search itself
            told["query"] = masked(page.request.query)
        if card.impression_id:
            told |= {"impression_id": card.impression_id, "position": card.position}
        return told

    def _note(self, kind: EventType, shopper: Shopper, properties: Mapping[str, Any]) -> None:
        """Record what has happened already; that it cannot be noted is no trouble of the shopper's."""
        event = Event(
            type=kind, time=self._shop.clock.now(), user_id=shopper.user_id or None,
            session_id=shopper.session_id[:256] or None, properties=dict(properties),
        )  # fmt: skip
        try:
            self._shop.record(event)
        except ShoprError as error:
            log.error("an event was not recorded: %s", error.one_line())


def _policy(request: PageRequest, exchanged: bool = False) -> str:
    """What put a product into its place; search learns from the first two alone."""
    if not request.query.strip():
        return "browse"
    if request.told or request.sort != PageRequest().sort:
        return FILTERED
    return "search exchanged" if exchanged else "search"


def _features(known: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]] | None:
    """What is known as the features of search: 0 to 1, a half where nothing speaks for or against a product."""
    if not known:
        return None
    logs = known["category"] + known["brand"] + known["style"]
    return {"affinity": 1.0 / (1.0 + np.exp(-np.clip(logs, -30, 30))), "price_fit": known["price"]}


def _reasons(known: Mapping[str, NDArray[np.float64]], row: int) -> tuple[Reason, ...]:
    """What is known of the shopper that speaks most for a product, in words."""
    if not known:
        return ()
    name, log_lift = max(((name, float(known[name][row])) for name in _WORDS), key=lambda pair: pair[1])
    return (Reason(_WORDS[name], 1.0),) if log_lift >= _LIKED else ()
