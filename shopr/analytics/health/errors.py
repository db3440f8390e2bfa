"""Errors: exceptions as events, grouped by a fingerprint that survives moved lines, and how each group fares.

Python's come from `capture`, from `logging` and from `sys.excepthook`; a browser's from the documented JSON form
(`browser_error`). What the local variables held is kept redacted, and only of the innermost frames of our own code.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import PurePath
from types import FrameType, TracebackType
from typing import Any

from shopr.clock import Clock, SystemClock
from shopr.data.events import Event, EventType
from shopr.errors import DataError
from shopr.redaction import redact, redact_values

__all__ = ["ErrorHandler", "browser_error", "error_event", "fingerprint", "hooked"]

_FRAMES = 30
_WITH_LOCALS = 3
_LONGEST = 2_000
_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|\b\d+\b|'[^']{0,200}'|\"[^\"]{0,200}\"|[0-9a-f]{8}-[0-9a-f-]{27}")
_JS_FRAME = re.compile(
    r"^\s*(?:at\s+)?(?:(?P<name>[\w.$<>\[\] ]{1,120}?)\s*[(@])?\s*(?P<file>[^\s()@]{1,300}?):\d+(?::\d+)?\)?\s*$"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One place of a stack: file, function, line, and what its variables held (redacted)."""

    file: str
    function: str
    line: int
    held: Mapping[str, str]


def fingerprint(kind: str, frames: list[tuple[str, str]], message: str = "") -> str:
    """The group an error belongs to: its type and the functions it went through, not its lines.

    Args:
        frames: (file, function), innermost last. Line numbers do not count, so that an edit above does not make a new
            group; without any frame the message counts, with numbers, quotes and addresses taken out.
    """
    parts = [kind, *(f"{PurePath(file).name}:{function}" for file, function in frames[-8:])]
    if not frames:
        parts.append(_VARIABLE.sub("#", message)[:200])
    return blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def error_event(
    error: BaseException,
    *,
    clock: Clock | None = None,
    release: str = "",
    page: str = "",
    user_id: str | None = None,
    session_id: str | None = None,
    handled: bool = True,
) -> Event:
    """An exception as an event, with stack, redacted context and fingerprint."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    frames = _frames(error.__traceback__)
    stack = "".join(traceback.format_exception(error))[-20_000:]
    properties: dict[str, Any] = {
        "name": kind,
        "message": redact(str(error))[:_LONGEST],
        "fingerprint": fingerprint(kind, [(f.file, f.function) for f in frames], str(error)),
        "stack": redact(stack),
        "frames": [
            {"file": f.file, "function": f.function, "line": f.line, **({"held": dict(f.held)} if f.held else {})}
            for f in frames
        ],
        "handled": handled,
        "platform": "python",
    }
    if release:
        properties["release"] = release
    if page:
        properties["page"] = page
    return Event(
        type=EventType.ERROR_RAISED, time=(clock or SystemClock()).now(), user_id=user_id, session_id=session_id,
        properties=properties,
    )  # fmt: skip


def browser_error(data: Mapping[str, Any], *, clock: Clock | None = None) -> Event:
    """An error of a browser as an event.

    The JSON form: `{"type": "TypeError", "message": "…", "stack": "…", "page": "/cart", "release": "…", "device":
    "mobile", "user_id": null, "session_id": "…"}`; only `message` is required, all values are text, the stack as the
    browser gives it. Longer texts are cut.

    Raises:
        DataError: if the message is missing or a value is no text.
    """
    known = ("type", "message", "stack", "page", "release", "device", "user_id", "session_id")
    for name in known:
        if data.get(name) is not None and not isinstance(data[name], str):
            raise DataError(f"{name} is {str(data[name])[:40]!r}", hint="Send text")
    if not data.get("message"):
        raise DataError("a browser's error has no message", hint="Send {'message': …}")
    kind = (data.get("type") or "Error")[:128]
    stack = (data.get("stack") or "")[:20_000]
    frames = [
        (PurePath(m["file"].split("?")[0]).name, (m["name"] or "").strip())
        for m in (_JS_FRAME.match(line[:500]) for line in stack.splitlines()[:100])
        if m
    ][::-1]
    properties = {
        "name": kind,
        "message": redact(data["message"])[:_LONGEST],
        "fingerprint": fingerprint(kind, frames, data["message"]),
        "stack": redact(stack),
        "platform": "browser",
        "handled": False,
        **{name: data[name][:128] for name in ("page", "release", "device") if data.get(name)},
    }
    properties["device"] = properties.get("device", "")[:32]
    return Event(
        type=EventType.ERROR_RAISED, time=(clock or SystemClock()).now(),
        user_id=(data.get("user_id") or "")[:256] or None, session_id=(data.get("session_id") or "")[:256] or None,
        properties=properties,
    )  # fmt: skip


class ErrorHandler(logging.Handler):
    """A logging handler that records what is logged with an exception, and errors without one."""

    def __init__(self, record: Callable[[Event], object], *, clock: Clock | None = None, release: str = "") -> None:
        super().__init__(logging.ERROR)
        self._record, self._clock, self._release = record, clock, release
        self._inside = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Record one line; what fails in doing so is not logged again."""
        if getattr(self._inside, "now", False):
            return
        self._inside.now = True
        try:
            error = record.exc_info[1] if record.exc_info else None
            if error is None:
                error = RuntimeError(record.getMessage())
            self._record(error_event(error, clock=self._clock, release=self._release, page=record.name))
        except Exception:
            self.handleError(record)
        finally:
            self._inside.now = False


@contextmanager
def hooked(record: Callable[[Event], object], *, clock: Clock | None = None, release: str = "") -> Iterator[None]:
    """Record what nobody caught, while the context is open; the hook that was there is called as well."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        try:
            if isinstance(error, Exception):
                record(error_event(error, clock=clock, release=release, handled=False))
        finally:
            before(kind, error, trace)

    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = before


def _frames(trace: TracebackType | None) -> list[Frame]:
    raw: list[tuple[FrameType, int]] = list(traceback.walk_tb(trace))[-_FRAMES:]
    own = [at for at, (frame, _) in enumerate(raw) if "site-packages" not in frame.f_code.co_filename][-_WITH_LOCALS:]
    return [
        Frame(
            _short(frame.f_code.co_filename), frame.f_code.co_name, line,
            {name: _held(name, value) for name, value in list(frame.f_locals.items())[:20]} if at in own else {},
        )
        for at, (frame, line) in enumerate(raw)
    ]  # fmt: skip


def _held(name: str, value: Any) -> str:
    """A variable in a few characters; its `repr` may itself fail, or be enormous."""
    try:
        text = repr(value) if isinstance(value, str | int | float | bool | type(None)) else f"<{type(value).__name__}>"
    except Exception:
        text = "<?>"
    return str(redact_values({name: text[:200]}).get(name, "[secret]"))


def _short(file: str) -> str:
    """The file's path from its package on: where the package lies is nobody's business."""
    parts = PurePath(file).parts
    for root in ("site-packages", "shopr", "app"):
        if root in parts:
            return "/".join(parts[parts.index(root) :])
    return PurePath(file).name
