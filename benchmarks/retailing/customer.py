"""A scripted customer: answers what the agent asks, in words drawn from templates, and checks what it is to confirm."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.retailing.goals import Draw, Goal, Wish

__all__ = ["Customer", "templates"]

PATIENCE = 3
"""How often the same question is answered before the customer gives up."""


def templates(name: str) -> dict[str, list[str]]:
    """A set of templates: `dev` or `held_out`."""
    path = Path(__file__).with_name(f"templates_{name}.yaml")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


class Customer:
    """One customer with a goal."""

    def __init__(self, data: Any, goal: Goal, words: dict[str, list[str]], rng: Random) -> None:
        self.data, self.goal, self.words, self.rng = data, goal, words, rng
        self.draw = Draw(data, rng)
        self.at = 0
        self.told = 0
        self.first_version = True
        self.asked: dict[tuple[int, str], int] = {}
        self.said_yes = False
        self.leaving = False
        self.insisted = False
        self.name_next = rng.random() < 0.5

    # -- talking ------------------------------------------------------------------------------------------------------

    def opening(self) -> str:
        style = self.rng.choice(("all", "identity", "request", "joint"))
        greeting = self.say("greeting")
        if style == "identity":
            return greeting + self.identity()
        first = self.request(self.goal.wishes[0])
        self.told = 1
        if style == "joint" and len(self.goal.wishes) > 1:
            first += self.say("joint") + self.request(self.goal.wishes[1])
            self.told = 2
        return greeting + (f"{self.identity()} {first}" if style == "all" else first)

    def answer(self, reply: Any) -> str | None:
        """What the customer says next; None: the conversation is over."""
        self.said_yes = False
        if reply.transferred or self.leaving:
            return None
        key = (self.at, str(reply.asks))
        self.asked[key] = self.asked.get(key, 0) + 1
        if self.asked[key] > PATIENCE and reply.asks != "more":
            return self.leave("give_up")
        return getattr(self, f"on_{reply.asks}")(reply)

    def on_identity(self, _: Any) -> str:
        return self.identity()

    def on_more(self, reply: Any) -> str | None:
        refused = reply.refused is not None
        if refused and not self.insisted and self.rng.random() < 0.3 and self.told:
            self.insisted = True
            return self.say("insist")
        if self.told == 0:
            self.told = 1
            return self.request(self.goal.wishes[0])
        if reply.done or refused or reply.proposal is None:
            self.at = min(self.at + 1, len(self.goal.wishes))
            self.first_version = True
        if self.told < len(self.goal.wishes):
            self.told += 1
            self.at = self.told - 1
            self.first_version = True
            return self.say("next", request=self.request(self.goal.wishes[self.at]))
        return self.leave("done")

    def on_order(self, reply: Any) -> str:
        wish = self.about(reply)
        if wish.hidden:
            return self.say("order_unknown", item=self.thing(wish, self.draw.telling(wish.order_id)[0]))
        return self.say("order_answer", id=wish.order_id) if wish.order_id else self.say("unsure")

    def on_items(self, reply: Any) -> str:
        wish = self.version(self.about(reply))
        if wish.swaps:
            return self.say("swaps_answer", swaps=self.swaps(wish))
        return self.say("items_answer", items=self.things(wish)) if wish.items else self.say("unsure")

    def on_variant(self, reply: Any) -> str:
        wish = self.version(self.about(reply))
        if not wish.swaps or (not wish.effect and self.asked[self.at, "variant"] > 1):
            return self.say("give_up")
        return self.say("swaps_answer", swaps=self.swaps(wish, full=True))

    def on_method(self, reply: Any) -> str:
        wish = self.version(self.about(reply))
        if not wish.method_id:
            return self.say("unsure")
        if not wish.effect and not wish.changes_mind and self.asked[self.at, "method"] > 1:
            return self.say("give_up")
        return self.say("method_answer", method=self.method(wish))

    def on_reason(self, reply: Any) -> str:
        wish = self.version(self.about(reply))
        if wish.reason == "bad" and self.asked[self.at, "reason"] > 1:
            return self.say("give_up")
        return self.reason(wish)

    def on_address(self, reply: Any) -> str:
        wish = self.about(reply)
        return self.say("address_answer", address=self.place(wish)) if wish.address else self.say("unsure")

    def on_confirm(self, reply: Any) -> str:
        wish = self.about(reply)
        if wish.changes_mind:
            return self.say("no")
        if not wish.effect:  # what must not be done was offered: going along shows the fault in the final state
            return self.yes()
        if wish.wrong is not None and self.first_version:
            self.first_version = False
            return self.say("correct", fix=self.fix(wish))
        if not self.fits(reply.proposal, wish):
            self.asked[self.at, "wrong"] = self.asked.get((self.at, "wrong"), 0) + 1
            if self.asked[self.at, "wrong"] > 1:
                return self.say("no")
            return self.say("correct", fix=self.request(wish))
        return self.yes()

    # -- words --------------------------------------------------------------------------------------------------------

    def say(self, key: str, **values: str) -> str:
        return noisy(self.rng.choice(self.words[key]), self.rng).format(**values)

    def yes(self) -> str:
        self.said_yes = True
        return self.say("yes")

    def leave(self, key: str) -> str:
        self.leaving = True
        return self.say(key)

    def about(self, reply: Any) -> Wish:
        """The wish that the agent is speaking of."""
        subject = getattr(reply.subject, "order_id", None) if reply.subject else None
        action = getattr(reply.subject, "action", None) if reply.subject else None
        for place, wish in enumerate(self.goal.wishes[: max(self.told, 1)]):
            if (subject and wish.order_id == subject) or (
                action == wish.action and subject in (None, "", wish.order_id)
            ):
                if place != self.at:
                    self.at, self.first_version = place, True
                break
        return self.goal.wishes[min(self.at, len(self.goal.wishes) - 1)]

    def version(self, wish: Wish) -> Wish:
        return wish.wrong if wish.wrong is not None and self.first_version else wish

    def identity(self) -> str:
        user = self.data.users[self.goal.user_id]
        self.name_next = not self.name_next
        name, code = user["name"], user["address"]["zip"]
        if not self.goal.identified:
            code = str(int(code) + 1).zfill(5)
            if not self.name_next:
                return self.say("identity_email", email="x" + user["email"])
        if self.name_next:
            return self.say("identity_name", first=name["first_name"], last=name["last_name"], zip=code)
        return self.say("identity_email", email=user["email"])

    def request(self, wish: Wish) -> str:
        told = self.version(wish)
        if wish.action in ("other_person", "human", "list_orders"):
            return self.say(wish.action, **wish.words)
        if wish.action == "other_order":
            return self.say("other_order", id=wish.order_id)
        if wish.action == "user_address":
            return self.say("user_address", address=self.place(wish))
        where = self.order(wish)
        more: dict[str, str] = {}
        if told.swaps:
            more["swaps"] = self.swaps(told)
        elif wish.action == "type_change":
            more = {"old": self.thing(wish, wish.items[0]), "other": wish.words["other"]}
        elif wish.items:
            more = {"items": self.things(told), "item": self.thing(wish, wish.items[0])}
        if wish.address:
            more["address"] = self.place(wish)
        if wish.action == "modify_payment":
            more["method"] = self.method(wish)
        key = wish.action
        if key == "return" and len(told.items) == len(self.data.orders[wish.order_id]["items"]) and len(told.items) > 1:
            key = "return_all"
        text = self.say(key, order=where, **more)
        if told.reason and self.rng.random() < 0.5:
            text += " " + self.reason(told)
        elif told.method_id and wish.action in ("return", "exchange", "modify_items") and self.rng.random() < 0.4:
            text += " " + self.say("method_answer", method=self.method(told))
        return text

    def fix(self, wish: Wish) -> str:
        if wish.action == "cancel":
            return self.say("fix_reason", reason=self.reason(wish))
        if wish.action == "return":
            return self.say("fix_items", items=self.things(wish))
        return self.say("fix_swaps", swaps=self.swaps(wish))

    def order(self, wish: Wish) -> str:
        if wish.hidden:
            return self.say("order_item", item=self.thing(wish, self.rng.choice(self.draw.telling(wish.order_id))))
        return self.say("order_id", id=wish.order_id)

    def reason(self, wish: Wish) -> str:
        key = {"no longer needed": "reason_needed", "ordered by mistake": "reason_mistake"}.get(
            wish.reason, "reason_bad"
        )
        return self.say(key)

    def place(self, wish: Wish) -> str:
        a = wish.address
        return f"{a['address1']}, {a['address2']}, {a['city']}, {a['state']} {a['zip']}" + self.rng.choice(
            (", USA", "")
        )

    def method(self, wish: Wish) -> str:
        order = self.data.orders[wish.order_id]
        if wish.method_id == order["payment_history"][0]["payment_method_id"] and self.rng.random() < 0.3:
            return self.say("method_original")
        method = self.data.users[order["user_id"]]["payment_methods"][wish.method_id]
        values = {"brand": method.get("brand", ""), "four": method.get("last_four", "")}
        return self.say(f"method_{method['source']}", **values)

    def things(self, wish: Wish) -> str:
        named = [f"the {self.thing(wish, item)}" for item in wish.items]
        return named[0] if len(named) == 1 else ", ".join(named[:-1]) + " and " + named[-1]

    def thing(self, wish: Wish, item_id: str) -> str:
        """An item as its owner calls it: by its name, with what tells it from others of the name in the order."""
        items = self.data.orders[wish.order_id]["items"]
        item = next(i for i in items if i["item_id"] == item_id)
        same = [i for i in items if i["product_id"] == item["product_id"] and i["item_id"] != item_id]
        name = self.rng.choice((item["name"], item["name"].lower()))
        if not same:
            return name
        telling = [(k, v) for k, v in item["options"].items() if all(i["options"].get(k) != v for i in same)] or list(
            item["options"].items()
        )
        alone = all(i["options"].get(telling[0][0]) != telling[0][1] for i in same)
        told = telling[:1] if alone else telling
        return f"{' '.join(option(*pair, self.rng) for pair in told)} {name}"

    def swaps(self, wish: Wish, *, full: bool = False) -> str:
        parts = []
        for old, new in wish.swaps:
            item = next(i for i in self.data.orders[wish.order_id]["items"] if i["item_id"] == old)
            want = self.data.products[item["product_id"]]["variants"][new]["options"]
            changed = {k: v for k, v in want.items() if item["options"].get(k) != v}
            told = want if full or not changed or self.rng.random() < 0.2 else changed
            options = " and ".join(option(k, v, self.rng) for k, v in told.items())
            parts.append(self.say("swap", old=self.thing(wish, old), new=self.say("new", options=options)))
        return " and ".join(parts)

    def fits(self, proposal: Any, wish: Wish) -> bool:
        """Whether what is to be confirmed is what was wanted."""
        if proposal is None or proposal.action != wish.action or (proposal.order_id or "") != wish.order_id:
            return False
        return (
            sorted(proposal.items) == sorted(wish.items)
            and sorted(proposal.swaps) == sorted(wish.swaps)
            and (proposal.method_id or "") == wish.method_id
            and (proposal.reason or "") == wish.reason
            and dict(proposal.address) == wish.address
        )


def option(key: str, value: str, rng: Random) -> str:
    """An option as people say it; bare where the value speaks for itself."""
    if value in ("yes", "no", "none"):
        return f"{key} {value}"
    return rng.choice((value, value, f"{key} {value}", f"{value} {key}"))


def noisy(template: str, rng: Random) -> str:
    """A template as it might be typed: sometimes in lower case, without the full stop, or with two letters swapped."""
    if rng.random() < 0.15:
        template = re.sub(r"[^{}]+(?=\{|$)", lambda m: m[0].lower(), template)
    if rng.random() < 0.1:
        places = list(re.finditer(r"(?<![{\w])[a-z]{6,}(?![}\w])", template))
        if places:
            word = rng.choice(places)
            i = rng.randrange(word.start() + 1, word.end() - 2)
            template = template[:i] + template[i + 1] + template[i] + template[i + 2 :]
    return template.rstrip(".") if rng.random() < 0.2 else template
