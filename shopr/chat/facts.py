"""What a flow found out, before it is put into words: lines with typed values, and the sources they came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shopr.chat.need import Need

__all__ = ["Day", "Line", "Many", "Money", "Product", "Title", "What", "Word"]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Title:
    """A product's title, in the catalogue's own language."""

    product_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Day:
    """A date."""

    day: date


@dataclass(frozen=True, slots=True)
class Word:
    """A message of the language inside another one, such as the name of a status."""

    key: str
    n: int | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class What:
    """A need, described in words."""

    need: Need
    currency: str


@dataclass(frozen=True, slots=True)
class Many:
    """Several values, listed as the language lists them."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence to be said: a message's key with its values."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A product as shown, with the facts of now.

    Attributes:
        id, title, brand, language: of the catalogue.
        price: minor units; None where it has none. currency: ISO 4217.
        stock: pieces; None where they are not counted.
        confidence: how sure it is that this is what was asked for, 0 to 1.
        why: keys of reasons with their values, as lines.
    """

    id: str
    title: str
    brand: str
    language: str
    price: int | None
    currency: str
    stock: int | None
    confidence: float = 1.0
    why: tuple[Line, ...] = ()
