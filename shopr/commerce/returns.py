"""Sending back and exchanging what was bought, under the shop's policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from shopr.commerce.customers import PaymentMethod
from shopr.commerce.desk import Change, Desk, OrderChange, Situation, chosen_method
from shopr.commerce.modifying import covered, swapped
from shopr.commerce.order_policy import OrderPolicy
from shopr.commerce.order_records import Order
from shopr.commerce.rulings import Ruling, no
from shopr.commerce.variants import Variants

__all__ = ["ReturnBook"]


class ReturnBook:
    """Returns and exchanges. Each is a request: the shop closes it with `orders.advance` once the goods are back."""

    def __init__(self, desk: Desk, variants: Variants, policy: OrderPolicy) -> None:
        self._desk, self._variants, self.policy = desk, variants, policy

    def may_return(self, owner: str, order_id: str, items: Sequence[str] | None = None) -> Ruling:
        """Whether the order, or those of its items, may be sent back, and if not, why."""
        return self.request_return(owner, order_id, items, dry=True).ruling

    def may_exchange(self, owner: str, order_id: str, items: Sequence[str] | None = None) -> Ruling:
        """Whether those items may be exchanged, and if not, why; what for is not asked."""
        order = self._desk.find(owner, order_id)
        return no("not_found") if order is None else self.policy.may_exchange(order, items, today=self._today())

    def request_return(
        self,
        owner: str,
        order_id: str,
        items: Sequence[str] | None = None,
        *,
        method_id: str | None = None,
        reason: str | None = None,
        request_id: str | None = None,
        dry: bool = False,
    ) -> OrderChange:
        """Ask for a return.

        Args:
            items: product ids, one a piece; None: everything.
            method_id: where the refund goes: the order's own method (None) or a gift card of the owner's.
            reason: in the shopper's words.

        Returns:
            Facts: `items`, `refund` in minor units (None where a price is not on record), `method_id`.
        """

        def decide(now: Situation) -> Change | Ruling:
            order = now.order
            ruling = self.policy.may_return(order, items, today=self._today())
            method = chosen_method(now, method_id) if ruling else ruling
            if isinstance(method, Ruling):
                return method
            if method.method_id not in order.paid_with and method.kind not in ("gift_card", "original"):
                return no("refund_method", method_id=method.method_id, order_id=order.order_id)
            sent = sorted(order.product_ids if items is None else items)
            facts = {"items": sent, "method_id": method.method_id, "refund": _worth(order, sent)}
            asked = {**facts, "reason": reason[:500]} if reason else facts
            new = replace(order, status="return_requested", request=asked, updated_at=self._desk.clock.now())
            return Change(new, facts={"order_id": order.order_id, **facts})

        return self._desk.act(owner, order_id, "return_requested", decide, request_id=request_id, dry=dry)

    def request_exchange(
        self,
        owner: str,
        order_id: str,
        changes: Sequence[tuple[str, str]],
        *,
        method_id: str | None = None,
        request_id: str | None = None,
        dry: bool = False,
    ) -> OrderChange:
        """Ask to exchange items (old product id, new product id) for available variants of them.

        Args:
            method_id: pays or is refunded the difference once the goods are exchanged; a gift card must cover it.

        Returns:
            Facts: `items`, `new_items`, `difference` (minor units, positive: to pay), `method_id`.
        """
        pairs = sorted(changes)

        def decide(now: Situation) -> Change | Ruling:
            order = now.order
            ruling = self.policy.may_exchange(order, [old for old, _ in pairs], today=self._today())
            swap = swapped(self._variants, now, pairs) if ruling else ruling
            if isinstance(swap, Ruling):
                return swap
            method: PaymentMethod | Ruling = chosen_method(now, method_id)
            if isinstance(method, Ruling):
                return method
            ruling = covered(method, swap.difference)
            if not ruling:
                return ruling
            facts = {
                "items": [old for old, _ in pairs],
                "new_items": [new for _, new in pairs],
                "method_id": method.method_id,
                "difference": swap.difference,
            }
            new = replace(order, status="exchange_requested", request=facts, updated_at=self._desk.clock.now())
            return Change(new, facts={"order_id": order.order_id, **facts})

        return self._desk.act(owner, order_id, "exchange_requested", decide, request_id=request_id, dry=dry)

    def _today(self) -> date:
        return self._desk.clock.now().date()


def _worth(order: Order, items: Sequence[str]) -> int | None:
    """What those items cost, the dearest piece of a product first where its pieces had several prices."""
    left = Counter(items)
    total = 0
    for line in sorted(order.lines, key=lambda line: -(line.price or 0)):
        pieces = min(left[line.product_id], line.quantity)
        if pieces and line.price is None:
            return None
        total += pieces * (line.price or 0)
        left[line.product_id] -= pieces
    return total
