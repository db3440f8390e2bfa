"""Conversations with the assistant, and what it remembers of shoppers who agreed to it."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Text, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["chat_conversations", "chat_memories", "chat_turns"]

chat_conversations = table(
    "chat_conversations",
    Card("shopr.chat.memory", "30 days after the last message", "user_id", "values"),
    Column("id", Integer, primary_key=True),
    Column("shop", String(63), nullable=False),
    Column("conversation_id", String(256), nullable=False),
    Column("user_id", String(256)),
    Column("state", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "conversation_id"),
    Index(None, "shop", "updated_at"),
)
"""The state of each conversation, so that a restart or a reload of the page goes on where it was."""

chat_turns = table(
    "chat_turns",
    Card("shopr.chat.memory", "30 days after the last message", "user_id", "values"),
    Column("id", Integer, primary_key=True),
    Column("shop", String(63), nullable=False),
    Column("conversation_id", String(256), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("user_id", String(256)),
    Column("said", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "conversation_id", "turn"),
)
"""What was said and answered, one row a turn."""

chat_memories = table(
    "chat_memories",
    Card("shopr.chat.memory", "180 days after it was last used, and only with consent", "user_id", "values"),
    Column("id", Integer, primary_key=True),
    Column("shop", String(63), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("facts", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "user_id"),
)
"""Preferences across visits, of shoppers who agreed."""
