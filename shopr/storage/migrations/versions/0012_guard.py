"""Rates, failures and locks that several processes share; networks that are let in or kept out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    op.create_table(
        "guard_state",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("boot", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_guard_state"),
    )
    op.create_index("ix_guard_state_expires", "guard_state", ["expires"])
    op.create_table(
        "access_rules",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(256), nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.String(256)),
        sa.Column("ended_why", sa.String(256)),
        sa.PrimaryKeyConstraint("id", name="pk_access_rules"),
    )
    op.create_index("ix_access_rules_ended_at_expires_at", "access_rules", ["ended_at", "expires_at"])
