"""Requests that another site makes a browser send: refused by what the browser says of them, and by a token.

- Sec-Fetch-Site, which no page can forge, decides where it is there; else Origin, else Referer must be our own.
- A state-changing request also carries a token that belongs to the session. It is masked anew in every page, so that
  compression tells nothing about it (BREACH).
- A WebSocket opens only to pages of our own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

__all__ = ["SAFE_METHODS", "cross_site", "csrf_token", "token_fits"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BYTES = 32


def csrf_token(session_token: str) -> str:
    """A token for one page of a session, another one each time."""
    mask = secrets.token_bytes(_BYTES)
    return base64.urlsafe_b64encode(mask + _xor(mask, _core(session_token))).decode().rstrip("=")


def token_fits(session_token: str, presented: str) -> bool:
    """Whether a token that came with a request belongs to its session."""
    if not presented.isascii() or len(presented) > 200:
        return False
    try:
        raw = base64.b64decode(presented + "=" * (-len(presented) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(raw) != 2 * _BYTES:
        return False
    return hmac.compare_digest(_xor(raw[:_BYTES], raw[_BYTES:]), _core(session_token))


def cross_site(method: str, headers: Mapping[str, str], own_origin: str, *, websocket: bool = False) -> str:
    """Why a request is another site's doing; "" if it is not.

    Links from other sites may lead here: a plain navigation by GET is let in.

    Args:
        headers: names in small letters.
        own_origin: scheme and host as the browser sees them, such as https://shop.example.
    """
    site = headers.get("sec-fetch-site", "")
    if websocket:
        return "" if _same(headers.get("origin", ""), own_origin) else "WebSocket of another origin"
    if method in SAFE_METHODS:
        navigation = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return "" if site in ("", "none", "same-origin") or navigation else f"{site} request"
    if site:
        return "" if site == "same-origin" else f"{site} {method}"
    source = headers.get("origin") or headers.get("referer", "")
    if not source:
        return f"{method} that says nothing of its origin"
    return "" if _same(source, own_origin) else f"{method} of another origin"


def _same(source: str, own: str) -> bool:
    try:
        there, here = urlsplit(source), urlsplit(own)
        return bool(there.netloc) and _origin(there) == _origin(here)
    except ValueError:
        return False


def _origin(parts: object) -> tuple[str, str, int]:
    scheme: str = parts.scheme.replace("wss", "https").replace("ws", "http")  # type: ignore[attr-defined]
    port = parts.port or (443 if scheme == "https" else 80)  # type: ignore[attr-defined]
    return scheme, (parts.hostname or "").lower(), port  # type: ignore[attr-defined]


def _core(session_token: str) -> bytes:
    return hmac.digest(session_token.encode(), b"shopr csrf", "sha256")


def _xor(one: bytes, two: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(two, "big")).to_bytes(len(one), "big")
