"""Every request as a figure: its route as a template, its status and its time, for Prometheus and as an event.

Outermost of all, so that what the doors refuse is counted, too. Events are sampled and carry nobody's name; files,
health checks and requests whose sender left before they were whole make none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from shopr.clock import Clock, SystemClock
from shopr.security.asgi import App, Message, Receive, Scope, Send

__all__ = ["SENDER_LEFT", "CallMeter", "Routes"]

SENDER_LEFT = 499
"""The status of a request that broke off, as nginx has it: nobody hears it, and nobody was refused."""

_PROBES = ("/_stcore/health", "/_stcore/host-config", "/_stcore/script-health-check")
"""How paths of probes end: Streamlit's pages ask below their own path first, where nothing answers."""
_QUIET = ("/static/*", "/metrics", "/collect/measure.js")


class Routes:
    """Templates of paths: what fits none is "other", so that there are so many routes and no more.

    Args:
        patterns: paths, or, ending in "/*", whatever lies below one.

    >>> Routes(["/", "/chat", "/static/*"]).of("/static/js/a.js"), Routes(["/"]).of("/nowhere")
    ('/static/*', 'other')
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        given = list(patterns)
        self._exact = frozenset(p for p in given if not p.endswith("/*"))
        self._below = tuple(sorted((p for p in given if p.endswith("/*")), key=len, reverse=True))

    def of(self, path: str) -> str:
        """The template of a path."""
        if path in self._exact:
            return path
        return next((pattern for pattern in self._below if path.startswith(pattern[:-1])), "other")


class CallMeter:
    """Measures what `app` answers.

    Args:
        told: told of each request: method, route, status, seconds; quick.
        noted: told of those that make an event: route, status, milliseconds, method; in a thread of its own.
    """

    def __init__(
        self,
        app: App,
        routes: Routes,
        told: Callable[[str, str, int, float], None],
        noted: Callable[[str, int, float, str], None] | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._app, self._routes, self._told, self._noted = app, routes, told, noted
        self._clock = clock or SystemClock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = self._clock.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            seconds, route = self._clock.monotonic() - began, self._routes.of(scope["path"])
            self._told(scope["method"], route, status, seconds)
            heard = status != SENDER_LEFT and route not in _QUIET and not scope["path"].endswith(_PROBES)
            if self._noted is not None and heard:
                await asyncio.to_thread(self._noted, route, status, 1000 * seconds, scope["method"])
