"""From a customer's message to requests: what is to be done, of which order, with what values."""

from __future__ import annotations

from shopr.chat.retail.products import Mention, Products
from shopr.chat.retail.request import Action, Request
from shopr.chat.retail.values import find_address, find_orders
from shopr.chat.retail.words import Part

__all__ = ["action_of", "take_in"]

_PLAIN: tuple[tuple[str, Action], ...] = (
    ("person", "person"),
    ("discount", "discount"),
    ("cancel", "cancel"),
    ("exchange", "exchange"),
    ("return", "return"),
)


def action_of(part: Part, products: Products) -> Action | None:
    """What a part of a message asks for; None where it asks for nothing."""
    acts = part.keys("act")
    located, others = products.located(part)
    if "person" in acts and not acts & {"cancel", "return", "exchange"}:
        return "person"
    address = bool(find_address(part.text)) or "address" in acts
    if address and not acts & {"return", "exchange", "cancel", "discount"}:
        home = part.has("scope", "default") and not find_orders(part.text) and not located
        return "user_address" if home else "modify_address"
    for key, action in _PLAIN:
        if key in acts:
            return "partial_cancel" if action == "cancel" and _in_part(part, others) else action
    if others and "remove" in acts:
        return "partial_cancel"
    if others and "add" in acts:
        return "add_item"
    if part.keys("method") and acts & {"payment", "modify"} and not others:
        return "modify_payment"
    if acts & {"modify", "wish"} and others:
        return "modify_items"
    return _question(part, acts)


def _question(part: Part, acts: set[str]) -> Action | None:
    if "list" in acts and not find_orders(part.text):
        return "list"
    if "contents" in acts:
        return "contents"
    if "total" in acts:
        return "total"
    if "status" in acts:
        return "status"
    if "payment" in acts:
        return "modify_payment"
    if "modify" in acts and find_orders(part.text):
        return "modify_items"
    return "list" if "list" in acts else None


def _in_part(part: Part, others: list[Mention]) -> bool:
    return bool(others) and (part.has("scope", "part") or "remove" in part.keys("act"))


def take_in(request: Request, part: Part) -> None:
    """Take over what a part says that needs no order to be understood."""
    orders = find_orders(part.text)
    if orders:
        request.order_id = orders[0]
    reasons = part.keys("reason")
    if request.action == "cancel" and len(reasons) == 1:
        request.reason = next(iter(reasons))
    if request.action in ("modify_address", "user_address"):
        request.address = find_address(part.text) or request.address
    if request.action == "return" and part.has("scope", "all"):
        request.everything = True
