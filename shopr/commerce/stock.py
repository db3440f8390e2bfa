"""How many pieces of each product there are: set by the shop, taken at checkout, given back by cancellations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, case, select, update

from shopr.commerce.offers import Offers, Snapshot
from shopr.commerce.rulings import Ruling, no, yes
from shopr.errors import InputError
from shopr.storage.tables import offers as table

__all__ = ["MOST_PIECES", "Shortage", "StockBook", "covers", "together"]

MOST_PIECES = 1_000_000_000


class Shortage(Exception):  # noqa: N818 — not an error: it makes the transaction roll back and becomes a ruling
    """A product of which too few pieces are left."""

    def __init__(self, ruling: Ruling) -> None:
        super().__init__(ruling.reason)
        self.ruling = ruling


class StockBook:
    """The pieces of every product; None: they are not counted, and it can always be bought."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    def array(self) -> NDArray[np.float64]:
        """Pieces in the order of the catalogue, NaN where they are not counted; read-only, one object while true."""
        return self._offers.snapshot().stock

    def of(self, product_id: str) -> int | None:
        """Pieces now. None where they are not counted, 0 for a product that is not in the catalogue."""
        now = self._offers.snapshot()
        row = now.row(product_id)
        if row < 0:
            return 0
        return None if np.isnan(now.stock[row]) else int(now.stock[row])

    def covers(self, product_id: str, quantity: int = 1) -> Ruling:
        """Whether `quantity` pieces can be had now."""
        return covers(self._offers.snapshot(), product_id, quantity)

    def set(self, product_id: str, pieces: int | None) -> None:
        """Say how many there are.

        Raises:
            InputError: if the product is unknown or `pieces` outside 0 … `MOST_PIECES`.
        """
        self.set_many({product_id: pieces})

    def set_many(self, pieces: Mapping[str, int | None]) -> int:
        """Say how many there are of several products, all or none; how many of them that changed.

        Raises:
            InputError: if a product is unknown or a number outside 0 … `MOST_PIECES`.
        """
        now = self._offers.snapshot()
        ids = list(pieces)
        rows = now.catalog.product_ids.encode(ids)
        for product_id, row in zip(ids, rows, strict=True):
            if row < 0:
                raise InputError(
                    f"product {product_id[:80]!r} is not in the catalogue", hint="Give a product id of the catalogue"
                )
            _checked(pieces[product_id])
        held = now.stock[rows] if len(rows) else np.zeros(0)
        changed = {
            i: {"stock": pieces[i]}
            for i, have in zip(ids, held, strict=True)
            if (None if np.isnan(have) else int(have)) != pieces[i]
        }
        # Even what looks unchanged is written where another process may have changed it in between: only if the arrays
        # are still those of the moment is leaving rows out safe.
        with self._offers.database.begin() as connection:
            version = self._offers.change(connection)
            if version != now.version + 1:
                changed = {i: {"stock": pieces[i]} for i in ids}
            self._offers.write(connection, version, changed)
        return len(changed)

    def adjust(self, product_id: str, by: int) -> Ruling:
        """Add pieces (or take some, `by` < 0); products that are not counted stay so. Never below 0.

        Returns:
            A ruling with `pieces`, the number now; a no with what is left.
        """
        if self._offers.snapshot().row(product_id) < 0:
            return no("unknown_product", product_id=product_id)
        if not -MOST_PIECES <= by <= MOST_PIECES:
            raise InputError(f"{by} pieces, the bound is {MOST_PIECES}", hint="Give a smaller number")
        try:
            with self._offers.database.begin() as connection:
                version = self._offers.change(connection)
                self._move(connection, version, product_id, by)
                pieces = self._held(connection, product_id)
                if pieces is not None:
                    _checked(pieces)
        except Shortage as short:
            return short.ruling
        return yes(product_id=product_id, pieces=pieces)

    def take(self, connection: Connection, wanted: Mapping[str, int]) -> None:
        """Take pieces within a transaction; two of them never get the same piece.

        Raises:
            Shortage: if there are too few of one product; the transaction must be rolled back.
        """
        version = self._offers.change(connection)
        for product_id in sorted(wanted):
            self._move(connection, version, product_id, -wanted[product_id])

    def give_back(self, connection: Connection, returned: Mapping[str, int]) -> None:
        """Put pieces back within a transaction."""
        version = self._offers.change(connection)
        for product_id in sorted(returned):
            self._move(connection, version, product_id, returned[product_id], missing_is_fine=True)

    def _move(
        self, connection: Connection, version: int, product_id: str, by: int, *, missing_is_fine: bool = False
    ) -> None:
        enough = table.c.stock.is_(None) | (table.c.stock + by >= 0)
        which = (table.c.shop == self._offers.shop) & (table.c.product_id == product_id)
        moved = case((table.c.stock.is_(None), None), else_=table.c.stock + by)
        done = connection.execute(update(table).where(which, enough).values(stock=moved, version=version)).rowcount
        if not done and not missing_is_fine:
            raise Shortage(_covers(product_id, self._held(connection, product_id) or 0, -by))

    def _held(self, connection: Connection, product_id: str) -> int | None:
        query = select(table.c.stock).where(table.c.shop == self._offers.shop, table.c.product_id == product_id)
        found = connection.execute(query).scalar()
        return None if found is None else int(found)


def covers(offers: Snapshot, product_id: str, quantity: int) -> Ruling:
    """Whether `quantity` pieces could be had at the moment of `offers`."""
    row = offers.row(product_id)
    if row < 0:
        return no("unknown_product", product_id=product_id)
    return _covers(product_id, None if np.isnan(offers.stock[row]) else int(offers.stock[row]), quantity)


def together(offers: Snapshot, product_id: str, one: int, other: int) -> int:
    """Pieces that two wishes for a product come to: what there is bounds their sum, and makes neither of them less."""
    row = offers.row(product_id)
    if row < 0 or np.isnan(offers.stock[row]):
        return one + other
    return max(min(one + other, int(offers.stock[row])), one, other)


def _checked(pieces: int | None) -> None:
    if pieces is not None and not (isinstance(pieces, int) and 0 <= pieces <= MOST_PIECES):
        raise InputError(
            f"{pieces!r} pieces, the bounds are 0 and {MOST_PIECES}", hint="Give a whole number, or None: not counted"
        )


def _covers(product_id: str, held: int | None, wanted: int) -> Ruling:
    if held is None or held >= wanted:
        return yes(product_id=product_id, available=held)
    if held <= 0:
        return no("out_of_stock", product_id=product_id, available=0, wanted=wanted)
    return no("too_few", product_id=product_id, available=held, wanted=wanted)
