"""Retention: of the persons who first came in a week, how many came again in each week after."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shopr.analytics.reading.estimates import followed
from shopr.analytics.reading.log import EventLog
from shopr.errors import InputError
from shopr.metrics.proportions import wilson

__all__ = ["retention"]

_DAYS = {"day": 1, "week": 7, "month": 0}


def retention(
    log: EventLog,
    *,
    start: str | None = None,
    again: str | None = None,
    period: Literal["day", "week", "month"] = "week",
    periods: int = 12,
    time_zone: str = "UTC",
) -> pd.DataFrame:
    """Cohorts by the period of the first event, and the share of each that came again so many periods later.

    Args:
        start: type of the event that puts a person into a cohort; any if None.
        again: type of the event that counts as coming again; any if None.
        period: days, weeks from Monday, or months, in `time_zone`.
        periods: how many after the first.

    Returns:
        Rows `cohort size offset persons share lo hi seen`; `cohort` is the first day of the period, offset 0 is the
        first period itself. Periods that are not over yet are left out. Where only a sample of behaviour was kept,
        `size` and `persons` are estimates from `seen` persons of whom everything was kept.

    Raises:
        InputError: if the period is unknown or `periods` is outside 1 … 400.
    """
    if period not in _DAYS or not 1 <= periods <= 400:
        raise InputError(f"retention over {periods} of {period!r}", hint="Give 1 … 400 of day, week or month")
    columns = ["cohort", "size", "offset", "persons", "share", "lo", "hi", "seen"]
    log, weight = followed(log)
    if not len(log):
        return pd.DataFrame(columns=columns)
    when = pd.to_datetime(log.times, unit="us", utc=True).tz_convert(ZoneInfo(time_zone)).tz_localize(None)
    numbers = np.asarray(when.to_period({"day": "D", "week": "W-SUN", "month": "M"}[period]).astype("int64"))
    begins = np.ones(len(log), bool) if start is None else log.types.codes == log.types.code(start)
    counts = np.ones(len(log), bool) if again is None else log.types.codes == log.types.code(again)
    first = np.full(log.n_persons, np.iinfo(np.int64).max)
    np.minimum.at(first, log.persons[begins], numbers[begins])
    offset = numbers - first[log.persons]
    within = counts & (offset >= 0) & (offset <= periods) & (first[log.persons] < np.iinfo(np.int64).max)
    seen = pd.DataFrame({"person": log.persons[within], "offset": offset[within]}).drop_duplicates()
    seen["cohort"] = first[seen["person"]]
    cohorts, sizes = np.unique(first[first < np.iinfo(np.int64).max], return_counts=True)
    last = int(numbers.max())  # the period of the newest event is under way
    grid = [(c, s, o) for c, s in zip(cohorts, sizes, strict=True) for o in range(periods + 1) if c + o <= last]
    table = pd.DataFrame(grid, columns=["cohort", "size", "offset"])
    found = seen.groupby(["cohort", "offset"]).size().rename("persons").reset_index()
    table = table.merge(found, how="left", on=["cohort", "offset"]).fillna({"persons": 0})
    table["persons"] = table["persons"].astype("int64")
    table["share"] = table["persons"] / table["size"]
    table["lo"], table["hi"] = wilson(table["persons"], table["size"])
    table["seen"] = table["size"]
    if weight > 1.0:
        table[["size", "persons"]] = table[["size", "persons"]] * weight
    freq = {"day": "D", "week": "W-SUN", "month": "M"}[period]
    table["cohort"] = pd.PeriodIndex.from_ordinals(table["cohort"], freq=freq).start_time
    return table[columns]
