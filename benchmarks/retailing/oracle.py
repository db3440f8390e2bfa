"""What ought to be in the database after a customer's wishes, worked out on the raw files without any code of Shopr."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.retailing.goals import Goal, Wish

__all__ = ["cents", "covers", "expected"]


def cents(amount: float) -> int:
    """Dollars of the files as whole cents."""
    return int((Decimal(str(amount)) * 100).to_integral_value())


def covers(method: dict[str, Any], amount: int) -> bool:
    """Whether a payment method can pay so much."""
    return method["source"] != "gift_card" or cents(method["balance"]) >= amount


def expected(data: Any, goal: Goal) -> dict[str, Any]:
    """The rows of the goal's user and of the others, as they ought to be at the end."""
    held = start(data, (goal.user_id, *goal.others))
    for wish in goal.wishes:
        if wish.effect and goal.identified:
            apply(data, held, goal.user_id, wish)
    return held


def start(data: Any, users: Iterable[str]) -> dict[str, Any]:
    """The rows of users as the files have them."""
    held: dict[str, Any] = {"users": {}, "orders": {}}
    for user_id in users:
        user = data.users[user_id]
        methods = user["payment_methods"].values()
        balances = {m["id"]: cents(m["balance"]) for m in methods if m["source"] == "gift_card"}
        held["users"][user_id] = {"address": dict(user["address"]), "balances": balances}
        for order_id, order in data.orders.items():
            if order["user_id"] == user_id:
                held["orders"][order_id] = {
                    "status": "processing" if order["status"] == "processed" else order["status"],
                    "modified": False,
                    "address": dict(order["address"]),
                    "items": sorted((i["item_id"], cents(i["price"])) for i in order["items"]),
                    "payments": sorted(
                        (p["transaction_type"], cents(p["amount"]), p["payment_method_id"])
                        for p in order["payment_history"]
                    ),
                    "request": {},
                }
    return held


def apply(data: Any, held: dict[str, Any], user_id: str, wish: Wish) -> None:
    """Change the rows as one wish that is carried out does."""
    user = held["users"][user_id]
    if wish.action == "user_address":
        user["address"] = dict(wish.address)
        return
    order = held["orders"][wish.order_id]

    def move(kind: str, amount: int, method: str) -> None:
        order["payments"] = sorted([*order["payments"], (kind, amount, method)])
        if method in user["balances"]:
            user["balances"][method] += amount if kind == "refund" else -amount

    if wish.action == "modify_address":
        order["address"] = dict(wish.address)
    elif wish.action == "cancel":
        order["status"], order["request"] = "cancelled", {"reason": wish.reason}
        for _, amount, method in list(order["payments"]):
            move("refund", amount, method)
    elif wish.action == "modify_payment":
        _, amount, before = order["payments"][0]
        move("payment", amount, wish.method_id)
        move("refund", amount, before)
    elif wish.action == "return":
        left = list(order["items"])
        refund = 0
        for item_id in wish.items:
            row = next(r for r in left if r[0] == item_id)
            left.remove(row)
            refund += row[1]
        order["status"] = "return_requested"
        order["request"] = {"items": sorted(wish.items), "method_id": wish.method_id, "refund": refund}
    else:
        swap(data, order, wish, move)


def swap(data: Any, order: dict[str, Any], wish: Wish, move: Any) -> None:
    """Items changed before the order leaves, or asked to be exchanged after."""
    items, difference = list(order["items"]), 0
    for old, new in wish.swaps:
        row = next(r for r in items if r[0] == old)
        price = next(cents(p["variants"][new]["price"]) for p in data.products.values() if new in p["variants"])
        items.remove(row)
        items.append((new, price))
        difference += price - row[1]
    if wish.action == "exchange":
        order["status"] = "exchange_requested"
        pairs = sorted(wish.swaps)
        order["request"] = {"pairs": pairs, "method_id": wish.method_id, "difference": difference}
        return
    order["items"], order["modified"] = sorted(items), True
    if difference:
        move("payment" if difference > 0 else "refund", abs(difference), wish.method_id)
