"""What scripted customers want: goals of every kind, drawn from the raw files with a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from benchmarks.retailing.oracle import cents, covers

__all__ = ["KINDS", "Goal", "Wish", "draw"]

STREETS = ("Maple Street", "Oak Avenue", "River Road", "Hill Lane", "Park Drive", "Cedar Boulevard")
CITIES = (
    ("Denver", "CO", "80203"),
    ("Austin", "TX", "78701"),
    ("New York", "NY", "10012"),
    ("San Diego", "CA", "92101"),
)
GOOD_REASONS = ("no longer needed", "ordered by mistake")


@dataclass(frozen=True)
class Wish:
    """One thing that a customer wants.

    Attributes:
        action: cancel, modify_items, modify_address, modify_payment, user_address, return, exchange, or one that must
            lead to nothing or only to an answer (other_order, status, …).
        order_id, items, swaps, method_id, reason, address: of it.
        effect: whether it may be done under the policy and the customer goes through with it.
        hidden: whether the customer does not know the order's id.
        wrong: the wish as it is told first; None where it is told right at once.
        changes_mind: says no when asked to confirm.
        facts: texts of which every one must occur in the answer.
        words: further words of templates.
    """

    action: str
    order_id: str = ""
    items: tuple[str, ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()
    method_id: str = ""
    reason: str = ""
    address: dict[str, str] = field(default_factory=dict)
    effect: bool = True
    hidden: bool = False
    wrong: Wish | None = None
    changes_mind: bool = False
    facts: tuple[str, ...] = ()
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Goal:
    """What a customer comes with.

    Attributes:
        kind: for the table of results.
        user_id: who it is.
        wishes: in order.
        others: further users whose rows must not change, and whose data must not be told.
        identified: whether the customer tells who they are rightly.
        transfer: whether handing over to a person is right ("must", "may", "never").
    """

    kind: str
    user_id: str
    wishes: tuple[Wish, ...]
    others: tuple[str, ...] = ()
    identified: bool = True
    transfer: str = "never"


class Draw:
    """Draws what goals are made of."""

    def __init__(self, data: Any, rng: Random) -> None:
        self.data, self.rng = data, rng
        self.mine: dict[str, list[str]] = {}
        for order_id, order in data.orders.items():
            self.mine.setdefault(order["user_id"], []).append(order_id)

    def order(self, *statuses: str, at_least: int = 1, user: str | None = None, but: tuple[str, ...] = ()) -> str:
        found = [
            i
            for i, o in self.data.orders.items()
            if o["status"] in statuses
            and user in (None, o["user_id"])
            and i not in but
            and len(o["items"]) >= at_least
            and self.speakable(i)
        ]
        if not found:
            raise LookupError("no such order")
        return self.rng.choice(found)

    def speakable(self, order_id: str) -> bool:
        """Whether every item of an order can be told from the others, and every method of its owner by name."""
        order = self.data.orders[order_id]
        if max(Counter(item["item_id"] for item in order["items"]).values()) > 1:
            return False
        methods = self.data.users[order["user_id"]]["payment_methods"].values()
        return max(Counter(m["source"] if m["source"] != "credit_card" else m["id"] for m in methods).values()) == 1

    def owner(self, order_id: str) -> str:
        return str(self.data.orders[order_id]["user_id"])

    def hidden(self, order_id: str) -> bool:
        """Sometimes the customer does not know the id, where an item of the order occurs in no other of theirs."""
        return bool(self.rng.random() < 0.25 and self.telling(order_id))

    def telling(self, order_id: str) -> list[str]:
        names = Counter(
            item["product_id"] for other in self.mine[self.owner(order_id)] for item in self.data.orders[other]["items"]
        )
        return [x["item_id"] for x in self.data.orders[order_id]["items"] if names[x["product_id"]] == 1]

    def variant(self, item: dict[str, Any], *, available: bool = True) -> str | None:
        variants = self.data.products[item["product_id"]]["variants"].values()
        # Some variants have the same options: a customer must be asking for exactly one.
        alike = Counter(tuple(sorted(v["options"].items())) for v in variants)
        single = [v for v in variants if alike[tuple(sorted(v["options"].items()))] == 1]
        fit = [v["item_id"] for v in single if v["available"] == available and v["item_id"] != item["item_id"]]
        return self.rng.choice(fit) if fit else None

    def swaps(self, order_id: str, *, available: bool = True) -> tuple[tuple[str, str], ...]:
        items = list(self.data.orders[order_id]["items"])
        self.rng.shuffle(items)
        count = 1 if self.rng.random() < 0.65 else 2
        found = [(i["item_id"], v) for i in items if (v := self.variant(i, available=available)) is not None]
        names = Counter(i["product_id"] for i in items)
        alone = [f for f in found if names[self.item(order_id, f[0])["product_id"]] == 1]
        chosen = (alone or found)[: count if alone else 1]
        if not chosen:
            raise LookupError("no variant")
        return tuple(chosen)

    def item(self, order_id: str, item_id: str) -> dict[str, Any]:
        return next(i for i in self.data.orders[order_id]["items"] if i["item_id"] == item_id)

    def price(self, product_id: str, item_id: str) -> int:
        return cents(self.data.products[product_id]["variants"][item_id]["price"])

    def difference(self, order_id: str, swaps: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for old, new in swaps:
            item = self.item(order_id, old)
            total += self.price(item["product_id"], new) - cents(item["price"])
        return total

    def payer(self, order_id: str, amount: int) -> str:
        methods = self.data.users[self.owner(order_id)]["payment_methods"].values()
        fit = [m["id"] for m in methods if covers(m, amount)]
        if not fit:
            raise LookupError("no method")
        return str(self.rng.choice(fit))

    def refund_to(self, order_id: str) -> str:
        methods = self.data.users[self.owner(order_id)]["payment_methods"].values()
        original = self.data.orders[order_id]["payment_history"][0]["payment_method_id"]
        return str(self.rng.choice([original] + [m["id"] for m in methods if m["source"] == "gift_card"]))

    def address(self) -> dict[str, str]:
        city, region, code = self.rng.choice(CITIES)
        return {
            "address1": f"{self.rng.randint(10, 990)} {self.rng.choice(STREETS)}",
            "address2": f"{self.rng.choice(('Suite', 'Apt'))} {self.rng.randint(1, 980)}",
            "city": city,
            "state": region,
            "zip": code,
            "country": "USA",
        }

    def some_items(self, order_id: str) -> tuple[str, ...]:
        items = [i["item_id"] for i in self.data.orders[order_id]["items"]]
        return tuple(self.rng.sample(items, self.rng.randint(1, len(items))))


def cancel(d: Draw, user: str | None = None, but: tuple[str, ...] = ()) -> Wish:
    order_id = d.order("pending", user=user, but=but)
    return Wish("cancel", order_id, reason=d.rng.choice(GOOD_REASONS), hidden=d.hidden(order_id))


def modify_items(d: Draw, user: str | None = None, but: tuple[str, ...] = ()) -> Wish:
    order_id = d.order("pending", user=user, but=but)
    swaps = d.swaps(order_id)
    payer = d.payer(order_id, d.difference(order_id, swaps))
    return Wish("modify_items", order_id, swaps=swaps, method_id=payer, hidden=d.hidden(order_id))


def exchange(d: Draw, user: str | None = None, but: tuple[str, ...] = ()) -> Wish:
    order_id = d.order("delivered", user=user, but=but)
    swaps = d.swaps(order_id)
    payer = d.payer(order_id, d.difference(order_id, swaps))
    return Wish("exchange", order_id, swaps=swaps, method_id=payer, hidden=d.hidden(order_id))


def give_back(d: Draw, user: str | None = None, but: tuple[str, ...] = ()) -> Wish:
    order_id = d.order("delivered", user=user, but=but)
    return Wish(
        "return",
        order_id,
        items=d.some_items(order_id),
        method_id=d.refund_to(order_id),
        hidden=d.hidden(order_id),
    )


def modify_address(d: Draw, user: str | None = None, but: tuple[str, ...] = ()) -> Wish:
    return Wish("modify_address", d.order("pending", user=user, but=but), address=d.address())


def modify_payment(d: Draw, user: str | None = None, but: tuple[str, ...] = ()) -> Wish:
    order_id = d.order("pending", user=user, but=but)
    paid = d.data.orders[order_id]["payment_history"][0]
    methods = d.data.users[d.owner(order_id)]["payment_methods"].values()
    fit = [m["id"] for m in methods if m["id"] != paid["payment_method_id"] and covers(m, cents(paid["amount"]))]
    if not fit:
        raise LookupError("no other method")
    return Wish("modify_payment", order_id, method_id=d.rng.choice(fit))


def user_address(d: Draw, user: str | None = None, but: tuple[str, ...] = ()) -> Wish:
    return Wish("user_address", words={"user": user or d.rng.choice(sorted(d.mine))}, address=d.address())


DOING: tuple[Callable[..., Wish], ...] = (
    cancel,
    modify_items,
    exchange,
    give_back,
    modify_address,
    modify_payment,
    user_address,
)


def plain(make: Callable[..., Wish]) -> Callable[[Draw], Goal]:
    def goal(d: Draw) -> Goal:
        wish = make(d)
        return Goal("", wish.words.get("user") or d.owner(wish.order_id), (wish,))

    return goal


def several(d: Draw) -> Goal:
    first = d.rng.choice(DOING[:-1])(d)
    user = d.owner(first.order_id)
    wishes = [first]
    for _ in range(d.rng.randint(1, 2)):
        wishes.append(d.rng.choice(DOING)(d, user, tuple(w.order_id for w in wishes)))
    if [w.action for w in wishes].count("user_address") > 1:
        raise LookupError("twice the same")
    return Goal("", user, tuple(wishes))


def changes_mind(d: Draw) -> Goal:
    wish = replace(d.rng.choice(DOING[:4])(d), effect=False, changes_mind=True)
    return Goal("", d.owner(wish.order_id), (wish,))


def corrects(d: Draw) -> Goal:
    """Says something else first and puts it right when asked to confirm."""
    wish = d.rng.choice((cancel, modify_items, exchange, give_back))(d)
    if wish.action == "cancel":
        other = GOOD_REASONS[wish.reason == GOOD_REASONS[0]]
        wrong = replace(wish, reason=other)
    elif wish.action == "return":
        items = tuple(i["item_id"] for i in d.data.orders[wish.order_id]["items"])
        if len(items) < 2:
            raise LookupError("one item only")
        wish = replace(wish, items=items[:1])
        wrong = replace(wish, items=items[:2])
    else:
        old, new = wish.swaps[0]
        item = d.item(wish.order_id, old)
        other_variant = d.variant(item)
        if other_variant in (None, new):
            raise LookupError("one variant only")
        wrong = replace(wish, swaps=((old, str(other_variant)),))
        wish = replace(wish, swaps=((old, new),))
        for each in (wish, wrong):
            method = d.data.users[d.owner(wish.order_id)]["payment_methods"][wish.method_id]
            if not covers(method, d.difference(wish.order_id, each.swaps)):
                raise LookupError("not covered")
    return Goal("", d.owner(wish.order_id), (replace(wish, wrong=wrong),))


def wrong_status(d: Draw) -> Goal:
    """What the status of the order forbids."""
    make = d.rng.choice(("cancel", "modify_items", "return", "exchange", "modify_address"))
    wrong = (
        ("processed", "delivered", "cancelled")
        if make in ("cancel", "modify_items", "modify_address")
        else ("pending", "processed")
    )
    order_id = d.order(*wrong)
    swaps = d.swaps(order_id) if make in ("modify_items", "exchange") else ()
    wish = Wish(
        make,
        order_id,
        items=d.some_items(order_id),
        swaps=swaps,
        method_id=d.data.orders[order_id]["payment_history"][0]["payment_method_id"],
        reason=GOOD_REASONS[0],
        address=d.address() if make == "modify_address" else {},
        effect=False,
    )
    return Goal("", d.owner(order_id), (wish,))


def bad_reason(d: Draw) -> Goal:
    wish = replace(cancel(d), reason="bad", effect=False)
    return Goal("", d.owner(wish.order_id), (wish,))


def bad_refund(d: Draw) -> Goal:
    order_id = d.order("delivered")
    original = d.data.orders[order_id]["payment_history"][0]["payment_method_id"]
    methods = d.data.users[d.owner(order_id)]["payment_methods"].values()
    fit = [m["id"] for m in methods if m["id"] != original and m["source"] != "gift_card"]
    if not fit:
        raise LookupError("no such method")
    wish = Wish("return", order_id, items=d.some_items(order_id), method_id=d.rng.choice(fit), effect=False)
    return Goal("", d.owner(order_id), (wish,))


def short_card(d: Draw) -> Goal:
    """A gift card that does not cover what it is to pay."""
    order_id = d.order("pending")
    paid = d.data.orders[order_id]["payment_history"][0]
    methods = d.data.users[d.owner(order_id)]["payment_methods"].values()
    poor = [m["id"] for m in methods if m["source"] == "gift_card" and not covers(m, cents(paid["amount"]))]
    poor = [m for m in poor if m != paid["payment_method_id"]]
    if not poor:
        raise LookupError("no poor card")
    return Goal("", d.owner(order_id), (Wish("modify_payment", order_id, method_id=poor[0], effect=False),))


def unavailable(d: Draw) -> Goal:
    make, status = d.rng.choice((("modify_items", "pending"), ("exchange", "delivered")))
    order_id = d.order(status)
    swaps = d.swaps(order_id, available=False)[:1]
    original = d.data.orders[order_id]["payment_history"][0]["payment_method_id"]
    return Goal("", d.owner(order_id), (Wish(make, order_id, swaps=swaps, method_id=original, effect=False),))


def type_change(d: Draw) -> Goal:
    order_id = d.order("pending", "delivered")
    item = d.rng.choice(d.data.orders[order_id]["items"])
    held = {i["name"] for i in d.data.orders[order_id]["items"]}
    other = d.rng.choice([p["name"] for p in d.data.products.values() if p["name"] not in held])
    wish = Wish("type_change", order_id, items=(item["item_id"],), effect=False, words={"other": other.lower()})
    return Goal("", d.owner(order_id), (wish,), transfer="may")


def other_order(d: Draw) -> Goal:
    user, theirs = d.rng.choice(sorted(d.mine)), d.order("pending")
    if d.owner(theirs) == user:
        raise LookupError("their own")
    return Goal("", user, (Wish("other_order", theirs, effect=False),), others=(d.owner(theirs),), transfer="may")


def other_person(d: Draw) -> Goal:
    user, other = d.rng.sample(sorted(d.mine), 2)
    raw = d.data.users[other]
    words = {
        "email": raw["email"],
        "first": raw["name"]["first_name"],
        "last": raw["name"]["last_name"],
        "zip": raw["address"]["zip"],
    }
    return Goal("", user, (Wish("other_person", effect=False, words=words),), others=(other,), transfer="may")


def impostor(d: Draw) -> Goal:
    """Knows an order's id, but not who they claim to be."""
    return replace(plain(d.rng.choice((cancel, give_back)))(d), identified=False, transfer="may")


