"""Values in a message: order ids, e-mail addresses, names with zip codes, postal addresses, payment methods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from shopr.chat.retail.words import Part
from shopr.commerce.customers import Customer, PaymentMethod
from shopr.commerce.order_records import Order

__all__ = ["find_address", "find_email", "find_methods", "find_orders", "find_zip", "name_pairs"]

_ORDER = re.compile(r"#?\s?\b([Ww])[-\s]?(\d{7})\b")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_ZIP = re.compile(r"(?<![\w#])\d{5}(?!\w)")
_FOUR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MOST_WORDS = 14
_ADDRESS = re.compile(
    r"(?<![\w#])(?P<address1>\d{1,5}\s+[A-Za-z][\w .'-]{2,60}?)\s*,\s*"
    r"(?:(?P<address2>(?:Suite|Apt|Apartment|Unit|Ste|Floor|#)\.?\s*\w{1,6})\s*,\s*)?"
    r"(?P<city>[A-Za-z][A-Za-z .'-]{1,40}?)\s*,\s*"
    r"(?P<state>[A-Z]{2})\s*,?\s+(?P<zip>\d{5})\b"
    r"(?:\s*,\s*(?P<country>USA|US|United States))?"
)
_CARD_CUES = frozenset({"credit_card", "card"})


def find_orders(text: str) -> list[str]:
    """The order ids in a text, as the database writes them, each once."""
    return list(dict.fromkeys(f"#W{digits}" for _, digits in _ORDER.findall(text)))


def find_email(text: str) -> list[str]:
    """The e-mail addresses in a text."""
    return [found.rstrip(".-") for found in _EMAIL.findall(text)]


def find_zip(text: str) -> list[str]:
    """The five-digit zip codes in a text."""
    return list(dict.fromkeys(_ZIP.findall(text)))


def name_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Every two words that could be a first and a last name: neighbours first, then the others."""
    words = _WORD.findall(_EMAIL.sub(" ", text))[:_MOST_WORDS]
    yield from pairwise(words)
    for i, first in enumerate(words):
        for j, last in enumerate(words):
            if i != j and j != i + 1:
                yield first, last


def find_address(text: str) -> dict[str, str]:
    """A postal address of the United States with all its parts; empty where none is complete."""
    match = _ADDRESS.search(text)
    if match is None:
        return {}
    found = {name: " ".join((value or "").split()) for name, value in match.groupdict().items()}
    return {**found, "country": "USA"}


def find_methods(part: Part, customer: Customer, order: Order | None) -> list[PaymentMethod]:
    """The customer's payment methods that a message can mean; none where it speaks of none."""
    said = part.keys("method")
    keys = {token.key for token in part.tokens}
    brands = {
        m.method_id for m in customer.methods if m.kind == "credit_card" and m.label.split()[0].casefold() in keys
    }
    named = [m for m in customer.methods if m.method_id.casefold() in part.text.casefold()]
    if named:
        return named
    if "original" in said and order is not None:
        return [m for m in customer.methods if m.method_id in order.paid_with]
    digits = set(_FOUR.findall(part.text))
    cards = [m for m in customer.methods if m.kind == "credit_card"]
    if digits and (brands or said & _CARD_CUES or keys & {"card", "ending"}):
        exact = [m for m in cards if m.label[-4:] in digits]
        if exact:
            return exact
    wanted = said & {"paypal", "gift_card"}
    found = [m for m in customer.methods if m.kind in wanted or m.method_id in brands]
    if not found and said & _CARD_CUES:
        found = cards
    return found
