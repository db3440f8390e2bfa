"""The state of a conversation: explicit, small, and JSON through and through, so that it survives a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from shopr.chat.need import Need

__all__ = ["MOST_TOPICS", "State", "placed"]

MOST_TOPICS = 8
"""Earlier searches that can be gone back to."""


@dataclass
class State:
    """What has to be known of a conversation to understand its next message.

    Attributes:
        language: BCP 47 code of the conversation.
        turn: messages so far.
        topic: what the last turn was about: search, order, cart, product, talk.
        need: the search under way. topics: earlier ones, newest last.
        shown: product ids of the list that "the second one" means. page: how many of the hits came before it.
        listed: how the list came about: search, deals, trending, new, recommend, similar, compare, alternatives.
        prices: product id -> minor units as it was last told.
        focus: the products last spoken of one by one.
        touched: the products of the last change of the cart. before: their quantities before it.
        order: the order last spoken of.
        pending: what a yes or no would answer; None for nothing.
        misses: messages in a row that were not understood.
        last: the last reply, for "say that again".
        tone: the shopper's tone in the last message.
        remember: whether the shopper agreed to be remembered across visits.
        noted: languages in which it was said that product names are in another one.
    """

    language: str = "en"
    turn: int = 0
    topic: str = ""
    need: Need = field(default_factory=Need)
    topics: list[Need] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    page: int = 0
    listed: str = ""
    prices: dict[str, int] = field(default_factory=dict)
    focus: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    order: str = ""
    pending: dict[str, Any] | None = None
    misses: int = 0
    last: dict[str, Any] = field(default_factory=dict)
    tone: str = "neutral"
    remember: bool = False
    noted: list[str] = field(default_factory=list)

    def search(self, need: Need) -> None:
        """Go on to another need; the one under way stays as a topic to go back to."""
        if self.need.has_subject and not set(self.need.concepts) & set(need.concepts):
            kept = [t for t in self.topics if not set(t.concepts) & set(self.need.concepts)]
            self.topics = [*kept, self.need][-MOST_TOPICS:]
        self.need = need

    def topic_of(self, concepts: tuple[str, ...]) -> Need | None:
        """The newest search, the one under way first, for any of these concepts."""
        for need in (self.need, *reversed(self.topics)):
            if set(need.concepts) & set(concepts):
                return need
        return None

    def as_dict(self) -> dict[str, Any]:
        """As JSON's own types."""
        out = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**out, "need": self.need.as_dict(), "topics": [t.as_dict() for t in self.topics]}

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """The inverse of `as_dict`; unknown keys, as of a newer version, are left out."""
        known = {f.name for f in fields(cls)}
        values = {k: v for k, v in data.items() if k in known}
        values["need"] = Need.of(values.get("need") or {})
        values["topics"] = [Need.of(t) for t in values.get("topics") or []]
        return cls(**values)


def placed(listed: Sequence[str], places: Sequence[int]) -> tuple[str, ...]:
    """The products at places of a list: from 1, from the end from -1, and 0 for the middle of an odd number."""
    middle = len(listed) // 2 if len(listed) % 2 else len(listed)
    indices = [middle if p == 0 else p - 1 if p > 0 else p for p in places]
    return tuple(dict.fromkeys(listed[i] for i in indices if -len(listed) <= i < len(listed)))
