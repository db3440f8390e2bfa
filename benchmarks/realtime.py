"""How fast a reply follows a shopper: fold-in, one click, and the live reply from storage.

    python benchmarks/realtime.py
    python benchmarks/realtime.py --items 10000 --rounds 300 --json

Synthetic interactions with popularity ~ 1/rank; one BLAS thread. Times are of this machine at this moment: the ratio
of an increment to scoring afresh is what carries over. `reply` is everything a process does for one request: the read
from SQLite, signals, scores, top 20 and (in the last row) the reasons of all 20 products.
"""

# ruff: noqa: E402 - the number of threads must be set before NumPy is imported
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import multiprocessing
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from shopr.data.events import Event, EventType
from shopr.data.ids import IdMap
from shopr.data.interactions import Histories, Interactions
from shopr.recommend.increments import follow
from shopr.recommend.live import LiveStore
from shopr.recommend.online import OnlineState
from shopr.recommend.registry import make
from shopr.storage import Database

SEED = 42
LIMITS = {"fold-in + top 20": ("median", 1.0), "click update": ("median", 0.2), "reply with reasons": ("p95", 5.0)}
"""Row -> (statistic, bound in ms)."""


def interactions(n_users: int, n_items: int, per_user: int = 20) -> Interactions:
    """A log with popularity ~ 1/rank and times over 100 days."""
    rng = np.random.default_rng(SEED)
    share = 1.0 / np.arange(1, n_items + 1)
    n = n_users * per_user
    return Interactions(
        IdMap(f"u{i}" for i in range(n_users)), IdMap(f"p{i}" for i in range(n_items)),
        np.repeat(np.arange(n_users, dtype=np.int32), per_user),
        rng.choice(n_items, n, p=share / share.sum()).astype(np.int32),
        1_700_000_000 + rng.integers(0, 8_640_000, n), np.ones(n, np.float32),
    )  # fmt: skip


def timed(call: Callable[[int], Any], rounds: int) -> dict[str, float]:
    """Median and 95th percentile in ms of `call(round)`, after ten warm-up calls."""
    spent = np.empty(rounds)
    for n in range(-10, rounds):
        start = time.perf_counter()
        call(n % rounds)
        spent[n] = 1000 * (time.perf_counter() - start)
    return {"median": float(np.median(spent)), "p95": float(np.quantile(spent, 0.95))}


def click(user: str, product: int) -> Event:
    """A click a moment ago."""
    at = datetime.now(UTC) - timedelta(seconds=1)
    return Event(type=EventType.PRODUCT_CLICKED, time=at, user_id=user, properties={"product_id": f"p{product}"})


def measure(model: Any, log: Interactions, rounds: int, url: str) -> dict[str, dict[str, float]]:
    """Rows of the table for one fitted model."""
    rows = [log.histories(np.array([u % log.n_users])) for u in range(rounds)]
    rng = np.random.default_rng(SEED)
    clicks = rng.integers(0, log.n_items, rounds)
    found = {"fold-in + top 20": timed(lambda n: model.fold_in(rows[n], 20), rounds)}
    grown = [Histories.of([list(clicks[: n + 1])], log.n_items) for n in range(min(rounds, 100))]
    scores = follow(model)
    found["click update"] = timed(lambda n: scores.at(grown[n % len(grown)]), len(grown))
    found["score afresh"] = timed(lambda n: model._score(grown[n % len(grown)]), len(grown))
    with Database.open(url=url) as database:
        store = LiveStore(database)
        online = OnlineState(model, store)
        found["store one click"] = timed(lambda n: store.record(click(f"u{n % 50}", int(clicks[n]))), rounds)
        found["reply"] = timed(lambda n: online.recommend(f"u{n % 50}", rows[n % 50], 20), rounds)

        def explained(n: int) -> None:
            user, row = f"u{n % 50}", rows[n % 50]
            online.explain(user, row, online.recommend(user, row, 20).items[0])

        found["reply with reasons"] = timed(explained, rounds)
    return found


def _serve(model: Any, log: Interactions, url: str, seconds: float, out: Any) -> None:
    with Database.open(url=url) as database:
        online, done, end = OnlineState(model, LiveStore(database)), 0, time.perf_counter() + seconds
        rows = [log.histories(np.array([u])) for u in range(50)]
        while time.perf_counter() < end:
            online.recommend(f"u{done % 50}", rows[done % 50], 20)
            done += 1
    out.put(done / seconds)


def throughput(model: Any, log: Interactions, url: str, processes: int, seconds: float = 2.0) -> float:
    """Replies a second of several processes on one store."""
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    running = [context.Process(target=_serve, args=(model, log, url, seconds, out)) for _ in range(processes)]
    for process in running:
        process.start()
    total = sum(out.get() for _ in running)
    for process in running:
        process.join()
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--models", default="item_knn,markov,ease")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    log = interactions(args.users, args.items)
    report: dict[str, Any] = {
        "data": f"synthetic, {args.users} users, {args.items} items, {len(log)} interactions, seed {SEED}",
        "versions": {n: version(n) for n in ("numpy", "scipy", "sqlalchemy")} | {"python": platform.python_version()},
        "models": {},
    }  # fmt: skip
    for name in args.models.split(","):
        model = make(name).fit(log)
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/state.db"
            rows = measure(model, log, args.rounds, url)
            rates = {str(p): throughput(model, log, url, p) for p in (1, 2)}
        report["models"][name] = {"ms": rows, "replies_per_second": rates}
    if args.json:
        print(json.dumps(report, indent=2))
        return
    print(report["data"], report["versions"], sep="\n")
    for name, result in report["models"].items():
        ms = result["ms"]
        print(f"\n{name:<20} median ms   p95 ms   bound")
        for row, spent in ms.items():
            kind, bound = LIMITS.get(row, ("", 0.0))
            verdict = f"{kind} < {bound}: {'met' if spent[kind] < bound else 'MISSED'}" if kind else ""
            print(f"{row:<20} {spent['median']:9.3f} {spent['p95']:8.3f}   {verdict}")
        one, two = result["replies_per_second"]["1"], result["replies_per_second"]["2"]
        print(f"a click costs {ms['click update']['median'] / ms['score afresh']['median']:.2f} of scoring afresh")
        print(f"replies/s: {one:.0f} with 1 process, {two:.0f} with 2 ({two / one:.2f}x)")


if __name__ == "__main__":
    main()
