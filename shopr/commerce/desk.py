"""The desk where orders are changed: one transaction, the owner's rows held, each request acted on once.

What is to be done is a function that looks at the order and answers with a ruling or a change; the desk finds the order
for its owner only, remembers the request and writes everything, or nothing. The same function answers "what would
happen" where a change is only to be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from shopr.clock import Clock
from shopr.commerce.customers import Customer, CustomerBook, PaymentMethod
from shopr.commerce.offers import Offers, Snapshot
from shopr.commerce.order_records import Order, OrderPayment
from shopr.commerce.order_store import OrderStore
from shopr.commerce.rulings import Ruling, no, yes
from shopr.commerce.sql import checked_id, checked_owner
from shopr.commerce.stock import Shortage, StockBook, covers

__all__ = ["Change", "Decide", "Desk", "OrderChange", "Situation", "chosen_method", "net_paid"]


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What became of a wish about an order.

    Attributes:
        ruling: yes or no and why; `facts` hold what was moved, such as `difference`.
        order: as it is now (of a preview: as it would be); None where there is no such order of the owner's.
        repeated: whether the request had been acted on before, and nothing was done now.
    """

    ruling: Ruling
    order: Order | None = None
    repeated: bool = False

    def __bool__(self) -> bool:
        return self.ruling.allowed


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written.

    Attributes:
        order: as it shall be, but for its payments.
        payments: payments and refunds to add.
        take, give: product id -> pieces to take from stock, and to put back.
        facts: what the ruling shall say.
    """

    order: Order
    payments: tuple[OrderPayment, ...] = ()
    take: Mapping[str, int] = field(default_factory=dict)
    give: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision rests on.

    Attributes:
        order: as it is.
        customer: its owner, if on record.
        offers: stock and prices, read before the transaction began: within it no other connection may be asked.
    """

    order: Order
    customer: Customer | None
    offers: Snapshot


Decide = Callable[[Situation], Change | Ruling]


@dataclass(frozen=True, slots=True)
class _Wish:
    action: str
    decide: Decide
    request_id: str | None
    offers: Snapshot


class Desk:
    """Finds, changes and remembers."""

    def __init__(
        self, store: OrderStore, customers: CustomerBook, offers: Offers, stock: StockBook, *, clock: Clock
    ) -> None:
        self.store, self.customers, self.offers, self.stock, self.clock = store, customers, offers, stock, clock

    def find(self, owner: str, order_id: str) -> Order | None:
        """An order of that owner; another's order looks exactly like none."""
        checked_owner(owner)
        if not isinstance(order_id, str) or not 1 <= len(order_id) <= 64 or not order_id.isprintable():
            return None
        with self.store.database.read() as connection:
            return self.store.find(connection, owner, order_id)

    def act(
        self,
        owner: str,
        order_id: str,
        action: str,
        decide: Decide,
        *,
        request_id: str | None = None,
        dry: bool = False,
    ) -> OrderChange:
        """Decide about an order and do what was decided.

        Args:
            action: its name in the record.
            request_id: of a request that may arrive twice.
            dry: only say what would happen.
        """
        if self.find(owner, order_id) is None:
            return OrderChange(no("not_found"))
        if request_id is not None:
            checked_id("request id", request_id, 128)
        if dry:
            return self._preview(owner, order_id, decide)
        wish = _Wish(action, decide, request_id, self.offers.snapshot())
        try:
            with self.store.database.begin() as connection:
                self.store.hold(connection, owner)
                before = self.store.done_before(connection, owner, request_id, action)
                if before is not None:
                    order = self.store.find(connection, owner, before)
                    return OrderChange(yes(order_id=before), order, repeated=True)
                found = self.store.find(connection, owner, order_id)
                return OrderChange(no("not_found")) if found is None else self._act(connection, found, wish)
        except Shortage as short:
            return OrderChange(short.ruling, self.find(owner, order_id))

    def _preview(self, owner: str, order_id: str, decide: Decide) -> OrderChange:
        offers = self.offers.snapshot()
        with self.store.database.read() as connection:
            order = self.store.find(connection, owner, order_id)
            customer = self.customers.find(connection, owner)
        if order is None:
            return OrderChange(no("not_found"))
        decided = decide(Situation(order, customer, offers))
        if isinstance(decided, Ruling):
            return OrderChange(decided, order)
        for product_id, pieces in decided.take.items():
            covered = covers(offers, product_id, pieces)
            if not covered:
                return OrderChange(covered, order)
        return OrderChange(yes(**decided.facts), replace(decided.order, payments=order.payments + decided.payments))

    def _act(self, connection: Connection, order: Order, wish: _Wish) -> OrderChange:
        decided = wish.decide(Situation(order, self.customers.find(connection, order.owner), wish.offers))
        if isinstance(decided, Ruling):
            return OrderChange(decided, order)
        self.write(connection, order, decided)
        new = replace(decided.order, payments=order.payments + decided.payments)
        self.store.log(connection, new, wish.action, wish.request_id, dict(decided.facts))
        return OrderChange(yes(**decided.facts), new)

    def write(self, connection: Connection, order: Order, change: Change) -> None:
        """Write a change of an order that is stored."""
        if change.give:
            self.stock.give_back(connection, change.give)
        if change.take:
            self.stock.take(connection, change.take)
        self.store.replace(connection, change.order)
        self.store.pay(connection, order, change.payments)
        self.settle(connection, order.owner, change.payments)

    def settle(self, connection: Connection, owner: str, payments: tuple[OrderPayment, ...]) -> None:
        """Move the balances of gift cards as payments and refunds say."""
        for payment in payments:
            by = payment.amount if payment.kind == "refund" else -payment.amount
            self.customers.move_balance(connection, owner, payment.method_id, by)

    def payment(self, kind: str, amount: int, currency: str, method_id: str) -> OrderPayment:
        """A payment or refund of now."""
        return OrderPayment("refund" if kind == "refund" else "payment", amount, currency, method_id, self.clock.now())


def net_paid(order: Order) -> dict[tuple[str, str], int]:
    """(Method, currency) -> what is paid with it and not refunded, where that is more than nothing."""
    sums: dict[tuple[str, str], int] = {}
    for payment in order.payments:
        key = payment.method_id, payment.currency
        sums[key] = sums.get(key, 0) + (payment.amount if payment.kind == "payment" else -payment.amount)
    return {key: amount for key, amount in sums.items() if amount > 0}


def chosen_method(now: Situation, method_id: str | None) -> PaymentMethod | Ruling:
    """The method to pay or be refunded with: the one named, which must be the owner's, or the order's own.

    Shops that keep no payment methods (no customer on record, or none of theirs) take the order's own by name.
    """
    order, customer = now.order, now.customer
    named = method_id or next(iter(order.paid_with), "")
    held = customer.method(named) if customer is not None else None
    if held is not None:
        return held
    if method_id is None or method_id in order.paid_with:
        return PaymentMethod(named, "original")
    return no("unknown_method", method_id=str(method_id)[:80])
