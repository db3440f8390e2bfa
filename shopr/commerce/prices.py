"""What each product costs now and what it cost before. Every change is on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from shopr.commerce.insight import PriceInsight, judge
from shopr.commerce.offers import Offers, Snapshot
from shopr.commerce.shelves import Deal, Novelty, deals_among, newest_first
from shopr.errors import InputError
from shopr.money import exponent
from shopr.storage.tables import offers
from shopr.storage.tables import price_changes as table

__all__ = ["HIGHEST_PRICE", "Price", "PriceBook"]

HIGHEST_PRICE = 10**14
"""Minor units; an order of many pieces still fits into 64 bits."""


_NEWEST = 400


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money.

    Attributes:
        amount: minor units.
        currency: ISO 4217.
    """

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class _Deals:
    """The deals of one state of the offers on one day."""

    offers: Snapshot
    day: date
    found: list[Deal]


class PriceBook:
    """Prices now, their history, and what it says."""

    def __init__(self, offers_: Offers) -> None:
        self._offers = offers_
        self._deals: _Deals | None = None

    def array(self) -> NDArray[np.float64]:
        """Minor units in the order of the catalogue, NaN where unknown; read-only, one object while true."""
        return self._offers.snapshot().prices

    def of(self, product_id: str) -> Price | None:
        """The price now; None where none is known or the product is not in the catalogue."""
        now = self._offers.snapshot()
        row = now.row(product_id)
        if row < 0 or np.isnan(now.prices[row]):
            return None
        return Price(int(now.prices[row]), str(now.currencies[row]))

    def set(self, product_id: str, amount: int | None, currency: str | None = None) -> None:
        """Change a price from now on; setting the price that holds changes nothing.

        Raises:
            InputError: if the product is unknown, the amount outside 0 … `HIGHEST_PRICE` or the currency no ISO code.
        """
        self.set_many({product_id: amount}, currency)

    def set_many(self, amounts: Mapping[str, int | None], currency: str | None = None) -> int:
        """Change several prices, all or none; how many changed.

        Args:
            amounts: product id -> minor units, None: no price any more.
            currency: of all of them; None keeps each product's own.

        Raises:
            InputError: as `set`.
        """
        if currency is not None:
            exponent(currency)
        now = self._offers.snapshot()
        ids = list(amounts)
        rows = now.catalog.product_ids.encode(ids)
        wanted: dict[str, tuple[int | None, str]] = {}
        for product_id, row in zip(ids, rows, strict=True):
            if row < 0:
                raise InputError(
                    f"product {product_id[:80]!r} is not in the catalogue", hint="Give a product id of the catalogue"
                )
            _checked(amounts[product_id])
            wanted[product_id] = (amounts[product_id], currency or str(now.currencies[row]))
        moment = self._offers.clock.now()
        with self._offers.database.begin() as connection:
            version = self._offers.change(connection)
            query = select(offers.c.product_id, offers.c.price, offers.c.currency)
            query = query.where(offers.c.shop == self._offers.shop)
            if len(ids) == 1:
                query = query.where(offers.c.product_id == ids[0])
            held = {i: (p, c) for i, p, c in connection.execute(query)}
            changed = {i: new for i, new in wanted.items() if held.get(i) != new}
            self._offers.write(connection, version, {i: {"price": p, "currency": c} for i, (p, c) in changed.items()})
            self._offers.record.changed(connection, [(i, p, c) for i, (p, c) in changed.items()], moment)
        return len(changed)

    def history(self, product_id: str) -> list[tuple[datetime, Price | None]]:
        """Every price on record, oldest first, each from its moment on."""
        self._offers.snapshot()
        query = (
            select(table.c.valid_from, table.c.price, table.c.currency)
            .where(table.c.shop == self._offers.shop, table.c.product_id == product_id)
            .order_by(table.c.valid_from)
        )
        with self._offers.database.read() as connection:
            rows = connection.execute(query).all()
        return [(at, None if price is None else Price(int(price), currency)) for at, price, currency in rows]

    def insight(self, product_id: str, days: int = 90) -> PriceInsight | None:
        """What the last `days` say of the price now; None where the product has no price.

        Raises:
            InputError: if days is outside 7 … 730.
        """
        if not 7 <= days <= 730:
            raise InputError(f"{days} days, the bounds are 7 and 730", hint="Ask for 90 days")
        now = self.of(product_id)
        if now is None:
            return None
        steps = [(at, p.amount) for at, p in self.history(product_id) if p is not None and p.currency == now.currency]
        return judge(product_id, now.amount, now.currency, steps=steps, now=self._offers.clock.now(), days=days)

    def deals(self, n: int = 10) -> list[Deal]:
        """The largest honest drops: against the lowest price of the 30 days before. Sold-out ones are left out."""
        now = self._offers.snapshot()
        moment = self._offers.clock.now()
        held = self._deals
        if held is None or held.offers is not now or held.day != moment.date():
            query = select(table.c.product_id, table.c.valid_from, table.c.price, table.c.currency)
            # Most prices never changed; those need not be looked at.
            moved = select(table.c.product_id).where(table.c.shop == self._offers.shop)
            moved = moved.group_by(table.c.product_id).having(func.count() > 1)
            query = query.where(table.c.shop == self._offers.shop, table.c.product_id.in_(moved))
            query = query.order_by(table.c.product_id, table.c.valid_from)
            with self._offers.database.read() as connection:
                rows = connection.execute(query).all()
            held = self._deals = _Deals(now, moment.date(), deals_among([tuple(row) for row in rows], now, moment))
        return held.found[: max(n, 0)]

    def new_products(self, n: int = 10, *, within_days: int | None = None) -> list[Novelty]:
        """The products that came last, newest first, each with its date.

        A product's date is its release, where the catalogue names it, or the day it was first seen here; those that
        were there on the shop's first day and name no release have none and are not new.

        Args:
            within_days: leave out what is older; None: the newest there are, however old.
        """
        now = self._offers.snapshot()
        query = select(offers.c.product_id, offers.c.first_seen)
        moment = self._offers.clock.now()
        query = query.where(offers.c.shop == self._offers.shop, offers.c.first_seen <= moment)
        query = query.order_by(offers.c.first_seen.desc(), offers.c.product_id)
        # The newest few hundred are enough, unless nearly all of them are sold out.
        for bound in (max(n, 0) + _NEWEST, None):
            with self._offers.database.read() as connection:
                rows = [(str(i), at) for i, at in connection.execute(query.limit(bound))]
            found = newest_first(rows, now, moment, within_days)
            if len(found) >= n or (bound is not None and len(rows) < bound):
                break
        return found[: max(n, 0)]


def _checked(amount: int | None) -> None:
    if amount is not None and not (isinstance(amount, int) and 0 <= amount <= HIGHEST_PRICE):
        raise InputError(
            f"price {amount!r}, the bounds are 0 and {HIGHEST_PRICE} minor units", hint="Give whole minor units"
        )
