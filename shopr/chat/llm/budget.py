"""What the language model may cost, and answers that were paid for already."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from threading import Lock

from shopr.clock import Clock, SystemClock

__all__ = ["AnswerCache", "Budget"]

_DAY = 86_400.0


@dataclass
class Budget:
    """Tokens and requests within the last 24 hours, on the monotonic clock; safe for several threads.

    Attributes:
        tokens, requests: at most so many a day; 0 forbids all.
    """

    tokens: int = 200_000
    requests: int = 5_000
    clock: Clock | None = None

    def __post_init__(self) -> None:
        self._clock = self.clock or SystemClock()
        self._spent: deque[tuple[float, int]] = deque()
        self._sum, self._lock = 0, Lock()

    def allows(self) -> bool:
        """Whether one more request is within the budget."""
        with self._lock:
            self._forget()
            return len(self._spent) < self.requests and self._sum < self.tokens

    def spend(self, tokens: int) -> None:
        """Count a request that took so many tokens; a failed one counts as a request of none."""
        with self._lock:
            self._forget()
            self._spent.append((self._clock.monotonic(), tokens))
            self._sum += tokens

    def _forget(self) -> None:
        oldest = self._clock.monotonic() - _DAY
        while self._spent and self._spent[0][0] <= oldest:
            self._sum -= self._spent.popleft()[1]


class AnswerCache:
    """The last answers by prompt, for a while; safe for several threads.

    Args:
        size: answers kept at most.
        seconds: for so long.
    """

    def __init__(self, size: int = 1000, seconds: float = 3600.0, *, clock: Clock | None = None) -> None:
        self._size, self._seconds, self._clock = size, seconds, clock or SystemClock()
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> str | None:
        """The answer to a prompt; None if there is none that is fresh."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or self._clock.monotonic() - found[0] > self._seconds:
                self._kept.pop(key, None)
                return None
            self._kept.move_to_end(key)
            return found[1]

    def put(self, key: str, answer: str) -> None:
        """Keep an answer; the one not used for longest gives way."""
        with self._lock:
            self._kept[key] = (self._clock.monotonic(), answer)
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
