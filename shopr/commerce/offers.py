"""The offers of a shop: price and stock of every product now, seeded from the catalogue, read as arrays.

A number that rises with every change (`offer_states.version`) tells a reader at the price of one small query that its
arrays are still true; if they are not, only the rows changed since are read. The number is taken under a lock that is
held until the change is committed, so no reader can see a later number and miss an earlier change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, select, update

from shopr.clock import Clock
from shopr.commerce.seeding import Listed, PriceRecord
from shopr.commerce.sql import hold, inserting, parts
from shopr.data.catalog import Catalog
from shopr.storage.database import Database
from shopr.storage.tables import offer_states as states
from shopr.storage.tables import offers as table

__all__ = ["Offers", "Snapshot"]

# Statements are built once: to build one costs more than to run it.
_VERSION = select(states.c.version).where(states.c.shop == bindparam("of"))
_STATE = select(states.c.version, states.c.fingerprint).where(states.c.shop == bindparam("of"))
_CHANGED = select(table.c.product_id, table.c.price, table.c.currency, table.c.stock).where(
    table.c.shop == bindparam("of"), table.c.version > bindparam("since")
)
_BUMP = (
    update(states)
    .where(states.c.shop == bindparam("of"))
    .values(version=states.c.version + 1, updated_at=bindparam("now"))
    .returning(states.c.version)
)


_RELEASED = r'"(?:date_released|release_date|released)":\s*"(\d{4}-\d{2}-\d{2})'


@dataclass(frozen=True)
class Snapshot:
    """All offers at one moment, in the order of the catalogue; the arrays are read-only.

    Attributes:
        catalog: whose rows they are.
        version: rises with every change.
        stock: pieces, NaN where they are not counted.
        prices: minor units, NaN where unknown.
        currencies: ISO codes.
    """

    catalog: Catalog
    version: int
    stock: NDArray[np.float64]
    prices: NDArray[np.float64]
    currencies: NDArray[np.object_]

    def row(self, product_id: str) -> int:
        """The catalogue's row of a product; -1 if it has none."""
        return int(self.catalog.product_ids.encode([product_id])[0])


