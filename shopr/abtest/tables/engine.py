"""One DuckDB instance a process, and a database of its own in it for every table that is read.

Starting an instance takes longer than summing half a million units: threads, catalogue, functions. What a reading makes
(views, parsed files) lies in its own attached database, so that readings in several threads do not meet, and is gone
with it.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["session"]

_INSTANCES: dict[int, duckdb.DuckDBPyConnection] = {}
_NUMBERS = itertools.count()
_LOCK = threading.Lock()


@contextmanager
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to an empty database in memory, which goes when it is closed."""
    import duckdb

    connection = _instance().cursor()
    name = f"reading_{next(_NUMBERS)}"
    try:
        with suppress(duckdb.Error):  # in a notebook without ipywidgets there is neither a bar nor this setting
            connection.execute("SET enable_progress_bar = false")
        connection.execute(f"ATTACH ':memory:' AS {name}")
        connection.execute(f"USE {name}")
        yield connection
    finally:
        _leave(connection, name)


def _instance() -> duckdb.DuckDBPyConnection:
    """The instance of this process; a forked child has none of its parent's threads, so it makes its own."""
    import duckdb

    with _LOCK:
        found = _INSTANCES.get(os.getpid())
        if found is None:
            found = _INSTANCES[os.getpid()] = duckdb.connect(":memory:")
            found.execute("SET GLOBAL TimeZone = 'UTC'")  # times without a zone are UTC, whatever the machine's zone is
            found.execute("SET GLOBAL preserve_insertion_order = false")
            # Whole column chunks ahead of their use gain nothing on a local disk, and double the memory.
            found.execute("SET GLOBAL disable_parquet_prefetching = true")
        return found


def _leave(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    import duckdb

    with suppress(duckdb.Error):  # an error inside a transaction must not hide the one that is on its way
        connection.execute("USE memory")
        connection.execute(f"DETACH {name}")
    connection.close()
