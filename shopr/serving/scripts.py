"""Scripts of the app's own in every page: read once, named by their content, served and tagged."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from shopr.security.asgi import Scope, Send, changing_page, is_page, refuse

__all__ = ["script", "send_script", "send_whole", "with_tag"]

_COMMENT = re.compile(r"\s*/\*.*?\*/\s*")


@lru_cache
def script(name: str) -> tuple[bytes, str]:
    """A script without the lines that are comments, and a mark of its content.

    Args:
        name: of its file in `static`.
    """
    text = files("shopr.serving").joinpath("static", name).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    body = "\n".join(_COMMENT.sub("", line) for line in lines if line and not line.startswith("//")).encode()
    return body, sha256(body).hexdigest()[:12]


async def send_script(name: str, scope: Scope, send: Send) -> None:
    """Answer with a script."""
    if scope["method"] not in ("GET", "HEAD"):
        await refuse(scope, send, 405, "GET the script", [("allow", "GET")])
        return
    body, mark = script(name)
    headers = {
        "content-type": "text/javascript; charset=utf-8", "content-length": str(len(body)),
        "cache-control": "public, max-age=3600", "etag": f'"{mark}"',
    }  # fmt: skip
    await send_whole(send, headers, b"" if scope["method"] == "HEAD" else body)


async def send_whole(send: Send, headers: dict[str, str], body: bytes) -> None:
    """Send an answer of status 200 in one piece."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def with_tag(send: Send, tag: bytes) -> Send:
    """A `send` that writes a tag into the head of a page, before the scripts that draw it; b"" writes nothing."""
    return changing_page(
        send,
        lambda start: (start, bool(tag) and start["status"] == 200 and is_page(start)),
        lambda page: page.replace(b"</head>", tag + b"</head>", 1),
    )
