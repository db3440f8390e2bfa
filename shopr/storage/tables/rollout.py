"""Models on trial beside the champion."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, PrimaryKeyConstraint, String

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["model_trials"]

model_trials = table(
    "model_trials",
    Card("shopr.tracking.trials", "for good: why a version went on or not", None, "none"),
    Column("version", String(64), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("answers", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("slow", Integer, nullable=False),
    Column("milliseconds", Float, nullable=False),
    Column("shared", Float, nullable=False),
    Column("compared", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("version", "stage"),
)
"""How a version did as shadow or canary: sums over its answers, of all processes together."""
