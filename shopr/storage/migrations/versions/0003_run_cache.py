"""Runs remember what they were made of, so that an unchanged one is served from the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    op.add_column("run_ledger", sa.Column("cache_key", sa.String(64)))
    op.add_column("run_ledger", sa.Column("ingredients", sa.JSON))
    op.create_index("ix_run_ledger_cache_key", "run_ledger", ["cache_key"])
