"""Keys of programs. A secret key proves who calls; a publishable one, in a web page, only says which shop it is.

sk_<id>_<secret>    stored as an Argon2id hash, never shown again
pk_<id>             bound to origins: a browser on another site is refused
"""

from __future__ import annotations

import hmac
import os
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import delete, insert, or_, select, update

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError
from shopr.security.passwords import Passwords
from shopr.storage.database import Database
from shopr.storage.tables import api_keys as table

__all__ = ["ApiKey", "ApiKeys", "origin_of"]

Kind = Literal["secret", "publishable"]
_SECRET = re.compile(r"^sk_([0-9a-f]{16})_([0-9a-f]{64})\Z")
_PUBLIC = re.compile(r"^pk_([0-9a-f]{16})\Z")
_KEPT = timedelta(days=400)
_TRUSTED_SECONDS = 60.0
_TRUSTED_MOST = 10_000


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a program, without its secret.

    Attributes:
        id: 16 hexadecimal digits.
        kind: "secret" or "publishable".
        owner: the user id it acts for.
        label: what it is for, in the owner's words.
        origins: sites that may use it; only of a publishable key.
        scopes: what it may do.
        created_at, expires_at, revoked_at: its life.
    """

    id: str
    kind: Kind
    owner: str
    label: str
    origins: tuple[str, ...]
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeys:
    """The keys of programs of one installation.

    A secret key is random in full, so Argon2id need not be as slow as for passwords; a key that was just verified is
    known for a minute by a keyed digest in memory, so that a busy program does not pay for each call.

    Args:
        database: opened and upgraded.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None, hasher: Passwords | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()
        self._hasher = hasher or Passwords(time_cost=2, memory_kib=19_456, lanes=1)
        self._pepper, self._trusted, self._lock = os.urandom(32), dict[bytes, float](), threading.Lock()

    def create(
        self,
        owner: str,
        label: str,
        *,
        kind: Kind = "secret",
        origins: Iterable[str] = (),
        scopes: Iterable[str] = (),
        days: int | None = 365,
    ) -> tuple[str, ApiKey]:
        """A new key: its text, which is not kept, and what is.

        Raises:
            InputError: if a publishable key has no origin, a secret one has any, or a text is empty or too long.
        """
        allowed = tuple(origin_of(origin) for origin in origins)
        _check(owner, label, kind, allowed, days)
        key_id, secret = os.urandom(8).hex(), os.urandom(32).hex()
        now = self._clock.now()
        made = ApiKey(
            key_id, kind, owner, label, allowed, tuple(scopes), now, now + timedelta(days=days) if days else None, None
        )
        row = {
            **{"key_id": key_id, "kind": kind, "owner": owner, "label": label, "scopes": list(made.scopes)},
            **{"origins": list(allowed), "created_at": now, "expires_at": made.expires_at},
            "secret_hash": self._hasher.hash(secret) if kind == "secret" else None,
        }
        with self._database.begin() as connection:
            connection.execute(
                delete(table).where(or_(*(c < now - _KEPT for c in (table.c.revoked_at, table.c.expires_at))))
            )
            connection.execute(insert(table).values(row))
        return (f"sk_{key_id}_{secret}" if kind == "secret" else f"pk_{key_id}"), made

    def authenticate(self, text: str, *, origin: str | None = None) -> ApiKey | None:
        """The key that `text` is; None if it is none, is wrong, over, revoked, or used from another origin.

        Args:
            origin: the request's Origin header, for publishable keys.
        """
        secret, public = _SECRET.match(text), _PUBLIC.match(text)
        if secret is not None:
            found = self._valid(secret[1])
            if found is None or found["kind"] != "secret":
                self._hasher.verify(None, text)  # takes as long as a wrong secret
                return None
            return _key(found) if self._fits(found["secret_hash"], secret[2]) else None
        if public is not None:
            found = self._valid(public[1])
            if found is not None and found["kind"] == "publishable" and _same_origin(origin, found["origins"]):
                return _key(found)
        return None

    def revoke(self, key_id: str) -> bool:
        """End a key; whether it was alive."""
        change = update(table).where(table.c.key_id == key_id, table.c.revoked_at.is_(None))
        with self._database.begin() as connection:
            return connection.execute(change.values(revoked_at=self._clock.now())).rowcount > 0

    def of(self, owner: str) -> list[ApiKey]:
        """An owner's keys, newest first."""
        query = select(table).where(table.c.owner == owner).order_by(table.c.created_at.desc())
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(query).mappings()]

    def _valid(self, key_id: str) -> dict[str, Any] | None:
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.key_id == key_id)).mappings().first()
        if row is None or row["revoked_at"] is not None:
            return None
        return dict(row) if row["expires_at"] is None or row["expires_at"] > self._clock.now() else None

    def _fits(self, stored: str, secret: str) -> bool:
        mark = hmac.digest(self._pepper, f"{stored}:{secret}".encode(), "sha256")
        now = self._clock.monotonic()
        with self._lock:
            if self._trusted.get(mark, -1.0) > now:
                return True
        if not self._hasher.verify(stored, secret):
            return False
        with self._lock:
            if len(self._trusted) >= _TRUSTED_MOST:
                self._trusted.clear()
            self._trusted[mark] = now + _TRUSTED_SECONDS
        return True


def origin_of(text: str) -> str:
    """An origin in its one spelling: scheme, host, port unless it is the scheme's own.

    Raises:
        InputError: if it is none.
    """
    hint = "Write https://shop.example, without a path"
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise InputError(f"origin {text[:80]!r} is none", hint=hint) from None
    bare = not parts.path.strip("/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or not bare or "*" in text:
        raise InputError(f"origin {text[:80]!r} is none", hint=hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


def _same_origin(origin: str | None, allowed: Sequence[str]) -> bool:
    if not origin:
        return False
    try:
        return origin_of(origin) in allowed
    except InputError:
        return False


def _check(owner: str, label: str, kind: str, origins: tuple[str, ...], days: int | None) -> None:
    for name, value in (("owner", owner), ("label", label)):
        if not 1 <= len(value) <= 256:
            raise InputError(
                f"{name} of {len(value)} characters, the bounds are 1 and 256", hint=f"Give the key's {name}"
            )
    if kind not in ("secret", "publishable"):
        raise InputError(f"kind {kind!r} of key", hint="Use 'secret' or 'publishable'")
    if (kind == "publishable") != bool(origins):
        raise InputError(
            f"{kind} key with {len(origins)} origins", hint="Bind publishable keys, and only those, to origins"
        )
    if days is not None and not 1 <= days <= 3650:
        raise InputError(f"key for {days} days", hint="Give 1 to 3650 days, or None")


def _key(row: Any) -> ApiKey:
    return ApiKey(
        row["key_id"], row["kind"], row["owner"], row["label"], tuple(row["origins"]), tuple(row["scopes"]),
        row["created_at"], row["expires_at"], row["revoked_at"],
    )  # fmt: skip
