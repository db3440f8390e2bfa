"""Refuses replies that say what the records do not: every number and order in a reply must be in its sources.

The sources are read again for the check, by what the reply cites; what a flow believed of them counts for nothing. What
no single record holds is computed anew in `shopr.chat.derivation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from shopr.chat.facts import Line, Many, Product, What, Word
from shopr.chat.need import Need
from shopr.chat.reading.numerals import parse_number
from shopr.chat.reading.tokens import fold
from shopr.chat.turn import MOST_SHOWN, Turn
from shopr.money import from_minor

__all__ = ["Evidence", "evidence", "spoken_of", "ungrounded"]

_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f٫٬']\d+)*")
_ID = re.compile(r"(?<![\w-])[A-Z]{1,3}-?\d{3,12}(?![\w-])")


class Evidence:
    """Numbers and texts that the records hold."""

    def __init__(self) -> None:
        self.numbers: set[Decimal] = set()
        self.texts: list[str] = []

    def number(self, value: int | Decimal) -> None:
        """A number that a record holds."""
        self.numbers.add(Decimal(value).normalize())

    def text(self, text: str) -> None:
        """A text that a record holds, with the numbers in it."""
        self.texts.append(fold(text))
        for match in _NUMBER.finditer(text):
            self.numbers |= _readings(match.group())

    def holds(self, written: str) -> bool:
        """Whether a number as written is one of them."""
        return bool(_readings(written) & self.numbers)


def _readings(written: str) -> set[Decimal]:
    """What a written number may mean, by either decimal mark."""
    bare = re.sub(r"[\u00a0\u202f'٬]", "", written)
    values = (parse_number(bare, mark) for mark in ".,")
    return {v.normalize() for v in values if v is not None}


def evidence(turn: Turn) -> Evidence:
    """All that the records say of what a reply cites, read now."""
    out = Evidence()
    offers = turn.commerce.snapshot()
    for source in turn.citations:
        row = offers.row(source)
        if row >= 0:
            _of_product(out, turn, offers, row)
        elif source.startswith("policy:"):
            out.number(turn.commerce.policy.return_days or 0)
        else:
            _of_order(out, turn, source)
    _of_cart(out, turn)
    _of_shopper(out, turn)
    for rank in range(1, MOST_SHOWN + 1):
        out.number(rank)
    return out


def _of_product(out: Evidence, turn: Turn, offers: Any, row: int) -> None:
    record = offers.catalog.frame.iloc[row]
    for name in ("title", "brand", "colour", "attributes", "product_id"):
        out.text(str(record[name]))
    if offers.prices[row] == offers.prices[row]:
        out.number(from_minor(int(offers.prices[row]), str(offers.currencies[row]) or turn.currency))
    if offers.stock[row] == offers.stock[row]:
        out.number(int(offers.stock[row]))


def _of_order(out: Evidence, turn: Turn, source: str) -> None:
    order = turn.commerce.orders.get(turn.owner, source)
    if order is None:
        return
    out.text(order.order_id)
    for day in (order.eta, order.delivered_on):
        if day is not None:
            _day(out, day)
    for line in order.lines:
        out.text(line.title)
        out.number(line.quantity)


def _day(out: Evidence, day: Any) -> None:
    for value in (day.year, day.month, day.day):
        out.number(value)


def _of_cart(out: Evidence, turn: Turn) -> None:
    cart = turn.cart()
    for line in cart.lines:
        out.text(line.title)
        out.number(line.quantity)
        for amount, currency in (
            (line.price, line.currency),
            (line.price_then, line.currency_then),
            (line.total, line.currency),
        ):
            if amount is not None:
                out.number(from_minor(amount, currency))
    for currency, amount in cart.totals.items():
        out.number(from_minor(amount, currency))


def _of_shopper(out: Evidence, turn: Turn) -> None:
    """What the shopper said, which a reply may say back: bounds, names, measures; never from text that gave orders."""
    for need in (turn.state.need, *turn.state.topics[-1:]):
        for bound in (need.price_min, need.price_max):
            if bound is not None:
                out.number(from_minor(bound, turn.currency))
        for text in (*need.names, *need.measures, *need.words, *need.brands, *need.not_brands):
            out.text(text)
    for amount in turn.state.prices.values():
        out.number(from_minor(amount, turn.currency))


def spoken_of(lines: Iterable[Line], out: Evidence) -> None:
    """What lines say back of what the shopper said: needs that are described, and orders that were named."""
    for line in lines:
        for name, value in line.values.items():
            _spoken_of(name, value, out)


def _spoken_of(name: str, value: Any, out: Evidence) -> None:
    if isinstance(value, Word):
        for inner, held in value.values.items():
            _spoken_of(inner, held, out)
    elif isinstance(value, Many):
        for held in value.values:
            _spoken_of(name, held, out)
    elif isinstance(value, What):
        for bound in (value.need.price_min, value.need.price_max):
            if bound is not None:
                out.number(from_minor(bound, value.currency))
        for text in need_texts(value.need):
            out.text(text)
    elif isinstance(value, str) and name in ("order", "id"):
        out.text(value)  # as the shopper named it: "I find no order C9999"


def ungrounded(text: str, held: Evidence, products: Iterable[Product] = (), orders: Iterable[str] = ()) -> list[str]:
    """The numbers and order ids of a reply that its sources do not hold; empty for a sound reply."""
    bad = [m.group() for m in _NUMBER.finditer(text) if not held.holds(m.group())]
    known = {o.upper() for o in orders} | {p.id.upper() for p in products}
    bad += [i for i in _ID.findall(text) if i not in known and not any(fold(i) in t for t in held.texts)]
    return bad


def need_texts(need: Need) -> tuple[str, ...]:
    """The words of a need that a reply may say back."""
    return (*need.names, *need.measures, *need.words, *need.brands)
