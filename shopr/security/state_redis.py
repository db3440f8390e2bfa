"""State in Redis, for several machines. Time is the server's, and every change is one script on the server."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, TypeVar

from shopr.errors import CapacityError, ConfigError, StorageError
from shopr.security.state import Step, Values

__all__ = ["RedisState", "connect"]

T = TypeVar("T")
PREFIX = "{shopr}:guard:"
"""The braces keep all keys of a script on one node of a cluster."""
_TRIES = 200
# Compare and set: KEYS are written only if they still hold what the step saw. ARGV: milliseconds to live, then for each
# key "0" or "1" + what it held, "0" or "1" + what it becomes.
_SWAP = """
for i = 1, #KEYS do
  local held, before = redis.call('GET', KEYS[i]), ARGV[2 * i]
  if (held and '1' .. held or '0') ~= before then return 0 end
end
for i = 1, #KEYS do
  local after = ARGV[2 * i + 1]
  if string.sub(after, 1, 1) == '1' then
    redis.call('SET', KEYS[i], string.sub(after, 2), 'PX', ARGV[1])
  else
    redis.call('DEL', KEYS[i])
  end
end
return 1
"""
_READ = """
local t = redis.call('TIME')
local out = {t[1], t[2]}
for i = 1, #KEYS do
  local held = redis.call('GET', KEYS[i])
  out[i + 2] = held and '1' .. held or '0'
end
return out
"""
# One hit on several moving windows: all of them, or none. KEYS: sorted sets. ARGV: window in microseconds, a unique
# name, whether to count it ("1") or only to look ("0"), then a limit for each key. Returns 1 or 0, the server's time,
# and for each key its count before and the time at which the oldest hit that matters leaves.
_HIT = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local window, free, out = tonumber(ARGV[1]), 1, {}
for i = 1, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
  local count, limit = redis.call('ZCARD', KEYS[i]), tonumber(ARGV[3 + i])
  local place = count - limit
  if count >= limit then free = 0 end
  if place < 0 then place = 0 end
  local oldest = redis.call('ZRANGE', KEYS[i], place, place, 'WITHSCORES')
  out[2 * i - 1] = count
  out[2 * i] = oldest[2] and string.format('%.0f', tonumber(oldest[2]) + window - now) or '0'
end
if free == 1 and ARGV[3] == '1' then
  for i = 1, #KEYS do
    redis.call('ZADD', KEYS[i], string.format('%.0f', now), ARGV[2])
    redis.call('PEXPIRE', KEYS[i], math.ceil(window / 1000))
  end
end
return {free, unpack(out)}
"""


def connect(url: str) -> Any:
    """A client of the Redis at `url`, with short patience.

    Raises:
        ConfigError: if the client library is not installed.
    """
    try:
        import redis
    except ImportError:
        raise ConfigError(
            "SHOPR_REDIS_URL needs Redis's client", hint="Install it: pip install 'shopr[redis]'"
        ) from None
    return redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0, health_check_interval=30)


class RedisState:
    """State in Redis.

    Args:
        client: as `connect` makes it.
        prefix: of all keys.

    Raises:
        StorageError: by its methods, if the server cannot be reached or refuses.
    """

    def __init__(self, client: Any, *, prefix: str = PREFIX) -> None:
        self._client, self._prefix = client, prefix
        self._swap, self._read, self._hit = (client.register_script(script) for script in (_SWAP, _READ, _HIT))

    def update(self, keys: Sequence[str], step: Step[T], *, ttl: float) -> T:
        """As `State.update`: compare and set, tried again when somebody else came first."""
        for _ in range(_TRIES):
            before, now = self.read(keys)
            after, result = step(before, now)
            marks = [mark for pair in zip(before, after, strict=True) for mark in map(_mark, pair)]
            if self._call(self._swap, keys, [max(1, round(ttl * 1000)), *marks]) == 1:
                return result
        raise CapacityError(f"{_TRIES} tries to change {len(keys)} keys in Redis were overtaken", hint="Try again")

    def read(self, keys: Sequence[str]) -> tuple[Values, float]:
        """As `State.read`; the time is the server's."""
        seconds, micros, *held = self._call(self._read, keys, [])
        return [value[1:] if value[:1] == b"1" else None for value in held], int(seconds) + int(micros) / 1e6

    def hit(
        self, keys: Sequence[str], limits: Sequence[int], window: float, *, count: bool
    ) -> tuple[bool, list[tuple[int, float]]]:
        """One hit on moving windows; whether all had room, and for each its count before and when it frees a place."""
        free, *found = self._call(
            self._hit, keys, [round(window * 1e6), os.urandom(12).hex(), "1" if count else "0", *limits]
        )
        pairs = zip(found[::2], found[1::2], strict=True)
        return free == 1, [(int(before), max(0.0, int(left) / 1e6)) for before, left in pairs]

    def _call(self, script: Any, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        import redis

        try:
            return script(keys=[self._prefix + key for key in keys], args=list(arguments))
        except redis.RedisError as error:
            raise StorageError(
                f"Redis refused: {type(error).__name__}", hint="Start it, or correct SHOPR_REDIS_URL"
            ) from error

    def __repr__(self) -> str:
        return f"RedisState({json.dumps(self._prefix)})"


def _mark(value: bytes | None) -> bytes:
    return b"0" if value is None else b"1" + value
