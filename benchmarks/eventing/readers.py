"""One writer and three readers at once, each a process: `python readers.py ROLE ENGINE FOLDER …`.

`write ENGINE FOLDER N READERS`: when so many readers are ready, stores N events in batches of 50; tells how long.
`read ENGINE FOLDER`: counts events, and counts different ones, until the file `stop` is there; tells what it saw.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(ROOT))

from measure import tell  # type: ignore[import-not-found]  # noqa: E402

BATCH = 50
COUNTED = "SELECT count(*), count(DISTINCT event_id) FROM events"


def write(engine: str, folder: Path, n: int, readers: int) -> None:
    from benchmarks.eventing.data import envelopes
    from shopr.analytics.store.rows import row_of

    rows = [row_of(event) for event in envelopes(n, 8, prefix="w")]
    store, after = _writer(engine, folder)
    errors, slowest = 0, 0.0
    while len(list(folder.glob("ready-*"))) < readers:
        time.sleep(0.02)
    cpu, wall = time.process_time(), time.perf_counter()
    for at in range(0, n, BATCH):
        began = time.perf_counter()
        try:
            store(rows[at : at + BATCH])
        except Exception:
            errors += 1
        slowest = max(slowest, time.perf_counter() - began)
        if at % 10_000 == 0:
            after()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    tell({"cpu": spent[0], "wall": spent[1], "errors": errors, "slowest_batch": slowest})


def _writer(engine: str, folder: Path) -> tuple[Callable[[Any], object], Callable[[], object]]:
    """What stores a batch, and what is done now and then: Shopr compacts what is older than a second."""
    if engine == "Shopr":
        from datetime import timedelta

        store = _store(folder)
        return store.append, lambda: store.compact(timedelta(seconds=1))
    import duckdb

    from shopr.analytics.store.cold import SCHEMA, arrow_table

    connection = duckdb.connect(str(folder / "events.duckdb"))
    connection.register("empty", SCHEMA.empty_table())
    connection.execute("CREATE TABLE events AS SELECT * FROM empty")

    def insert(rows: Any) -> None:
        connection.register("batch", arrow_table(rows))
        connection.execute("INSERT INTO events SELECT * FROM batch")

    return insert, lambda: None


def read(engine: str, folder: Path) -> None:
    counts: list[int] = []
    waits: list[float] = []
    errors: dict[str, int] = {}
    doubled = 0
    ask = _reader(engine, folder)
    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / "stop").exists():
        began = time.perf_counter()
        try:
            total, different = ask()
        except Exception as error:
            name = f"{type(error).__name__}: {str(error).splitlines()[0][:40]}"
            errors[name] = errors.get(name, 0) + 1
            time.sleep(0.05)
            continue
        waits.append(time.perf_counter() - began)
        counts.append(total)
        doubled += total != different
    backwards = sum(b < a for a, b in pairwise(counts))
    tell({"queries": len(waits), "waits": waits, "errors": errors, "doubled": doubled, "backwards": backwards})


def _reader(engine: str, folder: Path) -> Callable[[], tuple[int, int]]:
    if engine == "Shopr":
        store = _store(folder)

        def ask() -> tuple[int, int]:
            with store.query() as events:
                return tuple(events.sql(COUNTED).fetchall()[0])  # type: ignore[return-value]

        return ask
    import duckdb

    def ask_file() -> tuple[int, int]:
        with duckdb.connect(str(folder / "events.duckdb"), read_only=True) as connection:
            return tuple(connection.execute(COUNTED).fetchall()[0])  # type: ignore[return-value]

    return ask_file


def _store(folder: Path) -> Any:
    from shopr.analytics.store.event_store import EventStore
    from shopr.storage import Database

    return EventStore(Database.open(url=f"sqlite:///{folder / 'events.db'}"), folder / "parts")


if __name__ == "__main__":
    role, kind, place = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if role == "write":
        write(kind, place, int(sys.argv[4]), int(sys.argv[5]))
    else:
        read(kind, place)
