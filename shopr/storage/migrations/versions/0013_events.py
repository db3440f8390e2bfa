"""Events: hot rows, the list of cold parts, ids of what was compacted, and the log of consent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(256), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.String(256)),
        sa.Column("session_id", sa.String(256)),
        sa.Column("product_id", sa.String(256)),
        sa.Column("quantity", sa.BigInteger),
        sa.Column("price", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("order_id", sa.String(256)),
        sa.Column("position", sa.BigInteger),
        sa.Column("source", sa.String(256)),
        sa.Column("rating", sa.Float),
        sa.Column("query", sa.Text),
        sa.Column("page", sa.String(512)),
        sa.Column("device", sa.String(32)),
        sa.Column("release", sa.String(128)),
        sa.Column("name", sa.String(256)),
        sa.Column("value", sa.Float),
        sa.Column("properties", sa.Text, nullable=False),
        sa.Column("consent", sa.String(256), nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sa.UniqueConstraint("event_id", name="uq_events_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "event_parts",
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("path", name="pk_event_parts"),
    )
    op.create_index("ix_event_parts_day", "event_parts", ["day"])
    op.create_table(
        "event_ids",
        sa.Column("id", sa.LargeBinary(16), nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_ids"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_event_ids_day", "event_ids", ["day"])
    op.create_table(
        "consent_log",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("purposes", sa.String(256), nullable=False),
        sa.Column("notice", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consent_log"),
    )
    op.create_index("ix_consent_log_person_id", "consent_log", ["person", "id"])
