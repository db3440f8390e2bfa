"""What the app's own server adds for collecting: the endpoint, the script in every page, and the page of metrics.

Behind the doors (`shopr.security.doors`), which know the session. The script tag goes into pages before the doors give
every script its nonce.
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING

from shopr.errors import ShoprError
from shopr.security.asgi import (
    App,
    Receive,
    Scope,
    Send,
    context_of,
    headers_of,
    html_wanted,
    privacy_signal,
    refuse,
)
from shopr.serving.collect.endpoint import CONSENT, KEYED, OWN, Collect
from shopr.serving.scripts import script, send_script, send_whole, with_tag

if TYPE_CHECKING:
    from shopr.shop import Shop

__all__ = ["METRICS", "SCRIPT", "Collecting"]

SCRIPT, METRICS = "/collect/measure.js", "/metrics"
SCOPE = "metrics"
_HERE = ("127.0.0.1", "::1")
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
_NAME = "measure.js"


class Collecting:
    """Answers what is about collecting, and hands everything else on to `app`.

    Args:
        shop: whose events these are.
    """

    def __init__(self, app: App, shop: Shop) -> None:
        self._app, self._shop, self._collect = app, shop, Collect(shop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in (KEYED, OWN, CONSENT):
            await self._collect(scope, receive, send)
        elif scope["path"] == SCRIPT:
            await send_script(_NAME, scope, send)
        elif scope["path"] == METRICS:
            await self._metrics(scope, send)
        elif html_wanted(scope):
            await self._app(scope, receive, with_tag(send, await asyncio.to_thread(self._tag, scope)))
        else:
            await self._app(scope, receive, send)

    async def _metrics(self, scope: Scope, send: Send) -> None:
        """Whoever may not see them learns nothing of there being any."""
        if scope["method"] != "GET" or not await asyncio.to_thread(self._may_see, scope):
            await refuse(scope, send, 404, "Not found")
            return
        from shopr.analytics.health.prometheus import CONTENT_TYPE

        body = await asyncio.to_thread(self._shop.metrics.text)
        await send_whole(
            send, {"content-type": CONTENT_TYPE, "content-length": str(len(body)), "cache-control": "no-store"}, body
        )

    def _may_see(self, scope: Scope) -> bool:
        """A program with a secret key of the scope "metrics"; in development this machine itself, too, unless a proxy
        stands between: behind one everybody comes from this machine."""
        headers = headers_of(scope)
        bearer = headers.get("authorization", "")
        if bearer[:7].lower() == "bearer ":
            key = self._shop.security.api_keys.authenticate(bearer[7:].strip())
            return key is not None and key.kind == "secret" and SCOPE in key.scopes
        peer = (scope.get("client") or ("",))[0]
        through = any(name in headers for name in _FORWARDED)
        return self._shop.settings.environment == "development" and peer in _HERE and not through

    def _tag(self, scope: Scope) -> bytes:
        """The script's tag, with what the visitor allows; "" where that cannot be told."""
        session = context_of(scope).get("session")
        if session is None:
            return b""
        try:
            if privacy_signal(scope):
                self._shop.under_gpc(session.id)
            choice = self._shop.choice_of(session.user, session.id)
        except ShoprError:  # the page matters more
            return b""
        said = {
            "src": f"{SCRIPT}?v={script(_NAME)[1]}", "data-send": OWN, "data-consent": CONSENT,
            "data-allowed": " ".join(choice.words()), "data-release": self._shop.settings.release,
        }  # fmt: skip
        words = " ".join(f'{name}="{escape(value)}"' for name, value in said.items())
        return f"<script {words}></script>".encode()
