"""The event store beside raw SQLite, Parquet parts, DuckDB, pandas and Polars: ingest, readers, funnels, kills.

    python benchmarks/events.py                        everything (about a quarter of an hour on a quiet machine)
    python benchmarks/events.py --only ingest          batches of 50: `append` and `record` in events a CPU second
    python benchmarks/events.py --only readers         one writer and three readers, each a process
    python benchmarks/events.py --only funnel          a funnel over 10 million events: time, memory, equal results
    python benchmarks/events.py --only kills --kills 200    kill -9 while events are recorded, stored and compacted
    python benchmarks/events.py --json out.json        write what was measured

Every engine runs in a process of its own, in turn, as often as `--tries` says; medians are shown. CPU time counts where
other work may be on the machine; the load is printed beside. Data are drawn from a seed: the mix of the simulator's
event types for ingest, and for funnels 400,000 persons over 30 days, of whose events 57 % belong to one of four steps.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from benchmarks.eventing.data import blocks, envelopes  # noqa: E402
from benchmarks.peers import peer_python  # noqa: E402
from shopr.analytics.store.event_store import EventStore  # noqa: E402
from shopr.analytics.store.rows import COLUMNS, row_of  # noqa: E402
from shopr.config import Settings  # noqa: E402
from shopr.storage import Database  # noqa: E402

HERE = ROOT / "benchmarks" / "eventing"
PEERS = ("polars==1.*", "pandas==3.*", "pyarrow", "duckdb==2.*")
PARTS = ("ingest", "readers", "funnel", "kills")
WAYS = {
    "raw24": "raw SQLite WAL, 24 columns", "raw6": "raw SQLite WAL, 6 columns", "parquet": "Parquet parts",
    "duckdb": "DuckDB and Arrow", "append": "Shopr, store.append", "append-known": "the same, 300,000 ids known",
    "record": "Shopr, record: consent, redaction, spool", "shop": "Shop.record: the same, and the next list",
}  # fmt: skip
Numbers = dict[str, Any]


def child(*command: object, python: str = sys.executable) -> Any:
    """What a process of its own tells."""
    done = subprocess.run([python, *map(str, command)], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ingest(args: argparse.Namespace) -> Numbers:
    """Events a CPU second in batches of 50."""
    events = envelopes(args.events, args.seed)
    rows = [row_of(event) for event in events]
    six = [(*row[:5], json.dumps(event.properties)) for row, event in zip(rows, events, strict=True)]
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "rows.pickle"
        path.write_bytes(pickle.dumps({"columns": COLUMNS, "rows": rows, "six": six, "seed": args.seed}))
        for _ in range(args.tries):
            for way in WAYS:
                found[way].append(child(HERE / "ingest.py", way, path)["per_cpu_second"])
    rates = {way: statistics.median(values) for way, values in found.items()}
    print(f"\nIngest: {args.events:,} events, batches of 50, seed {args.seed}, median of {args.tries}")
    print(f"{'':44}{'events / CPU s':>15}{'of 24 columns':>15}{'of 6':>8}")
    for way, rate in rates.items():
        print(f"{WAYS[way]:44}{rate:>15,.0f}{rate / rates['raw24']:>15.2f}{rate / rates['raw6']:>8.2f}")
    _judge("store.append >= 0.5 x raw SQLite", rates["append"] >= 0.5 * rates["raw24"])
    _judge("record >= 0.1 x raw SQLite", rates["record"] >= 0.1 * rates["raw24"])
    return {"events": args.events, "per_cpu_second": {way: round(rate) for way, rate in rates.items()}, "all": found}


def readers(args: argparse.Namespace) -> Numbers:
    """One writer, alone and beside three readers."""
    n, found = args.written, {}
    for engine in ("Shopr", "DuckDB"):
        alone = _written(args, engine, n, 0)
        beside = _written(args, engine, n, 3)
        found[engine] = {"alone": alone["writer"], **beside}
        waits = sorted(wait for each in beside["readers"] for wait in each.pop("waits"))
        errors = sum(sum(each["errors"].values()) for each in beside["readers"])
        quantiles = [waits[int(q * (len(waits) - 1))] * 1000 for q in (0.5, 0.95)] if waits else [float("nan")] * 2
        found[engine] |= {"reader_ms_p50": quantiles[0], "reader_ms_p95": quantiles[1], "reader_errors": errors}
        slower = beside["writer"]["wall"] / alone["writer"]["wall"], beside["writer"]["cpu"] / alone["writer"]["cpu"]
        print(
            f"\n{engine}, one writer of {n:,} events and three readers: {errors} errors of readers in "
            f"{len(waits) + errors} queries, {beside['writer']['errors']} of the writer; a query takes "
            f"{quantiles[0]:.0f} ms (p95 {quantiles[1]:.0f}); the writer takes {slower[0]:.2f} x the time it takes "
            f"alone ({slower[1]:.2f} x the CPU time); stored {beside['stored']:,} of {n:,}, {beside['doubled']} doubled"
        )
    mine = found["Shopr"]
    sound = mine["reader_errors"] == mine["writer"]["errors"] == mine["doubled"] == 0 and mine["stored"] == n
    _judge("no errors, nothing lost or doubled", sound)
    return {"written": n, **found}


def _written(args: argparse.Namespace, engine: str, n: int, count: int) -> Numbers:
    with tempfile.TemporaryDirectory(dir=args.folder) as made:
        folder, script = Path(made), str(HERE / "readers.py")
        Database.open(url=f"sqlite:///{folder / 'events.db'}").close()
        start = [sys.executable, script]
        asking = [
            subprocess.Popen([*start, "read", engine, made], stdout=subprocess.PIPE, text=True, cwd=ROOT)
            for _ in range(count)
        ]
        writer = child(script, "write", engine, made, n, count)
        (folder / "stop").touch()
        told = [json.loads(process.communicate()[0].strip().splitlines()[-1]) for process in asking]
        query = "SELECT count(*), count(DISTINCT event_id) FROM events"
        if engine == "DuckDB":
            import duckdb

            with duckdb.connect(str(folder / "events.duckdb"), read_only=True) as file:
                total, different = file.sql(query).fetchall()[0]
        else:
            with _store(folder, "parts").query() as events:
                total, different = events.sql(query).fetchall()[0]
    seen = sum(each["doubled"] + each["backwards"] for each in told)
    return {"writer": writer, "readers": told, "stored": different, "doubled": total - different + seen}


def funnel(args: argparse.Namespace) -> Numbers:
    """Four steps over many million events, within seven days and whenever."""
    python = str(peer_python("events", PEERS))
    parts, warm = _history(args, args.rows), _history(args, 100_000)
    found: dict[str, Any] = {}
    for days in (7, 0):
        engines = [name for name in ("Shopr", "DuckDB", "Polars", "pandas", "SQLite") if name in args.engines]
        runs: dict[str, list[Numbers]] = {name: [] for name in engines}
        for attempt in range(args.tries):
            for name in engines:
                if name in ("pandas", "SQLite") and attempt:
                    continue  # these take too long to do again
                own = sys.executable if name in ("Shopr", "SQLite") else python
                runs[name].append(child(HERE / "funnels.py", name, parts, warm, days, python=own))
        print(
            f"\nFunnel of 4 steps over {args.rows:,} events, {f'within {days} days' if days else 'whenever'}, "
            f"seed {args.seed}"
        )
        print(f"{'':10}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}   persons at each step")
        medians = {
            name: {key: statistics.median(run[key] for run in done) for key in ("cpu", "wall", "mb")}
            | {"result": done[0]["result"], "tries": len(done)}
            for name, done in runs.items()
        }
        for name, m in medians.items():
            print(f"{name:10}{m['cpu']:>8.2f}{m['wall']:>8.2f}{m['mb']:>9.0f}   {m['result']}")
        same = len({tuple(run["result"]) for done in runs.values() for run in done}) == 1
        _judge("equal results", same)
        if {"Shopr", "DuckDB"} <= set(medians):
            mine, theirs = medians["Shopr"], medians["DuckDB"]
            _judge("at most DuckDB's CPU time", mine["cpu"] <= theirs["cpu"])
            _judge("at most DuckDB's memory", mine["mb"] <= theirs["mb"])
        found["7 days" if days else "whenever"] = medians
    return {"rows": args.rows, **found}


def _history(args: argparse.Namespace, n: int) -> Path:
    """A store with so many events, kept for the next time; raw.db holds what a funnel needs for SQLite."""
    folder = args.folder / f"funnel-{n}-{args.seed}"
    if not (folder / "done").exists():
        print(f"making {n:,} events in {folder}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        store = _store(folder, "events")
        store.load(blocks(n, args.seed))
        store.compact()
        with closing(sqlite3.connect(folder / "raw.db")) as raw, store.query() as events:
            raw.execute("DROP TABLE IF EXISTS events")
            raw.execute("CREATE TABLE events (user_id TEXT, type TEXT, time INTEGER)")
            rows = events.execute("SELECT user_id, type, epoch_us(time) FROM events")
            while block := rows.fetchmany(200_000):
                raw.executemany("INSERT INTO events VALUES (?, ?, ?)", block)
            raw.execute("CREATE INDEX by_person ON events (user_id, time, type)")
            raw.commit()
        (folder / "done").touch()
    return folder


def _store(folder: Path, parts: str) -> EventStore:
    return EventStore(Database.open(url=f"sqlite:///{folder / 'events.db'}"), folder / parts)


def kills(args: argparse.Namespace) -> Numbers:
    """Writers killed at random points."""
    from benchmarks.eventing.kills import kill_writers

    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        done = kill_writers(Path(folder), args.kills, args.seed, lambda line: print(line, file=sys.stderr))
    took = timedelta(seconds=round(done.seconds))
    print(
        f"\n{done.kills} writers killed (seed {args.seed}), {done.compacting} of them in a compaction, in {took}: of "
        f"{done.acknowledged:,} acknowledged events {done.lost} lost and {done.doubled} doubled at {done.looks} looks; "
        f"{done.unacknowledged} more were on disk before they could be acknowledged; {done.left} files left over"
    )
    _judge("nothing lost, nothing doubled", done.lost == done.doubled == 0)
    return asdict(done)


def _judge(what: str, reached: bool) -> None:
    print(f"  {'reached' if reached else 'MISSED'}: {what}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="one of the parts; may be given again")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--events", type=int, default=62_000, help="events that are ingested")
    parser.add_argument("--written", type=int, default=60_000, help="events that are written beside readers")
    parser.add_argument("--rows", type=int, default=10_000_000, help="events that funnels run over")
    parser.add_argument("--engines", nargs="+", default=["Shopr", "DuckDB", "Polars", "pandas", "SQLite"])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the numbers here; parts that were not run keep theirs")
    args = parser.parse_args()
    args.folder = Path(Settings().home).resolve() / "benchmarks" / "events-data"
    args.folder.mkdir(parents=True, exist_ok=True)
    work = {"ingest": ingest, "readers": readers, "funnel": funnel, "kills": kills}
    numbers = json.loads(args.json.read_text()) if args.json and args.json.is_file() else {}
    for part in args.only or PARTS:
        load = os.getloadavg()[0]
        made = work[part](args)
        numbers[part] = {"seed": args.seed, "tries": args.tries, "load": [load, os.getloadavg()[0]], **made}
        print(f"  load {load:.1f} to {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        if args.json:
            names = ("duckdb", "pyarrow", "numpy", "pandas", "sqlalchemy")
            numbers["versions"] = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
            numbers["versions"] |= {name: version(name) for name in names}
            args.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
