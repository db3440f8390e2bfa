"""Carts: one for each owner, with the price at the time of adding beside the price now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from shopr.commerce.offers import Offers, Snapshot
from shopr.commerce.rulings import Ruling, no, yes
from shopr.commerce.sql import checked_id, checked_owner, hold
from shopr.commerce.stock import covers, together
from shopr.storage.tables import cart_lines as table

__all__ = ["KEPT", "MOST_EACH", "MOST_LINES", "Cart", "CartBook", "CartChange", "CartLine"]

MOST_EACH = 999
"""Pieces of one product in a cart."""
MOST_LINES = 100
"""Different products in a cart."""
KEPT = timedelta(days=30)
"""How long a cart lies untouched before it is gone."""


@dataclass(frozen=True, slots=True)
class CartLine:
    """One product in a cart. Amounts are minor units.

    Attributes:
        product_id: which.
        title: of the catalogue; of the time of adding where the product has left it.
        quantity: pieces.
        price_then, currency_then: at the time of adding.
        price: now; None where it has none or has left the catalogue.
        currency: of the price now.
        stock: pieces there are; None where they are not counted.
        removed: whether the product has left the catalogue.
    """

    product_id: str
    title: str
    quantity: int
    price_then: int
    currency_then: str
    price: int | None
    currency: str
    stock: int | None
    removed: bool

    @property
    def changed(self) -> bool:
        """Whether the price now is another than at the time of adding."""
        return not self.removed and (self.price, self.currency) != (self.price_then, self.currency_then)

    @property
    def buyable(self) -> bool:
        """Whether that many can be bought now."""
        return not self.removed and self.price is not None and (self.stock is None or self.stock >= self.quantity)

    @property
    def total(self) -> int | None:
        """Price now times quantity."""
        return None if self.price is None or self.removed else self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """What somebody has in the cart, in the order of adding."""

    owner: str
    lines: tuple[CartLine, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def pieces(self) -> int:
        """Pieces of all products together."""
        return sum(line.quantity for line in self.lines)

    @property
    def totals(self) -> dict[str, int]:
        """Currency -> exact minor units at the prices of now; lines without a price are not in it."""
        sums: dict[str, int] = {}
        for line in self.lines:
            if line.total is not None:
                sums[line.currency] = sums.get(line.currency, 0) + line.total
        return sums

    @property
    def changed(self) -> tuple[CartLine, ...]:
        """The lines whose price is another than when they were added."""
        return tuple(line for line in self.lines if line.changed)

    def line(self, product_id: str) -> CartLine | None:
        """The line of a product."""
        return next((line for line in self.lines if line.product_id == product_id), None)


@dataclass(frozen=True, slots=True)
class CartChange:
    """What became of a wish: the ruling, and the cart after it (the same as before where the answer is no)."""

    ruling: Ruling
    cart: Cart

    def __bool__(self) -> bool:
        return self.ruling.allowed


class CartBook:
    """The carts of a shop. Every change is one transaction; changes of one owner's cart wait for each other."""

    def __init__(self, offers: Offers) -> None:
        self._offers, self._database = offers, offers.database

    def of(self, owner: str) -> Cart:
        """The cart of a user or visitor; empty for an unknown one, or where it lay untouched for `KEPT`."""
        checked_owner(owner)
        now = self._offers.snapshot()
        with self._database.read() as connection:
            return self._cart(connection, owner, now)

    def add(self, owner: str, product_id: str, quantity: int = 1) -> CartChange:
        """Put pieces of a product in, at the price of now, in addition to those that are in."""
        return self._change(owner, product_id, quantity, adding=True)

    def set_quantity(self, owner: str, product_id: str, quantity: int) -> CartChange:
        """Say how many pieces of a product are to be in; 0 takes it out, and one that is not in is put in."""
        if quantity == 0:
            return self.remove(owner, product_id)
        return self._change(owner, product_id, quantity, adding=False)

    def remove(self, owner: str, product_id: str) -> CartChange:
        """Take a product out."""
        checked_owner(owner)
        now = self._offers.snapshot()
        with self._database.begin() as connection:
            hold(connection, self._database, self._key(owner))
            which = self._whose(owner) & (table.c.product_id == product_id)
            gone = connection.execute(delete(table).where(which)).rowcount
            ruling = yes(product_id=product_id) if gone else no("not_in_cart", product_id=product_id)
            return CartChange(ruling, self._cart(connection, owner, now))

    def clear(self, owner: str) -> int:
        """Empty a cart; how many lines."""
        checked_owner(owner)
        with self._database.begin() as connection:
            return self.empty(connection, owner)

    def merge(self, source: str, target: str) -> Cart:
        """Move a visitor's cart into a user's, as at login; the source is emptied.

        Quantities of one product add up, but to no more than there is of it; what either had is not made less. What is
        in the target already keeps its price of the time of adding, which is the older one.
        """
        checked_owner(source)
        checked_owner(target)
        now = self._offers.snapshot()
        with self._database.begin() as connection:
            hold(connection, self._database, self._key(source), self._key(target))
            if source != target:
                self._move(connection, source, target, now)
            return self._cart(connection, target, now)

    def expire(self, untouched: timedelta = KEPT) -> int:
        """Drop carts that lay untouched for so long; how many lines."""
        old = self._offers.clock.now() - untouched
        fresh = select(table.c.owner).where(table.c.shop == self._offers.shop, table.c.touched_at > old)
        with self._database.begin() as connection:
            which = (table.c.shop == self._offers.shop) & table.c.owner.not_in(fresh)
            return connection.execute(delete(table).where(which)).rowcount

    # -- within a transaction -----------------------------------------------------------------------------------------

    def held(self, connection: Connection, owner: str, now: Snapshot) -> Cart:
        """The cart, held against changes until the transaction ends."""
        hold(connection, self._database, self._key(owner))
        return self._cart(connection, owner, now)

    def empty(self, connection: Connection, owner: str) -> int:
        """Empty a cart within a transaction; how many lines."""
        return connection.execute(delete(table).where(self._whose(owner))).rowcount

    def _change(self, owner: str, product_id: str, quantity: int, *, adding: bool) -> CartChange:
        checked_owner(owner)
        now = self._offers.snapshot()
        with self._database.begin() as connection:
            hold(connection, self._database, self._key(owner))
            cart = self._cart(connection, owner, now)
            line = cart.line(product_id)
            wanted = quantity + (line.quantity if adding and line is not None else 0)
            ruling = self._ruling(cart, product_id, quantity, wanted, now)
            if not ruling:
                return CartChange(ruling, cart)
            if not cart.lines:  # what expired must not come back with the new line
                self.empty(connection, owner)
            if line is not None:
                which = self._whose(owner) & (table.c.product_id == product_id)
                connection.execute(update(table).where(which).values(quantity=wanted))
            else:
                connection.execute(insert(table).values(self._row(connection, owner, product_id, wanted, now)))
            self._touch(connection, owner)
            return CartChange(yes(product_id=product_id, quantity=wanted), self._cart(connection, owner, now))

    def _ruling(self, cart: Cart, product_id: str, quantity: int, wanted: int, now: Snapshot) -> Ruling:
        row = now.row(product_id) if isinstance(product_id, str) else -1
        if row < 0:
            return no("unknown_product", product_id=str(product_id)[:80])
        if not isinstance(quantity, int) or quantity < 1 or wanted > MOST_EACH:
            return no("too_many", wanted=wanted, bound=MOST_EACH, product_id=product_id)
        if np.isnan(now.prices[row]):
            return no("no_price", product_id=product_id)
        if cart.line(product_id) is None and len(cart) >= MOST_LINES:
            return no("too_many_lines", bound=MOST_LINES)
        return covers(now, product_id, wanted)

    def _row(self, connection: Connection, owner: str, product_id: str, quantity: int, now: Snapshot) -> dict[str, Any]:
        row = now.row(product_id)
        last = connection.execute(select(func.max(table.c.position)).where(self._whose(owner))).scalar()
        return {
            "shop": self._offers.shop,
            "owner": owner,
            "product_id": checked_id("product id", product_id),
            "position": (last or 0) + 1,
            "quantity": quantity,
            "price": int(now.prices[row]),
            "currency": str(now.currencies[row]),
            "title": str(now.catalog.frame["title"].iloc[row]),
            "touched_at": self._offers.clock.now(),
        }

    def _move(self, connection: Connection, source: str, target: str, now: Snapshot) -> None:
        old = self._offers.clock.now() - KEPT
        rows = connection.execute(select(table).where(self._whose(source)).order_by(table.c.position)).mappings().all()
        if rows and max(row["touched_at"] for row in rows) <= old:
            rows = []
        held_rows = connection.execute(select(table).where(self._whose(target)))
        there: dict[str, Any] = {r.product_id: r for r in held_rows}
        if there and max(r.touched_at for r in there.values()) <= old:
            self.empty(connection, target)
            there = {}
        last = max((r.position for r in there.values()), default=0)
        for row in rows:
            held = there.get(row["product_id"])
            if held is not None:
                quantity = min(together(now, row["product_id"], held.quantity, row["quantity"]), MOST_EACH)
                which = self._whose(target) & (table.c.product_id == row["product_id"])
                connection.execute(update(table).where(which).values(quantity=quantity))
            elif len(there) < MOST_LINES:
                last += 1
                connection.execute(insert(table).values({**row, "owner": target, "position": last}))
                there[row["product_id"]] = row
        self.empty(connection, source)
        if rows:
            self._touch(connection, target)

    def _touch(self, connection: Connection, owner: str) -> None:
        connection.execute(update(table).where(self._whose(owner)).values(touched_at=self._offers.clock.now()))

    def _cart(self, connection: Connection, owner: str, now: Snapshot) -> Cart:
        rows = connection.execute(select(table).where(self._whose(owner)).order_by(table.c.position)).all()
        if rows and max(row.touched_at for row in rows) <= self._offers.clock.now() - KEPT:
            return Cart(owner)
        return Cart(owner, _lines(rows, now))

    def _whose(self, owner: str) -> Any:
        return (table.c.shop == self._offers.shop) & (table.c.owner == owner)

    def _key(self, owner: str) -> str:
        return f"owner:{self._offers.shop}:{owner}"


def _lines(rows: Sequence[Any], now: Snapshot) -> tuple[CartLine, ...]:
    places = now.catalog.product_ids.encode([row.product_id for row in rows])
    lines = []
    for row, place in zip(rows, places, strict=True):
        known = place >= 0
        price = int(now.prices[place]) if known and not np.isnan(now.prices[place]) else None
        counted = known and not np.isnan(now.stock[place])
        lines.append(
            CartLine(
                product_id=row.product_id,
                title=str(now.catalog.frame["title"].iloc[place]) if known else row.title,
                quantity=row.quantity,
                price_then=int(row.price),
                currency_then=row.currency,
                price=price,
                currency=str(now.currencies[place]) if known else row.currency,
                stock=int(now.stock[place]) if counted else None if known else 0,
                removed=not known,
            )
        )
    return tuple(lines)
