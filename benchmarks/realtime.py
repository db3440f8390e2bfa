"""How fast a reply follows a shopper: fold-in, one click, the live reply, and the whole pipeline with reasons.

    python benchmarks/realtime.py
    python benchmarks/realtime.py --items 10000 --rounds 300 --json

Synthetic interactions with popularity ~ 1/rank; one BLAS thread. All rows are measured in turn, round after round, so
that a busy machine hurts them alike; wall and CPU time are both shown. `reply` is what a process does for one request:
the read from SQLite after a new click, signals, scores, top 20. `full pipeline` adds learnt context, rules (price band,
excluded brand, caps), diversity, calibration, impressions and the reasons of all 20 products. `plain NumPy` sums the
rows of the item-to-item matrix, bars what was bought and sorts: no store, no rules, no reasons.

Last, processes that click and reply on one store: replies a second, and whether every acknowledged click is there."""

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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from shopr.data.catalog import Catalog
from shopr.data.events import Event, EventType
from shopr.data.ids import IdMap
from shopr.data.interactions import Histories, Interactions
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.registry import make
from shopr.recommend.following.increments import follow, item_rows
from shopr.recommend.following.live import LiveStore
from shopr.recommend.following.online import OnlineState
from shopr.recommend.lists.pipeline import Boost, Pipeline, Wanted
from shopr.recommend.lists.rules import Choice, Merchandising, PriceBand
from shopr.recommend.situation.circumstances import Circumstances
from shopr.recommend.situation.context import ContextPrior
from shopr.storage import Database

SEED = 42
SHOPPERS = 50
K = 20
LIMITS = {"fold-in + top 20": ("median", 1.0), "click update": ("median", 0.2), "full pipeline": ("p95", 5.0)}
"""Row -> (statistic, bound in ms)."""
RULES = Merchandising(
    price=PriceBand(min=2), brands=Choice(exclude=("Brand 7",)), max_per_brand=3, max_per_category=6,
    diversity=0.2, calibration=0.2,
)  # fmt: skip


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


def catalogue(n_items: int) -> Catalog:
    """Products of 10 departments, 100 categories and 200 brands, some of them sold out."""
    rng = np.random.default_rng(SEED)
    category = rng.integers(0, 100, n_items)
    return Catalog.from_frame(
        pd.DataFrame(
            {
                "product_id": [f"p{i}" for i in range(n_items)],
                "title": [f"Thing {i}" for i in range(n_items)],
                "category": [f"Department {c // 10} > Category {c}" for c in category],
                "brand": [f"Brand {b}" for b in rng.integers(0, 200, n_items)],
                "price": rng.integers(100, 10_000, n_items),
                "currency": "EUR",
                "stock": rng.integers(0, 20, n_items),
                "attributes": [json.dumps({"size": "SML"[i % 3]}) for i in range(n_items)],
            }
        )
    )


