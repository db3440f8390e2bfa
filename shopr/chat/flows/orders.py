"""Orders: where they are, cancelling, sending back, payments. Another's order is the same as none."""

from __future__ import annotations

from typing import Any

import numpy as np

from shopr.chat.commands import Command
from shopr.chat.facts import Day, Many, Title, Word
from shopr.chat.need import Need
from shopr.chat.turn import Turn
from shopr.commerce.order_records import Order

__all__ = ["FLOWS", "confirm"]

_MOST_LISTED = 5
_GONE = frozenset({"delivered", "cancelled", "returned", "return_requested", "exchanged", "exchange_requested"})


def _status(order: Order) -> Word:
    return Word(f"status_{order.status}")


def _get(turn: Turn, order_id: str) -> Order | None:
    """The shopper's order, or None with the sentence that there is none."""
    order = turn.commerce.orders.get(turn.owner, order_id)
    if order is None:
        turn.say("order_not_found", order=order_id)
        turn.flags.add("refuses")
        return None
    _keep(turn, order)
    return order


def _keep(turn: Turn, order: Order) -> None:
    turn.order = order
    turn.state.order, turn.state.topic = order.order_id, "order"
    turn.cite(order.order_id)


def _one(turn: Turn, command: Command, *, open_only: bool = False) -> Order | None:
    """The order meant: the one named, the only one there is, or None with the question which."""
    if command.order:
        return _get(turn, command.order)
    mine = turn.commerce.orders.of(turn.owner)
    held = [o for o in mine if _holds(turn, o, command.need)] if command.need.concepts else mine
    active = [o for o in held or mine if o.status not in _GONE]
    candidates = active if open_only and active else held or mine
    if len(candidates) == 1:
        _keep(turn, candidates[0])
        return candidates[0]
    if mine:
        _list(turn, mine)
        turn.say("order_which")
        turn.state.pending = {"kind": "which_order", "intent": command.name}
        turn.flags.add("clarifies")
    else:
        turn.say("orders_none" if turn.user_id else "orders_need_login")
    return None


def _holds(turn: Turn, order: Order, need: Need) -> bool:
    """Whether an order holds a product of the kind spoken of."""
    rows = [turn.shelf.row(i) for i in order.product_ids]
    held = [turn.shelf.kinds.rows.get(c, np.zeros(0, np.int32)) for c in need.concepts]
    return any(row in some for row in rows for some in held)


def _list(turn: Turn, orders: list[Order]) -> None:
    turn.state.topic = "order"
    turn.cite(*(o.order_id for o in orders[:_MOST_LISTED]))
    items = tuple(
        Word("order_short", values={"order": o.order_id, "status": _status(o)}) for o in orders[:_MOST_LISTED]
    )
    turn.say("orders_yours", orders=Many(items))


def order_status(turn: Turn, command: Command) -> None:
    """Where an order is and when it comes."""
    order = _one(turn, command, open_only=True)
    if order is None:
        return
    turn.say("order_status", order=order.order_id, status=_status(order))
    _when(turn, order)
    if order.lines and command.value != "arrival":
        turn.say("order_items", titles=Many(_titles(turn, order)))
    turn.quick.append("quick_human")


def _titles(turn: Turn, order: Order) -> tuple[Title, ...]:
    turn.cite(*(line.product_id for line in order.lines))
    return tuple(Title(line.product_id, line.title) for line in order.lines[:_MOST_LISTED])


def _when(turn: Turn, order: Order) -> None:
    if order.delivered_on is not None:
        turn.say("order_delivered_on", date=Day(order.delivered_on))
    elif order.status in _GONE:
        return
    elif order.eta is not None:
        turn.say("order_eta", date=Day(order.eta))
    else:
        turn.say("order_no_eta")


def payment_problem(turn: Turn, command: Command) -> None:
    """Payments are not seen here: what the records say, and a person."""
    mine = turn.commerce.orders.of(turn.owner)
    if not command.order and len(mine) != 1:
        turn.say("payment_general")
    else:
        order = _one(turn, command)
        if order is None:
            return
        turn.say("payment_note", order=order.order_id, status=_status(order))
    turn.flags.add("offers_handoff")


def cancel_order(turn: Turn, command: Command) -> None:
    """Ask before an order is cancelled; say why where it cannot be."""
    order = _one(turn, command, open_only=True)
    if order is None:
        return
    if not turn.commerce.orders.cancel(turn.owner, order.order_id, dry=True):
        turn.say("cancel_refused", order=order.order_id, status=_status(order))
        turn.flags.add("refuses")
        return
    turn.say("cancel_ask", order=order.order_id, status=_status(order))
    _ask(turn, {"kind": "cancel_order", "order": order.order_id})


