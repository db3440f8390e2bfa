"""Keys, and what the guard remembers."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, LargeBinary, String, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["access_rules", "api_keys", "data_keys", "guard_state"]

data_keys = table(
    "data_keys",
    Card("shopr.security.crypto_datakeys", "until the person is erased or the key renewed", None, "values"),
    Column("key_id", String(32), primary_key=True),
    Column("subject", String(64), nullable=False),
    Column("current", Integer),  # 1 for the key that encrypts, NULL for earlier ones: NULLs never collide
    Column("master_id", String(64), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("subject", "current"),
)
"""Data keys, wrapped by master keys: one current key a person, who is named by a digest alone. Without its row, what a
key encrypted cannot be read by anybody: so a person is erased from every copy and backup at once."""

api_keys = table(
    "api_keys",
    Card("shopr.security.apikeys", "until 400 days after it was revoked or ran out", "owner", "none"),
    Column("key_id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("owner", String(256), nullable=False),
    Column("label", String(256), nullable=False),
    Column("secret_hash", String(256)),
    Column("origins", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)
"""Keys of programs: secret ones as Argon2id hashes, publishable ones with the origins that may use them."""

guard_state = table(
    "guard_state",
    Card("shopr.security.state", "until it expires: minutes for rates, a day for lockouts", None, "none"),
    Column("key", String(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("expires", Float, nullable=False),
    Column("boot", String(36), nullable=False),
    Index(None, "expires"),
)
"""Rates, failures and locks that several processes share, under digests; times are monotonic seconds, not dates."""

access_rules = table(
    "access_rules",
    Card("shopr.security.access_book", "90 days after it ended", None, "none"),
    Column("id", Integer, primary_key=True),
    Column("network", String(64), nullable=False),
    Column("action", String(8), nullable=False),
    Column("source", String(16), nullable=False),
    Column("reason", String(256), nullable=False),
    Column("actor", String(256), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("ended_by", String(256)),
    Column("ended_why", String(256)),
    Index(None, "ended_at", "expires_at"),
)
"""Networks that are let in or kept out, by whom, why and for how long."""
