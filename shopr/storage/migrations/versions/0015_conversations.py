"""Conversations with the assistant, their turns, and what is remembered with consent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"


def upgrade() -> None:
    op.create_table(
        "chat_conversations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("conversation_id", sa.String(256), nullable=False),
        sa.Column("user_id", sa.String(256)),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chat_conversations"),
        sa.UniqueConstraint("shop", "conversation_id", name="uq_chat_conversations_shop_conversation_id"),
    )
    op.create_index("ix_chat_conversations_shop_updated_at", "chat_conversations", ["shop", "updated_at"])
    op.create_table(
        "chat_turns",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("conversation_id", sa.String(256), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("user_id", sa.String(256)),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chat_turns"),
        sa.UniqueConstraint("shop", "conversation_id", "turn", name="uq_chat_turns_shop_conversation_id_turn"),
    )
    op.create_table(
        "chat_memories",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chat_memories"),
        sa.UniqueConstraint("shop", "user_id", name="uq_chat_memories_shop_user_id"),
    )
