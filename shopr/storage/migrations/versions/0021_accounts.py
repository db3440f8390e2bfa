"""Who may sign in, and on which device a session was begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision: str | None = "0020"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("name_key", sa.String(64), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("password_hash", sa.String(512), nullable=False),
        sa.Column("privilege", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("password_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True)),
        sa.Column("locked_at", sa.DateTime(timezone=True)),
        sa.Column("locked_why", sa.String(256)),
        sa.PrimaryKeyConstraint("user_id", name="pk_accounts"),
        sa.UniqueConstraint("name_key", name="uq_accounts_name_key"),
    )
    op.add_column("web_sessions", sa.Column("device", sa.String(64), nullable=False, server_default=""))
