"""What the desk says, in English, from records alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from shopr.chat.retail.request import Request
from shopr.commerce import Customer, Order, OrderChange, Ruling
from shopr.commerce.order_records import OrderLine
from shopr.money import format_minor

__all__ = [
    "ANYTHING_ELSE",
    "DROPPED",
    "FORBIDDEN",
    "GIVEN_UP",
    "HELLO",
    "NOT_IDENTIFIED",
    "NO_SUCH_ORDER",
    "ONE_PERSON",
    "TRANSFER",
    "WHICH_ADDRESS",
    "WHICH_REASON",
    "about",
    "done",
    "orders",
    "other_product",
    "propose",
    "propose_user_address",
    "refused",
    "which_items",
    "which_method",
    "which_order",
    "which_swaps",
    "which_variant",
]

HELLO = "To begin, please tell me your e-mail address, or your first and last name with your zip code."
NOT_IDENTIFIED = (
    "I could not find an account with that. Please give the e-mail address of your account, "
    "or your first and last name with your zip code."
)
ANYTHING_ELSE = "Is there anything else I can do for you?"
DROPPED = "All right, nothing is changed."
GIVEN_UP = "I could not find out what you would like, so nothing is changed."
NO_SUCH_ORDER = "There is no such order in your account."
ONE_PERSON = "I can help only one person in a conversation, and only with their own account and orders."
TRANSFER = "I am handing you over to a person of our team."
WHICH_REASON = "Is it no longer needed, or was it ordered by mistake? These are the reasons for which I can cancel."
WHICH_ADDRESS = "Please give the full new address: street and number, apartment or suite, city, state and zip code."
FORBIDDEN = {
    "discount": "I cannot give discounts or change prices.",
    "add_item": "I cannot add items to an order; you are welcome to place a new one.",
    "partial_cancel": "An order can only be cancelled as a whole; single items cannot be taken out of it.",
}
_STATUS = {
    "return_requested": "return requested",
    "exchange_requested": "exchange requested",
    "processing": "processed",
}
_VERBS = {
    "cancel": "cancelled",
    "modify_items": "changed",
    "modify_address": "changed",
    "modify_payment": "changed",
    "return": "returned",
    "exchange": "exchanged",
}
Describe = Callable[[str], str]


def status(order: Order) -> str:
    """An order's status as customers know it."""
    changed = " (items modified)" if order.items_modified else ""
    return _STATUS.get(order.status, order.status) + changed


def orders(held: Sequence[Order]) -> str:
    """All orders of a customer."""
    if not held:
        return "There is no order in your account."
    rows = [f"{o.order_id} ({status(o)}): {', '.join(line.title for line in o.lines)}" for o in held]
    return "Your orders: " + "; ".join(rows) + "."


def about(order: Order, what: str, describe: Describe) -> str:
    """The answer to a question about an order."""
    if what == "total":
        return f"The items of order {order.order_id} come to {_money(order.total, order)}."
    text = f"Order {order.order_id} is {status(order)}."
    if what == "contents":
        rows = [f"{describe(line.product_id)} for {_price(line)}" for line in order.lines]
        text += f" It contains: {'; '.join(rows)}."
    return text


def which_order(fitting: Sequence[Order]) -> str:
    """Asks which order is meant."""
    if 1 < len(fitting) <= 5:
        rows = [f"{o.order_id} ({status(o)}: {', '.join(line.title for line in o.lines)})" for o in fitting]
        return "Which order do you mean: " + "; ".join(rows) + "?"
    return "Which order is it about? Please give its id, or say what is in it."


def which_items(order: Order, unclear: Sequence[Sequence[str]], describe: Describe) -> str:
    """Asks which items are meant."""
    choice = unclear[0] if unclear else list(dict.fromkeys(order.product_ids))
    return f"Which items do you mean? In order {order.order_id}: {'; '.join(describe(i) for i in choice)}."


def which_swaps(order: Order, describe: Describe) -> str:
    """Asks what is to be changed into what."""
    held = "; ".join(describe(i) for i in dict.fromkeys(order.product_ids))
    return f"Which items shall be changed, and into what? In order {order.order_id}: {held}."


def which_variant(item: str, options: Sequence[str], unavailable: Sequence[str], describe: Describe) -> str:
    """Asks for a variant that can be had."""
    sorry = f"{describe(unavailable[0])} is not available. " if unavailable else ""
    if not options:
        return f"{sorry}There is no other variant of {describe(item)} available."
    listed = "; ".join(describe(i) for i in options[:12])
    return f"{sorry}Which one would you like instead of {describe(item)}? Available: {listed}."


