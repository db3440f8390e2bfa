"""The doors of a server, outermost first: whose address, which host, allowed in, not too often, our own pages, a
session.

    app = Doors(app, DoorConfig(...), sessions=…, access=…, limits=…)

Behind them the app finds who asks in two request headers that no client can set: `x-shopr-session` and
`x-shopr-address`. An app that begins another session says so by `give(scope, token)`; with "" the cookie goes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from shopr.clock import Clock, SystemClock
from shopr.errors import ShoprError
from shopr.security.access_book import AccessBook
from shopr.security.asgi import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    context_of,
    cookie_of,
    headers_of,
    html_wanted,
    refuse,
    with_headers,
)
from shopr.security.behaviour import Act
from shopr.security.csrf import SAFE_METHODS, cross_site, token_fits
from shopr.security.limits import Allowance, Limits
from shopr.security.principal import Principal
from shopr.security.proxies import TrustedProxies
from shopr.security.sessions import Resumed, Sessions

__all__ = ["DoorConfig", "Doors", "give"]

log = logging.getLogger("shopr.security")
ADDRESS, SESSION = "x-shopr-address", "x-shopr-session"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?\Z")
_CHECK_SECONDS = 30.0
_GIVEN = "given"


def give(scope: Scope, token: str) -> None:
    """Let the doors hand the browser this session token with the answer; "" takes its cookie away."""
    context_of(scope)[_GIVEN] = token


class DoorConfig(BaseModel):
    """How the doors are set.

    Attributes:
        secure: cookies over HTTPS only, named `__Host-…`.
        cookie: its name without that prefix.
        hosts: names that the server answers to, "*" for any.
        closed: paths that do not exist for anybody.
        open_: paths that need neither session nor token: health checks, reports.
        token_exempt: paths whose requests cannot carry our token; where they come from is checked all the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secure: bool = True
    cookie: str = Field("shopr", pattern=r"^[a-z-]{1,32}$")
    hosts: tuple[str, ...] = ("*",)
    closed: tuple[str, ...] = ()
    open_: tuple[str, ...] = ("/security/csp-report",)
    token_exempt: tuple[str, ...] = ()

    @property
    def cookie_name(self) -> str:
        """The cookie's name as the browser knows it."""
        return f"__Host-{self.cookie}" if self.secure else self.cookie


