"""Lockout after failures (a refused login, a bad key, a blocked message), in a way that locks nobody else out.

What is locked is always the pair of who is asked for and who asks, never an account alone:

- an account, or a key, together with the network that failed on it: somebody else's wrong passwords for Ann's account
  do not keep Ann out, who comes from another network;
- a session: its id is a secret, so nobody else can fail in its name;
- a network alone only for requests that carry neither session, account nor key, and only those stay locked.

Against guessing from many networks at once, an account that fails too often lets in only networks from which it was
signed in to before. Five failures lock for 300 s; each further lock lasts twice as long, up to a day; a day without
failure, or a success, forgets all.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from shopr.security.principal import Principal, digest_of
from shopr.security.state import State, Values

__all__ = ["Lock", "Lockout", "LockoutConfig", "in_words"]

_OPEN = {"failures": 0, "level": 0, "until": 0.0, "last": 0.0}


class LockoutConfig(BaseModel):
    """When and for how long.

    Attributes:
        failures: as many lock.
        seconds: length of the first lock.
        factor: by which each further one is longer.
        longest: seconds of the longest lock, and of the quiet time that forgets all.
        account_failures: failures of one account from all networks in an hour beyond which only known networks get in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures: int = Field(5, ge=1, le=1000)
    seconds: float = Field(300.0, gt=0, le=86_400)
    factor: float = Field(2.0, ge=1, le=10)
    longest: float = Field(86_400.0, gt=0, le=30 * 86_400)
    account_failures: int = Field(50, ge=1, le=100_000)


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock in force.

    Attributes:
        scope: "user", "session", "api_key", "network", or "guarded" for an account that only known networks may use.
        key: its digest, by which it can be lifted.
        seconds_left: until it opens.
        level: how many locks there were in a row, this one included.
    """

    scope: str
    key: str
    seconds_left: float
    level: int

    @property
    def retry_after(self) -> str:
        """The value of a Retry-After header."""
        return str(max(1, math.ceil(self.seconds_left)))


class Lockout:
    """Counts failures and locks.

    Args:
        state: where that is kept.
        config: when and for how long.
        pepper: a secret, so that whoever reads the store cannot tell whose locks they are.
    """

    def __init__(self, state: State, config: LockoutConfig | None = None, *, pepper: bytes = b"") -> None:
        self._state, self.config, self._pepper = state, config or LockoutConfig(), pepper

    def failure(self, who: Principal) -> Lock | None:
        """Count a failure; the lock that it brought, if it is the one that did. While locked, failures do not count."""
        made = []
        for scope, key in self._keys(who):
            counted, lock = self._fail(scope, key)
            if lock is not None:
                made.append(lock)
            if scope == "user" and counted:  # one network that goes on trying must not put the account under guard
                self._fail_account(who)
        return max(made, key=lambda lock: lock.seconds_left, default=None)

    def locked(self, who: Principal) -> Lock | None:
        """The lock that keeps this principal out now, the longest if there are several."""
        keys = self._keys(who)
        if not keys:
            return None
        account, known = self._account(who)
        values, now = self._state.read([key for _, key in keys] + ([account, known] if who.user else []))
        found = []
        for (scope, key), value in zip(keys, values, strict=False):
            held = _load(value)
            if held["until"] > now:
                found.append(Lock(scope, key, held["until"] - now, int(held["level"])))
        if who.user and values[-1] is None:
            held = _load(values[-2])
            if held["failures"] >= self.config.account_failures and held["until"] > now:
                found.append(Lock("guarded", account, held["until"] - now, 1))
        return max(found, key=lambda lock: lock.seconds_left, default=None)

    def success(self, who: Principal) -> None:
        """A sign-in that went well: its failures are forgotten, and its network is known to the account."""
        keys = [key for scope, key in self._keys(who) if scope != "session"]
        if keys:
            self._state.update(keys, lambda values, now: ([None] * len(values), None), ttl=1.0)
        if who.user and who.network:
            _, known = self._account(who)
            self._state.update([known], lambda values, now: ([b"1"], None), ttl=90 * 86_400.0)

    def hold(self, who: Principal, seconds: float) -> Lock:
        """Lock a session for a time, whatever its failures."""
        key = f"lock:session:{self._digest(who.session)}"

        def step(values: Values, now: float) -> tuple[Values, None]:
            held = _load(values[0])
            held |= {"until": max(held["until"], now + seconds), "level": held["level"] + 1, "last": now + seconds}
            return [_dump(held)], None

        self._state.update([key], step, ttl=2 * self.config.longest)
        return Lock("session", key, seconds, 1)

    def lift(self, key: str) -> bool:
        """Open a lock by its digest; whether there was one. For the operator, who says why in the audit log."""

        def step(values: Values, now: float) -> tuple[Values, bool]:
            return [None], _load(values[0])["until"] > now

        return self._state.update([key], step, ttl=1.0)

    def _fail(self, scope: str, key: str) -> tuple[bool, Lock | None]:
        """Whether the failure counted, and the lock that it brought."""
        config = self.config

        def step(values: Values, now: float) -> tuple[Values, tuple[bool, Lock | None]]:
            held = _load(values[0])
            if held["until"] > now:
                return values, (False, None)
            if now - held["last"] > config.longest:
                held = dict(_OPEN)
            held["failures"] += 1
            held["last"] = now
            if held["failures"] < config.failures:
                return [_dump(held)], (True, None)
            seconds = min(config.longest, config.seconds * config.factor ** min(held["level"], 64))
            held |= {"failures": 0, "level": held["level"] + 1, "until": now + seconds, "last": now + seconds}
            return [_dump(held)], (True, Lock(scope, key, seconds, int(held["level"])))

        return self._state.update([key], step, ttl=2 * config.longest)

    def _fail_account(self, who: Principal) -> None:
        """All networks together; "until" is the end of the hour that began with the first failure."""

        def step(values: Values, now: float) -> tuple[Values, None]:
            held = _load(values[0])
            if held["until"] <= now:
                held = {**_OPEN, "until": now + 3600.0}
            held["failures"] += 1
            return [_dump(held)], None

        self._state.update([self._account(who)[0]], step, ttl=3600.0)

    def _keys(self, who: Principal) -> list[tuple[str, str]]:
        keys = [
            (scope, f"lock:{scope}:{self._digest(getattr(who, scope), who.network)}")
            for scope in ("user", "api_key")
            if getattr(who, scope)
        ]
        if who.session:
            keys.append(("session", f"lock:session:{self._digest(who.session)}"))
        if who.network and not keys:
            keys.append(("network", f"lock:network:{self._digest(who.network)}"))
        return keys

    def _account(self, who: Principal) -> tuple[str, str]:
        return f"lock:account:{self._digest(who.user)}", f"lock:known:{self._digest(who.user, who.network)}"

    def _digest(self, *parts: str) -> str:
        return digest_of("\0".join(parts), self._pepper)


def _load(value: bytes | None) -> dict[str, float]:
    return dict(_OPEN) if value is None else dict(json.loads(value))


def _dump(held: dict[str, float]) -> bytes:
    return json.dumps(held).encode()


def in_words(seconds: float) -> str:
    """A time to wait, rounded up: waiting so long is enough.

    >>> in_words(12.2), in_words(300), in_words(7000)
    ('13 seconds', '5 minutes', '2 hours')
    """
    if seconds <= 90:
        return f"{math.ceil(seconds)} second{'' if seconds <= 1 else 's'}"
    return f"{math.ceil(seconds / 60)} minutes" if seconds <= 5400 else f"{math.ceil(seconds / 3600)} hours"
