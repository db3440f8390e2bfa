"""Models on trial beside the champion, and the alerts that may end a trial or take a champion down."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, PrimaryKeyConstraint, String, Text

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["alerts", "model_trials"]

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

alerts = table(
    "alerts",
    Card("shopr.tracking.alerts", "for good: what alarmed whom, and what came of it", None, "none"),
    Column("id", String(32), primary_key=True),
    Column("time", UtcDateTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("source", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("version", String(64)),
    Column("handled_at", UtcDateTime),
    Column("outcome", Text),
    Index(None, "handled_at", "time"),
)
"""What went wrong, when, and what was done about it. `version` names the model it is about, where it is about one."""
