"""Runs know how far they are, why they ended, what they measured, and the sweep that they belong to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    op.add_column("run_ledger", sa.Column("kind", sa.String(16), nullable=False, server_default="run"))
    op.add_column("run_ledger", sa.Column("parent_id", sa.String(64)))
    op.add_column("run_ledger", sa.Column("trial", sa.Integer))
    op.add_column("run_ledger", sa.Column("attempts", sa.Integer))
    op.add_column("run_ledger", sa.Column("cell", sa.Integer))
    op.add_column("run_ledger", sa.Column("cells", sa.Integer))
    op.add_column("run_ledger", sa.Column("reason", sa.String(16)))
    op.add_column("run_ledger", sa.Column("metrics", sa.JSON))
    op.add_column("run_ledger", sa.Column("mlflow_pending", sa.String(16)))
    op.create_index("ix_run_ledger_parent_id_trial", "run_ledger", ["parent_id", "trial"])
