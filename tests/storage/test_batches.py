"""Walking through a table by its key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, delete, insert

from shopr.storage.batches import row_batches
from shopr.storage.database import Database

TABLE = Table("walked", MetaData(), Column("a", String, primary_key=True), Column("b", String, primary_key=True))


@pytest.fixture
def walked(tmp_path: Path) -> Iterator[Database]:
    with Database.open(url=f"sqlite:///{tmp_path / 'own.db'}") as database:
        with database.begin() as connection:
            TABLE.create(connection)
            rows = [{"a": a, "b": str(b)} for a in "cab" for b in range(3)]
            connection.execute(insert(TABLE), rows)
        yield database


def test_every_row_comes_once_in_the_order_of_the_key(walked: Database) -> None:
    batches = list(row_batches(walked, TABLE, batch=4))
    assert [len(rows) for rows in batches] == [4, 4, 1]
    assert [row["a"] + row["b"] for rows in batches for row in rows] == [f"{a}{b}" for a in "abc" for b in range(3)]
    assert [row["b"] for rows in row_batches(walked, TABLE, TABLE.c.a == "b") for row in rows] == ["0", "1", "2"]


def test_rows_that_go_meanwhile_are_passed_over_and_it_may_be_stopped(walked: Database) -> None:
    found = row_batches(walked, TABLE, batch=3)
    assert [row["a"] for row in next(found)] == ["a"] * 3
    with walked.begin() as connection:
        connection.execute(delete(TABLE).where(TABLE.c.a == "b"))
    assert [row["a"] for row in next(found)] == ["c"] * 3
    assert list(found) == []
    assert list(row_batches(walked, TABLE, go_on=lambda: False)) == []
