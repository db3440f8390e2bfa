"""What the doors of a server share: pure ASGI, no framework, the same for HTTP and WebSockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

__all__ = [
    "App", "Message", "Receive", "Scope", "Send", "changing_page", "context_of", "cookie_of", "headers_of",
    "html_wanted", "is_page", "privacy_signal", "refuse", "with_headers",
]  # fmt: skip

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_MOST_COOKIES = 16_384
_MOST_PAGE = 2 * 2**20
"""Bytes of a page that are held to be changed; what comes after them goes on as it is."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Headers by their names in small letters; several of one name are joined by commas."""
    found: dict[str, str] = {}
    for name, value in scope.get("headers", ()):
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def context_of(scope: Scope) -> dict[str, Any]:
    """What the doors know of a request so far: address, origin, session, token, nonce."""
    context: dict[str, Any] = scope.setdefault("shopr", {})
    return context


def cookie_of(scope: Scope, name: str) -> str:
    """The value of a cookie; "" if there is none, or if it is there twice: then somebody planted one."""
    raw = "; ".join(v.decode("latin-1") for n, v in scope.get("headers", ()) if n.lower() == b"cookie")
    values = [
        v.strip() for k, _, v in (part.partition("=") for part in raw[:_MOST_COOKIES].split(";")) if k.strip() == name
    ]
    return values[0] if len(values) == 1 else ""


def privacy_signal(scope: Scope) -> bool:
    """Whether a browser sends Global Privacy Control: `Sec-GPC: 1` (W3C)."""
    return headers_of(scope).get("sec-gpc", "").strip() == "1"


def html_wanted(scope: Scope) -> bool:
    """Whether a request is for a page, not for one of its parts."""
    headers = headers_of(scope)
    wanted = headers.get("sec-fetch-dest", "document") in ("document", "iframe")
    return (
        scope["type"] == "http"
        and scope["method"] in ("GET", "HEAD")
        and wanted
        and "text/html" in headers.get("accept", "")
    )


def with_headers(scope: Scope, drop: Iterable[str], add: Iterable[tuple[str, str]] = ()) -> Scope:
    """The scope with request headers of these names left out and others added."""
    gone = {name.encode() for name in drop}
    kept = [(n, v) for n, v in scope.get("headers", ()) if n.lower() not in gone]
    return {**scope, "headers": [*kept, *((n.encode(), v.encode("latin-1", "replace")) for n, v in add)]}


def is_page(start: Message) -> bool:
    """Whether the start of a response is that of an HTML page which can be read: it is not compressed."""
    told = {name.lower(): value.lower() for name, value in start.get("headers", ())}
    return bool(told.get(b"content-type", b"").startswith(b"text/html")) and b"content-encoding" not in told


def changing_page(
    send: Send, started: Callable[[Message], tuple[Message, bool]], change: Callable[[bytes], bytes]
) -> Send:
    """A `send` that may change a page on its way.

    Args:
        started: gives the start of the response as it goes on, and whether the page is to be changed.
        change: gives the page as it goes on; its length is told anew.
    """
    held: list[Message] = []
    page = bytearray()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message, wanted = started(message)
            if wanted:
                held.append(message)
                return
        elif message["type"] == "http.response.body" and held:
            page.extend(message.get("body", b""))
            if message.get("more_body") and len(page) <= _MOST_PAGE:
                return
            body, start = change(bytes(page)), held.pop()
            headers = [(n, v) for n, v in start["headers"] if n.lower() != b"content-length"]
            if not message.get("more_body"):
                headers.append((b"content-length", str(len(body)).encode()))
            await send({**start, "headers": headers})
            message = {**message, "body": body}
        await send(message)

    return sending


async def refuse(scope: Scope, send: Send, status: int, words: str, headers: Iterable[tuple[str, str]] = ()) -> None:
    """End a request with a short plain answer; a WebSocket is closed before it opens."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": words[:100]})
        return
    body = b"" if status == 204 else f"{words}\n".encode()
    lines = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body))), *headers]
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in lines]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
