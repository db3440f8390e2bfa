"""Time as a value that is passed in, so that nothing in the house needs to wait for it.

Storage and arithmetic are in UTC; durations are measured on the monotonic clock, which no one can set back.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "ManualClock", "SystemClock"]


@runtime_checkable
class Clock(Protocol):
    """What the house asks of a clock."""

    def now(self) -> datetime:
        """The current time, timezone-aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin that never run backwards."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to; wall and monotonic time move apart if asked.

    Args:
        start: the wall time at which it stands, timezone-aware.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let both clocks run for `seconds` (>= 0)."""
        if seconds < 0:
            raise ValueError(f"a clock runs forwards: {seconds} s; use set_wall() to set the wall clock back")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set_wall(self, when: datetime) -> None:
        """Set the wall clock alone, as an operator or NTP would."""
        self._now = when.astimezone(UTC)
