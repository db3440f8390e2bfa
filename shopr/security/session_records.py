"""What a session is, as it is told and as it is stored: its bounds, its privilege, the browser that holds it."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shopr.security.crypto_aead import NONCE_BYTES, derive, open_sealed, seal

__all__ = [
    "PRIVILEGES", "Privilege", "Resumed", "Session", "SessionConfig", "at_least", "browser_name", "hidden_successor",
    "session_of", "shown_successor", "token_hash",
]  # fmt: skip

Privilege = Literal["visitor", "user", "analyst", "operator"]
PRIVILEGES: tuple[Privilege, ...] = ("visitor", "user", "analyst", "operator")
"""From least to most: who comes later may do all that who comes before may."""
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS", "Firefox"), ("Chrome/", "Chrome"),
             ("CriOS", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
_SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


class SessionConfig(BaseModel):
    """How long sessions live.

    Attributes:
        idle_seconds: without a request.
        absolute_seconds: at all.
        rotate_seconds: age at which a token is replaced.
        grace_seconds: for which the replaced one still works.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_seconds: float = Field(1800.0, gt=0)
    absolute_seconds: float = Field(43_200.0, gt=0)
    rotate_seconds: float = Field(900.0, gt=0)
    grace_seconds: float = Field(30.0, ge=0, le=300)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds.

    Attributes:
        id: the same through all its tokens; no secret, for logs and limits.
        user: user id; "" of a visitor.
        privilege: what it may do.
        created_at, seen_at: its first and its last request, the latter to a minute.
        device: the browser that it was begun with, in words; "" of a visitor.
    """

    id: str
    user: str
    privilege: Privilege
    created_at: datetime
    seen_at: datetime
    device: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The answer to a token.

    Attributes:
        session: None if there is none (any more).
        token: a new token to be sent to the browser; None to keep the present one.
        signs: "network_changed", "agent_changed", "moved" (both, which ends a signed-in session), "replayed".
    """

    session: Session | None
    token: str | None = None
    signs: tuple[str, ...] = ()


def at_least(privilege: Privilege, wanted: Privilege) -> bool:
    """Whether a privilege is as high as the wanted one.

    >>> at_least("operator", "analyst"), at_least("user", "analyst")
    (True, False)
    """
    return PRIVILEGES.index(privilege) >= PRIVILEGES.index(wanted)


def browser_name(agent: str) -> str:
    """A browser in words, by which its owner knows it again; no version, which would tell more than that.

    >>> browser_name("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    browser = next((words for mark, words in _BROWSERS if mark in agent), "")
    system = next((words for mark, words in _SYSTEMS if mark in agent), "")
    return " on ".join(part for part in (browser or ("A program" if agent else ""), system) if part)


def session_of(row: Any) -> Session:
    """A session as its row tells."""
    return Session(
        row["session_id"], row["user_id"] or "", row["privilege"], row["created_at"], row["seen_at"], row["device"]
    )


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode()).hexdigest()


def hidden_successor(token: str, successor: str) -> str:
    """The successor, readable only to who has the token before: storage alone gives no working token away."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = seal(derive(token.encode(), b"shopr session successor"), nonce, successor.encode(), b"")
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def shown_successor(token: str, hidden: str) -> str:
    """The successor that was hidden under this token."""
    raw = base64.urlsafe_b64decode(hidden)
    key = derive(token.encode(), b"shopr session successor")
    return open_sealed(key, raw[:NONCE_BYTES], raw[NONCE_BYTES:], b"").decode()
