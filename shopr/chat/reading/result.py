"""What reading finds in one clause of a message."""

from __future__ import annotations

from dataclasses import dataclass, field

from shopr.chat.reading.amounts import Amount, Measure
from shopr.chat.reading.bounds import PriceBound
from shopr.chat.reading.numerals import Number
from shopr.chat.reading.tokens import Token

__all__ = ["Reading", "Slot"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A value named in a clause: of which table, which key, at which tokens, and whether it was denied."""

    table: str
    key: str
    start: int
    end: int
    denied: bool = False


@dataclass(slots=True)
class Reading:
    """One clause, read without knowledge of the conversation.

    Attributes:
        text: the clause as cleaned.
        tokens: its tokens.
        asks: command names found -> how many words of them.
        marks: markers found (negation, correction, also, only, yes, no …).
        slots: concepts, colours, brands, materials, attributes, recipients, groups and names, in order of place.
        prices: bounds; money: amounts that no bound took; measures: numbers with units.
        counts: numbers that are neither money in a bound, nor measures, nor ordinals.
        ordinals: places in a list (-1 the last), at the tokens ordinal_at; group: ("first" or "last", n) or None;
            refused_places: whether other places were named only to be denied ("the second, not the first"), and
            given_up: which they are.
        references: anaphora keys (this, these, both, other, cheapest, dearest).
        ids: product ids of the catalogue; orders: order numbers.
        words: what is left: content words that no table knows, as typed.
        names: words among them, or known names, that must stand in a product's title.
        switch: language asked for, or "".
        question: whether a question mark ends it.
        injection: whether the clause gives the assistant orders that are not a shopper's to give.
        mended: (as typed, as read) of words that were spelled wrongly.
    """

    text: str
    tokens: list[Token] = field(default_factory=list)
    asks: dict[str, int] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    slots: list[Slot] = field(default_factory=list)
    prices: list[PriceBound] = field(default_factory=list)
    money: list[Amount] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    counts: list[Number] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    ordinal_at: list[int] = field(default_factory=list)
    group: tuple[str, int] | None = None
    refused_places: bool = False
    given_up: list[int] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    switch: str = ""
    question: bool = False
    injection: bool = False
    mended: list[tuple[str, str]] = field(default_factory=list)
    tone: dict[str, int] = field(default_factory=dict)

    def keys(self, table: str, *, denied: bool = False) -> list[str]:
        """Keys of one table in order of place, without repeats."""
        return list(dict.fromkeys(s.key for s in self.slots if s.table == table and s.denied == denied))

    @property
    def has_need(self) -> bool:
        """Whether anything says what is wanted."""
        return bool(self.slots or self.prices or self.measures or self.names)

    @property
    def placed(self) -> bool:
        """Whether it names places in a list."""
        return bool(self.ordinals or self.group or {"former", "latter"} & set(self.references))

    @property
    def points(self) -> bool:
        """Whether it points at products: by place, by id or by anaphora."""
        return bool(self.ordinals or self.group or self.ids or self.references)