@dataclass(frozen=True, eq=False)
class Shop:
    """What all rows share."""

    model: Recommender
    log: Interactions
    catalog: Catalog
    prior: ContextPrior

    def histories(self) -> list[Histories]:
        """Of the shoppers who come."""
        return [self.log.histories(np.array([u % self.log.n_users])) for u in range(SHOPPERS)]

    def wanted(self) -> Wanted:
        """Twenty products, with what the circumstances say, which are the same for everybody here for a minute."""
        return Wanted(k=K, boosts=(Boost("wanted at this time", self.boost(int(time.time() // 60))),))

    @cache  # noqa: B019 - one shop a model lives as long as the measurement
    def boost(self, minute: int) -> Any:
        """Shape (n_items,): log boosts of that minute (since 1970) for a German telephone."""
        return self.prior.log_boost(Circumstances.at([60 * minute], ["DE"], devices=["mobile"]))[0]


def timed(calls: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, dict[str, float]]:
    """Row -> median and 95th percentile in ms of wall and CPU time, after ten warm-up rounds; rows take turns."""
    wall, cpu = np.empty((len(calls), rounds)), np.empty((len(calls), rounds))
    for n in range(-10, rounds):
        for row, call in enumerate(calls.values()):
            start, begun = time.perf_counter(), time.thread_time()
            call(n % rounds)
            cpu[row, n] = 1000 * (time.thread_time() - begun)
            wall[row, n] = 1000 * (time.perf_counter() - start)
    return {
        name: {
            "median": float(np.median(wall[row])), "p95": float(np.quantile(wall[row], 0.95)),
            "cpu_median": float(np.median(cpu[row])), "cpu_p95": float(np.quantile(cpu[row], 0.95)),
        }
        for row, name in enumerate(calls)
    }  # fmt: skip


def click(user: str, product: int, event_id: str | None = None) -> Event:
    """A click a moment ago."""
    given = {} if event_id is None else {"event_id": event_id}
    at, what = datetime.now(UTC) - timedelta(seconds=1), {"product_id": f"p{product}"}
    return Event(type=EventType.PRODUCT_CLICKED, time=at, user_id=user, properties=what, **given)


def plain_numpy(model: Recommender) -> Callable[[Histories], Any] | None:
    """The shortest way to a list: rows of the item-to-item matrix summed, the bought barred, the best sorted."""
    weights = item_rows(model)
    if not isinstance(weights, np.ndarray):
        return None

    def reply(history: Histories) -> Any:
        own = history.matrix.indices
        scores = weights[own].sum(axis=0)
        scores[own] = -np.inf
        best = np.argpartition(-scores, K)[:K]
        return best[np.argsort(-scores[best])]

    return reply


def measure(shop: Shop, rounds: int, url: str) -> dict[str, dict[str, float]]:
    """Rows of the table for one fitted model."""
    model, log = shop.model, shop.log
    rows = shop.histories()
    clicks = np.random.default_rng(SEED).integers(0, log.n_items, (3, rounds))
    grown = [Histories.of([list(clicks[0, : n + 1])], log.n_items) for n in range(min(rounds, 100))]
    scores, plain = follow(model), plain_numpy(model)
    with Database.open(url=url) as database:
        store = LiveStore(database)
        online = OnlineState(model, store)
        pipeline = Pipeline(online, shop.catalog, RULES, version="1")

        def reasoned(n: int) -> None:
            view = online.view(f"u{n % SHOPPERS}", rows[n % SHOPPERS])
            view.explain(view.recommend(K).items[0])

        calls: dict[str, Callable[[int], Any]] = {
            "fold-in + top 20": lambda n: model.fold_in(rows[n % SHOPPERS], K),
            "click update": lambda n: scores.at(grown[n % len(grown)]),
            "score afresh": lambda n: model._score(grown[n % len(grown)]),
            "store one click": lambda n: store.record(click(f"u{n % SHOPPERS}", int(clicks[0, n]))),
            "reply": lambda n: online.recommend(f"u{n % SHOPPERS}", rows[n % SHOPPERS], K),
            "store another click": lambda n: store.record(click(f"u{n % SHOPPERS}", int(clicks[1, n]))),
            "reply with reasons": reasoned,
            "store a third click": lambda n: store.record(click(f"u{n % SHOPPERS}", int(clicks[2, n]))),
            "full pipeline": lambda n: pipeline.answer(f"u{n % SHOPPERS}", rows[n % SHOPPERS], shop.wanted()),
        }
        if plain is not None:
            calls["plain NumPy"] = lambda n: plain(rows[n % SHOPPERS])
        found = timed(calls, rounds)
    return {name: spent for name, spent in found.items() if name not in ("store another click", "store a third click")}


def _serve(shop: Shop, url: str, seconds: float, number: int, *, gate: Any, out: Any) -> None:
    with Database.open(url=url) as database:
        store = LiveStore(database)
        pipeline = Pipeline(OnlineState(shop.model, store), shop.catalog, RULES, version="1")
        rows, done, late = shop.histories(), 0, 0
        gate.wait()
        begun, end = time.process_time(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            user, product = f"u{done % SHOPPERS}", done % shop.log.n_items
            if done % 3 == 0:
                store.record(click(user, product, f"{number}-{done}"))
                late += f"p{product}" not in set(pipeline.online.live(user).products)
            pipeline.answer(user, rows[done % SHOPPERS], shop.wanted())
            done += 1
        out.put({"replies": done, "clicks": -(-done // 3), "late": late, "cpu": time.process_time() - begun})


def throughput(shop: Shop, url: str, processes: int, seconds: float) -> dict[str, float]:
    """Full replies a second of several processes on one store, a click before every third; where the clicks went."""
    context = multiprocessing.get_context("fork")
    out, gate = context.Queue(), context.Barrier(processes)
    running = [
        context.Process(target=_serve, args=(shop, url, seconds, number), kwargs={"gate": gate, "out": out})
        for number in range(processes)
    ]
    for process in running:
        process.start()
    reports = [out.get() for _ in running]
    for process in running:
        process.join()
    clicks = sum(r["clicks"] for r in reports)
    with Database.open(url=url) as database:
        stored = sum(LiveStore(database).version(f"u{n}")[0] for n in range(SHOPPERS))
    return {
        "replies_per_second": sum(r["replies"] for r in reports) / seconds,
        "replies_per_cpu_second": sum(r["replies"] for r in reports) / sum(r["cpu"] for r in reports),
        "clicks": clicks, "lost": clicks - stored, "not_in_the_next_reply": sum(r["late"] for r in reports),
    }  # fmt: skip


def show(name: str, result: dict[str, Any]) -> None:
    """Print one model's table."""
    ms = result["ms"]
    print(f"\n{name:<20} median ms   p95 ms  CPU median  CPU p95   bound")
    for row, spent in ms.items():
        kind, bound = LIMITS.get(row, ("", 0.0))
        verdict = ""
        if kind:
            cpu = spent["cpu_median" if kind == "median" else "cpu_p95"]
            verdict = f"{kind} < {bound}: {'met' if spent[kind] < bound else 'MISSED'}"
            verdict += "" if spent[kind] < bound or cpu >= bound else " by the wall, met in CPU time"
        print(
            f"{row:<20} {spent['median']:9.3f} {spent['p95']:8.3f}   {spent['cpu_median']:9.3f} {spent['cpu_p95']:8.3f}"
            f"   {verdict}"
        )
    print(f"a click costs {ms['click update']['median'] / ms['score afresh']['median']:.2f} of scoring afresh")
    if "plain NumPy" in ms:
        base = ms["plain NumPy"]["median"]
        ratios = [f"{row} {ms[row]['median'] / base:.1f}x" for row in ("fold-in + top 20", "reply", "full pipeline")]
        print(f"against plain NumPy: {', '.join(ratios)}")
    one, two = result["throughput"]["1"], result["throughput"]["2"]
    clicks = one["clicks"] + two["clicks"]
    print(
        f"full replies/s: {one['replies_per_second']:.0f} with 1 process, {two['replies_per_second']:.0f} with 2 "
        f"({two['replies_per_second'] / one['replies_per_second']:.2f}x; per CPU second "
        f"{one['replies_per_cpu_second']:.0f} and {two['replies_per_cpu_second']:.0f}); of {clicks} clicks "
        f"{one['lost'] + two['lost']} lost, {one['not_in_the_next_reply'] + two['not_in_the_next_reply']} not in the "
        f"next reply"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each throughput run")
    parser.add_argument("--models", default="item_knn,markov,ease,ials,stack")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    log, catalog = interactions(args.users, args.items), catalogue(args.items)
    prior = ContextPrior().fit_codes(log.items, Circumstances.at(log.times), log.times, catalog)
    report: dict[str, Any] = {
        "data": f"synthetic, {args.users} users, {args.items} items, {len(log)} interactions, seed {SEED}",
        "versions": {n: version(n) for n in ("numpy", "scipy", "sqlalchemy")} | {"python": platform.python_version()},
        "models": {},
    }  # fmt: skip
    for name in args.models.split(","):
        shop = Shop(make(name).fit(log, catalog), log, catalog, prior)
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(shop, args.rounds, f"sqlite:///{folder}/rows.db")
            rates = {str(p): throughput(shop, f"sqlite:///{folder}/{p}.db", p, args.seconds) for p in (1, 2)}
        report["models"][name] = {"ms": rows, "throughput": rates}
    if args.json:
        print(json.dumps(report, indent=2))
        return
    print(report["data"], report["versions"], sep="\n")
    for name, result in report["models"].items():
        show(name, result)


if __name__ == "__main__":
    main()
