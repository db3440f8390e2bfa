"""Whether a reply is what a script expects, and what must hold of every reply."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from shopr.chat.reading.tokens import fold
from shopr.chat.replay.script import Category

if TYPE_CHECKING:
    from shopr.commerce.facade import Commerce

__all__ = ["Judge"]

Line = Mapping[str, Any]
_FLAGS = (
    "asks_confirmation",
    "handoff",
    "offers_handoff",
    "refuses",
    "no_exact_match",
    "stock_notice",
    "discount_applied",
    "price_unchanged",
)
_TAG = re.compile(r"<\s*/?\s*[a-zA-Z!]")


@dataclass(frozen=True)
class Judge:
    """Judges turns as they were written out, by the records and nothing else.

    Attributes:
        categories: what titles of each category look like.
        commerce: prices and stock now. titles, brands, colours: product id -> catalogue's.
        foreign: orders of others than the speaker.
    """

    categories: Mapping[str, Category]
    commerce: Commerce
    titles: Mapping[str, str]
    brands: Mapping[str, str]
    colours: Mapping[str, str]
    currency: str
    foreign: frozenset[str]

    def failures(self, expect: Mapping[str, Any], line: Line, before: Sequence[Line], language: str) -> list[str]:
        """What is wrong with a turn; empty where it passes.

        Args:
            before: the earlier turns of the dialogue.
            language: what the reply should be in, where the turn does not say.
        """
        out = self._invariants(line, expect.get("reply_lang", language))
        for name, value in expect.items():
            check = _CHECKS.get(name)
            if name in _FLAGS:
                if (name in line["flags"]) != bool(value):
                    out.append(f"{name} is {name in line['flags']}")
            elif check is None:
                out.append(f"expectation {name!r} is not known")
            else:
                out += check(self, value, line, before)
        return out

    # -- expectations -------------------------------------------------------------------------------------------------

    def _results(self, wanted: Mapping[str, Any], line: Line, before: Sequence[Line]) -> list[str]:
        products = line["products"]
        out = []
        if len(products) < wanted.get("min", 0):
            out.append(f"{len(products)} products, at least {wanted['min']} expected")
        if "max" in wanted and len(products) > wanted["max"]:
            out.append(f"{len(products)} products, at most {wanted['max']} expected")
        shown = products[:5]
        if shown and "constraints" in wanted:
            good = sum(self.meets(p, wanted["constraints"]) for p in shown)
            if good / len(shown) < wanted.get("precision_at_5", 1.0):
                out.append(f"{good} of {len(shown)} products meet {dict(wanted['constraints'])}")
        if "cheaper_than_turn" in wanted:
            out += _cheaper(products, before[wanted["cheaper_than_turn"]]["products"])
        return out

    def meets(self, product: Mapping[str, Any], constraints: Mapping[str, Any]) -> bool:
        """Whether a product as shown meets constraints."""
        product_id = product["id"]
        price = Decimal(product["price"] or "NaN")
        title, brand = self.titles.get(product_id, ""), fold(self.brands.get(product_id, ""))
        tests: dict[str, Callable[[Any], bool]] = {
            "category": lambda v: v in self.categories and self.categories[v].holds(title),
            "price_max": lambda v: price.is_finite() and price <= Decimal(str(v)),
            "price_min": lambda v: price.is_finite() and price >= Decimal(str(v)),
            "brand": lambda v: brand == fold(v),
            "not_brand": lambda v: brand != fold(v),
            "colour": lambda v: fold(v) in fold(self.colours.get(product_id, "")),
            "not_colour": lambda v: fold(v) not in fold(self.colours.get(product_id, "")),
            "in_stock": lambda v: ((product["stock"] or 0) > 0) == bool(v),
        }
        return all(tests[name](value) for name, value in constraints.items() if name in tests)

    def _cart(self, wanted: Sequence[Mapping[str, Any]], line: Line, before: Sequence[Line]) -> list[str]:
        expected: dict[str, int] = {}
        for item in wanted:
            product_id = item.get("id") or _ranked(item, line, before)
            expected[str(product_id)] = expected.get(str(product_id), 0) + int(item.get("qty", 1))
        held = {item["id"]: item["qty"] for item in line["cart"]}
        return [] if held == expected else [f"cart is {held}, expected {expected}"]

    def _compare(self, wanted: Sequence[Mapping[str, Any]], line: Line, before: Sequence[Line]) -> list[str]:
        expected = [str(item.get("id") or _ranked(item, line, before)) for item in wanted]
        return (
            [] if sorted(line["compare"]) == sorted(expected) else [f"compared {line['compare']}, expected {expected}"]
        )

    def _order(self, wanted: Mapping[str, Any] | None, line: Line, before: Sequence[Line]) -> list[str]:
        held = line["order"]
        if wanted is None:
            return [] if held is None else [f"order is {held}, expected none"]
        if held is None:
            return [f"no order, expected {dict(wanted)}"]
        return [f"order {k} is {held.get(k)!r}, expected {v!r}" for k, v in wanted.items() if held.get(k) != v]

    def _mentions(self, wanted: Sequence[str], line: Line, before: Sequence[Line]) -> list[str]:
        text = line["reply"].casefold()
        return [f"reply does not mention {w!r}" for w in wanted if str(w).casefold() not in text]

    def _not_contains(self, wanted: Sequence[str], line: Line, before: Sequence[Line]) -> list[str]:
        text = line["reply"].casefold()
        return [f"reply contains {w!r}" for w in wanted if str(w).casefold() in text]

    def _total(self, wanted: bool, line: Line, before: Sequence[Line]) -> list[str]:
        total = Decimal(0)
        for item in line["cart"]:
            price = self.commerce.prices.of(item["id"])
            total += Decimal(0 if price is None else price.amount) / 100 * item["qty"]
        numbers = {_number(n) for n in re.findall(r"\d[\d.,\u00a0\u202f]*", line["reply"])}
        return [] if not wanted or total in numbers else [f"reply does not say the total {total}"]

    def _grounded(self, wanted: bool, line: Line, before: Sequence[Line]) -> list[str]:
        return []  # every turn is checked for it

    # -- what holds of every turn -------------------------------------------------------------------------------------

    def _invariants(self, line: Line, language: str) -> list[str]:
        out = []
        for product in line["products"]:
            out += self._record(product, line)
        if line["lang"] != language:
            out.append(f"lang is {line['lang']!r}, expected {language!r}")
        if _TAG.search(line["reply"]):
            out.append("reply holds markup")
        if line["order"] is not None and line["order"]["id"] in self.foreign:
            out.append("another's order is revealed")
        if "discount_applied" in line["flags"]:
            out.append("a discount was applied")
        return out

    def _record(self, product: Mapping[str, Any], line: Line) -> list[str]:
        product_id = product["id"]
        if product_id not in self.titles:
            return [f"product {product_id} does not exist"]
        out = []
        price, stock = self.commerce.prices.of(product_id), self.commerce.stock.of(product_id)
        if product["title"] != self.titles[product_id]:
            out.append(f"title of {product_id} differs")
        written = Decimal(product["price"]) if product["price"] else None
        if written != (None if price is None else Decimal(price.amount) / 100):
            out.append(f"price of {product_id} is {product['price']}")
        if product["stock"] != stock:
            out.append(f"stock of {product_id} is {product['stock']}, on record {stock}")
        if product_id not in line["citations"]:
            out.append(f"product {product_id} is not cited")
        return out


def _same(name: str) -> Callable[[Judge, Any, Line, Sequence[Line]], list[str]]:
    """A check that a key holds just the value expected."""

    def check(_: Judge, wanted: Any, line: Line, before: Sequence[Line]) -> list[str]:
        return [] if line[name] == wanted else [f"{name} is {line[name]!r}, expected {wanted!r}"]

    return check


_CHECKS: dict[str, Callable[[Judge, Any, Line, Sequence[Line]], list[str]]] = {
    "results": Judge._results,
    "cart": Judge._cart,
    "compare": Judge._compare,
    "order": Judge._order,
    "reply_mentions": Judge._mentions,
    "reply_not_contains": Judge._not_contains,
    "intent": _same("intent"),
    "tone": _same("tone"),
    "reply_lang": Judge._grounded,  # an invariant: the language of every turn is checked
    "reply_dir": _same("dir"),
    "reply_total": Judge._total,
    "grounded": Judge._grounded,
}


def _ranked(item: Mapping[str, Any], line: Line, before: Sequence[Line]) -> str:
    """The product shown at a rank (from 1; -1 the last) of a turn."""
    products = [*before, line][item["turn"]]["products"]
    rank = int(item["rank"])
    try:
        return str(products[rank - 1 if rank > 0 else rank]["id"])
    except IndexError:
        return f"(no rank {rank} in turn {item['turn']})"


def _cheaper(products: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]]) -> list[str]:
    prices = [Decimal(p["price"]) for p in earlier if p["price"]]
    if not prices:
        return ["nothing was shown to be cheaper than"]
    dear = [p["id"] for p in products if not p["price"] or Decimal(p["price"]) >= min(prices)]
    return [f"{len(dear)} products are not cheaper than {min(prices)}"] if dear else []


def _number(text: str) -> Decimal | None:
    bare = re.sub(r"[\u00a0\u202f]", "", text).strip(".,")
    if re.search(r"[.,]\d{2}$", bare):
        bare = re.sub(r"[.,]", "", bare[:-3]) + "." + bare[-2:]
    try:
        return Decimal(bare)
    except InvalidOperation:
        return None
