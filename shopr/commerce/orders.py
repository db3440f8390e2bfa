"""Orders: made from carts, followed, cancelled and changed, by their owner alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Connection

from shopr.commerce.carts import CartBook
from shopr.commerce.checkout import Checkout, Purchase
from shopr.commerce.desk import Change, Desk, OrderChange, Situation, net_paid
from shopr.commerce.modifying import new_address, new_items, new_payment
from shopr.commerce.order_policy import OrderPolicy
from shopr.commerce.order_records import NEXT, Order, Status
from shopr.commerce.rulings import Ruling, no
from shopr.commerce.sql import checked_id, checked_owner, parts
from shopr.commerce.variants import Variants
from shopr.errors import InputError, StorageError

__all__ = ["OrderBook", "new_order_id"]

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and no O, which people read as digits
_TRIES = 20


def new_order_id() -> str:
    """An order id that cannot be guessed from another: two letters and eight digits, easy to say and to type."""
    return "".join(secrets.choice(_LETTERS) for _ in range(2)) + f"{secrets.randbelow(10**8):08d}"


class OrderBook:
    """The orders of a shop.

    Args:
        desk: where orders are changed.
        carts: what they are made from.
        variants: which product may stand in for which.
        policy: what may be done.
        make_id: gives order ids; one that is taken is asked for again.
    """

    def __init__(
        self,
        desk: Desk,
        carts: CartBook,
        variants: Variants,
        policy: OrderPolicy,
        *,
        make_id: Callable[[], str] = new_order_id,
    ) -> None:
        self._desk, self._variants, self.policy, self._make_id = desk, variants, policy, make_id
        self._store, self._clock = desk.store, desk.clock
        self._checkout = Checkout(desk, carts, self._free_id)

    # -- looking up ---------------------------------------------------------------------------------------------------

    def get(self, owner: str, order_id: str) -> Order | None:
        """An order of that owner. Another's order looks exactly like one that does not exist: None."""
        return self._desk.find(owner, order_id)

    def of(self, owner: str) -> list[Order]:
        """All orders of that owner, newest first."""
        checked_owner(owner)
        with self._store.database.read() as connection:
            return self._store.of(connection, owner)

    def record(self, owner: str, order_id: str) -> list[tuple[datetime, str, str]]:
        """What was done with an order of that owner: moment, action, status after it."""
        checked_owner(owner)
        with self._store.database.read() as connection:
            return self._store.record(connection, owner, order_id)

    # -- making -------------------------------------------------------------------------------------------------------

    def checkout(
        self,
        owner: str,
        *,
        request_id: str | None = None,
        method_id: str | None = None,
        address: Mapping[str, str] | None = None,
        expected: int | None = None,
        eta: date | None = None,
    ) -> OrderChange:
        """Make an order of everything in the cart at the prices of now, take the pieces from stock, empty the cart.

        All or nothing: if one line cannot be had, nothing is ordered and the cart stays.

        Args:
            request_id: of a request that may arrive twice; it makes one order.
            method_id: how it is paid; a gift card must cover the total.
            address: where it goes; None takes the customer's default address, if one is on record.
            expected: the total in minor units that the owner agreed to; another one is refused.
        """
        return self._checkout.order(owner, Purchase(request_id, method_id, address, expected, eta))

    # -- the owner's wishes -------------------------------------------------------------------------------------------

    def cancel(
        self,
        owner: str,
        order_id: str,
        reason: str | None = None,
        *,
        request_id: str | None = None,
        dry: bool = False,
    ) -> OrderChange:
        """Cancel an order: payments are refunded to where they came from, the pieces go back into stock."""

        def decide(now: Situation) -> Change | Ruling:
            order = now.order
            ruling = self.policy.may_cancel(order, reason)
            if not ruling:
                return ruling
            refunds = tuple(
                self._desk.payment("refund", amount, currency, method)
                for (method, currency), amount in net_paid(order).items()
            )
            new = replace(
                order, status="cancelled", updated_at=self._clock.now(), request={"reason": reason} if reason else {}
            )
            pieces: dict[str, int] = {}
            for line in order.lines:
                pieces[line.product_id] = pieces.get(line.product_id, 0) + line.quantity
            refunded = {f"{p.method_id}": p.amount for p in refunds}
            return Change(new, refunds, give=pieces, facts={"order_id": order.order_id, "refunds": refunded})

        return self._desk.act(owner, order_id, "cancelled", decide, request_id=request_id, dry=dry)

    def modify_items(
        self,
        owner: str,
        order_id: str,
        changes: Sequence[tuple[str, str]],
        *,
        method_id: str | None = None,
        request_id: str | None = None,
        dry: bool = False,
    ) -> OrderChange:
        """Change items (old product id, new product id) into available variants of them.

        The difference of the prices is paid or refunded with `method_id`; facts: `difference` (positive: to pay).
        """
        decide = new_items(self._desk, self._variants, self.policy, list(changes), method_id)
        return self._desk.act(owner, order_id, "items_modified", decide, request_id=request_id, dry=dry)

    def modify_address(
        self,
        owner: str,
        order_id: str,
        address: Mapping[str, str],
        *,
        request_id: str | None = None,
        dry: bool = False,
    ) -> OrderChange:
        """Send an order elsewhere."""
        decide = new_address(self._desk, self.policy, address)
        return self._desk.act(owner, order_id, "address_modified", decide, request_id=request_id, dry=dry)

    def modify_payment(
        self, owner: str, order_id: str, method_id: str, *, request_id: str | None = None, dry: bool = False
    ) -> OrderChange:
        """Pay an order with another method; the one before is refunded."""
        decide = new_payment(self._desk, self.policy, method_id)
        return self._desk.act(owner, order_id, "payment_modified", decide, request_id=request_id, dry=dry)

    # -- the shop's side ----------------------------------------------------------------------------------------------

    def put(self, orders: Iterable[Order]) -> int:
        """Take in orders from elsewhere, all or none; how many.

        Raises:
            StorageError: if an id is taken.
        """
        given = list(orders)
        for order in given:
            checked_id("order id", order.order_id, 64)
            checked_owner(order.owner)
            if order.status not in NEXT:
                raise InputError(f"status {order.status!r} of order {order.order_id}", hint=f"Known: {', '.join(NEXT)}")
        with self._store.database.begin() as connection:
            for piece in parts(given):
                self._store.add(connection, piece)
        return len(given)

    def advance(
        self, order_id: str, status: Status, *, eta: date | None = None, delivered_on: date | None = None
    ) -> OrderChange:
        """Say how far an order has come; for the shop's own programs, never for shoppers.

        Args:
            eta: the day it is expected now; None leaves what was said.
            delivered_on: the day it arrived; None: today, where `status` is "delivered".
        """
        if status not in NEXT:
            raise InputError(f"status {status!r} is not known", hint=f"Known: {', '.join(NEXT)}")
        with self._store.database.read() as connection:
            owner = self._store.owner_of(connection, order_id)
        if owner is None:
            return OrderChange(no("not_found"))

        def decide(now: Situation) -> Change | Ruling:
            order = now.order
            if status != order.status and status not in NEXT[order.status]:
                return no("no_step", status=order.status, wanted=status, order_id=order_id)
            moment = self._clock.now()
            arrived = (
                (delivered_on or order.delivered_on or moment.date()) if status == "delivered" else order.delivered_on
            )
            new = replace(order, status=status, updated_at=moment, eta=eta or order.eta, delivered_on=arrived)
            return Change(new, facts={"order_id": order_id, "status": status})

        return self._desk.act(owner, order_id, "advanced", decide)

    def _free_id(self, connection: Connection) -> str:
        for _ in range(_TRIES):
            order_id = checked_id("order id", self._make_id(), 64)
            if not self._store.exists(connection, order_id):
                return order_id
        raise StorageError(f"{_TRIES} order ids in a row were taken", hint="Give orders longer ids")

    def every(self) -> list[Order]:
        """All orders of the shop; for the shop's own programs, never for shoppers."""
        with self._store.database.read() as connection:
            return self._store.every(connection)
