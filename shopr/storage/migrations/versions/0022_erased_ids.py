"""Who was erased, so that no process stores what it still holds of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision: str | None = "0021"


def upgrade() -> None:
    op.create_table(
        "erased_ids",
        sa.Column("id", sa.LargeBinary(16), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("swept", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erased_ids"),
    )
