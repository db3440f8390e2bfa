"""What became of an alert, how far rules are evaluated, silences, and the outbox of notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision: str | None = "0017"
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _alerts()
    op.create_table(
        "alert_rules",
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("revision", sa.String(16), nullable=False),
        sa.Column("evaluated_until", _MOMENT, nullable=False),
        sa.Column("states", sa.JSON, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("rule", name="pk_alert_rules"),
    )
    op.create_table(
        "alert_silences",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("rule", sa.String(64)),
        sa.Column("series", sa.String(256)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("starts_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
        sa.Column("ended_by", sa.String(128)),
        sa.PrimaryKeyConstraint("id", name="pk_alert_silences"),
    )
    op.create_index("ix_alert_silences_ends_at", "alert_silences", ["ends_at"])
    _notices()


def _alerts() -> None:
    op.add_column("alerts", sa.Column("about", sa.String(16), nullable=False, server_default="model"))
    op.add_column("alerts", sa.Column("fingerprint", sa.String(64)))
    op.add_column("alerts", sa.Column("series", sa.String(256)))
    op.add_column("alerts", sa.Column("began_at", _MOMENT))
    op.add_column("alerts", sa.Column("resolved_at", _MOMENT))
    op.add_column("alerts", sa.Column("resolution", sa.Text))
    op.add_column("alerts", sa.Column("acknowledged_at", _MOMENT))
    op.add_column("alerts", sa.Column("acknowledged_by", sa.String(128)))
    op.add_column("alerts", sa.Column("note", sa.Text))
    op.add_column("alerts", sa.Column("notified_at", _MOMENT))
    op.add_column("alerts", sa.Column("escalated_at", _MOMENT))
    op.add_column("alerts", sa.Column("evidence", sa.JSON))
    op.create_index("ix_alerts_resolved_at_time", "alerts", ["resolved_at", "time"])


def _notices() -> None:
    op.create_table(
        "alert_notices",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("alert_id", sa.String(32), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claim", sa.String(32)),
        sa.Column("claimed_until", _MOMENT),
        sa.Column("sent_at", _MOMENT),
        sa.Column("given_up_at", _MOMENT),
        sa.Column("problem", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_alert_notices"),
        sa.UniqueConstraint("alert_id", "event", "channel", name="uq_alert_notices_alert_id_event_channel"),
    )
    op.create_index(
        "ix_alert_notices_sent_at_given_up_at_due_at", "alert_notices", ["sent_at", "given_up_at", "due_at"]
    )
