"""From a cart to an order, in one transaction: stock taken, the prices of now, payment, and the cart emptied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from shopr.commerce.carts import Cart, CartBook
from shopr.commerce.customers import Customer, checked_address
from shopr.commerce.desk import Desk, OrderChange
from shopr.commerce.order_records import Order, OrderLine
from shopr.commerce.rulings import Ruling, no, yes
from shopr.commerce.sql import checked_id, checked_owner
from shopr.commerce.stock import Shortage
from shopr.storage.tables import offers

__all__ = ["Checkout", "Purchase"]


@dataclass(frozen=True, slots=True)
class Purchase:
    """How a cart is to be bought; see `OrderBook.checkout`."""

    request_id: str | None = None
    method_id: str | None = None
    address: Mapping[str, str] | None = None
    expected: int | None = None
    eta: date | None = None


class Checkout:
    """Makes orders.

    Args:
        free_id: gives an order id that is not taken.
    """

    def __init__(self, desk: Desk, carts: CartBook, free_id: Callable[[Connection], str]) -> None:
        self._desk, self._carts, self._free_id = desk, carts, free_id
        self._store = desk.store

    def order(self, owner: str, purchase: Purchase) -> OrderChange:
        """Buy what is in the owner's cart."""
        checked_owner(owner)
        if purchase.request_id is not None:
            checked_id("request id", purchase.request_id, 128)
        now = self._desk.offers.snapshot()
        try:
            with self._store.database.begin() as connection:
                cart = self._carts.held(connection, owner, now)
                before = self._store.done_before(connection, owner, purchase.request_id, "placed")
                if before is not None:
                    order = self._store.find(connection, owner, before)
                    return OrderChange(yes(order_id=before), order, repeated=True)
                return self._place(connection, cart, purchase)
        except Shortage as short:
            return OrderChange(short.ruling)

    def _place(self, connection: Connection, cart: Cart, purchase: Purchase) -> OrderChange:
        customer = self._desk.customers.find(connection, cart.owner)
        ruling = _placeable(cart)
        where = _destination(customer, purchase)
        if not ruling or isinstance(where, Ruling):
            return OrderChange(where if ruling and isinstance(where, Ruling) else ruling)
        self._desk.stock.take(connection, {line.product_id: line.quantity for line in cart.lines})
        lines = self._lines(connection, cart)
        total = sum((line.price or 0) * line.quantity for line in lines)
        ruling = _agreed(cart, lines, total, purchase.expected) and _payable(customer, purchase.method_id, total)
        if not ruling:
            raise Shortage(ruling)  # the pieces were taken: the transaction must be undone
        return self._record(connection, cart, lines, where, purchase)

    def _record(
        self,
        connection: Connection,
        cart: Cart,
        lines: tuple[OrderLine, ...],
        where: dict[str, str],
        purchase: Purchase,
    ) -> OrderChange:
        total, currency = sum((line.price or 0) * line.quantity for line in lines), lines[0].currency
        method = purchase.method_id
        now = self._desk.clock.now()
        order = Order(
            order_id=self._free_id(connection),
            owner=cart.owner,
            status="pending",
            placed_at=now,
            updated_at=now,
            eta=purchase.eta,
            address=where,
            lines=lines,
            payments=(self._desk.payment("payment", total, currency, method),) if method else (),
        )
        facts = {"order_id": order.order_id, "total": total, "currency": currency}
        self._store.add(connection, [order])
        self._desk.settle(connection, cart.owner, order.payments)
        self._store.log(connection, order, "placed", purchase.request_id, facts)
        self._carts.empty(connection, cart.owner)
        return OrderChange(yes(**facts), order)

    def _lines(self, connection: Connection, cart: Cart) -> tuple[OrderLine, ...]:
        """The cart's lines at the prices in the table, which the transaction holds since it took the pieces."""
        query = select(offers.c.product_id, offers.c.price, offers.c.currency).where(
            offers.c.shop == self._store.shop, offers.c.product_id.in_([line.product_id for line in cart.lines])
        )
        held = {i: (price, currency) for i, price, currency in connection.execute(query)}
        return tuple(
            OrderLine(number, line.product_id, line.title, line.quantity, *held[line.product_id])
            for number, line in enumerate(cart.lines, 1)
        )


def _destination(customer: Customer | None, purchase: Purchase) -> dict[str, str] | Ruling:
    """Where the order goes; nowhere that is on record, if neither the purchase nor the customer names an address."""
    if purchase.address is not None:
        return checked_address(purchase.address)
    return dict(customer.address) if customer is not None else {}


def _placeable(cart: Cart) -> Ruling:
    if not cart.lines:
        return no("empty_cart")
    for line in cart.lines:
        if line.removed:
            return no("unknown_product", product_id=line.product_id)
        if line.price is None:
            return no("no_price", product_id=line.product_id)
    if len(cart.totals) > 1:
        return no("mixed_currencies", currencies=", ".join(sorted(cart.totals)))
    return yes()


def _agreed(cart: Cart, lines: Sequence[OrderLine], total: int, expected: int | None) -> Ruling:
    """Whether the prices held by the transaction are still one total that the owner has agreed to."""
    for line, shown in zip(lines, cart.lines, strict=True):
        if line.price is None:
            return no("no_price", product_id=line.product_id)
        if line.currency != lines[0].currency:
            return no("mixed_currencies", currencies=", ".join(sorted({line.currency for line in lines})))
        if expected is not None and total != expected and (line.price, line.currency) != (shown.price, shown.currency):
            return no("price_changed", product_id=line.product_id, then=shown.price, now=line.price)
    if expected is not None and total != expected:
        return no("total_changed", then=expected, now=total)
    return yes()


def _payable(customer: Customer | None, method_id: str | None, total: int) -> Ruling:
    method = customer.method(method_id) if customer is not None and method_id is not None else None
    if customer is not None and customer.methods and method_id is not None and method is None:
        return no("unknown_method", method_id=method_id[:80])
    if method is not None and method.balance is not None and method.balance < total:
        return no("balance", method_id=method.method_id, balance=method.balance, needed=total)
    return yes()
