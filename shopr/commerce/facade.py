"""Commerce as one object: stock, prices, carts, orders, returns and customers of a shop, over one database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import pandas as pd
from sqlalchemy import delete

from shopr.clock import Clock, SystemClock
from shopr.commerce.carts import CartBook
from shopr.commerce.customers import CustomerBook
from shopr.commerce.desk import Desk
from shopr.commerce.offers import Offers, Snapshot
from shopr.commerce.order_policy import OrderPolicy
from shopr.commerce.order_store import OrderStore
from shopr.commerce.orders import OrderBook, new_order_id
from shopr.commerce.personal import Personal
from shopr.commerce.prices import PriceBook
from shopr.commerce.returns import ReturnBook
from shopr.commerce.shelves import Trend, trending_among
from shopr.commerce.stock import StockBook
from shopr.commerce.variants import Variants
from shopr.data.catalog import Catalog
from shopr.errors import InputError
from shopr.money import exponent
from shopr.storage.database import Database
from shopr.storage.tables import cart_lines

__all__ = ["Commerce"]


class Commerce:
    """What a shop sells now, and what its shoppers do with it.

    The owner of a cart or an order is a user id, or `visitor(session_id)`. Everything that is asked for answers with
    what there is or with a `Ruling`; errors are for calls that are wrong. Several processes may work on one database.

    Args:
        database: opened and upgraded.
        shop: whose; shops that share a database do not see each other's.
        catalog: gives the catalogue now; called often, so it must be cheap. Prices and stock are seeded from it.
        clock: where the time comes from.
        currency: of prices whose currency the catalogue does not say.
        policy: what may be done with orders.
        history: gives earlier prices (`product_id, date, price`), asked for once.
        make_order_id: gives order ids.
        personal: seals what identifies people; by default it is stored in clear.

    Raises:
        InputError: if the currency is no ISO code.
    """

    def __init__(
        self,
        database: Database,
        shop: str,
        catalog: Callable[[], Catalog],
        *,
        clock: Clock | None = None,
        currency: str = "EUR",
        policy: OrderPolicy | None = None,
        history: Callable[[], pd.DataFrame | None] | None = None,
        make_order_id: Callable[[], str] = new_order_id,
        personal: Personal | None = None,
    ) -> None:
        exponent(currency)
        if len(shop) > 63:
            raise InputError(f"shop name of {len(shop)} characters, the bound is 63", hint="Shorten it")
        self.database, self.shop, self.currency = database, shop, currency
        self.clock = clock or SystemClock()
        self.policy = policy or OrderPolicy()
        self._offers = Offers(database, shop, catalog, clock=self.clock, currency=currency, history=history)
        self._store = OrderStore(database, shop, personal)
        self.variants = Variants(catalog)
        self.stock = StockBook(self._offers)
        self.prices = PriceBook(self._offers)
        self.customers = CustomerBook(database, shop, personal)
        self.carts = CartBook(self._offers)
        desk = Desk(self._store, self.customers, self._offers, self.stock, clock=self.clock)
        self.orders = OrderBook(desk, self.carts, self.variants, self.policy, make_id=make_order_id)
        self.returns = ReturnBook(desk, self.variants, self.policy)

    def snapshot(self) -> Snapshot:
        """Stock and prices as arrays in the order of the catalogue; one small query where nothing changed."""
        return self._offers.snapshot()

    def titles(self, product_ids: Iterable[str]) -> dict[str, str]:
        """Product id -> title of those in the catalogue."""
        return self._offers.titles(product_ids)

    def trending(self, events: Iterable[tuple[str, datetime]], n: int = 10) -> list[Trend]:
        """Products that are asked for more than usual this week, most unusual first.

        Args:
            events: product id and moment of each view, click, cart or order of the last weeks.
        """
        return trending_among(events, self.snapshot(), self.clock.now())[: max(n, 0)]

    def forget_carts_and_orders(self) -> None:
        """Drop all carts and orders of the shop, as before the replay of a scripted dialogue."""
        with self.database.begin() as connection:
            self._store.erase_all(connection)
            connection.execute(delete(cart_lines).where(cart_lines.c.shop == self.shop))