class Offers:
    """The table of offers, and its arrays. Several processes may change it at once.

    Args:
        database: opened and upgraded.
        shop: whose offers these are.
        catalog: gives the catalogue now; another object than last time means that it was reloaded.
        currency: of prices whose currency the catalogue does not say.
        history: gives earlier prices (`product_id, date, price`), asked for once, when the shop is seeded.
    """

    def __init__(
        self,
        database: Database,
        shop: str,
        catalog: Callable[[], Catalog],
        *,
        clock: Clock,
        currency: str,
        history: Callable[[], pd.DataFrame | None] | None = None,
    ) -> None:
        self.database, self.shop, self.clock, self.currency = database, shop, clock, currency
        self._catalog, self._history = catalog, history
        self.record = PriceRecord(database, shop)
        self._lock = threading.Lock()
        self._seen: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """The offers as they are now: one small query where nothing changed."""
        catalog = self._catalog()
        seen = self._seen
        if seen is not None and seen.catalog is catalog and self._version() == seen.version:
            return seen
        with self._lock:
            seen = self._seen
            if seen is None or seen.catalog is not catalog:
                self._seed(catalog)
                seen = _blank(catalog, self.currency)
            self._seen = self._caught_up(seen)
            return self._seen

    def change(self, connection: Connection) -> int:
        """Begin a change of offers within a transaction: the version to write beside the values."""
        given = {"of": self.shop, "now": self.clock.now()}
        return int(connection.execute(_BUMP, given).scalar_one())

    def titles(self, product_ids: Iterable[str]) -> dict[str, str]:
        """Product id -> title of those in the catalogue."""
        catalog = self.snapshot().catalog
        ids = list(product_ids)
        rows = catalog.product_ids.encode(ids)
        titles = catalog.frame["title"]
        return {i: str(titles.iloc[row]) for i, row in zip(ids, rows, strict=True) if row >= 0}

    def _version(self) -> int | None:
        with self.database.read() as connection:
            version = connection.execute(_VERSION, {"of": self.shop}).scalar()
        return None if version is None else int(version)

    def _caught_up(self, seen: Snapshot) -> Snapshot:
        with self.database.read() as connection:
            version = connection.execute(_VERSION, {"of": self.shop}).scalar_one()
            rows = connection.execute(_CHANGED, {"of": self.shop, "since": seen.version}).all()
        stock, prices, currencies = seen.stock.copy(), seen.prices.copy(), seen.currencies.copy()
        if rows:
            where = seen.catalog.product_ids.encode([row[0] for row in rows])
            known = where >= 0
            at = where[known]
            values = [row for row, is_known in zip(rows, known, strict=True) if is_known]
            prices[at] = np.array([np.nan if r[1] is None else r[1] for r in values], np.float64)
            currencies[at] = np.array([r[2] for r in values], object)
            stock[at] = np.array([np.nan if r[3] is None else r[3] for r in values], np.float64)
        for array in (stock, prices, currencies):
            array.setflags(write=False)
        return Snapshot(seen.catalog, int(version), stock, prices, currencies)

    # -- the catalogue's word -----------------------------------------------------------------------------------------

    def _seed(self, catalog: Catalog) -> None:
        """Take over what the catalogue says of products that are new or that it changed since it was last read."""
        listed = _listed(catalog, self.currency)
        fingerprint = _fingerprint(listed)
        with self.database.read() as connection:
            state = connection.execute(_STATE, {"of": self.shop}).first()
        if state is not None and state.fingerprint == fingerprint:
            return
        history = self._history() if state is None and self._history is not None else None
        with self.database.begin() as connection:
            hold(connection, self.database, f"offers:{self.shop}")
            state = connection.execute(_STATE, {"of": self.shop}).first()
            if state is not None and state.fingerprint == fingerprint:
                return
            self._take_over(connection, listed, fingerprint, state is None, history)

    def _take_over(
        self,
        connection: Connection,
        listed: list[Listed],
        fingerprint: str,
        first: bool,
        history: pd.DataFrame | None,
    ) -> None:
        now = self.clock.now()
        if first:
            row = {"shop": self.shop, "version": 0, "fingerprint": "", "updated_at": now}
            connection.execute(inserting(self.database, states).on_conflict_do_nothing().values(row))
        version = self.change(connection)
        connection.execute(update(states).where(states.c.shop == self.shop).values(fingerprint=fingerprint))
        columns = (table.c.product_id, table.c.listed_price, table.c.listed_currency, table.c.listed_stock)
        held = connection.execute(select(*columns).where(table.c.shop == self.shop))
        old = {row[0]: Listed(*row) for row in held}
        new = [row for row in listed if row[0] not in old]
        born = _first_dates(history) | _releases(self._catalog())
        unknown = None if first else now
        if new:
            rows = [self._row(r, version, born.get(r[0], unknown)) for r in new]
            connection.execute(table.insert(), rows)
            self.record.seed(connection, new, history, now)
        for offer in listed:
            before = old.get(offer.product_id)
            if before is not None and before != offer:
                self._relist(connection, before, offer, version)

    def _row(self, listed: Listed, version: int, born: datetime | None) -> dict[str, Any]:
        product_id, price, currency, stock = listed
        return {
            "shop": self.shop,
            "product_id": product_id,
            "price": price,
            "currency": currency,
            "stock": stock,
            "listed_price": price,
            "listed_currency": currency,
            "listed_stock": stock,
            "first_seen": born,
            "version": version,
        }

    def _relist(self, connection: Connection, old: Listed, new: Listed, version: int) -> None:
        product_id, price, currency, stock = new
        values: dict[str, Any] = {"listed_price": price, "listed_currency": currency, "listed_stock": stock}
        if old[1:3] != new[1:3]:
            values |= {"price": price, "currency": currency}
            self.record.changed(connection, [(product_id, price, currency)], self.clock.now())
        if old[3] != stock:
            values["stock"] = stock
        which = (table.c.shop == self.shop) & (table.c.product_id == product_id)
        connection.execute(update(table).where(which).values(version=version, **values))

    def write(self, connection: Connection, version: int, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Set columns of offers, product by product, under `version`, the number that `change` gave."""
        for piece in parts(values.items()):
            names = sorted({name for _, columns in piece for name in columns})
            statement = (
                update(table)
                .where(table.c.shop == self.shop, table.c.product_id == bindparam("which"))
                .values(version=version, **{name: bindparam(f"new_{name}") for name in names})
            )
            rows = [{"which": i, **{f"new_{n}": v for n, v in columns.items()}} for i, columns in piece]
            connection.execute(statement, rows)


def _blank(catalog: Catalog, currency: str) -> Snapshot:
    n = len(catalog)
    return Snapshot(catalog, -1, np.full(n, np.nan), np.full(n, np.nan), np.full(n, currency, dtype=object))


def _listed(catalog: Catalog, currency: str) -> list[Listed]:
    frame = catalog.frame
    prices = frame["price"].astype(object).where(frame["price"].notna(), None)
    stock = frame["stock"].astype(object).where(frame["stock"].notna(), None)
    codes = frame["currency"].where(frame["currency"] != "", currency)
    return [Listed(*row) for row in zip(frame["product_id"], prices, codes, stock, strict=True)]


def _fingerprint(listed: list[Listed]) -> str:
    return sha256(repr(listed).encode("utf-8", "surrogatepass")).hexdigest()


def _releases(catalog: Catalog) -> dict[str, datetime]:
    """Product id -> the day of its release, of those whose attributes name it."""
    days = catalog.frame["attributes"].str.extract(_RELEASED, expand=False)
    moments = pd.to_datetime(days, format="%Y-%m-%d", errors="coerce", utc=True)
    known = moments.notna().to_numpy()
    ids = catalog.frame["product_id"][known]
    return {str(i): at.to_pydatetime() for i, at in zip(ids, moments[known], strict=True)}


def _first_dates(history: pd.DataFrame | None) -> dict[str, datetime]:
    if history is None or not len(history):
        return {}
    first = pd.to_datetime(history["date"], utc=True).groupby(history["product_id"]).min()
    return {str(i): at.to_pydatetime() for i, at in first.items()}
