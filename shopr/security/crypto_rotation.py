"""Encrypting stored records anew, a batch at a time: it may be killed and started again, and nothing stops for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, and_, update

from shopr.errors import SecurityError
from shopr.security.crypto import Cipher
from shopr.storage.batches import row_batches
from shopr.storage.database import Database

__all__ = ["EncryptedColumn", "Reencrypted", "reencrypt"]


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """Where a store keeps envelopes.

    Attributes:
        table: the table.
        column: the column of envelopes; NULL is left alone.
        row: the `row` under which a record was encrypted, from its columns.
        subject: the `subject` likewise.
    """

    table: Table
    column: str
    row: Callable[[Mapping[str, Any]], str]
    subject: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """What came of it.

    Attributes:
        seen: records looked at.
        renewed: records that are under another key now.
        overtaken: records that somebody else wrote meanwhile; they are under the current key anyway.
        unreadable: records whose key is gone or that were altered; they stay as they are.
    """

    seen: int = 0
    renewed: int = 0
    overtaken: int = 0
    unreadable: int = 0


def reencrypt(
    database: Database,
    cipher: Cipher,
    where: EncryptedColumn,
    *,
    batch: int = 500,
    go_on: Callable[[], bool] = lambda: True,
) -> Reencrypted:
    """Encrypt every record anew that is not under its person's current key (see `DataKeys.renew`).

    A record is replaced only if it is still the one that was read, so writers go on undisturbed. To resume, call it
    again: what is done is told by its envelope.

    Args:
        go_on: asked before each batch.
    """
    found = Reencrypted()
    there = where.table.c[where.column].is_not(None)
    for rows in row_batches(database, where.table, there, batch=batch, go_on=go_on):
        for row in rows:
            found = _renew(database, cipher, where, row, found)
    return found


def _renew(
    database: Database, cipher: Cipher, where: EncryptedColumn, row: Mapping[str, Any], so_far: Reencrypted
) -> Reencrypted:
    token, name, subject = row[where.column], where.row(row), where.subject(row)
    seen, renewed, overtaken, unreadable = so_far.seen + 1, so_far.renewed, so_far.overtaken, so_far.unreadable
    try:
        if cipher.is_current(token):
            return Reencrypted(seen, renewed, overtaken, unreadable)
        text = cipher.decrypt(token, table=where.table.name, row=name, subject=subject)
    except SecurityError:
        return Reencrypted(seen, renewed, overtaken, unreadable + 1)
    fresh = cipher.encrypt(text, table=where.table.name, row=name, subject=subject)
    same = and_(
        *(key == row[key.name] for key in where.table.primary_key.columns), where.table.c[where.column] == token
    )
    with database.begin() as connection:
        changed = connection.execute(update(where.table).where(same).values({where.column: fresh})).rowcount
    return Reencrypted(seen, renewed + changed, overtaken + 1 - changed, unreadable)
