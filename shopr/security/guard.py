"""The one door: `Guard.inspect(request) -> Verdict`, for chat, uploads, imports and the gateway alike.

The guard asks, in this order, what costs least: is the caller allowed here (`access`), locked out (`lockout`), within
its rate (`limits`), and then what the texts say (`detector`). Each of the first three is optional and plugs in by a
protocol; each answers with a `Verdict` to stop with, or None to go on. A verdict holds no text of the request beyond a
short stretch for the log, and a message for the user that tells an attacker nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from shopr.security.detectors.detector import Detection, Detector

__all__ = ["Check", "Decision", "Guard", "Request", "Verdict"]

MAX_DEPTH = 6
MAX_FIELDS = 200


class Decision(StrEnum):
    """What is to be done with a request."""

    ALLOW = "allow"
    FLAG = "flag"
    BLOCK = "block"


@dataclass(frozen=True)
class Request:
    """What comes to the door.

    Attributes:
        text: the message.
        kind: "text", "image", "voice", "upload", "import" or "api": limits differ by kind.
        fields: further texts of the request by name (form fields, headers, cells); nested mappings and lists are read.
        user_id, session_id, api_key_id: who calls, as far as known; never a secret itself.
        address: the caller's network address, after trusted proxies.
    """

    text: str = ""
    kind: str = "text"
    fields: Mapping[str, object] = field(default_factory=dict)
    user_id: str | None = None
    session_id: str | None = None
    api_key_id: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the guard decided, and why.

    Attributes:
        decision: allow, flag or block.
        score: of the detector, 0 to 1; 1 where an access list, a lockout or a limit decided.
        rules: ids of the rules that matched, strongest first ("limit:…", "lockout", "access:…" for the others).
        view: reading of the text in which the first rule matched.
        span: place of that match in that reading.
        threat: class of the attack, "" where there is none.
        reason: one line for the log; never shown to the user.
        message: what the user may read; empty where the request goes on.
        field: name of the field that decided, "" for the text itself.
        retry_after: seconds after which another try makes sense, for limits and lockouts.
    """

    decision: Decision
    score: float
    rules: tuple[str, ...] = ()
    view: str = "raw"
    span: tuple[int, int] | None = None
    threat: str = ""
    reason: str = ""
    message: str = ""
    field: str = ""
    retry_after: float | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request goes on (flagged ones do)."""
        return self.decision is not Decision.BLOCK


class Check(Protocol):
    """An access list, a lockout or a rate limit: stops a request, or lets it pass."""

    def check(self, request: Request) -> Verdict | None:
        """A verdict to stop with, or None."""


class Observer(Protocol):
    """A check that also wants to know how it ended: a lockout counts blocks."""

    def observe(self, request: Request, verdict: Verdict) -> None:
        """Told of every verdict of the detector."""


MESSAGE = "This message could not be processed. Please say it in other words, or contact the shop's support."


class Guard:
    """The guard of one shop.

    Args:
        detector: reads texts; the shipped one unless given.
        limits: rate limits.
        lockout: refusals after repeated failures; if it has `observe`, it is told of every verdict.
        access: allow and deny lists.
    """

    def __init__(
        self,
        detector: Detector | None = None,
        limits: Check | None = None,
        lockout: Check | None = None,
        access: Check | None = None,
    ) -> None:
        self.detector = detector or Detector()
        self._before = tuple(check for check in (access, lockout, limits) if check is not None)
        self._observe = getattr(lockout, "observe", None)

    def inspect(self, request: Request | str) -> Verdict:
        """The verdict on a request (or on a text alone). A text never makes it raise."""
        if isinstance(request, str):
            request = Request(request)
        for check in self._before:
            stopped = check.check(request)
            if stopped is not None:
                return stopped
        verdict = self._read(request)
        if self._observe is not None:
            self._observe(request, verdict)
        return verdict

    def _read(self, request: Request) -> Verdict:
        worst = _verdict(self.detector.detect(request.text), "")
        for name, text in _texts(request.fields):
            if worst.decision is Decision.BLOCK:
                break
            verdict = _verdict(self.detector.detect(text), name)
            if (_ORDER[verdict.decision], verdict.score) > (_ORDER[worst.decision], worst.score):
                worst = verdict
        return worst


_ORDER = {Decision.ALLOW: 0, Decision.FLAG: 1, Decision.BLOCK: 2}


def _verdict(detection: Detection, name: str) -> Verdict:
    decision = Decision(detection.decision)
    message = MESSAGE if decision is Decision.BLOCK else ""
    return Verdict(
        decision, detection.score, detection.rules, detection.view, detection.span, detection.threat, detection.reason,
        message, name,
    )  # fmt: skip


def _texts(fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """The texts of nested fields, names included: a name can carry an attack as well as a value."""
    found: list[tuple[str, str]] = []
    waiting: list[tuple[str, object, int]] = [(str(key), value, 0) for key, value in fields.items()]
    found.extend((f"name of {key[:40]}", key) for key, _, _ in waiting)
    while waiting and len(found) < MAX_FIELDS:
        name, value, depth = waiting.pop(0)
        if isinstance(value, str):
            found.append((name, value))
        elif isinstance(value, bytes):
            found.append((name, value.decode("utf-8", "replace")))
        elif isinstance(value, Mapping) and depth < MAX_DEPTH:
            for key, inner in value.items():
                found.append((f"name in {name}", str(key)))
                waiting.append((f"{name}.{key}", inner, depth + 1))
        elif isinstance(value, list | tuple | set) and depth < MAX_DEPTH:
            waiting.extend((name, inner, depth + 1) for inner in value)
    return found
