"""Lists that need only prices, dates and events: honest deals, new products, and what is asked for more than usual."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.commerce.offers import Snapshot
from shopr.errors import InputError

__all__ = ["Deal", "Novelty", "Trend", "deals_among", "newest_first", "trending_among"]

REFERENCE = timedelta(days=30)
"""A drop is measured against the lowest price of this long before it (as the EU's Omnibus directive has it), and that
long must be known."""
FRESH = timedelta(days=60)
"""After this long a lower price is no deal any more: it is the price."""
_LEAST_SHARE = 0.03  # of the reference: smaller drops are no news
_LEAST_EVENTS = 3


@dataclass(frozen=True, slots=True)
class Deal:
    """A product whose price fell. Amounts are minor units of `currency`.

    Attributes:
        product_id: which.
        now: the price now.
        reference: the lowest price of the 30 days before it fell.
        currency: ISO 4217.
        since: when it fell.
    """

    product_id: str
    now: int
    reference: int
    currency: str
    since: datetime

    @property
    def drop_percent(self) -> float:
        """The drop as a share of the reference, in percent."""
        return 100.0 * (self.reference - self.now) / self.reference


@dataclass(frozen=True, slots=True)
class Novelty:
    """A product that is new.

    Attributes:
        product_id: which.
        since: when it was first seen.
    """

    product_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Trend:
    """A product that is asked for more than usual.

    Attributes:
        product_id: which.
        recent: events of the recent window.
        expected: events the window would have had at the pace before.
    """

    product_id: str
    recent: int
    expected: float


def deals_among(rows: Iterable[Sequence[Any]], offers: Snapshot, now: datetime) -> list[Deal]:
    """The deals, largest drop first.

    Args:
        rows: product id, valid from, price, currency; by product, then by time.
        offers: the offers now: only products that can be bought count.
    """
    found = []
    for product_id, group in groupby(rows, key=lambda row: row[0]):
        row = offers.row(product_id) if (steps := [r for r in group if r[1] <= now])[1:] else -1
        if row < 0 or offers.stock[row] <= 0 or np.isnan(offers.prices[row]):
            continue
        deal = _deal(product_id, steps, int(offers.prices[row]), str(offers.currencies[row]), now)
        if deal is not None:
            found.append(deal)
    return sorted(found, key=lambda deal: (-deal.drop_percent, deal.product_id))


def _deal(product_id: str, steps: Sequence[Sequence[Any]], price: int, currency: str, now: datetime) -> Deal | None:
    _, since, last, code = steps[-1]
    before = since - REFERENCE
    if last != price or code != currency or since < now - FRESH or steps[0][1] > before:
        return None
    # What was in force at any moment of the window: the step it began in, and all that began within it.
    inside = [i for i, step in enumerate(steps[:-1]) if step[1] > before]
    first = (inside[0] if inside else len(steps) - 1) - 1
    window = steps[max(first, 0) : -1]
    if any(step[2] is None or step[3] != currency for step in window):
        return None
    reference = min(int(step[2]) for step in window)
    if reference - price < max(_LEAST_SHARE * reference, 1):
        return None
    return Deal(product_id, price, reference, currency, since)


def newest_first(
    seen: Iterable[tuple[str, datetime]], offers: Snapshot, now: datetime, within_days: int | None
) -> list[Novelty]:
    """Products first seen within the days given, newest first; sold-out ones and ones without price are left out."""
    if within_days is not None and not 1 <= within_days <= 3650:
        raise InputError(f"{within_days} days, the bounds are 1 and 3650", hint="Ask for 60 days")
    oldest = None if within_days is None else now - timedelta(days=within_days)
    recent = [(i, at) for i, at in seen if at <= now and (oldest is None or at > oldest)]
    kept = _buyable(offers, [i for i, _ in recent])
    found = [Novelty(i, at) for (i, at), keep in zip(recent, kept, strict=True) if keep]
    return sorted(found, key=lambda novelty: (-novelty.since.timestamp(), novelty.product_id))


def trending_among(
    events: Iterable[tuple[str, datetime]], offers: Snapshot, now: datetime, *, days: int = 7, before_days: int = 28
) -> list[Trend]:
    """Products with more events in the last `days` than the pace of the `before_days` before lets expect.

    Ordered by the excess in standard errors of a Poisson count, one event added to the expectation, so that three
    events after none do not beat a hundred after fifty.

    Args:
        events: product id and moment of each view, click, cart or order; any order, others are ignored.
    """
    if not 1 <= days <= 365 or not 1 <= before_days <= 3650:
        raise InputError(f"windows of {days} and {before_days} days", hint="Give 1 to 365 and 1 to 3650 days")
    turn, start = now - timedelta(days=days), now - timedelta(days=days + before_days)
    recent: dict[str, int] = {}
    earlier: dict[str, int] = {}
    for product_id, at in events:
        if turn < at <= now:
            recent[product_id] = recent.get(product_id, 0) + 1
        elif start < at <= turn:
            earlier[product_id] = earlier.get(product_id, 0) + 1
    enough = [i for i, count in recent.items() if count >= _LEAST_EVENTS]
    found = [
        Trend(i, recent[i], earlier.get(i, 0) * days / before_days)
        for i, keep in zip(enough, _buyable(offers, enough), strict=True)
        if keep
    ]
    rising = [trend for trend in found if trend.recent > trend.expected + 1]
    return sorted(rising, key=lambda t: (-(t.recent - t.expected) / np.sqrt(t.expected + 1), t.product_id))


def _buyable(offers: Snapshot, product_ids: Sequence[str]) -> NDArray[np.bool_]:
    """Which products are in the catalogue with a price and not sold out."""
    rows = offers.catalog.product_ids.encode(product_ids)
    if not len(offers.stock):
        return np.zeros(len(rows), dtype=bool)
    sellable = ~(offers.stock <= 0) & ~np.isnan(offers.prices)
    return np.asarray((rows >= 0) & sellable[rows], dtype=bool)
