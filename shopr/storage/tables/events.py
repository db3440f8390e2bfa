"""Events: the hot rows, the cold parts that hold the rest, and the ids that are known already."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, String, Text, UniqueConstraint

from shopr.storage.tables.base import Card, table

__all__ = ["consent_log", "erased_ids", "error_states", "event_ids", "event_parts", "events", "identities"]

events = table(
    "events",
    Card("shopr.analytics.store.hot", "until they are compacted into a part", "user_id", "none"),
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("event_id", String(256), nullable=False),
    Column("type", String(64), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("user_id", String(256)),
    Column("session_id", String(256)),
    Column("product_id", String(256)),
    Column("quantity", BigInteger),
    Column("price", BigInteger),
    Column("currency", String(3)),
    Column("order_id", String(256)),
    Column("position", BigInteger),
    Column("source", String(256)),
    Column("rating", Float),
    Column("query", Text),
    Column("page", String(512)),
    Column("device", String(32)),
    Column("release", String(128)),
    Column("name", String(256)),
    Column("value", Float),
    Column("properties", Text, nullable=False),
    Column("consent", String(256), nullable=False),
    Column("weight", Float, nullable=False),
    Column("version", Integer, nullable=False),
    Column("received", BigInteger, nullable=False),
    UniqueConstraint("event_id"),
    sqlite_autoincrement=True,  # a number is never given twice: compaction cuts by it
)
"""What happened lately, one row an event; times are microseconds since 1970 in UTC."""

event_parts = table(
    "event_parts",
    Card("shopr.analytics.store.cold", "as long as the part", None, "none"),
    Column("path", String(255), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Index(None, "day"),
)
"""The Parquet parts that count: a file that is not listed here is left over from something that was interrupted."""

event_ids = table(
    "event_ids",
    Card("shopr.analytics.store.hot", "30 days: so late may a batch be sent again", None, "none"),
    Column("id", LargeBinary(16), primary_key=True),
    Column("day", Integer, nullable=False),
    Index(None, "day"),
    sqlite_with_rowid=False,
)
"""Digests of the ids of compacted events, so that a batch which is sent again changes nothing."""

consent_log = table(
    "consent_log",
    Card(
        "shopr.analytics.intake.consent",
        "three years after the last change: the proof that consent was given",
        "person",
        "none",
    ),
    Column("id", Integer, primary_key=True),
    Column("person", String(256), nullable=False),
    Column("purposes", String(256), nullable=False),
    Column("notice", String(64), nullable=False),
    Column("origin", String(64), nullable=False),
    Column("time", BigInteger, nullable=False),
    Index(None, "person", "id"),
)
"""What each person allowed, when, on which wording of the notice; rows are added and never changed."""

identities = table(
    "identities",
    Card("shopr.analytics.store.identities", "as long as the events of the person", "user_id", "none"),
    Column("session_id", String(256), primary_key=True),
    Column("device_id", String(256), primary_key=True),
    Column("user_id", String(256), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Index(None, "device_id"),
    Index(None, "user_id"),
)
"""Who was seen where: a session on a device, a user in a session or on a device; "" for what a row does not say."""

erased_ids = table(
    "erased_ids",
    Card(
        "shopr.analytics.store.erased",
        "for good: a file of events may be loaded, and a spool found, at any time",
        None,
        "none",
    ),
    Column("id", LargeBinary(16), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("swept", Boolean, nullable=False),
)
"""Digests of the users and sessions that were erased, and until when what they did is not to be stored."""

error_states = table(
    "error_states",
    Card("shopr.analytics.health.resolutions", "as long as the errors", None, "none"),
    Column("fingerprint", String(64), primary_key=True),
    Column("resolved_in", String(128), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("actor", String(256), nullable=False),
)
"""Groups of errors that somebody called resolved, and in which release: what comes back later is a regression."""
