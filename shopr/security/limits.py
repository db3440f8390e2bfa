"""Rate limits: so many texts, images and voice messages in any minute, for each person, session, key and network.

The window moves: no minute, wherever it starts, holds more than the limit. One hit counts for everything that is known
of who asks, or for nothing; a refused one does not count. Several people may share a network, so a network's limit is
a multiple of the others where a session, person or key is known beside it.
"""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from shopr.config import Settings
from shopr.errors import StorageError, UnknownNameError
from shopr.security.principal import Principal, digest_of
from shopr.security.state import MemoryState, State, Values
from shopr.security.state_redis import RedisState

__all__ = ["Allowance", "LimitConfig", "Limits", "RedisWindows", "StateWindows", "Windows"]

log = logging.getLogger("shopr.security")


_USUAL = {"text": 30, "image": 10, "voice": 20, "login": 10, "request": 600, "session": 60, "events": 240}


class LimitConfig(BaseModel):
    """Hits that any window may hold.

    Attributes:
        per_window: kind -> hits.
        window_seconds: length of the window.
        network_factor: a network's limit, in limits of one of its clients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_window: Mapping[str, int] = Field(default_factory=lambda: dict(_USUAL))
    window_seconds: float = Field(60.0, gt=0, le=86_400)
    network_factor: int = Field(4, ge=1, le=1000)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the settings name."""
        own = {"text": settings.rate_text, "image": settings.rate_image, "voice": settings.rate_voice}
        return cls(per_window={**_USUAL, **own})


@dataclass(frozen=True, slots=True)
class Allowance:
    """The answer to one hit.

    Attributes:
        allowed: whether there was room.
        kind: of the hit.
        limit, window: so many hits in so many seconds, of the dimension that is nearest to its limit.
        remaining: hits that are left there.
        reset_after: seconds until the next place is free, 0 where some are.
        dimension: "user", "session", "api_key" or "network"; "" where nobody is known, and nothing is limited.
    """

    allowed: bool
    kind: str
    limit: int
    window: float
    remaining: int
    reset_after: float
    dimension: str

    def headers(self) -> dict[str, str]:
        """RateLimit fields (the IETF's draft for HTTP), and Retry-After where there was no room."""
        if not self.dimension:
            return {}
        wait = math.ceil(self.reset_after)
        fields = {
            "RateLimit-Policy": f'"{self.kind}";q={self.limit};w={math.ceil(self.window)}',
            "RateLimit": f'"{self.kind}";r={self.remaining};t={wait}',
        }
        return fields if self.allowed else {**fields, "Retry-After": str(max(1, wait))}


class Windows(Protocol):
    """Moving windows, however they are kept."""

    def hit(
        self, keys: Sequence[str], limits: Sequence[int], window: float, *, count: bool
    ) -> tuple[bool, list[tuple[int, float]]]:
        """Count a hit on all keys if all have room, atomically.

        Returns:
            Whether all had room; for each key its hits before, and the seconds until one leaves that matters.
        """


class StateWindows:
    """Moving windows in any `State`: the times of the hits, eight bytes each."""

    def __init__(self, state: State) -> None:
        self._state = state

    def hit(
        self, keys: Sequence[str], limits: Sequence[int], window: float, *, count: bool
    ) -> tuple[bool, list[tuple[int, float]]]:
        """As `Windows.hit`."""

        def step(values: Values, now: float) -> tuple[Values, tuple[bool, list[tuple[int, float]]]]:
            times = [_times(value, now, window) for value in values]
            free = all(len(held) < limit for held, limit in zip(times, limits, strict=True))
            found = [(len(held), _left(held, limit, now, window)) for held, limit in zip(times, limits, strict=True)]
            if free:
                for held in times:
                    held.append(now)
            return [held.tobytes() or None for held in times], (free, found)

        if not count:
            values, now = self._state.read(keys)
            return step(values, now)[1]
        return self._state.update(keys, step, ttl=window)


class RedisWindows:
    """Moving windows in Redis, by its own time. While it cannot be reached, this process counts for itself: stricter
    than no limit, laxer than one limit for all.

    Args:
        state: where they are kept.
        spare: counts meanwhile.
    """

    def __init__(self, state: RedisState, *, spare: Windows | None = None) -> None:
        self._state, self._spare = state, spare or StateWindows(MemoryState())

    def hit(
        self, keys: Sequence[str], limits: Sequence[int], window: float, *, count: bool
    ) -> tuple[bool, list[tuple[int, float]]]:
        """As `Windows.hit`."""
        try:
            return self._state.hit([f"z:{key}" for key in keys], limits, window, count=count)
        except StorageError as error:
            log.warning("rate limits are counted in this process alone: %s", error.one_line())
            return self._spare.hit(keys, limits, window, count=count)


class Limits:
    """The rate limits of an installation.

    Args:
        windows: where hits are counted.
        config: how many there may be.
        pepper: a secret, so that whoever reads the store cannot tell whose counts they are.
    """

    def __init__(self, windows: Windows, config: LimitConfig | None = None, *, pepper: bytes = b"") -> None:
        self.config, self._windows, self._pepper = config or LimitConfig(), windows, pepper

    def hit(self, kind: str, who: Principal) -> Allowance:
        """Count one hit if there is room for it.

        Raises:
            UnknownNameError: if no limit is set for `kind`.
        """
        return self._ask(kind, who, count=True)

    def look(self, kind: str, who: Principal) -> Allowance:
        """What `hit` would answer, without counting."""
        return self._ask(kind, who, count=False)

    def _ask(self, kind: str, who: Principal, *, count: bool) -> Allowance:
        limit, window = self._limit(kind), self.config.window_seconds
        names = [name for name in ("user", "session", "api_key", "network") if getattr(who, name)]
        if not names:
            return Allowance(True, kind, limit, window, limit, 0.0, "")
        shared = self.config.network_factor if who.known else 1
        limits = [limit * (shared if name == "network" else 1) for name in names]
        keys = [f"rate:{kind}:{name}:{digest_of(getattr(who, name), self._pepper)}" for name in names]
        allowed, found = self._windows.hit(keys, limits, window, count=count)
        taken = 1 if allowed and count else 0
        rest = [most - before - taken for most, (before, _) in zip(limits, found, strict=True)]
        if allowed:
            place = min(range(len(names)), key=lambda i: rest[i])
            wait = found[place][1] if rest[place] <= 0 else 0.0
        else:  # whoever asks has to wait for all that are full
            place = max((i for i in range(len(names)) if found[i][0] >= limits[i]), key=lambda i: found[i][1])
            wait = found[place][1]
        return Allowance(allowed, kind, limits[place], window, max(0, rest[place]), wait, names[place])

    def _limit(self, kind: str) -> int:
        if kind not in self.config.per_window:
            raise UnknownNameError("kind of hit", kind, self.config.per_window)
        return self.config.per_window[kind]


def _times(value: bytes | None, now: float, window: float) -> array[float]:
    held: array[float] = array("d")
    held.frombytes(value or b"")
    return array("d", [time for time in held if now - window < time <= now])


def _left(held: array[float], limit: int, now: float, window: float) -> float:
    """Seconds until a place is free that is not free now, or, where some are, until the oldest hit leaves."""
    if not held:
        return 0.0
    return max(0.0, held[max(0, len(held) - limit)] + window - now)
