"""Changes of an order before it leaves: items into variants of them, the address, the payment method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shopr.commerce.customers import PaymentMethod, checked_address
from shopr.commerce.desk import Change, Decide, Desk, Situation, chosen_method, net_paid
from shopr.commerce.offers import Snapshot
from shopr.commerce.order_policy import OrderPolicy
from shopr.commerce.order_records import OrderLine
from shopr.commerce.rulings import Ruling, no, yes
from shopr.commerce.stock import covers
from shopr.commerce.variants import Variants

__all__ = ["Swap", "covered", "new_address", "new_items", "new_payment", "swapped"]


@dataclass(frozen=True, slots=True)
class Swap:
    """Items changed into others.

    Attributes:
        lines: the order's lines after it.
        difference: what the new items cost more (minor units, negative: less).
    """

    lines: tuple[OrderLine, ...]
    difference: int


def new_items(
    desk: Desk, variants: Variants, policy: OrderPolicy, changes: Sequence[tuple[str, str]], method_id: str | None
) -> Decide:
    """Decide about items of an order that has not left."""

    def decide(now: Situation) -> Change | Ruling:
        order = now.order
        ruling = policy.may_modify(order)
        if not ruling:
            return ruling
        swap = swapped(variants, now, changes)
        if isinstance(swap, Ruling):
            return swap
        method = chosen_method(now, method_id)
        if isinstance(method, Ruling):
            return method
        ruling = covered(method, swap.difference)
        if not ruling:
            return ruling
        currency = order.lines[0].currency
        kind = "payment" if swap.difference > 0 else "refund"
        moved = (desk.payment(kind, abs(swap.difference), currency, method.method_id),) if swap.difference else ()
        new = replace(order, lines=swap.lines, items_modified=True, updated_at=desk.clock.now())
        facts = {"order_id": order.order_id, "difference": swap.difference, "method_id": method.method_id}
        take, give = Counter(new_id for _, new_id in changes), Counter(old_id for old_id, _ in changes)
        return Change(new, moved, take=take, give=give, facts=facts)

    return decide


def swapped(variants: Variants, now: Situation, changes: Sequence[tuple[str, str]]) -> Swap | Ruling:
    """The order's lines with items changed, or why they cannot be: each into an available variant of itself."""
    order = now.order
    if not changes:
        return no("no_items", order_id=order.order_id)
    pieces = [replace(line, quantity=1) for line in order.lines for _ in range(line.quantity)]
    left = list(range(len(pieces)))
    difference = 0
    wanted = Counter(new_id for _, new_id in changes)
    for old_id, new_id in changes:
        place = next((i for i in left if pieces[i].product_id == old_id), None)
        if place is None:
            return no("not_in_order", order_id=order.order_id, product_id=str(old_id)[:80])
        left.remove(place)
        new = _variant(variants, now.offers, pieces[place], new_id, wanted[new_id])
        if isinstance(new, Ruling):
            return new
        difference += (new.price or 0) - (pieces[place].price or 0)
        pieces[place] = new
    return Swap(_numbered(pieces), difference)


def _variant(variants: Variants, now: Snapshot, old: OrderLine, new_id: str, pieces: int) -> OrderLine | Ruling:
    if new_id == old.product_id:
        return no("same_item", product_id=new_id)
    row = now.row(new_id)
    if row < 0:
        return no("unknown_product", product_id=str(new_id)[:80])
    if not variants.alike(old.product_id, new_id):
        return no("other_product", product_id=old.product_id, new_id=new_id)
    if now.prices[row] != now.prices[row] or str(now.currencies[row]) != old.currency:
        return no("no_price", product_id=new_id)
    available = covers(now, new_id, pieces)
    if not available:
        return available
    title = str(now.catalog.frame["title"].iloc[row])
    return OrderLine(old.line, new_id, title, 1, int(now.prices[row]), old.currency)


def _numbered(pieces: Sequence[OrderLine]) -> tuple[OrderLine, ...]:
    """Pieces put together into lines again: neighbours that are the same product at the same price."""
    lines: list[OrderLine] = []
    for piece in pieces:
        last = lines[-1] if lines else None
        same = last is not None and (last.product_id, last.price, last.line) == (
            piece.product_id,
            piece.price,
            piece.line,
        )
        if same and last is not None:
            lines[-1] = replace(last, quantity=last.quantity + 1)
        else:
            lines.append(piece)
    return tuple(replace(line, line=number) for number, line in enumerate(lines, 1))


def covered(method: PaymentMethod, amount: int) -> Ruling:
    """Whether the method can pay so much: a gift card must hold it."""
    if method.balance is not None and method.balance < amount:
        return no("balance", method_id=method.method_id, balance=method.balance, needed=amount)
    return yes()


def new_address(desk: Desk, policy: OrderPolicy, address: Mapping[str, str]) -> Decide:
    """Decide about the address of an order that has not left."""

    def decide(now: Situation) -> Change | Ruling:
        order = now.order
        ruling = policy.may_modify(order)
        if not ruling:
            return ruling
        given = checked_address(address)
        if isinstance(given, Ruling):
            return given
        new = replace(order, address=given, updated_at=desk.clock.now())
        return Change(new, facts={"order_id": order.order_id, **given})

    return decide


def new_payment(desk: Desk, policy: OrderPolicy, method_id: str) -> Decide:
    """Decide about the payment method of an order that has not left."""

    def decide(now: Situation) -> Change | Ruling:
        order = now.order
        ruling = policy.may_modify(order)
        if not ruling:
            return ruling
        method = now.customer.method(method_id) if now.customer is not None else None
        if method is None:
            return no("unknown_method", method_id=str(method_id)[:80])
        paid = net_paid(order)
        if len(paid) != 1:
            return no("split_payment", order_id=order.order_id)
        ((before, currency), amount) = next(iter(paid.items()))
        if before == method_id:
            return no("same_method", method_id=method_id, order_id=order.order_id)
        ruling = covered(method, amount)
        if not ruling:
            return ruling
        moved = (
            desk.payment("payment", amount, currency, method_id),
            desk.payment("refund", amount, currency, before),
        )
        new = replace(order, updated_at=desk.clock.now())
        facts = {"order_id": order.order_id, "method_id": method_id, "before": before, "amount": amount}
        return Change(new, moved, facts=facts)

    return decide
