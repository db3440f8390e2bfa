"""The ledger of notebook runs, and the record of promotions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("model_name", sa.String(256), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("previous_version", sa.String(64)),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_promotions"),
    )
    op.create_index("ix_promotions_model_name_time", "promotions", ["model_name", "time"])
    op.create_table(
        "run_ledger",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("spec", sa.String(1024), nullable=False),
        sa.Column("notebook", sa.String(1024), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("pid", sa.Integer),
        sa.Column("host", sa.String(255)),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("exit_status", sa.Integer),
        sa.Column("mlflow_run_id", sa.String(64)),
        sa.Column("message", sa.Text),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_ledger"),
    )
    op.create_index("ix_run_ledger_state_heartbeat_at", "run_ledger", ["state", "heartbeat_at"])
