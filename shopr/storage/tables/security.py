"""Keys, and what the guard remembers."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, LargeBinary, String, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["api_keys", "data_keys"]

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
