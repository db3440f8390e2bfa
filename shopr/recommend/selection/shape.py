"""The shape of training data: what decides which models are worth trying, and guesses what they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopr.data.interactions import Interactions
from shopr.recommend.arithmetic.gram import MEMORY_GB

__all__ = ["FLOPS", "HEAD", "Shape"]

_DAY = 86_400.0
FLOPS = 3e10
"""Cautious guess of one core's multiply-adds a second, until the first fit has been timed."""

HEAD = 9_000
"""Popular items that EDLAE keeps to where all of them would take too long."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the choice of models depends on.

    Attributes:
        users, items: with at least one interaction.
        rows: unique pairs.
        pairs: sum of squared history lengths, the cost of an item-item product.
        length: median history length.
        ordered: whether the validation split goes by time, and models of time are worth trying.
        gap_days: median time between two entries of a history that follow each other at different times; 1 if unknown.
        span_days: from the first interaction to the last; 1 if unknown.
        described: whether a catalogue says what the products are.
    """

    users: int
    items: int
    rows: int
    pairs: float
    length: float
    ordered: bool
    gap_days: float = 1.0
    span_days: float = 1.0
    described: bool = False

    @classmethod
    def of(cls, train: Interactions, *, ordered: bool = False, described: bool = False) -> Shape:
        """The shape of some training data."""
        lengths = np.diff(train.binary.indptr)
        lengths = lengths[lengths > 0]
        items = int((np.bincount(train.items, minlength=train.n_items) > 0).sum())
        gap, span = _rhythm(train)
        return cls(
            users=len(lengths),
            items=items,
            rows=int(lengths.sum()),
            pairs=float((lengths.astype(np.float64) ** 2).sum()),
            length=float(np.median(lengths)) if len(lengths) else 0.0,
            ordered=ordered,
            gap_days=gap,
            span_days=span,
            described=described,
        )

    @property
    def square_fits(self) -> bool:
        """Whether dense items x items solutions are worth trying at all."""
        return 4.0 * 3.2 * self.items**2 / 1e9 <= MEMORY_GB and self.items <= 20_000

    @property
    def solve_seconds(self) -> float:
        """Guess of one dense items x items solution."""
        items = float(self.items if self.square_fits else HEAD)
        return items**3 / FLOPS + min(self.pairs * 5e-9, self.users * items**2 / FLOPS)


def _rhythm(train: Interactions) -> tuple[float, float]:
    """Median gap within histories and span of the log, in days; (1, 1) where nothing is known."""
    times = train.last_times
    if times is None or not len(times):
        return 1.0, 1.0
    owner = np.repeat(np.arange(train.n_users), np.diff(train.binary.indptr))
    order = np.lexsort((times, owner))
    gaps = np.diff(times[order])[np.diff(owner[order]) == 0]
    gaps = gaps[gaps > 0]
    span = max(float(times.max() - times.min()), 1.0) / _DAY
    return (float(np.median(gaps)) / _DAY if len(gaps) else span), span
