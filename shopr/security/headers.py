"""Security headers: a strict content security policy with a nonce for each request, and what else browsers obey.

    app = SecurityHeaders(app, HeaderPolicy.of(environment))

The nonce is in `context_of(scope)["nonce"]` for pages that the app makes, and is written into the script tags of pages
that it only hands on (`stamped`). Pages are never cached, for a nonce is good for one answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from shopr.config.environment import Environment, Posture
from shopr.redaction import redact
from shopr.security.asgi import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    changing_page,
    context_of,
    html_wanted,
    is_page,
    refuse,
    with_headers,
)

__all__ = ["REPORT_PATH", "HeaderPolicy", "SecurityHeaders"]

log = logging.getLogger("shopr.security")
REPORT_PATH = "/security/csp-report"
_MOST_REPORT = 16_384
_SCRIPT = re.compile(rb"<script(?=[\s>])", re.IGNORECASE)
_FEATURES = (
    "accelerometer browsing-topics camera display-capture fullscreen geolocation gyroscope magnetometer microphone "
    "midi payment picture-in-picture publickey-credentials-get screen-wake-lock usb web-share xr-spatial-tracking"
).split()


# What Streamlit 1.67's own libraries put into style elements whole: for what can be pressed, for a recording's wave.
_STREAMLIT_STYLES = (
    "'sha256-38RhXrc7EdReTKsOm23ZPOCUgniTUUcjky8QOOrQx6o='",
    "'sha256-gXnHDepVZ6KF6fKGOD+GVc9BynM50JQqht95p3HpemI='",
)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class HeaderPolicy(BaseModel):
    """What is sent.

    Attributes:
        directives: of the content security policy; {nonce} stands for the request's.
        hsts_seconds: 0 sends no Strict-Transport-Security.
        upgrade: whether browsers fetch everything over HTTPS.
        features: those of a browser that pages may use themselves.
        frame_ancestors: who may put a page into a frame.
        report: whether violations are reported here.
        stamped: whether the nonce is written into the script tags of pages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    directives: Mapping[str, str] = Field(
        default_factory=lambda: {
            "default-src": "'none'",
            "script-src": "'nonce-{nonce}' 'strict-dynamic'",
            "style-src": "'self' 'nonce-{nonce}'",
            "img-src": "'self' data: blob:",
            "font-src": "'self'",
            "connect-src": "'self'",
            "manifest-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "object-src": "'none'",
        }
    )
    hsts_seconds: int = Field(0, ge=0)
    upgrade: bool = False
    features: tuple[str, ...] = ()
    frame_ancestors: str = "'none'"
    report: bool = True
    stamped: bool = False

    @classmethod
    def of(cls, environment: Environment, **changes: Any) -> Self:
        """The policy of an environment: what only makes sense over HTTPS is sent only where HTTPS is a must."""
        secure = Posture.of(environment).secure_cookies
        return cls(**{"hsts_seconds": 63_072_000 if secure else 0, "upgrade": secure, **changes})

    @classmethod
    def streamlit(cls, environment: Environment, *, styles: Iterable[str] = ()) -> Self:
        """As strict as Streamlit's pages allow: they run WebAssembly, and put widths into style attributes.

        A style element counts only if its text is known. Streamlit makes its own as empty elements, which its scripts
        fill rule by rule; nonces are of no use there, since they would have to be known to those scripts.

        Args:
            styles: texts of the app's own style elements.
        """
        known = " ".join((*(_hash(text) for text in ("", *styles)), *_STREAMLIT_STYLES))
        directives = {
            "default-src": "'none'",
            # Its protocol is decoded by WebAssembly; no text becomes a script, and none comes from elsewhere.
            "script-src": "'self' 'nonce-{nonce}' 'wasm-unsafe-eval'",
            "style-src": "'self' 'unsafe-inline'",  # for browsers that do not tell elements from attributes
            "style-src-elem": f"'self' {known}",
            "style-src-attr": "'unsafe-inline'",
            "img-src": "'self' data: blob:",
            "font-src": "'self' data:",
            "connect-src": "'self'",
            "media-src": "'self' blob: data:",
            "worker-src": "'self' blob:",
            "manifest-src": "'self'",
            "frame-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "object-src": "'none'",
        }
        return cls.of(environment, directives=directives, stamped=True, features=("microphone", "fullscreen"))

    def csp(self, nonce: str) -> str:
        """The content security policy of one answer."""
        parts = [f"{name} {value.replace('{nonce}', nonce)}" for name, value in self.directives.items()]
        parts.append(f"frame-ancestors {self.frame_ancestors}")
        if self.upgrade:
            parts.append("upgrade-insecure-requests")
        if self.report:
            parts.append(f"report-uri {REPORT_PATH}; report-to csp")
        return "; ".join(parts)

    def headers(self, nonce: str) -> dict[str, str]:
        """Every header of one answer."""
        allowed = ", ".join(f"{f}=({'self' if f in self.features else ''})" for f in _FEATURES)
        fields = {
            "content-security-policy": self.csp(nonce),
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "origin-agent-cluster": "?1",
            "permissions-policy": allowed,
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-permitted-cross-domain-policies": "none",
        }
        if self.frame_ancestors == "'none'":
            fields["x-frame-options"] = "DENY"
        if self.report:
            fields["reporting-endpoints"] = f'csp="{REPORT_PATH}"'
        if self.hsts_seconds:
            fields["strict-transport-security"] = f"max-age={self.hsts_seconds}; includeSubDomains"
        return fields


