"""What shoppers did and said since the last fit."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Text, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["live_interactions", "profile_corrections"]

live_interactions = table(
    "live_interactions",
    Card(
        "shopr.recommend.following.live",
        "until a model fitted on these events serves, 90 days at most",
        "user_id",
        "none",
    ),
    Column("seq", Integer, primary_key=True),
    Column("shop", String(63), nullable=False, server_default=""),
    Column("event_id", String(256), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("session_id", String(256)),
    Column("product_id", String(256), nullable=False),
    Column("type", String(32), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "event_id", "product_id"),
    Index(None, "shop", "user_id", "time"),
    sqlite_autoincrement=True,  # a number is never given twice, so that (rows, newest) tells every change
)
"""What shoppers did since the fit: views, clicks, carts and orders, one row an event and product."""

profile_corrections = table(
    "profile_corrections",
    Card("shopr.recommend.profile.corrections", "until the shopper takes it back or is erased", "user_id", "values"),
    Column("id", Integer, primary_key=True),
    Column("shop", String(63), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(512), nullable=False),
    Column("value", JSON, nullable=False),
    Column("sealed", Text),  # name and value together, encrypted; then `name` is a digest and `value` is empty
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "user_id", "kind", "name"),
)
"""What shoppers said about their own profiles, and the moment up to which a deleted profile may not look back."""