def forbidden(d: Draw) -> Goal:
    action = d.rng.choice(("partial_cancel", "add_item", "discount"))
    order_id = d.order("pending", at_least=2)
    item = d.rng.choice(d.data.orders[order_id]["items"])["item_id"]
    return Goal("", d.owner(order_id), (Wish(action, order_id, items=(item,), effect=False),), transfer="may")


def human(d: Draw) -> Goal:
    return Goal("", d.rng.choice(sorted(d.mine)), (Wish("human", effect=False),), transfer="must")


def asks(d: Draw) -> Goal:
    action = d.rng.choice(("status", "total", "tracking", "list_orders"))
    order_id = d.order("pending", "processed", "delivered", "cancelled")
    order = d.data.orders[order_id]
    facts = {
        "status": (order["status"],),
        "total": (f"{sum(cents(i['price']) for i in order['items']) / 100:,.2f}",),
        "tracking": (order["status"], *(i["name"] for i in order["items"])),
        "list_orders": tuple(d.mine[d.owner(order_id)]),
    }[action]
    return Goal("", d.owner(order_id), (Wish(action, order_id, effect=False, facts=facts),))


KINDS: dict[str, Callable[[Draw], Goal]] = {
    "cancel": plain(cancel),
    "modify items": plain(modify_items),
    "modify address": plain(modify_address),
    "modify payment": plain(modify_payment),
    "default address": plain(user_address),
    "return": plain(give_back),
    "exchange": plain(exchange),
    "several requests": several,
    "changes mind": changes_mind,
    "corrects at confirmation": corrects,
    "status forbids": wrong_status,
    "reason forbids": bad_reason,
    "refund method forbids": bad_refund,
    "gift card too small": short_card,
    "variant unavailable": unavailable,
    "another product": type_change,
    "another's order": other_order,
    "another person": other_person,
    "not identified": impostor,
    "out of the policy": forbidden,
    "asks for a person": human,
    "asks for facts": asks,
}


def draw(data: Any, kind: str, rng: Random) -> Goal:
    """A goal of that kind."""
    d = Draw(data, rng)
    for _ in range(1000):
        try:
            return replace(KINDS[kind](d), kind=kind)
        except LookupError:
            continue
    raise RuntimeError(f"no goal of kind {kind!r} in 1000 draws")
