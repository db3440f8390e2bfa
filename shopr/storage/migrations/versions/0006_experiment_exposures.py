"""Exposures to experiments: one row an experiment and unit, under an id made from the two."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.create_table(
        "experiment_exposures",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("experiment", sa.String(128), nullable=False),
        sa.Column("unit_id", sa.String(256), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("arm", sa.String(64), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_experiment_exposures"),
    )
    op.create_index("ix_experiment_exposures_experiment_time", "experiment_exposures", ["experiment", "time"])
    op.create_index("ix_experiment_exposures_user_id", "experiment_exposures", ["user_id"])
