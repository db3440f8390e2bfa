"""What judging a metric table comes to, and the arithmetic that all conditions share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.analytics.alerts.series import Floats

__all__ = ["DAY", "WEEK", "WINSOR", "YEAR", "Flags", "Judged", "lagged", "made", "share_of"]

Flags = NDArray[np.bool_]
DAY, WEEK, YEAR = 86_400, 604_800, 365.25 * 86_400
WINSOR = 16.0
"""Squared residuals above this count as this: an incident in the past must not hide the next one."""


@dataclass
class Judged:
    """A rule's metric, step by step from the first that was asked for.

    Attributes:
        value: what was measured; NaN where nothing is known.
        bound: what it must not pass.
        breach, clear: whether it alarms, and whether an alert may end; neither where nothing is known.
        expected: what was expected, for conditions that expect something.
        carried: the change detector's sum after each step.
    """

    value: Floats
    bound: Floats
    breach: Flags
    clear: Flags
    expected: Floats
    carried: Floats

    @property
    def known(self) -> Flags:
        """Where there was enough to judge."""
        return ~np.isnan(self.value)


def made(value: Floats, bound: Any, breach: Flags, clear: Flags, known: Flags, **more: Floats) -> Judged:
    """A `Judged` in which nothing alarms or ends where nothing is known."""
    n = len(value)
    return Judged(
        np.where(known, value, np.nan), np.broadcast_to(np.asarray(bound, np.float64), (n,)).copy(), breach & known,
        clear & known & ~breach, more.get("expected", np.full(n, np.nan)), more.get("carried", np.zeros(n)),
    )  # fmt: skip


def share_of(hits: Floats, total: Floats) -> Floats:
    """Shares; 0 where there is nothing."""
    return np.divide(hits, total, out=np.zeros_like(total), where=total > 0)


def lagged(values: Floats, steps: int) -> Floats:
    """The values so many steps earlier; NaN before the beginning."""
    out = np.full(len(values), np.nan)
    if steps < len(values):
        out[steps:] = values[: len(values) - steps]
    return out
