"""Computes anew, from the records, the values that no single record holds: differences, counts, medians, spans.

What a flow computed counts for nothing here: a reply may say a difference only if two records differ by it, the number
of products found only if a search of this turn found as many, a lowest price only if the price history holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

from shopr.chat.facts import Line
from shopr.chat.flows.product import HISTORY_DAYS, comparable
from shopr.chat.flows.talk import REMEMBERED
from shopr.chat.turn import Turn
from shopr.commerce.carts import MOST_EACH
from shopr.money import from_minor

if TYPE_CHECKING:
    from shopr.chat.grounding import Evidence

__all__ = ["recomputed"]


def recomputed(lines: Iterable[Line], turn: Turn, out: Evidence) -> None:
    """Add to the evidence what follows from the records, as far as the lines speak of such values."""
    keys = {line.key for line in lines}
    for size in turn.sizes:
        out.number(size)
    for number in turn.said:
        out.number(number)
    for amount in turn.told.values():
        out.number(from_minor(amount, turn.currency))
    _pieces(turn, out)
    for names, source in _SOURCES:
        if keys & names:
            source(turn, out)


def _pieces(turn: Turn, out: Evidence) -> None:
    """Pieces put in: what the cart holds less what it held before."""
    for line in turn.cart().lines:
        out.number(abs(line.quantity - turn.state.before.get(line.product_id, 0)))


def _differences(turn: Turn, out: Evidence) -> None:
    """How much one of the products shown costs more than another."""
    prices = [p.amount for i in turn.compare if (p := turn.price(i)) is not None]
    for one, other in combinations(prices, 2):
        out.number(from_minor(abs(one - other), turn.currency))


def _history(turn: Turn, out: Evidence) -> None:
    """The span of a price in the last days, its change, and the days."""
    for product_id in turn.state.focus[:1]:
        insight = turn.commerce.prices.insight(product_id, HISTORY_DAYS)
        if insight is None:
            return
        out.number(insight.days)
        for amount in (insight.lowest, insight.highest, insight.previous, insight.drop):
            if amount is not None:
                out.number(from_minor(abs(amount), insight.currency))


def _among(turn: Turn, out: Evidence) -> None:
    """How many comparable products there are, how many of them cost less, and their middle price."""
    for product_id in turn.state.focus[:1]:
        prices, now = comparable(turn, product_id), turn.price(product_id)
        if prices and now is not None:
            out.number(len(prices))
            out.number(sum(p < now.amount for p in prices))
            out.number(from_minor(prices[len(prices) // 2], now.currency))


def _deals(turn: Turn, out: Evidence) -> None:
    """The reference prices of the products cited that cost less than before."""
    for deal in turn.commerce.prices.deals(_DEALS):
        if deal.product_id in turn.citations:
            out.number(from_minor(deal.reference, turn.currency))


def _bounds(turn: Turn, out: Evidence) -> None:
    out.number(1)
    out.number(MOST_EACH)


def _kept_until(turn: Turn, out: Evidence) -> None:
    day = (turn.clock.now() + REMEMBERED).date()
    for value in (day.year, day.month, day.day):
        out.number(Decimal(value))


_DEALS = 200
_SOURCES: tuple[tuple[frozenset[str], Callable[[Turn, Evidence], None]], ...] = (
    (frozenset({"compare_cheaper"}), _differences),
    (frozenset({"price_history", "price_drop", "price_rise", "price_steady"}), _history),
    (frozenset({"price_compare"}), _among),
    (frozenset({"deal_line"}), _deals),
    (frozenset({"quantity_range"}), _bounds),
    (frozenset({"memory_allowed"}), _kept_until),
)
"""Keys of lines -> what computes their values anew."""