class Doors:
    """Lets requests through to `app`, or ends them with a short answer.

    Args:
        proxies: finds the client's address.
        access, limits, sessions: None does without.
        on_refusal: told of every refusal: (what, who, words).
        on_act: told of sessions that start and pages that do not exist, for the watch on behaviour: (act, who, what).
    """

    def __init__(
        self,
        app: App,
        config: DoorConfig | None = None,
        *,
        proxies: TrustedProxies | None = None,
        access: AccessBook | None = None,
        limits: Limits | None = None,
        sessions: Sessions | None = None,
        clock: Clock | None = None,
        on_refusal: Callable[[str, Principal, str], None] | None = None,
        on_act: Callable[[Act, Principal, str], object] | None = None,
    ) -> None:
        self._app, self.config, self._proxies = app, config or DoorConfig(), proxies or TrustedProxies()
        self._access, self._limits, self._sessions = access, limits, sessions
        self._clock, self._on_refusal = clock or SystemClock(), on_refusal or (lambda what, who, words: None)
        self._on_act = on_act or (lambda act, who, what: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        address = self._address(scope)
        scope = with_headers(scope, [ADDRESS, SESSION], [(ADDRESS, address)])
        context_of(scope)["address"] = address
        problem = self._misplaced(scope)
        if problem:
            await refuse(scope, send, problem[0], problem[1])
            return
        if self._is(self.config.open_, scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            await self._inside(scope, receive, send, address)
        except ShoprError as error:  # storage is away: closed rather than open
            log.error("the doors are closed: %s", error.one_line())
            await refuse(scope, send, 503, "Not available for the moment", [("retry-after", "5")])

    async def _inside(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        token = cookie_of(scope, self.config.cookie_name)
        resumed = await self._resumed(scope, token, address)
        session = resumed.session if resumed else None
        who = Principal.of(
            user=session.user if session else "", session=session.id if session else "", address=address or None
        )
        if self._access is not None and address:
            answer = await asyncio.to_thread(partial(self._access.check, address, signed_in=bool(who.user)))
            if not answer.allowed:
                await self._refuse(scope, send, "access", who, "This network has no access")
                return
        if self._limits is not None:
            allowance = await asyncio.to_thread(self._limits.hit, "request", who)
            if not allowance.allowed:
                await self._too_often(scope, send, who, allowance)
                return
        words = self._forged(scope, token)
        if words:
            await self._refuse(scope, send, "csrf", who, words)
            return
        fresh = resumed.token if resumed else None
        if session is None and self._sessions is not None and html_wanted(scope) and await self._may_start(who):
            agent = headers_of(scope).get("user-agent", "")
            fresh, session = await asyncio.to_thread(partial(self._sessions.start, address=address, agent=agent))
            await asyncio.to_thread(self._on_act, "session_started", who, "")
        if session is not None:
            context_of(scope).update(session=session, token=fresh or token)
            scope = with_headers(scope, [], [(SESSION, session.id)])
        sending = self._minding(self._setting(send, scope, fresh), who, scope["path"])
        receiving = receive
        if scope["type"] == "websocket" and session is not None:
            receiving = self._watched(receive, session.id)
        await self._app(scope, receiving, sending)

    # -- one door each ------------------------------------------------------------------------------------------------

    def _address(self, scope: Scope) -> str:
        peer = (scope.get("client") or ("",))[0] or ""
        values = [v.decode("latin-1") for n, v in scope["headers"] if n.lower() == self._proxies.header.encode()]
        return self._proxies.client(peer, values)

    def _misplaced(self, scope: Scope) -> tuple[int, str] | None:
        """A host that is not ours (DNS rebinding), or a path that is closed."""
        hosts = [v.decode("latin-1") for n, v in scope["headers"] if n.lower() == b"host"]
        found = _HOST.match(hosts[0]) if len(hosts) == 1 else None
        if found is None or not ("*" in self.config.hosts or found[1].lower().rstrip(".") in self.config.hosts):
            return 421, "This server does not answer to that host"
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        context_of(scope)["origin"] = f"{'https' if self.config.secure else scheme}://{hosts[0]}"
        return (404, "Not found") if self._is(self.config.closed, scope["path"]) else None

    async def _resumed(self, scope: Scope, token: str, address: str) -> Resumed | None:
        if self._sessions is None or not token:
            return None
        agent = headers_of(scope).get("user-agent", "")
        return await asyncio.to_thread(partial(self._sessions.resume, token, address=address, agent=agent))

    def _forged(self, scope: Scope, token: str) -> str:
        headers, websocket = headers_of(scope), scope["type"] == "websocket"
        method = "GET" if websocket else scope["method"]
        words = cross_site(method, headers, context_of(scope)["origin"], websocket=websocket)
        if words or method in SAFE_METHODS or self._is(self.config.token_exempt, scope["path"]):
            return words
        fits = bool(token) and token_fits(token, headers.get("x-csrf-token", ""))
        return "" if fits else f"{method} without the session's token"

    async def _may_start(self, who: Principal) -> bool:
        """Sessions are rows: a robot that throws its cookies away must not fill the table."""
        return self._limits is None or (await asyncio.to_thread(self._limits.hit, "session", who)).allowed

    def _setting(self, send: Send, scope: Scope, fresh: str | None) -> Send:
        """A `send` that hands the browser its token: the one that the app gives, else the one that is due."""
        secure = "; Secure" if self.config.secure else ""

        async def sending(message: Message) -> None:
            token = context_of(scope).get(_GIVEN, fresh)
            if token is not None and message["type"] in ("http.response.start", "websocket.accept"):
                over = "" if token else "; Max-Age=0"
                line = f"{self.config.cookie_name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{over}".encode()
                kept = list(message.get("headers", ()))
                # The first answer to a visitor must not be handed to another one by a cache.
                private = [(n, v) for n, v in kept if n.lower() != b"cache-control"]
                message = {**message, "headers": [*private, (b"set-cookie", line), (b"cache-control", b"no-store")]}
            await send(message)

        return sending

    def _minding(self, send: Send, who: Principal, path: str) -> Send:
        """A `send` that minds pages that do not exist: who asks for many of them looks for holes."""

        async def sending(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start" and message["status"] == 404:
                await asyncio.to_thread(self._on_act, "page_missing", who, path)

        return sending

    def _watched(self, receive: Receive, session_id: str) -> Receive:
        """A `receive` that ends the connection soon after its session ended."""
        checked = self._clock.monotonic()

        async def receiving() -> Message:
            nonlocal checked
            message = await receive()
            now = self._clock.monotonic()
            if (
                message["type"] == "websocket.receive"
                and now - checked >= _CHECK_SECONDS
                and self._sessions is not None
            ):
                checked = now
                if not await asyncio.to_thread(self._sessions.alive, session_id):
                    return {"type": "websocket.disconnect", "code": 1008}
            return message

        return receiving

    async def _too_often(self, scope: Scope, send: Send, who: Principal, allowance: Allowance) -> None:
        self._on_refusal("rate", who, f"too many requests of one {allowance.dimension}")
        await refuse(scope, send, 429, "Too many requests, try again later", allowance.headers().items())

    async def _refuse(self, scope: Scope, send: Send, what: str, who: Principal, words: str) -> None:
        self._on_refusal(what, who, words)
        await refuse(scope, send, 403, "Refused" if what == "csrf" else words)

    @staticmethod
    def _is(paths: tuple[str, ...], path: str) -> bool:
        return any(path == p or (p.endswith("/") and path.startswith(p)) for p in paths)
