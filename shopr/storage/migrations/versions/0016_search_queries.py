"""Searches that found nothing or nothing sure, counted by day, language and masked text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"


def upgrade() -> None:
    op.create_table(
        "search_queries",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("query", sa.String(120), nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("without_result", sa.Integer, nullable=False),
        sa.Column("without_confidence", sa.Integer, nullable=False),
        sa.Column("best", sa.Float),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("shop", "day", "language", "query", name="pk_search_queries"),
    )
    op.create_index("ix_search_queries_day", "search_queries", ["day"])
