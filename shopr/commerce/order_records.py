"""What an order is: its lines, its payments, its status, and which status may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

__all__ = ["ADDRESS_FIELDS", "NEXT", "Order", "OrderLine", "OrderPayment", "Status"]

Status = Literal[
    "pending",
    "processing",
    "shipped",
    "delivered",
    "cancelled",
    "return_requested",
    "returned",
    "exchange_requested",
    "exchanged",
]

NEXT: dict[str, tuple[str, ...]] = {
    "pending": ("processing", "shipped", "cancelled"),
    "processing": ("shipped", "cancelled"),
    "shipped": ("delivered", "return_requested"),
    "delivered": ("return_requested", "exchange_requested"),
    "return_requested": ("returned", "delivered"),
    "exchange_requested": ("exchanged", "delivered"),
    "cancelled": (),
    "returned": (),
    "exchanged": (),
}
"""Status -> those that may follow. A request for a return that is withdrawn goes back to delivered."""
ADDRESS_FIELDS = ("address1", "address2", "city", "state", "zip", "country")
"""The parts of an address; all but `address2` and `state` must be given."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One product of an order.

    Attributes:
        line: 1, 2 … within the order.
        product_id, title: what was bought.
        quantity: pieces.
        price: of one piece in minor units; None where an old order has none on record.
        currency: ISO 4217.
    """

    line: int
    product_id: str
    title: str
    quantity: int
    price: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class OrderPayment:
    """Money that moved.

    Attributes:
        kind: "payment" from the customer, "refund" to the customer.
        amount: minor units, never negative.
        currency: ISO 4217.
        method_id: the name of the payment method.
        time: when.
    """

    kind: Literal["payment", "refund"]
    amount: int
    currency: str
    method_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands.

    Attributes:
        order_id: its id.
        owner: whose it is; nobody else is ever told of it.
        status: where it is.
        placed_at, updated_at: when it was made and last changed.
        eta: the day it is expected; None where nobody said.
        delivered_on: the day it arrived.
        items_modified: whether its items were changed after it was placed.
        address: by the names in `ADDRESS_FIELDS`; empty where none is on record.
        request: what a cancellation, return or exchange asks for: reason, items, new_items, method_id, difference.
        lines, payments: what was bought, and what was paid.
    """

    order_id: str
    owner: str
    status: Status
    placed_at: datetime
    updated_at: datetime
    eta: date | None = None
    delivered_on: date | None = None
    items_modified: bool = False
    address: Mapping[str, str] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[OrderLine, ...] = ()
    payments: tuple[OrderPayment, ...] = ()

    @property
    def total(self) -> int | None:
        """Prices times quantities in minor units; None where one has no price on record."""
        amounts = [None if line.price is None else line.price * line.quantity for line in self.lines]
        return None if any(amount is None for amount in amounts) else sum(a for a in amounts if a is not None)

    @property
    def currency(self) -> str | None:
        """The currency of the order; None for one without lines."""
        return self.lines[0].currency if self.lines else None

    @property
    def product_ids(self) -> tuple[str, ...]:
        """What was bought, one id a piece."""
        return tuple(line.product_id for line in self.lines for _ in range(line.quantity))

    @property
    def paid_with(self) -> tuple[str, ...]:
        """The methods that payments came from, each once, in order."""
        return tuple(dict.fromkeys(payment.method_id for payment in self.payments if payment.kind == "payment"))
