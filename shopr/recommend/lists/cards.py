"""Products as a page shows them: facts of the catalogue, the place in the list, and reasons in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from shopr.data.catalog import Catalog
from shopr.money import format_minor
from shopr.recommend.contract.base import Explanation
from shopr.recommend.contract.explain import REST

__all__ = ["Card", "CardMaker", "Reason"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product is shown: words for a shopper, its share of the score (0 … 1), and the product it names, if one."""

    label: str
    share: float
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One recommended product as a page shows it. Every fact comes from the catalogue; what it lacks is None.

    `impression_id`, `position` (from 1), `propensity`, `policy` and `model_version` go with a click into the events;
    `label` marks a paid place.
    """

    product_id: str
    title: str
    brand: str
    category: str
    price: str | None
    price_minor: int | None
    currency: str
    stock: int | None
    image: Path | None
    score: float
    reasons: tuple[Reason, ...] = ()
    impression_id: str = ""
    position: int = 0
    propensity: float = 1.0
    policy: str = "champion"
    model_version: str = ""
    label: str = ""

    @property
    def in_stock(self) -> bool:
        """False only when the catalogue says that none is left."""
        return self.stock is None or self.stock > 0

    @property
    def shown(self) -> dict[str, Any]:
        """The properties that an event about this impression carries."""
        return {
            "product_id": self.product_id,
            "impression_id": self.impression_id,
            "position": self.position,
            "propensity": self.propensity,
            "policy": self.policy,
            "model_version": self.model_version,
        }


class CardMaker:
    """Makes cards from a shop's catalogue.

    Args:
        catalog: the products.
        folder: what their pictures' paths start from.
        currency: of products that name none.
    """

    def __init__(self, catalog: Catalog, folder: Path, currency: str) -> None:
        self._folder, self._currency = folder, currency
        columns = ["title", "brand", "category", "price", "currency", "stock", "image"]
        frame = catalog.frame[columns].astype(object).where(catalog.frame[columns].notna(), None)
        # One tuple a product: a lookup in a DataFrame costs a hundred times one in a dict, for every card shown.
        self._facts = dict(
            zip(catalog.frame["product_id"].astype(str), frame.itertuples(index=False, name=None), strict=True)
        )
        self._nothing = (None,) * len(columns)

    def title(self, product_id: str) -> str:
        """The product's title; its id where the catalogue does not know it."""
        return str(self._facts.get(product_id, self._nothing)[0] or product_id)

    def card(self, product_id: str, *, score: float = float("nan"), **extra: Any) -> Card:
        """One card; `extra` are its fields that the catalogue does not know."""
        title, brand, category, price, currency, stock, image = self._facts.get(product_id, self._nothing)
        money = str(currency or self._currency)
        minor = None if price is None or pd.isna(price) else int(price)
        picture = self._folder / str(image) if image else None
        return Card(
            product_id=product_id,
            title=str(title or product_id),
            brand=str(brand or ""),
            category=str(category or ""),
            price=None if minor is None else format_minor(minor, money),
            price_minor=minor,
            currency=money,
            stock=None if stock is None or pd.isna(stock) else int(stock),
            image=picture if picture is not None and picture.is_file() else None,
            score=score,
            **extra,
        )

    def reasons(self, explanation: Explanation, bought: Iterable[str], most: int = 3) -> tuple[Reason, ...]:
        """The `most` strongest reasons in words; shares are of the listed contributions' absolute sum.

        What speaks against a product is no reason to show it: it is told only where nothing speaks for it.
        """
        total = sum(abs(c.value) for c in explanation.contributions) or 1.0
        own = set(bought)
        out = []
        speaking = [part for part in explanation.contributions if part.value > 0 and part.label != REST]
        for part in (speaking or explanation.contributions)[:most]:
            share = abs(part.value) / total
            if part.kind == "history":
                verb = "bought" if part.label in own else "looked at"
                out.append(Reason(f"you {verb} {self.title(part.label)}", share, part.label))
            else:
                out.append(Reason(part.label, share))
        return tuple(out)
