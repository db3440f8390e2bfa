"""What shoppers searched for and did not find."""

from __future__ import annotations

from sqlalchemy import Column, Date, Float, Index, Integer, PrimaryKeyConstraint, String

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["search_queries"]

search_queries = table(
    "search_queries",
    Card("shopr.search.merchant.querylog", "90 days", None, "none"),
    Column("shop", String(63), nullable=False),
    Column("day", Date, nullable=False),
    Column("language", String(35), nullable=False),
    Column("query", String(120), nullable=False),
    Column("asked", Integer, nullable=False),
    Column("without_result", Integer, nullable=False),
    Column("without_confidence", Integer, nullable=False),
    Column("best", Float),
    Column("last_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("shop", "day", "language", "query"),
    Index(None, "day"),
)
"""Searches that found nothing, or nothing sure, counted by day, language and masked text, without who asked; and
under the empty text, how many searches there were in all."""
