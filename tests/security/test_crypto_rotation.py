"""Records under new keys: stopped, started again, overtaken by writers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, update

from shopr.errors import SecurityError
from shopr.security.crypto import Cipher
from shopr.security.crypto_rotation import EncryptedColumn, Reencrypted, reencrypt
from shopr.storage import Database

NOTES = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("user_id", String(20)),
    Column("text", String),
)
WHERE = EncryptedColumn(NOTES, "text", lambda row: str(row["id"]), lambda row: row["user_id"])
PEOPLE = ("ann", "bob", "eve")


@pytest.fixture
def notes(database: Database, cipher: Cipher) -> Database:
    """Thirty notes of three people, and one empty one."""
    rows: list[Mapping[str, Any]] = []
    for number in range(30):
        user = PEOPLE[number % 3]
        token = cipher.encrypt(f"note {number}", table="notes", row=str(number), subject=user)
        rows.append({"id": number, "user_id": user, "text": token})
    with database.begin() as connection:
        NOTES.create(connection)
        connection.execute(insert(NOTES), rows)
        connection.execute(insert(NOTES).values(id=30, user_id="ann", text=None))
    return database


def texts(database: Database, cipher: Cipher) -> list[str]:
    with database.read() as connection:
        rows = connection.execute(select(NOTES).where(NOTES.c.text.is_not(None)).order_by(NOTES.c.id)).mappings().all()
    return [cipher.decrypt(r["text"], table="notes", row=str(r["id"]), subject=r["user_id"]) for r in rows]


def test_all_records_come_under_the_new_key_and_the_old_one_can_go(notes: Database, cipher: Cipher) -> None:
    for person in PEOPLE:
        cipher.keys.renew(person)
    assert len(texts(notes, cipher)) == 30  # the earlier key still decrypts
    assert reencrypt(notes, cipher, WHERE, batch=7) == Reencrypted(seen=30, renewed=30)
    assert reencrypt(notes, cipher, WHERE, batch=7) == Reencrypted(seen=30)
    assert [cipher.keys.drop_earlier(person) for person in PEOPLE] == [1, 1, 1]
    assert texts(notes, cipher) == [f"note {n}" for n in range(30)]


def test_it_goes_on_where_it_was_stopped(notes: Database, cipher: Cipher) -> None:
    for person in PEOPLE:
        cipher.keys.renew(person)
    batches = iter([True, True, False])
    assert reencrypt(notes, cipher, WHERE, batch=10, go_on=lambda: next(batches)).renewed == 20
    assert reencrypt(notes, cipher, WHERE, batch=10) == Reencrypted(seen=30, renewed=10)


def test_a_writer_in_between_is_not_overwritten(
    notes: Database, cipher: Cipher, monkeypatch: pytest.MonkeyPatch
) -> None:
    cipher.keys.renew("ann")
    real = Cipher.encrypt

    def slow(self: Cipher, text: str, *, table: str, row: str, subject: str) -> str:
        if row == "3":  # somebody edits this note while it is encrypted anew
            fresh = real(self, "edited", table=table, row=row, subject=subject)
            with notes.begin() as connection:
                connection.execute(update(NOTES).where(NOTES.c.id == 3).values(text=fresh))
        return real(self, text, table=table, row=row, subject=subject)

    monkeypatch.setattr(Cipher, "encrypt", slow)
    assert reencrypt(notes, cipher, WHERE) == Reencrypted(seen=30, renewed=9, overtaken=1)
    assert texts(notes, cipher)[3] == "edited"


def test_what_cannot_be_read_is_counted_and_left_alone(notes: Database, cipher: Cipher) -> None:
    cipher.keys.renew("bob")
    cipher.keys.erase("eve")
    found = reencrypt(notes, cipher, WHERE)
    assert found == Reencrypted(seen=30, renewed=10, unreadable=10)
    with pytest.raises(SecurityError, match="was erased"):
        texts(notes, cipher)
