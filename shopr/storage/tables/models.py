"""Which model served, why, and which arm of which experiment was shown to whom."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Text

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["experiment_exposures", "promotions"]

promotions = table(
    "promotions",
    Card("shopr.tracking.record", "for good: the record of who served what", None, "none"),
    Column("id", Integer, primary_key=True),
    Column("time", UtcDateTime, nullable=False),
    Column("action", String(32), nullable=False),
    Column("model_name", String(256), nullable=False),
    Column("version", String(64), nullable=False),
    Column("previous_version", String(64)),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index(None, "model_name", "time"),
)
"""Every promotion, refusal and rollback of a model, with its evidence."""

experiment_exposures = table(
    "experiment_exposures",
    Card("shopr.abtest.allocation.exposures", "as long as the experiment's results are kept", "user_id", "none"),
    Column("id", String(32), primary_key=True),
    Column("experiment", String(128), nullable=False),
    Column("unit_id", String(256), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("arm", String(64), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Index(None, "experiment", "time"),
    Index(None, "user_id"),
)
"""Who saw which arm of which experiment first, and when: one row an experiment and unit, never changed."""
