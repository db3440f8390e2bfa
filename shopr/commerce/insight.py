"""Whether a price is a good one, judged by the product's own past and with the facts that the judgement rests on.

The past is read as one price a day, the one in force at this hour, so that a price of a month weighs more than one of a
day. Where fewer than `ENOUGH_DAYS` days are known there is no judgement: a price nobody has seen change says nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low
from typing import Literal

__all__ = ["ENOUGH_DAYS", "Judgement", "PriceInsight", "judge"]

ENOUGH_DAYS = 28
"""Days of known prices below which nothing is judged."""
_RARE = 0.15  # of the days; so few were better (or worse) that the price counts as good (or high)

Judgement = Literal["good", "usual", "high", "steady"]


@dataclass(frozen=True, slots=True)
class PriceInsight:
    """What the last days say of a price. Amounts are minor units of `currency`.

    Attributes:
        product_id: whose price.
        now: the price now.
        currency: ISO 4217.
        days: how many days were asked for.
        known_days: of how many of them a price is known.
        lowest, median, highest: of those days, the price now included.
        cheaper_days: days on which it was cheaper than now.
        dearer_days: days on which it was dearer than now.
        since: the moment from which the price now holds; None where that is not known.
        previous: the price before; None where there was none.
        drop: previous less now: positive after a fall, negative after a rise, None without a previous price.
        judgement: "good" (rarely cheaper), "high" (rarely dearer), "steady" (never changed), "usual"; None where fewer
            than `ENOUGH_DAYS` days are known.
    """

    product_id: str
    now: int
    currency: str
    days: int
    known_days: int
    lowest: int
    median: int
    highest: int
    cheaper_days: int
    dearer_days: int
    since: datetime | None
    previous: int | None
    drop: int | None
    judgement: Judgement | None

    @property
    def percentile(self) -> float:
        """Share of the known days on which it was cheaper than now, in percent: 0 is the best price there was."""
        return 100.0 * self.cheaper_days / max(self.known_days, 1)

    @property
    def drop_percent(self) -> float | None:
        """The drop as a share of the previous price, in percent."""
        return None if not self.previous or self.drop is None else 100.0 * self.drop / self.previous


def judge(
    product_id: str, amount: int, currency: str, *, steps: Sequence[tuple[datetime, int]], now: datetime, days: int
) -> PriceInsight:
    """Judge the price `amount` by the steps of its past.

    Args:
        steps: (moment from which on, minor units), oldest first; those after `now` are ignored.
    """
    steps = _distinct([step for step in steps if step[0] <= now], amount)
    moments = [at for at, _ in steps]
    samples = [now - timedelta(days=back) for back in range(days)]
    places = [bisect_right(moments, at) - 1 for at in samples]
    daily = [steps[place][1] for place in places if place >= 0] or [amount]
    # A price of some hours counts for the bounds, though no day is read while it held.
    seen = [price for at, price in steps if at > samples[-1]] + daily
    previous = steps[-2][1] if len(steps) > 1 else None
    known = sum(place >= 0 for place in places)
    cheaper, dearer = sum(p < amount for p in daily), sum(p > amount for p in daily)
    return PriceInsight(
        product_id=product_id,
        now=amount,
        currency=currency,
        days=days,
        known_days=known,
        lowest=min(seen),
        median=median_low(daily),
        highest=max(seen),
        cheaper_days=cheaper,
        dearer_days=dearer,
        since=moments[-1] if moments else None,
        previous=previous,
        drop=None if previous is None else previous - amount,
        judgement=None if known < min(ENOUGH_DAYS, days) else _judgement(len(set(seen)), known, cheaper, dearer),
    )


def _judgement(prices: int, known: int, cheaper: int, dearer: int) -> Judgement:
    if prices == 1:
        return "steady"
    if cheaper <= _RARE * known and dearer > known / 2:
        return "good"
    if dearer <= _RARE * known and cheaper > known / 2:
        return "high"
    return "usual"


def _distinct(steps: Sequence[tuple[datetime, int]], amount: int) -> list[tuple[datetime, int]]:
    """The steps at which the price changed, ending at `amount`."""
    kept: list[tuple[datetime, int]] = []
    for at, price in steps:
        if not kept or kept[-1][1] != price:
            kept.append((at, price))
    # A record that does not end at the price in force knows nothing of when that one began: drop the contradiction.
    while kept and kept[-1][1] != amount:
        kept.pop()
    return kept
