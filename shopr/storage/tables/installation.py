"""The installation itself, and what data subjects asked of it."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Text

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["meta", "subjects"]

meta = table(
    "meta",
    Card("shopr.storage.database", "as long as the database", None, "none"),
    Column("key", String(128), primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
"""Facts about the installation, key by key."""

subjects = table(
    "subjects",
    # The digest cannot be turned back into the id; it lets a restored backup forget the person again.
    Card("shopr.storage.subjects", "as long as backups exist that may hold the person", None, "none"),
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("report", JSON, nullable=False),
    Index(None, "digest"),
)
"""Requests of data subjects: what was exported or erased, under a digest of the person's id."""
