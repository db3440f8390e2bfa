"""Which sessions and devices belong to whom, and which errors were called resolved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision: str | None = "0018"


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("session_id", sa.String(256), nullable=False),
        sa.Column("device_id", sa.String(256), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "device_id", "user_id", name="pk_identities"),
    )
    op.create_index("ix_identities_device_id", "identities", ["device_id"])
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "error_states",
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("resolved_in", sa.String(128), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_error_states"),
    )
