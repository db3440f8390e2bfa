"""The record of prices: what was known before the shop's first day here, and each change since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import Connection

from shopr.commerce.sql import inserting
from shopr.storage.database import Database
from shopr.storage.tables import price_changes as table

__all__ = ["Listed", "PriceRecord"]


class Listed(NamedTuple):
    """What a catalogue says of a product's offer."""

    product_id: str
    price: int | None
    currency: str
    stock: int | None


class PriceRecord:
    """The rows of `price_changes` of one shop; all methods work within the transaction they are given."""

    def __init__(self, database: Database, shop: str) -> None:
        self._database, self._shop = database, shop

    def seed(
        self, connection: Connection, listed: Iterable[Listed], history: pd.DataFrame | None, now: datetime
    ) -> None:
        """The first rows of products: earlier prices, where `history` has them, and the listed one where it differs.

        Args:
            history: `product_id, date, price`, minor units of the product's currency, from `date` (UTC) on; what lies
                in the future is left out.
        """
        offers = {offer.product_id: offer for offer in listed}
        rows: dict[tuple[str, datetime], dict[str, Any]] = {}
        last: dict[str, int | None] = {}
        for product_id, at, amount in _earlier(history, offers, now):
            last[product_id] = amount
            rows[product_id, at] = self._row(product_id, at, amount, offers[product_id].currency)
        for product_id, offer in offers.items():
            if product_id not in last or last[product_id] != offer.price:
                rows[product_id, now] = self._row(product_id, now, offer.price, offer.currency)
        if rows:
            connection.execute(inserting(self._database, table).on_conflict_do_nothing(), list(rows.values()))

    def changed(self, connection: Connection, prices: Iterable[tuple[str, int | None, str]], now: datetime) -> None:
        """Put changes (product, minor units, currency) on record; of two at one moment the later one stands."""
        rows = [self._row(product_id, now, price, currency) for product_id, price, currency in prices]
        if not rows:
            return
        statement = inserting(self._database, table)
        new = {"price": statement.excluded.price, "currency": statement.excluded.currency}
        keys = ["shop", "product_id", "valid_from"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)

    def _row(self, product_id: str, at: datetime, price: int | None, currency: str) -> dict[str, Any]:
        return {
            "shop": self._shop,
            "product_id": product_id,
            "valid_from": at,
            "price": price,
            "currency": currency,
        }


def _earlier(
    history: pd.DataFrame | None, offers: dict[str, Listed], now: datetime
) -> Iterator[tuple[str, datetime, int | None]]:
    """The prices before `now` of the products offered, in order of time."""
    if history is None or not len(history):
        return
    dates = pd.to_datetime(history["date"], utc=True)
    wanted = history.assign(date=dates)[history["product_id"].isin(offers.keys()) & (dates <= now)]
    ordered = wanted.sort_values("date", kind="stable")[["product_id", "date", "price"]]
    for product_id, date, price in ordered.itertuples(index=False, name=None):
        yield str(product_id), date.to_pydatetime(), None if pd.isna(price) else int(price)
