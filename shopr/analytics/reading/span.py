"""The time that an analysis looks at: whole days of the shop's own time zone, and as many before to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Literal, Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shopr.analytics.store.rows import microseconds
from shopr.errors import InputError

__all__ = ["Span", "Step"]

Step = Literal["day", "week", "month"]
_LONGEST = 3700
_YEARS = 1900, 2300


@dataclass(frozen=True)
class Span:
    """Days of a time zone.

    Attributes:
        first, last: both included.
        zone: IANA name.
    """

    first: date
    last: date
    zone: str = "UTC"

    def __post_init__(self) -> None:
        days = (self.last - self.first).days + 1  # which len() must not be asked for before it is known to be one
        if not 1 <= days <= _LONGEST:
            hint = "Give the earlier day first" if days < 1 else f"Give 1 to {_LONGEST} days"
            raise InputError(f"the time from {self.first} to {self.last} is {days} days", hint=hint)
        if not (_YEARS[0] <= self.first.year and self.last.year <= _YEARS[1]):
            raise InputError(
                f"the time from {self.first} to {self.last}", hint=f"Give days of the years {_YEARS[0]} to {_YEARS[1]}"
            )

    @classmethod
    def ending(cls, last: datetime, days: int, zone: str = "UTC") -> Self:
        """So many days up to the day of a moment."""
        day = last.astimezone(ZoneInfo(zone)).date()
        return cls(day - timedelta(days=days - 1), day, zone)

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=at) for at in range(len(self)))

    @property
    def start(self) -> datetime:
        """When it begins, in UTC."""
        return self._midnight(self.first)

    @property
    def end(self) -> datetime:
        """When it is over, in UTC."""
        return self._midnight(self.last + timedelta(days=1))

    def previous(self) -> Span:
        """As many days just before."""
        return Span(self.first - timedelta(days=len(self)), self.first - timedelta(days=1), self.zone)

    def reaching_back(self, days: int) -> Span:
        """The same with some days before it."""
        return Span(self.first - timedelta(days=days), self.last, self.zone)

    def last_days(self, days: int) -> Span:
        """Its last days, at most all of them."""
        return Span(max(self.first, self.last - timedelta(days=days - 1)), self.last, self.zone)

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """Microseconds of every midnight from the first to the one that ends the last day, shape (days + 1,).

        Days of 23 and 25 hours are as long as they are.
        """
        days = [self.first + timedelta(days=at) for at in range(len(self) + 1)]
        return np.array([microseconds(self._midnight(day)) for day in days], np.int64)

    def day_of(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which day each moment is of, from 0; -1 or len(self) outside."""
        found: NDArray[np.int64] = np.searchsorted(self.edges, times, side="right") - 1
        return found

    @property
    def step(self) -> Step:
        """Steps in which a course over it can be read: days up to four months, weeks up to two years, months."""
        return "day" if len(self) <= 124 else "week" if len(self) <= 740 else "month"

    def steps(self, step: Step) -> tuple[list[date], NDArray[np.int64]]:
        """First day of each step, and which step each day is of; weeks begin on Monday."""
        begun = [_begin(day, step) for day in self]
        names = sorted(set(begun))
        return names, np.searchsorted(np.array(names, "datetime64[D]"), np.array(begun, "datetime64[D]"))

    def words(self) -> str:
        """ "1 Nov 2026 to 30 Nov 2026"."""
        parts = [f"{day.day} {day:%b %Y}" for day in (self.first, self.last)]
        return parts[0] if len(self) == 1 else " to ".join(parts)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


def _begin(day: date, step: Step) -> date:
    if step == "day":
        return day
    return day - timedelta(days=day.weekday()) if step == "week" else day.replace(day=1)
