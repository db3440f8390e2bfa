"""The course of a rule's metric around a moment, with its bound: the evidence that an alert links to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd

from shopr.analytics.alerts.judging import judge
from shopr.analytics.alerts.rules import Rule
from shopr.analytics.alerts.series import at, beginning, measure
from shopr.analytics.reading.source import Source

__all__ = ["course", "course_span"]

_STEPS = 240
"""Points that a picture needs at most."""


def course_span(rule: Rule, began: datetime, end: datetime) -> tuple[datetime, datetime]:
    """What to show of an alert: the time before it, as long as it matters for the rule, and after it."""
    around = max(timedelta(seconds=min(rule.lookback, 7 * 86_400)), 30 * timedelta(seconds=rule.step))
    return began - around, end + around / 4


def course(
    store: Source, rule: Rule, series: str, start: datetime, end: datetime, *,
    categories: Mapping[str, str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The metric at each step: `time value bound expected breach`; NaN where nothing was known.

    A change detector's bound is the share that it looks for; what alarms is the sum of evidence.

    Raises:
        StorageError: if the store cannot be read.
    """
    step = rule.step
    low, high = (int(moment.timestamp()) // step * step for moment in (start, end))
    lookback = -(-rule.lookback // step) * step
    grid, table = measure(
        store, rule, low - lookback, max(high, low + step), categories=categories, begins=beginning(store)
    )
    columns = ["time", "value", "bound", "expected", "breach"]
    if series not in table:
        return pd.DataFrame(columns=columns)
    first = lookback // step
    judged = judge(rule, grid, table[series], first)
    times = pd.to_datetime([at(int(t)) for t in grid.ends[first:]], utc=True)
    values = (times, judged.value, judged.bound, judged.expected, judged.breach)
    made = pd.DataFrame(dict(zip(columns, values, strict=True)))
    thin = max(len(made) // _STEPS, 1)
    return made[(made.index % thin == thin - 1) | made["breach"]].reset_index(drop=True)
