"""Everything that a rule of understanding may look at, for one clause."""

from __future__ import annotations

from dataclasses import dataclass

from shopr.chat.commands import Command
from shopr.chat.need import Need
from shopr.chat.reading.result import Reading
from shopr.chat.shelf import Shelf
from shopr.chat.state import State
from shopr.chat.understanding.targets import Pointing

__all__ = ["Scene"]


@dataclass(frozen=True)
class Scene:
    """One clause in its conversation.

    Attributes:
        reading: what it says. need: what it wants. state: what was before.
        shelf: what is sold. cart: product ids in the cart. prices: minor units of what was shown.
        before: commands of earlier clauses of the same message.
    """

    reading: Reading
    need: Need
    state: State
    shelf: Shelf
    cart: list[str]
    prices: dict[str, int]
    before: tuple[Command, ...] = ()

    def asks(self, *names: str) -> int:
        """Words of the longest phrase found for any of these commands; 0 for none."""
        return max((self.reading.asks.get(name, 0) for name in names), default=0)

    def marks(self, *names: str) -> bool:
        """Whether any of these markers stands in the clause."""
        return bool(self.reading.marks & set(names))

    def pointed(self, *, among: list[str] | None = None) -> tuple[str, ...]:
        """The products that the clause points at, among those shown (or others)."""
        return Pointing(self.state, self.shelf, self.cart, self.prices).of(self.reading, self.need, among=among)

    @property
    def counts(self) -> list[int]:
        """Whole numbers that are no price, measure or place."""
        return [int(n.value) for n in self.reading.counts if n.value == int(n.value) and n.value < 10_000]

    @property
    def pieces(self) -> int | None:
        """The pieces of "three of the second one": a whole number, and the word for "of" or for pieces."""
        return next((n for n in self.counts if 1 <= n <= 99), None) if self.marks("of", "quantity") else None

    @property
    def bare(self) -> bool:
        """Whether the clause names nothing: no product, no constraint, no place."""
        return not self.reading.has_need and not self.reading.points and not self.reading.orders

    @property
    def bare_of_subject(self) -> bool:
        """Whether the clause names no kind of product."""
        return not self.need.has_subject
