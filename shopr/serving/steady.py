"""What the app's own server adds for people: a script in every page that keeps it steady while it is drawn anew.

Streamlit draws a page from the server, so a button that opens something takes the keyboard's focus along when it goes,
each pause in what is typed is an entry of the browser's history, and nobody who cannot see the page is told that it
changed. The script mends that; it sends nothing and keeps nothing. Behind the doors (`shopr.security.doors`), which
give every script its nonce.
"""

from __future__ import annotations

from shopr.security.asgi import App, Receive, Scope, Send, html_wanted
from shopr.serving.scripts import script, send_script, with_tag

__all__ = ["SCRIPT", "Steady"]

SCRIPT = "/static/steady.js"
_NAME = "steady.js"


class Steady:
    """Answers with the script, puts its tag into pages, and hands everything else on to `app`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"] == SCRIPT:
            await send_script(_NAME, scope, send)
        elif scope["type"] == "http" and html_wanted(scope):
            tag = f'<script src="{SCRIPT}?v={script(_NAME)[1]}"></script>'.encode()
            await self._app(scope, receive, with_tag(send, tag))
        else:
            await self._app(scope, receive, send)
