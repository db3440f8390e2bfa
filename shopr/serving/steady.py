"""What the app's own server adds for people: a script in every page that keeps it steady while it is drawn anew.

Streamlit draws a page from the server, so a button that opens something takes the keyboard's focus along when it goes,
each pause in what is typed is an entry of the browser's history, and nobody who cannot see the page is told that it
changed. The script mends that; it sends nothing and keeps nothing. Behind the doors (`shopr.security.doors`), which
give every script its nonce.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from shopr.security.asgi import App, Receive, Scope, Send, changing_page, html_wanted, is_page, refuse

__all__ = ["SCRIPT", "Steady", "script"]

SCRIPT = "/static/steady.js"


@lru_cache(maxsize=1)
def script() -> tuple[bytes, str]:
    """The script, and a mark of its content."""
    body = files("shopr.serving").joinpath("static", "steady.js").read_bytes()
    return body, sha256(body).hexdigest()[:12]


class Steady:
    """Answers with the script, puts its tag into pages, and hands everything else on to `app`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"] == SCRIPT:
            await _script(scope, send)
        elif scope["type"] == "http" and html_wanted(scope):
            await self._app(scope, receive, _with_tag(send))
        else:
            await self._app(scope, receive, send)


def _with_tag(send: Send) -> Send:
    """A `send` that writes the tag into the head of a page, before the scripts that draw it."""
    tag = f'<script src="{SCRIPT}?v={script()[1]}"></script>'.encode()
    return changing_page(
        send,
        lambda start: (start, start["status"] == 200 and is_page(start)),
        lambda page: page.replace(b"</head>", tag + b"</head>", 1),
    )


async def _script(scope: Scope, send: Send) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        await refuse(scope, send, 405, "GET the script", [("allow", "GET")])
        return
    body, mark = script()
    headers = {
        "content-type": "text/javascript; charset=utf-8", "content-length": str(len(body)),
        "cache-control": "public, max-age=3600", "etag": f'"{mark}"',
    }  # fmt: skip
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