def _ask(turn: Turn, pending: dict[str, Any]) -> None:
    turn.state.pending = pending
    turn.flags.add("asks_confirmation")
    turn.quick += ["quick_yes", "quick_no"]


def return_order(turn: Turn, command: Command) -> None:
    """Ask before a return is registered; say why where it cannot be."""
    order = _one(turn, command)
    if order is None:
        return
    items = _items(turn, order, command)
    change = turn.commerce.returns.request_return(turn.owner, order.order_id, items, dry=True)
    if change:
        titles = [line for line in order.lines if items is None or line.product_id in items]
        turn.cite(*(line.product_id for line in titles))
        shown = tuple(Title(line.product_id, line.title) for line in titles) or (Word("products"),)
        turn.say("return_ask", titles=Many(shown), order=order.order_id)
        _ask(turn, {"kind": "return", "order": order.order_id, "items": items})
        return
    _return_refused(turn, order, change.ruling.code, dict(change.ruling.facts))


def _items(turn: Turn, order: Order, command: Command) -> list[str] | None:
    """The products of the order that are meant; None for all."""
    held = list(order.product_ids)
    named = [i for i in command.ids if i in held]
    if not named and command.need.concepts and len(set(held)) > 1:
        rows = [turn.shelf.kinds.rows.get(c, np.zeros(0, np.int32)) for c in command.need.concepts]
        named = [i for i in held if any(turn.shelf.row(i) in some for some in rows)]
    return named or None


def _return_refused(turn: Turn, order: Order, code: str, facts: dict[str, Any]) -> None:
    if code == "status" and order.status in ("return_requested", "returned"):
        turn.say("return_already", order=order.order_id)
    elif code == "status" and turn.commerce.orders.cancel(turn.owner, order.order_id, dry=True):
        turn.say("return_refused_status", order=order.order_id, status=_status(order))
        turn.say("cancel_ask", order=order.order_id, status=_status(order))
        _ask(turn, {"kind": "cancel_order", "order": order.order_id})
        return
    elif code == "too_late" and order.delivered_on is not None:
        days = int(facts.get("bound") or 0)
        turn.say("return_refused_late", order=order.order_id, date=Day(order.delivered_on), days=days)
        turn.cite("policy:returns")
    else:
        turn.say("return_refused_status", order=order.order_id, status=_status(order))
    turn.flags |= {"refuses", "offers_handoff"}


def return_policy(turn: Turn, command: Command) -> None:
    """How long products can be sent back."""
    days = turn.commerce.policy.return_days
    turn.cite("policy:returns")
    turn.say("return_policy", days=days if days is not None else 0)


def confirm(turn: Turn, command: Command) -> None:
    """Do what was asked about."""
    pending, turn.state.pending = turn.state.pending, None
    if pending is None:
        turn.say("nothing_to_confirm")
        return
    if pending["kind"] == "handoff":
        turn.say("handoff_done")
        turn.flags.add("handoff")
        return
    order_id = str(pending.get("order", ""))
    if pending["kind"] == "return":
        change = turn.commerce.returns.request_return(turn.owner, order_id, pending.get("items"))
    else:
        change = turn.commerce.orders.cancel(turn.owner, order_id)
    if change.order is None:
        turn.say("order_not_found", order=order_id)
        return
    _keep(turn, change.order)
    if not change:
        turn.say("cancel_refused", order=order_id, status=_status(change.order))
        turn.flags.add("refuses")
    elif pending["kind"] == "return":
        turn.say("return_done", order=order_id, status=_status(change.order))
    else:
        turn.say("cancel_done", order=order_id)


def deny(turn: Turn, command: Command) -> None:
    """Leave everything as it is."""
    pending, turn.state.pending = turn.state.pending, None
    if pending is not None and pending.get("order"):
        order = turn.commerce.orders.get(turn.owner, str(pending["order"]))
        if order is not None:
            _keep(turn, order)
    turn.say("declined")


FLOWS = {
    "order_status": order_status,
    "orders": order_status,
    "payment_problem": payment_problem,
    "cancel_order": cancel_order,
    "return": return_order,
    "return_policy": return_policy,
    "confirm": confirm,
    "deny": deny,
}
