"""What may be done with an order, and why not: the shop's policy as one object, asked before anything is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Self

from pydantic import Field

from shopr.commerce.order_records import Order, Status
from shopr.commerce.rulings import Ruling, no, yes
from shopr.strict import Strict

__all__ = ["OrderPolicy"]


class OrderPolicy(Strict):
    """The rules for cancelling, changing, returning and exchanging orders.

    Attributes:
        cancel_from: statuses from which an order may be cancelled.
        cancel_reasons: the reasons that count; empty: any reason, or none.
        modify_from: statuses from which items, address and payment method may be changed.
        modify_items_once: whether the items may be changed only once; afterwards nothing else may be changed either.
        return_from, exchange_from: statuses from which items may be sent back or exchanged.
        return_days, exchange_days: days after the delivery within which that is so; None: no bound. An order whose day
            of delivery is not on record is not refused for it.
    """

    cancel_from: tuple[Status, ...] = ("pending", "processing")
    cancel_reasons: tuple[str, ...] = ()
    modify_from: tuple[Status, ...] = ("pending", "processing")
    modify_items_once: bool = True
    return_from: tuple[Status, ...] = ("shipped", "delivered")
    return_days: int | None = Field(30, ge=0, le=3650)
    exchange_from: tuple[Status, ...] = ("delivered",)
    exchange_days: int | None = Field(30, ge=0, le=3650)

    @classmethod
    def retail(cls) -> Self:
        """The policy of the tau retail benchmark: only pending orders change, only delivered ones come back."""
        return cls(
            cancel_from=("pending",),
            cancel_reasons=("no longer needed", "ordered by mistake"),
            modify_from=("pending",),
            return_from=("delivered",),
            return_days=None,
            exchange_days=None,
        )

    def may_cancel(self, order: Order, reason: str | None = None) -> Ruling:
        """Whether the order may be cancelled; without a reason given, whether it could be for a good one."""
        ruling = self._status(order, self.cancel_from, "cancelled")
        if ruling and order.items_modified and self.modify_items_once:
            return no("modified_before", order_id=order.order_id)
        if ruling and reason is not None and self.cancel_reasons and reason not in self.cancel_reasons:
            return no("reason", reason=reason, wanted=" or ".join(self.cancel_reasons))
        return ruling

    def may_modify(self, order: Order) -> Ruling:
        """Whether items, address or payment method of the order may be changed."""
        ruling = self._status(order, self.modify_from, "changed")
        if ruling and order.items_modified and self.modify_items_once:
            return no("modified_before", order_id=order.order_id)
        return ruling

    def may_return(self, order: Order, items: Sequence[str] | None = None, *, today: date) -> Ruling:
        """Whether the order, or those of its items, may be sent back for a refund."""
        ruling = self._status(order, self.return_from, "returned") and self._timely(order, self.return_days, today)
        return ruling and _within(order, items)

    def may_exchange(self, order: Order, items: Sequence[str] | None = None, *, today: date) -> Ruling:
        """Whether those items may be exchanged for variants of them."""
        ruling = self._status(order, self.exchange_from, "exchanged") and self._timely(order, self.exchange_days, today)
        return ruling and _within(order, items)

    def _status(self, order: Order, wanted: Sequence[str], action: str) -> Ruling:
        if order.status in wanted:
            return yes(order_id=order.order_id, status=order.status)
        return no(
            "status", order_id=order.order_id, status=order.status, action=action, wanted=" or ".join(wanted) or "other"
        )

    def _timely(self, order: Order, bound: int | None, today: date) -> Ruling:
        if bound is None or order.delivered_on is None:
            return yes(order_id=order.order_id, status=order.status, bound=bound)
        days = (today - order.delivered_on).days
        facts = {"order_id": order.order_id, "delivered": order.delivered_on.isoformat(), "days": days, "bound": bound}
        return yes(status=order.status, **facts) if days <= bound else no("too_late", **facts)


def _within(order: Order, items: Sequence[str] | None) -> Ruling:
    """Whether the order holds each of the items as often as it is named."""
    if items is None:
        return yes(order_id=order.order_id, status=order.status)
    if not items:
        return no("no_items", order_id=order.order_id)
    held = Counter(order.product_ids)
    for product_id, count in Counter(items).items():
        if held[product_id] < count:
            return no("not_in_order", order_id=order.order_id, product_id=product_id)
    return yes(order_id=order.order_id, status=order.status)
