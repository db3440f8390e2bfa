"""What shoppers did since the model was fitted, so that a restart forgets nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    op.create_table(
        "live_interactions",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(63), nullable=False, server_default=""),
        sa.Column("event_id", sa.String(256), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("session_id", sa.String(256)),
        sa.Column("product_id", sa.String(256), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_live_interactions"),
        sa.UniqueConstraint("shop", "event_id", "product_id", name="uq_live_interactions_shop_event_id_product_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_live_interactions_shop_user_id_time", "live_interactions", ["shop", "user_id", "time"])
