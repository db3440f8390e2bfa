"""Keys, and what the guard remembers."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, LargeBinary, String, Text, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = [
    "access_rules", "accounts", "api_keys", "audit_log", "data_keys", "guard_events", "guard_state", "web_sessions",
]  # fmt: skip

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

audit_log = table(
    "audit_log",
    Card("shopr.security.audit", "seven years", None, "none"),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("time", UtcDateTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", String(512), nullable=False),
    Column("reason", String(2000), nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "action", "seq"),
)
"""Who did what to what, when and why, as a hash chain; persons by digest."""

guard_events = table(
    "guard_events",
    Card("shopr.security.watch", "90 days", "user_id", "none"),
    Column("id", Integer, primary_key=True),
    Column("time", UtcDateTime, nullable=False),
    Column("shop", String(63), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("door", String(32), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("score", Float),
    Column("classes", JSON, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("reason", String(512), nullable=False),
    Column("user_id", String(256)),
    Column("session", String(64), nullable=False),
    Column("network", String(64), nullable=False),
    Column("lock_key", String(128), nullable=False),
    Column("seconds", Float),
    Column("ended_at", UtcDateTime),
    Index(None, "time"),
    Index(None, "kind", "time"),
)
"""What the guard saw: verdicts that were not "allow", refusals by rate, locks, blocks, odd sessions; never the text."""

web_sessions = table(
    "web_sessions",
    Card("shopr.security.sessions", "30 days after it ended", "user_id", "none"),
    Column("token_hash", String(64), primary_key=True),
    Column("session_id", String(32), nullable=False),
    Column("user_id", String(256)),
    Column("privilege", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("replaced_at", UtcDateTime),
    Column("successor", String(256)),
    Column("revoked_at", UtcDateTime),
    Column("revoked_why", String(256)),
    Column("network", String(32), nullable=False),
    Column("agent", String(32), nullable=False),
    Column("device", String(64), nullable=False, server_default=""),  # such as "Firefox on Linux", of who signed in
    Index(None, "session_id"),
    Index(None, "user_id"),
    Index(None, "seen_at"),
)
"""Sessions of visitors, by the hash of the token in their cookie; one row a token, several tokens a session."""

accounts = table(
    "accounts",
    Card("shopr.security.accounts", "until the person deletes the account or is erased", "user_id", "values"),
    Column("user_id", String(256), primary_key=True),
    Column("name_key", String(64), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("password_hash", String(512), nullable=False),
    Column("privilege", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("password_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime),
    Column("locked_at", UtcDateTime),
    Column("locked_why", String(256)),
    UniqueConstraint("name_key"),
)
"""Who may sign in: the name encrypted, and found by a keyed digest; the password as an Argon2id hash."""
