"""Walking through a table by its primary key, some rows at a time, while others write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Table, select, tuple_

from shopr.storage.database import Database

__all__ = ["row_batches"]


def row_batches(
    database: Database,
    table: Table,
    where: ColumnElement[bool] | None = None,
    *,
    batch: int = 500,
    go_on: Callable[[], bool] = lambda: True,
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table in the order of its primary key; each batch is read when it is asked for.

    Args:
        where: which rows; by default all.
        batch: rows at a time.
        go_on: asked before each batch.
    """
    keys = list(table.primary_key.columns)
    query = select(table) if where is None else select(table).where(where)
    query = query.order_by(*keys).limit(batch)
    last: list[Any] | None = None
    while go_on():
        asked = query if last is None else query.where(tuple_(*keys) > tuple_(*last))
        with database.read() as connection:
            rows = [dict(row) for row in connection.execute(asked).mappings()]
        if not rows:
            return
        yield rows
        last = [rows[-1][key.name] for key in keys]