class SecurityHeaders:
    """Sends the headers of a policy with every answer, and takes reports of its violations.

    Args:
        on_report: told of each report: directive, what was blocked, on which page; all redacted.
    """

    def __init__(
        self, app: App, policy: HeaderPolicy, *, on_report: Callable[[str, str, str], None] | None = None
    ) -> None:
        self._app, self._policy, self._on_report = app, policy, on_report or _logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(18)
        context_of(scope)["nonce"] = nonce
        fields = self._policy.headers(nonce)
        if self._policy.report and scope["path"] == REPORT_PATH:
            await self._report(scope, receive, _adding(send, fields, nonce=None))
            return
        stamp = self._policy.stamped and html_wanted(scope)
        if stamp:  # a page is made anew each time: not from a cache, and readable here
            scope = with_headers(scope, ["accept-encoding", "if-none-match", "if-modified-since", "range"])
        await self._app(scope, receive, _adding(send, fields, nonce=nonce if stamp else None))

    async def _report(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await refuse(scope, send, 405, "POST reports here", [("allow", "POST")])
            return
        body = b""
        while len(body) <= _MOST_REPORT:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        if len(body) > _MOST_REPORT:
            await refuse(scope, send, 413, "The report is too long")
            return
        for directive, blocked, page in _read(body):
            self._on_report(directive, blocked, page)
        await refuse(scope, send, 204, "")


def _adding(send: Send, fields: Mapping[str, str], *, nonce: str | None) -> Send:
    """A `send` that adds headers, and writes the nonce into the script tags of a page."""

    def started(message: Message) -> tuple[Message, bool]:
        given = message.get("headers", ())
        html = any(n.lower() == b"content-type" and v.lower().startswith(b"text/html") for n, v in given)
        own = dict(fields) | ({"cache-control": "no-store"} if html else {})
        gone = {b"x-powered-by"} | ({b"etag", b"last-modified", b"cache-control"} if html else set())
        kept = [(n, v) for n, v in given if n.lower() not in gone | {k.encode() for k in own}]
        added = [(k.encode(), v.encode("latin-1")) for k, v in own.items()]
        return {**message, "headers": [*kept, *added]}, nonce is not None and is_page(message)

    tag = b'<script nonce="' + str(nonce).encode() + b'"'
    return changing_page(send, started, lambda page: _SCRIPT.sub(tag, page))


def _read(body: bytes) -> list[tuple[str, str, str]]:
    """Directive, what was blocked, and the page, of each report in either of the two formats that browsers send."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return []
    found = []
    for one in (given if isinstance(given, list) else [given])[:20]:
        if not isinstance(one, dict):
            continue
        inner = one.get("csp-report", one.get("body", {}))
        if isinstance(inner, dict):
            pairs = (("effective-directive", "effectiveDirective", "violated-directive"), ("blocked-uri", "blockedURL"),
                     ("document-uri", "documentURL"))  # fmt: skip
            values = [next((str(inner[n]) for n in names if n in inner), "") for names in pairs]
            directive, blocked, page = (redact(value.partition("?")[0])[:200] for value in values)
            found.append((directive, blocked, page))
    return found


def _logged(directive: str, blocked: str, page: str) -> None:
    log.warning("content security policy: %r blocked %r on %r", directive, blocked, page)
