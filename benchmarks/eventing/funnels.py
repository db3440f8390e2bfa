"""One funnel over many million events by one engine, in this process: `python funnels.py ENGINE FOLDER WARM DAYS`.

FOLDER holds the store's Parquet parts below `events` (and raw.db for SQLite), WARM a small one to import by. The
question: of the persons with a product view, how many go on to the cart, the checkout and the order, in this order,
within DAYS days of some view (0: whenever); a person counts at the farthest step that any view reaches.

Each engine gets the best of several formulations that were tried: for DuckDB lists and lambdas (windows and ASOF joins
took two to five times as long), for Polars and pandas a fill forward over sorted rows, for SQLite windows.
"""

from __future__ import annotations

import sqlite3
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import measured, tell  # type: ignore[import-not-found]

STEPS = ("product_viewed", "cart_item_added", "checkout_started", "order_completed")
DAY = 86_400_000_000


def shopr(folder: Path, days: int) -> list[int]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from shopr.analytics.measures.daily import daily_funnel
    from shopr.analytics.measures.funnel import Step
    from shopr.analytics.store.event_store import EventStore
    from shopr.storage import Database

    store = EventStore(Database.open(url=f"sqlite:///{folder / 'events.db'}"), folder / "events")
    window = timedelta(days=days or 100_000)
    counts: list[int] = daily_funnel(store, [Step(kind) for kind in STEPS], window=window).counts.tolist()
    return counts


def duckdb(folder: Path, days: int) -> list[int]:
    import duckdb as engine

    connection = engine.connect()
    lists = ", ".join(
        f"coalesce(list(epoch_us(time)) FILTER (WHERE type = '{kind}'), []) AS l{k}" for k, kind in enumerate(STEPS, 1)
    )
    events = f"read_parquet('{folder}/events/day=*/*.parquet', hive_partitioning = false)"
    grouped = f"SELECT {lists} FROM {events} WHERE type IN {STEPS} GROUP BY user_id"

    def after(k: int, than: str) -> str:
        return f"list_min(list_filter(l{k}, lambda y: y > {than}))"

    if days:
        within = " ".join(f"WHEN t{k} - a <= {days * DAY} THEN {k}" for k in (4, 3, 2))
        inner = f"CASE {within} ELSE 1 END"
        for k, than in ((4, "t3"), (3, "t2"), (2, "a")):
            inner = f"list_transform([{after(k, than)}], lambda t{k}: {inner})[1]"
        reached = f"SELECT list_max(list_transform(l1, lambda a: {inner})) AS r FROM ({grouped})"
    else:
        nested = f"SELECT *, list_min(l1) AS t1 FROM ({grouped})"
        for k in (2, 3, 4):
            nested = f"SELECT *, {after(k, f't{k - 1}')} AS t{k} FROM ({nested})"
        reached = (
            "SELECT CASE WHEN t4 IS NOT NULL THEN 4 WHEN t3 IS NOT NULL THEN 3 WHEN t2 IS NOT NULL THEN 2 "
            f"WHEN t1 IS NOT NULL THEN 1 END AS r FROM ({nested})"
        )
    counts = ", ".join(f"count(*) FILTER (WHERE r >= {k})" for k in (1, 2, 3, 4))
    found = connection.execute(f"SELECT {counts} FROM ({reached})").fetchone()
    return [int(n) for n in found or ()]


def polars(folder: Path, days: int) -> list[int]:
    import polars as pl

    same = pl.col("user_id") == pl.col("user_id").shift(1)
    frame = (
        pl.scan_parquet(f"{folder}/events/day=*/*.parquet", hive_partitioning=False)
        .select("user_id", "type", pl.col("time").dt.epoch("us"))
        .filter(pl.col("type").is_in(list(STEPS)))
        .sort("user_id", "time")
        .with_columns(e1=pl.when(pl.col("type") == STEPS[0]).then("time"))
        .with_columns(start=~same.fill_null(value=False))
        .with_columns(first=pl.when("start").then(pl.int_range(pl.len())).forward_fill())
    )
    for k in (2, 3, 4):
        last = f"e{k - 1}"
        place = pl.when(pl.col(last).is_not_null()).then(pl.int_range(pl.len())).forward_fill().shift(1)
        before = pl.col(last).forward_fill().shift(1)
        valid = (pl.col("type") == STEPS[k - 1]) & (place >= pl.col("first"))
        if days:
            valid &= pl.col("time") - before <= days * DAY
        frame = frame.with_columns(pl.when(valid).then(before).alias(f"e{k}"))
    counts = [pl.col("user_id").filter(pl.col(f"e{k}").is_not_null()).n_unique().alias(f"e{k}") for k in (1, 2, 3, 4)]
    return [int(n) for n in frame.select(counts).collect().row(0)]


def pandas(folder: Path, days: int) -> list[int]:
    import numpy as np
    import pandas as pd

    files = sorted(map(str, folder.glob("events/day=*/*.parquet")))
    frame = pd.read_parquet(
        files, columns=["user_id", "type", "time"], filters=[("type", "in", list(STEPS))], partitioning=None
    )
    users = frame["user_id"].astype("category").cat.codes.to_numpy()
    times = frame["time"].astype("int64").to_numpy()
    order = np.lexsort((times, users))
    sorted_ = pd.DataFrame({"user": users[order], "time": times[order], "type": frame["type"].to_numpy()[order]})
    entry = sorted_["time"].where(sorted_["type"] == STEPS[0]).astype("float64")
    counts = [int(sorted_["user"][entry.notna()].nunique())]
    for k in (2, 3, 4):
        by = sorted_["user"]
        before = entry.groupby(by).ffill().groupby(by).shift(1)
        valid = (sorted_["type"] == STEPS[k - 1]) & before.notna()
        if days:
            valid &= sorted_["time"] - before <= days * DAY
        entry = before.where(valid)
        counts.append(int(sorted_["user"][valid].nunique()))
    return counts


def sqlite(folder: Path, days: int) -> list[int]:
    connection = sqlite3.connect(folder / "raw.db")
    window = "OVER (PARTITION BY user_id ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    within = f" AND time - b <= {days * DAY}" if days else ""
    known = "user_id, time, type"
    first = f"CASE WHEN type = '{STEPS[0]}' THEN time END AS e1"
    query = f"SELECT {known}, {first} FROM events WHERE type IN {STEPS}"
    for k in (2, 3, 4):
        known += f", e{k - 1}"
        query = f"SELECT *, max(e{k - 1}) {window} AS b FROM ({query})"
        query = f"SELECT {known}, CASE WHEN type = '{STEPS[k - 1]}'{within} THEN b END AS e{k} FROM ({query})"
    counts = ", ".join(f"count(DISTINCT CASE WHEN e{k} IS NOT NULL THEN user_id END)" for k in (1, 2, 3, 4))
    return [int(n) for n in connection.execute(f"SELECT {counts} FROM ({query})").fetchone()]


ENGINES: dict[str, Any] = {"Shopr": shopr, "DuckDB": duckdb, "Polars": polars, "pandas": pandas, "SQLite": sqlite}

if __name__ == "__main__":
    name, parts, small, span = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    ENGINES[name](small, span)  # imports, and first-time work of the libraries
    tell(measured(lambda: ENGINES[name](parts, span)))
