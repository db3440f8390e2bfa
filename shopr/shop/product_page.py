"""A product's own page: its facts, the history of its price and what that says, what is like it and bought with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from shopr.commerce.insight import PriceInsight
from shopr.errors import InputError, NotReadyError
from shopr.recommend.lists.cards import Card
from shopr.search.asking.results import Filters

if TYPE_CHECKING:
    from shopr.commerce.offers import Snapshot
    from shopr.shop.root import Shop

__all__ = ["ProductPage", "product_page"]

_BESIDE = 6
"""Products that are shown beside one."""
_WORDS = 12
"""Words of a title that similar products are looked for by."""
_FACTS = 24
_LONGEST = 400


@dataclass(frozen=True)
class ProductPage:
    """What there is to say about a product.

    Attributes:
        card: title, brand, category, price, stock and picture. description: "" without one.
        facts: (name, value) of its attributes, as the catalogue has them.
        prices: (moment, minor units) from which each price held, oldest first; of the currency that holds now.
        insight: what the last ninety days say of the price; None where it has none.
        similar, together: products like it, and products bought along with it; neither holds what is sold out.
    """

    card: Card
    description: str
    facts: tuple[tuple[str, str], ...]
    prices: tuple[tuple[datetime, int], ...]
    insight: PriceInsight | None
    similar: tuple[Card, ...]
    together: tuple[Card, ...]


def product_page(shop: Shop, product_id: str, now: Snapshot, *, card: Callable[[str], Card]) -> ProductPage:
    """The page of a product of the catalogue.

    Args:
        now: prices and stock. card: makes a product's card.
    """
    row = now.row(product_id)
    own = shop.catalog.frame.iloc[row]
    steps = shop.commerce.prices.history(product_id)
    currency = str(now.currencies[row])
    return ProductPage(
        card(product_id),
        str(own["description"]),
        _facts(str(own["attributes"])),
        tuple((at, price.amount) for at, price in steps if price is not None and price.currency == currency),
        shop.commerce.prices.insight(product_id),
        tuple(card(name) for name in _similar(shop, product_id, now)),
        tuple(card(name) for name in _together(shop, product_id) if name in shop.catalog),
    )


def _similar(shop: Shop, product_id: str, now: Snapshot) -> tuple[str, ...]:
    """Products of the same kind whose titles are like its own, near its price first."""
    search, row = shop.search, now.row(product_id)
    index = search.index
    kind = index.kinds.name(int(index.kinds.main[row]))
    price = now.prices[row]
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.exp(-np.abs(np.log(now.prices / price)))
    found = search.search(
        " ".join(str(shop.catalog.frame["title"].iloc[row]).split()[:_WORDS]),
        _BESIDE,
        filters=Filters(types=(kind,) if kind else (), exclude_ids=(product_id,), in_stock=True),
        features={"price_fit": np.nan_to_num(near, nan=0.0)},
        stock=now.stock,  # type: ignore[arg-type]
        exact=True,
        abstain=False,
    )
    return found.product_ids


def _together(shop: Shop, product_id: str) -> list[str]:
    try:
        return [card.product_id for card in shop.goes_with([product_id], _BESIDE)]
    except (InputError, NotReadyError):  # a shop without orders
        return []


def _facts(attributes: str) -> tuple[tuple[str, str], ...]:
    """Attributes that a shopper can read: texts, numbers and yes or no."""
    given = json.loads(attributes) if attributes else {}
    facts = []
    for name, value in given.items():
        said = ("yes" if value else "no") if isinstance(value, bool) else value
        if isinstance(said, (str, int, float)) and str(said).strip():
            words = " ".join(str(name).replace("_", " ").split())
            facts.append((words[:1].upper() + words[1:], str(said)[:_LONGEST]))
    return tuple(facts[:_FACTS])
