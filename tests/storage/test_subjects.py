"""Export and erasure over every store with personal data."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, select

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import ConfigError, StorageError
from shopr.storage import Database, SubjectStore, SubjectStores, TableStore
from shopr.storage import subjects as module
from shopr.storage.tables import CARDS, Card, meta, subjects


class Shelf:
    """A store in memory."""

    def __init__(self, name: str, rows: dict[str, list[dict[str, Any]]]) -> None:
        self.name, self.rows = name, rows

    def export(self, subject: str) -> list[dict[str, Any]]:
        return self.rows.get(subject, [])

    def erase(self, subject: str) -> int:
        return len(self.rows.pop(subject, []))


class Broken(Shelf):
    def erase(self, subject: str) -> int:
        raise OSError("disk on fire")


@pytest.fixture
def database(settings: Settings):
    with Database.open(settings) as opened:
        yield opened


def test_what_is_exported_is_what_is_erased(database: Database, clock: ManualClock) -> None:
    shelf = Shelf("carts", {"ann": [{"product": "p1"}], "bob": [{"product": "p2"}]})
    assert isinstance(shelf, SubjectStore)
    stores = SubjectStores(database, clock=clock)
    stores.register(shelf)
    assert stores.export("ann")["carts"] == [{"product": "p1"}]
    assert stores.erase("ann")["carts"] == 1
    assert stores.erase("ann")["carts"] == 0
    assert stores.export("ann")["carts"] == []
    assert stores.export("bob")["carts"] == [{"product": "p2"}]
    assert stores.was_erased("ann")
    assert not stores.was_erased("bob")


def test_the_record_names_no_one(database: Database, clock: ManualClock) -> None:
    SubjectStores(database, clock=clock).erase("ann@example.org")
    with database.read() as connection:
        row = connection.execute(select(subjects)).mappings().one()
    assert "ann" not in str(dict(row))
    assert row["time"] == clock.now()


def test_one_broken_store_does_not_stop_the_others(database: Database) -> None:
    shelf = Shelf("carts", {"ann": [{}]})
    stores = SubjectStores(database)
    for store in (Broken("photos", {}), shelf):
        stores.register(store)
    with pytest.raises(
        StorageError, match=rf"1 of {len(stores)} stores did not erase \(photos\); photos: OSError: disk on fire"
    ):
        stores.erase("ann")
    assert shelf.rows == {}


def test_two_stores_cannot_share_a_name(database: Database) -> None:
    stores = SubjectStores(database)
    stores.register(Shelf("carts", {}))
    with pytest.raises(ConfigError, match="registered twice"):
        stores.register(Shelf("carts", {}))


def test_a_table_with_a_subject_column_is_a_store(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = MetaData()
    table = Table("notes", schema, Column("user_id", String), Column("note", String))
    for name in [name for name, card in CARDS.items() if card.subject is not None]:
        monkeypatch.delitem(CARDS, name)  # their tables are in the house's schema, not in this one
    monkeypatch.setitem(CARDS, "notes", Card("shopr.storage.subjects", "a day", "user_id", "none"))
    monkeypatch.setattr(module, "metadata", schema)
    with database.begin() as connection:
        schema.create_all(connection)
        connection.execute(insert(table), [{"user_id": "ann", "note": "a"}, {"user_id": "bob", "note": "b"}])
    stores = SubjectStores(database)
    assert stores.export("ann")["notes"] == [{"user_id": "ann", "note": "a"}]
    assert stores.erase("ann")["notes"] == 1
    assert stores.export("ann")["notes"] == []
    assert len(stores.export("bob")["notes"]) == 1


def test_a_table_without_a_subject_column_is_none(database: Database) -> None:
    with pytest.raises(ConfigError, match="'meta' names no subject column"):
        TableStore(database, meta)
