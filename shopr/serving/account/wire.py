"""Requests and answers of the account pages on the wire."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from shopr.security.asgi import Scope, Send, changing_page, context_of, headers_of, is_page, privacy_signal
from shopr.security.session_records import Session
from shopr.serving.account.markup import style

__all__ = [
    "HOME", "REGISTER", "SIGN_IN", "Answer", "Visitor", "asked", "in_front", "send_answer", "send_style", "sent_from",
    "visitor_of", "whole_address",
]  # fmt: skip

HOME, SIGN_IN, REGISTER = "/account/", "/account/sign-in", "/account/register"
_BODY = re.compile(rb"<body[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks for a page.

    Attributes:
        session, token: theirs, as the doors know it.
        address, agent: of the browser.
        signal: it sends Global Privacy Control.
    """

    session: Session
    token: str
    address: str
    agent: str
    signal: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a page, or where to go on; `token` begins another session, "" ends it."""

    status: int
    body: bytes = b""
    to: str = ""
    token: str | None = None
    wait: float = 0.0


def visitor_of(scope: Scope) -> Visitor | None:
    """Who asks, as the doors know them; None without a session."""
    context = context_of(scope)
    if context.get("session") is None:
        return None
    agent = headers_of(scope).get("user-agent", "")
    return Visitor(context["session"], context["token"], context.get("address", ""), agent, privacy_signal(scope))


def asked(scope: Scope, name: str) -> str:
    """A parameter of the address; "" if it is not there."""
    return str(parse_qs(scope.get("query_string", b"")[:2000].decode("latin-1")).get(name, [""])[0])


def whole_address(scope: Scope) -> str:
    """Path and parameters."""
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])


def sent_from(scope: Scope) -> str:
    """The page that a form was sent from, as the browser tells: the app moves between pages without asking here."""
    try:
        parts = urlsplit(headers_of(scope).get("referer", ""))
    except ValueError:
        return ""
    own = context_of(scope).get("origin", "").partition("://")[2]
    if not parts.path or parts.netloc != own:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def in_front(send: Send, asking: bytes) -> Send:
    """A `send` that writes the banner to the beginning of a page."""
    return changing_page(
        send,
        lambda start: (start, start["status"] == 200 and is_page(start)),
        lambda page: _BODY.sub(lambda found: found[0] + asking, page, count=1),
    )


async def send_style(send: Send) -> None:
    """The style sheet."""
    body, mark = style()
    headers = {
        "content-type": "text/css; charset=utf-8", "content-length": str(len(body)), "etag": f'"{mark}"',
        "cache-control": "public, max-age=3600",
    }  # fmt: skip
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def send_answer(send: Send, answer: Answer, *, head: bool = False) -> None:
    """An answer as HTTP.

    Args:
        head: without its body.
    """
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    if answer.to:
        headers["location"] = answer.to
    if answer.wait:
        headers["retry-after"] = str(max(1, math.ceil(answer.wait)))
    headers["content-length"] = str(len(answer.body))
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
