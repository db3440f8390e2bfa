"""Storing batches of 50 in one way, in this process: `python ingest.py WAY ROWS`; tells events a CPU second.

ROWS is a pickle: `columns`, `rows` in the store's 24 columns, `six` the same events in 6, and `seed`.
The peers import nothing of Shopr, so that its settings of the SQLite driver do not help or hinder them.
"""

from __future__ import annotations

import pickle
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parents[2]))

from measure import tell  # type: ignore[import-not-found]

BATCH = 50
WARM = 2_000
Rows = Sequence[tuple[Any, ...]]
SIX = ("event_id", "type", "time", "user_id", "session_id", "properties")


def batches(rows: Rows) -> Iterator[Rows]:
    for at in range(0, len(rows), BATCH):
        yield rows[at : at + BATCH]


def raw(folder: Path, names: Sequence[str]) -> Callable[[Rows], None]:
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    columns = ", ".join(names)
    connection.execute(f"CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, {columns}, UNIQUE (event_id))")
    query = f"INSERT OR IGNORE INTO events ({columns}) VALUES ({', '.join('?' * len(names))})"

    def store(rows: Rows) -> None:
        for batch in batches(rows):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(query, batch)
            connection.execute("COMMIT")

    return store


def parquet(folder: Path, names: Sequence[str]) -> Callable[[Rows], None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = iter(range(10**9))

    def store(rows: Rows) -> None:
        for batch in batches(rows):
            table = pa.table(dict(zip(names, map(list, zip(*batch, strict=True)), strict=True)))
            pq.write_table(table, folder / f"{next(number)}.parquet", compression="zstd")

    return store


def duckdb(folder: Path, names: Sequence[str]) -> Callable[[Rows], None]:
    import duckdb as engine
    import pyarrow as pa

    connection = engine.connect(str(folder / "events.duckdb"))
    whole, real = {"time", "quantity", "price", "position", "version", "received"}, {"rating", "value", "weight"}
    kinds = {name: pa.int64() if name in whole else pa.float64() if name in real else pa.string() for name in names}
    words = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.string(): "VARCHAR"}
    columns = ", ".join(f"{name} {words[kind]}" for name, kind in kinds.items())
    connection.execute(f"CREATE TABLE events ({columns}, PRIMARY KEY (event_id))")

    def store(rows: Rows) -> None:
        for batch in batches(rows):
            columns = zip(names, zip(*batch, strict=True), strict=True)
            table = pa.table({name: pa.array(column, kinds[name]) for name, column in columns})
            connection.register("batch", table)
            connection.execute("INSERT OR IGNORE INTO events SELECT * FROM batch")
            connection.unregister("batch")

    return store


def append(folder: Path, known: int = 0) -> Callable[[Rows], None]:
    """`EventStore.append`; `known`: ids of so many compacted events that are looked through at each batch."""
    from datetime import timedelta

    from shopr.analytics.store.event_store import EventStore
    from shopr.storage import Database

    store = EventStore(Database.open(url=f"sqlite:///{folder / 'events.db'}"), folder / "parts")
    if known:
        from benchmarks.eventing.data import envelopes
        from shopr.analytics.store.rows import row_of

        old = [row_of(event) for event in envelopes(known, 1, prefix="old")]
        for at in range(0, known, 10_000):
            store.append(old[at : at + 10_000])
        store.compact(timedelta(days=-1))

    def work(rows: Rows) -> None:
        for batch in batches(rows):
            store.append(batch)

    return work


def record(folder: Path, *, shop: bool) -> Callable[[Any], None]:
    """The whole way in: declarations, consent, redaction, sampling (1.0, so that all are stored), spool, batches of 50.

    With `shop` through `Shop.record`, which also changes what the shopper is recommended next.
    """
    from shopr.analytics.intake.collector import Collector
    from shopr.analytics.intake.sampling import Sampling
    from shopr.analytics.intake.spool import Spool
    from shopr.config import Settings
    from shopr.shop import Shop

    home = Settings(home=folder, database_url=f"sqlite:///{folder / 'state.db'}")
    opened = Shop.open(home)
    sampling = Sampling(behaviour=1.0, performance=1.0)
    collector = Collector(
        opened.events, Spool(folder / "spool"), choice=opened._choice, book=opened.event_book, sampling=sampling
    )
    opened.__dict__["collector"] = collector
    take: Callable[[Any], object] = opened.record if shop else collector.record

    def work(events: Any) -> None:
        for event in events:
            take(event)
        collector.flush()
        assert collector.counts().refused == 0

    return work


def main(way: str, path: Path) -> None:
    given = pickle.loads(path.read_bytes())
    names, rows = given["columns"], given["six" if way.endswith("6") else "rows"]
    with tempfile.TemporaryDirectory(dir=path.parent) as made:
        folder = Path(made)
        ways: dict[str, Callable[[], Callable[[Any], None]]] = {
            "raw24": lambda: raw(folder, names), "raw6": lambda: raw(folder, SIX),
            "parquet": lambda: parquet(folder, names), "duckdb": lambda: duckdb(folder, names),
            "append": lambda: append(folder), "append-known": lambda: append(folder, 300_000),
            "record": lambda: record(folder, shop=False), "shop": lambda: record(folder, shop=True),
        }  # fmt: skip
        if way in ("record", "shop"):
            from benchmarks.eventing.data import envelopes

            rows = envelopes(len(rows), given["seed"])
        store = ways[way]()
        store(rows[:WARM])
        cpu, wall = time.process_time(), time.perf_counter()
        store(rows[WARM:])
        spent = time.process_time() - cpu, time.perf_counter() - wall
        n = len(rows) - WARM
        tell({"per_cpu_second": n / spent[0], "per_second": n / spent[1]})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
