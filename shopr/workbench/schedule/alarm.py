"""What a scheduler sleeps on, and what it tells those who watch."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from shopr.workbench.schedule.store import Row

__all__ = ["Alarm", "Notice", "Waiter"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened, for whoever watches.

    Attributes:
        what: leading, standing by, started, done, failed, killed, skipped, again, missed, storage.
        row: the run that it is about, where there is one.
        message: the rest, in words.
    """

    what: str
    row: Row | None = None
    message: str = ""


class Waiter(Protocol):
    """What a scheduler sleeps on."""

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or until it rings."""

    def ring(self) -> None:
        """Wake the sleeper; called from threads and signal handlers."""


class Alarm:
    """A condition to sleep on. Re-entrant, as a signal's handler may ring while the same thread is about to sleep."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._rung = False

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or until it rings; a ring before the call counts."""
        with self._condition:
            self._condition.wait_for(lambda: self._rung, timeout=max(seconds, 0.0))
            self._rung = False

    def ring(self) -> None:
        """Wake the sleeper."""
        with self._condition:
            self._rung = True
            self._condition.notify_all()
