"""The answer to one message, as every client takes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shopr.money import from_minor

__all__ = ["CartItem", "OrderState", "Reply", "Shown", "major"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A product in a reply, with the facts of the moment of the reply.

    Attributes:
        id, title, language: of the catalogue. price: decimal text in major units, "" where there is none.
        currency: ISO 4217. stock: pieces, None where not counted. confidence: 0 to 1. why: reasons in words.
    """

    id: str
    title: str
    price: str
    currency: str
    stock: int | None
    confidence: float = 1.0
    why: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class CartItem:
    """A product in the cart."""

    id: str
    qty: int


@dataclass(frozen=True, slots=True)
class OrderState:
    """The order that a reply is about."""

    id: str
    status: str


@dataclass(frozen=True)
class Reply:
    """What the assistant answers.

    Attributes:
        text: what is said, plain text. language: BCP 47. direction: ltr or rtl.
        intent: the first command that was acted on; commands: all of them. tone: of the reply.
        products: what is shown. cart: what the cart holds now. order: the order spoken of. compare: ids compared.
        flags: asks_confirmation, handoff, offers_handoff, refuses, no_exact_match, stock_notice, price_unchanged,
            clarifies; discount_applied never occurs.
        citations: ids of the records that the claims come from. quick_replies: what may be answered, in words.
        corrected: (as typed, as read) of words that were spelled wrongly.
        cpu_ms: processor time that the reply took.
    """

    text: str
    language: str
    direction: str
    intent: str
    tone: str
    products: tuple[Shown, ...] = ()
    cart: tuple[CartItem, ...] = ()
    order: OrderState | None = None
    compare: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    citations: tuple[str, ...] = ()
    quick_replies: tuple[str, ...] = ()
    corrected: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
    cpu_ms: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As JSON's own types."""
        out = asdict(self)
        out["flags"] = sorted(self.flags)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in out.items()}


def major(amount: int | None, currency: str) -> str:
    """Minor units as decimal text in major units; "" for none."""
    return "" if amount is None else f"{from_minor(amount, currency):f}"