def which_method(request: Request, order: Order, customer: Customer) -> str:
    """Asks for a payment method, with those that may be used."""
    methods = [m for m in customer.methods if not request.methods or m.method_id in request.methods]
    if request.action == "return":
        methods = [m for m in methods if m.kind == "gift_card" or m.method_id in order.paid_with]
        question = "Where shall the refund go"
    elif request.action == "modify_payment":
        methods = [m for m in methods if m.method_id not in order.paid_with]
        question = "Which payment method would you like instead"
    else:
        question = "Which payment method shall be used for the difference"
    return f"{question}: {', '.join(m.label for m in methods) or 'none can be used'}?"


def other_product(name: str) -> str:
    """Why an item cannot become something else."""
    return f"Items can only be changed into another variant of the same product, not into {name}."


def refused(ruling: Ruling, request: Request, order: Order) -> str:
    """Why something cannot be done."""
    if ruling.code == "status":
        hint = ""
        if request.action in ("exchange", "return") and order.status == "pending":
            hint = " While it is pending, it can be cancelled or its items can be modified."
        elif request.action in ("modify_items", "cancel") and order.status == "delivered":
            hint = " As it has been delivered, its items can be returned or exchanged."
        return f"Order {order.order_id} is {status(order)} and cannot be {_VERBS.get(request.action, 'changed')}.{hint}"
    if ruling.code == "balance":
        held, needed = ruling.facts["balance"], ruling.facts["needed"]
        return f"The gift card holds {_money(held, order)}, and {_money(needed, order)} are needed."
    if ruling.code == "same_method":
        return f"Order {order.order_id} is paid with that method already."
    if ruling.code == "refund_method":
        return "A refund can only go to the original payment method or to a gift card."
    reason = ruling.reason
    return f"{reason[0].upper()}{reason[1:]}."


def propose(request: Request, order: Order, change: OrderChange, customer: Customer, describe: Describe) -> str:
    """What a yes will do, in all detail."""
    facts = change.ruling.facts
    method = customer.method(request.method_id or "")
    label = method.label if method is not None else request.method_id or ""
    if request.action == "cancel":
        refunds = ", ".join(f"{_money(a, order)} to {_label(customer, m)}" for m, a in facts["refunds"].items())
        what = f"cancel order {order.order_id} ({request.reason}); refunded: {refunds or 'nothing was paid'}"
    elif request.action == "modify_address":
        what = f"send order {order.order_id} to {_place(request.address)}"
    elif request.action == "modify_payment":
        before = _label(customer, facts["before"])
        amount = _money(facts["amount"], order)
        what = f"pay order {order.order_id} ({amount}) with {label}, and refund {before}"
    elif request.action == "return":
        items = "; ".join(describe(i) for i in request.items or ())
        what = f"return from order {order.order_id}: {items}; refund of {_money(facts['refund'], order)} to {label}"
    else:
        swaps = "; ".join(f"{describe(old)} becomes {describe(new)}" for old, new in request.swaps.items())
        verb = "exchange in" if request.action == "exchange" else "change in"
        what = f"{verb} order {order.order_id}: {swaps}; {_difference(facts['difference'], order)} {label}"
        what += ". This can be done only once, so please make sure that these are all the items"
    return f"I am about to {what}. Is that right (yes or no)?"


def propose_user_address(address: Mapping[str, str]) -> str:
    """What a yes will do to the profile."""
    return f"I am about to change your default address to {_place(address)}. Is that right (yes or no)?"


def done(request: Request, change: OrderChange | None) -> str:
    """What was done."""
    if change is None or change.order is None:
        return "Your default address is changed."
    order = change.order
    mail = (
        " You will receive an e-mail on how to send the items back." if request.action in ("return", "exchange") else ""
    )
    if request.action == "cancel":
        mail = " A gift card is refunded at once, other methods within 5 to 7 business days."
    return f"Done: order {order.order_id} is {status(order)}.{mail}"


def _difference(amount: int, order: Order) -> str:
    if amount > 0:
        return f"you pay {_money(amount, order)} with"
    return f"you get back {_money(-amount, order)} to" if amount < 0 else "there is no difference in price for"


def _label(customer: Customer, method_id: str) -> str:
    method = customer.method(method_id)
    return method.label if method is not None else method_id


def _place(address: Mapping[str, str]) -> str:
    names = ("address1", "address2", "city", "state", "zip", "country")
    return ", ".join(address[name] for name in names if address.get(name))


def _price(line: OrderLine) -> str:
    return "an unknown price" if line.price is None else format_minor(line.price, line.currency)


def _money(amount: int | None, order: Order) -> str:
    return "an unknown amount" if amount is None else format_minor(amount, order.currency or "USD")
