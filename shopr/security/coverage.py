"""How much of the catalogue one visitor reads in a day, and whether anything else than reading: slow scrapers.

Who asks for a product every minute, at any rhythm, stays under every rate and still has the catalogue within days. But
no person looks at hundreds of products in a day, hardly one of them twice, without a search and without a cart. A day
of a visitor is kept as two counts and a bitmap of what was seen, so that it costs the same however long it gets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Bounds", "covered"]

BITS = 1 << 13
"""Of the bitmap: of 200 products some two share a bit with another and count as seen before."""

DAY = 86_400.0


class Bounds(Protocol):
    """From where on it is no person (see `BehaviourConfig`)."""

    @property
    def day_items(self) -> int:
        """Different products."""

    @property
    def day_again(self) -> float:
        """Share of the views that may be of a product seen before."""

    @property
    def day_other(self) -> float:
        """Searches and carts for each product."""


@dataclass(slots=True)
class _Day:
    since: float
    different: int = 0
    again: int = 0
    other: int = 0
    last: str = ""
    seen: int = 0


def covered(
    held: bytes | None, acts: Sequence[tuple[str, str]], now: float, bounds: Bounds
) -> tuple[bytes | None, str]:
    """A visitor's day after further acts, and the evidence if it is a scraper's; no day is kept of who views nothing.

    Args:
        held: the day so far.
        acts: what was done, and a hexadecimal mark of what to.
        now: of the state's clock.
        bounds: from where on.
    """
    if held is None and not any(act == "item_viewed" for act, _ in acts):
        return None, ""
    day = _read(held, now)
    for act, mark in acts:
        if act != "item_viewed":
            day.other += act in ("searched", "carted")
        elif mark != day.last:  # a click on a product and the page that it opens are one look
            bit = 1 << int(mark or "0", 16) % BITS
            day.again += bool(day.seen & bit)
            day.different += not day.seen & bit
            day.seen |= bit
            day.last = mark
    alone = day.other <= bounds.day_other * day.different and day.again <= bounds.day_again * day.different
    if day.different < bounds.day_items or not alone:
        return _kept(day), ""
    evidence = f"{day.different} products viewed within a day, {day.again} again, with {day.other} searches and carts"
    return _kept(_Day(now)), evidence


def _read(held: bytes | None, now: float) -> _Day:
    if held is None:
        return _Day(now)
    since, different, again, other, last, seen = json.loads(held)
    if not 0.0 <= now - since < DAY:
        return _Day(now)
    return _Day(since, different, again, other, last, int.from_bytes(base64.b64decode(seen), "little"))


def _kept(day: _Day) -> bytes:
    seen = base64.b64encode(day.seen.to_bytes((day.seen.bit_length() + 7) // 8, "little")).decode()
    return json.dumps([day.since, day.different, day.again, day.other, day.last, seen], separators=(",", ":")).encode()
