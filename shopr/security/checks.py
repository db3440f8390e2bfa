"""How access list, lockout, rate limits and the watch on behaviour plug into the guard (see `shopr.security.guard`)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence

from shopr.errors import InputError, StorageError
from shopr.security.access_book import AccessBook
from shopr.security.behaviour import Act, Behaviour, Done, Sign
from shopr.security.guard import Decision, Request, Verdict
from shopr.security.limits import Limits
from shopr.security.lockout import Lock, Lockout, in_words
from shopr.security.principal import Principal
from shopr.security.watch import Watch

__all__ = ["AccessCheck", "FailureCheck", "RateCheck", "principal_of"]

log = logging.getLogger("shopr.security")
_KINDS = {"text": "text", "image": "image", "upload": "image", "voice": "voice"}
"""Kind of request -> kind of limit; all others count as requests."""


class AccessCheck:
    """Stops callers from networks that have no access."""

    def __init__(self, book: AccessBook, watch: Watch | None = None) -> None:
        self._book, self._watch = book, watch

    def check(self, request: Request) -> Verdict | None:
        """As `guard.Check`."""
        if not request.address:
            return None
        try:
            answer = self._book.check(request.address, signed_in=bool(request.user_id))
        except InputError:
            return None  # no address that anybody could have blocked
        if answer.allowed:
            return None
        reason = f"network without access: {answer.rule.reason if answer.rule else 'not on the list'}"
        if self._watch is not None:
            self._watch.note("access", principal_of(request), door=request.kind, reason=reason)
        return Verdict(
            Decision.BLOCK, 1.0, ("access:deny",), reason=reason, message="This network has no access to the shop."
        )


class RateCheck:
    """Stops callers who come too often."""

    def __init__(self, limits: Limits, watch: Watch | None = None) -> None:
        self._limits, self._watch = limits, watch

    def check(self, request: Request) -> Verdict | None:
        """As `guard.Check`; a request that passes is counted."""
        kind = _KINDS.get(request.kind, "request")
        who = principal_of(request)
        answer = self._limits.hit(kind, who)
        if answer.allowed:
            return None
        reason = f"more than {answer.limit} of kind {kind} in {answer.window:.0f} s for one {answer.dimension}"
        if self._watch is not None:
            self._watch.note("rate", who, door=request.kind, rules=(f"limit:{kind}",), reason=reason)
        wait = max(1.0, answer.reset_after)
        message = f"That was a little fast. Please try again in {in_words(wait)}."
        return Verdict(
            Decision.BLOCK, 1.0, (f"limit:{kind}",), reason=reason, message=message, retry_after=float(math.ceil(wait))
        )


class FailureCheck:
    """Stops callers who are locked out; counts blocked requests as failures, and watches what callers do over time.

    Args:
        book: takes the automatic blocks; None makes none.
    """

    def __init__(
        self,
        lockout: Lockout,
        behaviour: Behaviour | None = None,
        book: AccessBook | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._lockout, self._behaviour, self._book, self._watch = lockout, behaviour, book, watch

    def check(self, request: Request) -> Verdict | None:
        """As `guard.Check`."""
        held = self._lockout.locked(principal_of(request))
        if held is None:
            return None
        message = f"Too many requests were refused. Please try again in {in_words(held.seconds_left)}."
        reason = f"locked ({held.scope}), lock {held.level} in a row, {held.seconds_left:.0f} s left"
        return Verdict(
            Decision.BLOCK, 1.0, ("lockout",), reason=reason, message=message, retry_after=float(held.retry_after)
        )

    def observe(self, request: Request, verdict: Verdict) -> None:
        """As `guard.Observer`: keeps the verdict, counts it as a failure if it blocks."""
        if verdict.decision is Decision.ALLOW:
            return
        who = principal_of(request)
        if self._watch is not None:
            self._watch.note(
                "verdict", who, door=request.kind, decision=str(verdict.decision), score=verdict.score,
                classes=(verdict.threat,) if verdict.threat else (), rules=verdict.rules, reason=verdict.reason,
            )  # fmt: skip
        if verdict.decision is Decision.BLOCK:
            self.failed(who, f"blocked {request.kind}")
        self.saw("request_suspect", who, verdict.threat)

    def failed(self, who: Principal, why: str) -> Lock | None:
        """Count a failure: a refused login, a bad key, a blocked request; the lock that it brought."""
        made = self._lockout.failure(who)
        if made is not None and self._watch is not None:
            reason = f"{self._lockout.config.failures} failures, the last: {why}"
            self._watch.note("lock", who, reason=reason, lock_key=made.key, seconds=made.seconds_left)
        return made

    def saw(self, act: Act, who: Principal, what: str = "") -> Sign | None:
        """Watch an act; a sign that it completes blocks the network, or holds the session, for its time."""
        return self.saw_all([(act, what, 0.0)], who)

    def saw_all(self, done: Sequence[Done], who: Principal) -> Sign | None:
        """As `saw`, for several acts that became known at once."""
        signs = self.saw_many({who: done})
        return signs[0] if signs else None

    def saw_many(self, done: Mapping[Principal, Sequence[Done]]) -> list[Sign]:
        """As `saw_all`, for several principals in one step."""
        signs = [] if self._behaviour is None else self._behaviour.observe_many(done)
        return [self._held(sign, who) for who, sign in signs]

    def _held(self, sign: Sign, who: Principal) -> Sign:
        """Block or hold what a sign speaks against."""
        key = ""
        if sign.scope == "network" and self._book is not None:
            self._block(sign)
        elif sign.scope == "session":
            key = self._lockout.hold(who, sign.seconds).key
        if self._watch is not None:
            reason = f"{sign.kind}: {sign.evidence}"
            self._watch.note("block", who, classes=(sign.kind,), reason=reason, lock_key=key, seconds=sign.seconds)
        return sign

    def _block(self, sign: Sign) -> None:
        if self._book is None:
            return
        reason = f"{sign.kind}: {sign.evidence}"
        try:
            self._book.add(
                sign.network, "deny", reason=reason, actor="behaviour", seconds=sign.seconds, source="behaviour"
            )
        except StorageError as error:
            log.error("network %s could not be blocked: %s", sign.network, error.one_line())


def principal_of(request: Request) -> Principal:
    """Who a request comes from; an address that is none counts as unknown."""
    try:
        return Principal.of(
            user=request.user_id, session=request.session_id, api_key=request.api_key_id, address=request.address
        )
    except InputError:
        return Principal.of(user=request.user_id, session=request.session_id, api_key=request.api_key_id)
