"""What shoppers said about their own profiles: corrections, and the wish to have it deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    op.create_table(
        "profile_corrections",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_profile_corrections"),
        sa.UniqueConstraint("shop", "user_id", "kind", "name", name="uq_profile_corrections_shop_user_id_kind_name"),
    )
