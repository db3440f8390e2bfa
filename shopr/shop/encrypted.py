"""Where the house keeps envelopes, and under which row and person each was sealed: for re-encryption and for
exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shopr.commerce.personal import row_of_customer, row_of_order
from shopr.errors import SecurityError
from shopr.recommend.profile.corrections import sealed_row
from shopr.security.crypto import PREFIX, TextCipher
from shopr.security.crypto_rotation import EncryptedColumn
from shopr.storage.tables import (
    accounts,
    chat_conversations,
    chat_memories,
    chat_turns,
    customers,
    orders,
    profile_corrections,
)

__all__ = ["ENCRYPTED", "revealed"]


def _talker(row: Mapping[str, Any]) -> str:
    """Whose conversation it is: a visitor's belongs to nobody but itself."""
    return str(row["user_id"] or f"conversation:{row['conversation_id'].split('/')[0]}")


def _turn(row: Mapping[str, Any]) -> str:
    return f"{row['shop']}/{row['conversation_id']}/{row['turn']}"


ENCRYPTED: tuple[EncryptedColumn, ...] = (
    EncryptedColumn(chat_conversations, "state", lambda row: f"{row['shop']}/{row['conversation_id']}", _talker),
    EncryptedColumn(chat_turns, "said", _turn, _talker),
    EncryptedColumn(chat_turns, "reply", _turn, _talker),
    EncryptedColumn(chat_memories, "facts", lambda row: f"{row['shop']}/{row['user_id']}", lambda row: row["user_id"]),
    EncryptedColumn(profile_corrections, "sealed", sealed_row, lambda row: row["user_id"]),
    EncryptedColumn(customers, "sealed", row_of_customer, lambda row: row["user_id"]),
    EncryptedColumn(orders, "sealed", row_of_order, lambda row: row["owner"]),
    EncryptedColumn(accounts, "sealed", lambda row: row["user_id"], lambda row: row["user_id"]),
)
"""Every column of envelopes."""
_SECRETS = frozenset({"password_hash", "name_key", "token_hash", "successor", "secret_hash"})
"""Columns that tell nothing about a person and would help a thief of their copy."""


def revealed(cipher: TextCipher, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its envelopes opened, as its person may read it; None where a key is gone, and without secrets."""
    shown = {name: value for name, value in row.items() if name not in _SECRETS}
    for column in ENCRYPTED:
        token = row.get(column.column)
        if column.table.name != table or not isinstance(token, str) or not token.startswith(PREFIX):
            continue
        try:
            shown[column.column] = cipher.decrypt(token, table=table, row=column.row(row), subject=column.subject(row))
        except SecurityError:
            shown[column.column] = None
    return shown
