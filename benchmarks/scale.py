"""Time and peak memory of fits and of recommending to all, as interactions grow, on synthetic data.

    python benchmarks/scale.py                                    0.1M, 1M and 10M rows, and more items at 1M rows
    python benchmarks/scale.py --rows 100000,1000000 --models ease,item_knn --growing ""
    python benchmarks/scale.py --json > benchmarks/results/scale.json

Items are drawn from a Zipf law, users evenly, all by the seed. Each cell runs in a process of its own, one thread, with
the memory budget as its bound; a model that refuses is told so in the table. The slope is that of log seconds against
log rows at fixed items: 1 is linear, below 1 the fixed cost of the items still shows. `spark` is iALS's item factors by
Spark on all cores (where pyspark and Java are there), its memory that of the whole family of processes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SERVED = 20_000
"""Users who are served at most; the time for all follows from theirs, as the cost of each is the same."""
MODELS = "ease,edlae,item_knn,ials,spectral,spark"
MB = 2**20


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One model on one size in this process."""
    import numpy as np

    from shopr.errors import CapacityError
    from shopr.recommend.memory import Size, bounded, estimate
    from shopr.recommend.registry import make

    name = "ials" if job["model"] == "spark" else job["model"]
    settings = {"factors": job["factors"], "iterations": 10} if name == "ials" else {}
    settings |= {"engine": "spark"} if job["model"] == "spark" else {}
    make(name).fit(synthetic(2_000, 60, 80, 0)).recommend([0], 5)  # imports stay out of the figures
    log = synthetic(job["rows"], job["users"], job["items"], job["seed"])
    row = {key: job[key] for key in ("model", "rows", "users", "items")}
    with bounded(job["budget"]), Peak() as peak:
        started, spent = time.perf_counter(), time.process_time()
        try:
            model = make(name, **settings).fit(log)
        except CapacityError as refusal:
            return {**row, "refused": refusal.one_line()}
        fitted, spent = time.perf_counter(), time.process_time() - spent
        served = np.arange(min(SERVED, job["users"]))
        model.recommend(served, 20)
        ended = time.perf_counter()
    told = estimate(model, Size.of(log, sampled=True)) / MB
    found = {"pairs": int(log.matrix.nnz), "fit_s": fitted - started, "fit_cpu_s": spent}
    if job["model"] == "spark":
        del found["fit_cpu_s"]  # it was spent in other processes
    found["all_s"] = (ended - fitted) * job["users"] / len(served)
    return {**row, **{k: round(v, 3) for k, v in found.items()}, "peak_mb": round(peak.mb), "told_mb": round(told)}


def synthetic(rows: int, users: int, items: int, seed: int) -> Any:
    """Interactions of `rows` rows without times."""
    import numpy as np

    from shopr.data.ids import IdMap
    from shopr.data.interactions import Interactions

    rng = np.random.Generator(np.random.PCG64(seed))
    share = np.cumsum(1.0 / np.arange(10, items + 10) ** 0.8)
    what = np.minimum(np.searchsorted(share / share[-1], rng.random(rows)), items - 1).astype(np.int32)
    who = rng.integers(0, users, rows).astype(np.int32)
    return Interactions(IdMap(range(users)), IdMap(range(items)), who, what, None, np.ones(rows, np.float32))


class Peak:
    """Peak resident memory of this process and its children while it is open, above what there was before."""

    def __enter__(self) -> Peak:
        import psutil

        self._me = psutil.Process()
        self._before = self.mb = 0.0
        self._before = self._resident()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._follow, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()
        self.mb = max(self.mb, self._resident()) - self._before

    def _follow(self) -> None:
        while not self._done.wait(0.02):
            self.mb = max(self.mb, self._resident())

    def _resident(self) -> float:
        import psutil

        total = 0
        for process in (self._me, *self._me.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total / MB


def in_a_child(job: dict[str, Any]) -> dict[str, Any]:
    """`run` in a process that ends with it."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "SHOPR_MEMORY_BUDGET": str(job["budget"])}
    command = [sys.executable, str(Path(__file__).resolve()), "--cell", json.dumps(job)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no word"]
        return {**{k: job[k] for k in ("model", "rows", "users", "items")}, "refused": lines[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def slopes(cells: list[dict[str, Any]], column: str, items: int) -> dict[str, float]:
    """Model -> slope of log `column` against log rows at fixed items, over the two largest sizes."""
    found = {}
    for model in dict.fromkeys(cell["model"] for cell in cells):
        own = [c for c in cells if c["model"] == model and c["items"] == items and column in c]
        own = sorted(own, key=lambda c: int(c["rows"]))[-2:]
        if len(own) == 2 and own[0][column] > 0 and own[0]["rows"] < own[1]["rows"]:
            ratio = math.log(own[1][column] / own[0][column]) / math.log(own[1]["rows"] / own[0]["rows"])
            found[model] = round(ratio, 2)
    return found


def versions() -> dict[str, str]:
    """What the figures depend on."""
    found = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    for name in ("numpy", "scipy", "implicit", "pyspark"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def spark_is_there() -> bool:
    """Whether Spark can start here; says why not on stderr."""
    from shopr.errors import ShoprError
    from shopr.recommend.spark import check_ready

    try:
        check_ready()
    except ShoprError as error:
        print(f"without spark: {error.one_line()}", file=sys.stderr)
        return False
    return True


def line(cell: dict[str, Any]) -> str:
    """A cell as a line of the table."""
    head = f"{cell['model']:<10} {cell['rows']:>11,} {cell['items']:>7,}"
    if "refused" in cell:
        return f"{head} {cell['refused']}"
    return f"{head} {cell['fit_s']:9.2f} {cell['all_s']:9.2f} {cell['peak_mb']:9,} {cell['told_mb']:9,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="100000,1000000,10000000", help="comma-separated sizes")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--growing", default="10000,20000,40000", help="other numbers of items, at the middle size")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--factors", type=int, default=32, help="of ials and spark, with 10 iterations")
    parser.add_argument("--budget", type=int, default=4 * 2**30, help="memory budget in bytes")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        print(json.dumps(run(json.loads(arguments.cell))))
        return
    sizes = [int(size) for size in arguments.rows.split(",")]
    models = [m for m in arguments.models.split(",") if m != "spark" or spark_is_there()]
    plan = [(rows, arguments.items) for rows in sizes]
    plan += [(sorted(sizes)[len(sizes) // 2], int(items)) for items in arguments.growing.split(",") if items]
    out = sys.stderr if arguments.json else sys.stdout
    print(f"{'model':<10} {'rows':>11} {'items':>7} {'fit s':>9} {'all s':>9} {'peak MB':>9} {'told MB':>9}", file=out)
    shared = {"users": arguments.users, "budget": arguments.budget, "seed": arguments.seed}
    shared["factors"] = arguments.factors
    cells = []
    for model in models:
        for rows, items in plan:
            cells.append(in_a_child({**shared, "model": model, "rows": rows, "items": items}))
            print(line(cells[-1]), file=out, flush=True)
    growth = {column: slopes(cells, column, arguments.items) for column in ("fit_s", "fit_cpu_s", "peak_mb")}
    print(f"slope over the two largest sizes: {growth}\n{versions()}, seed {arguments.seed}", file=out)
    if arguments.json:
        print(json.dumps({**shared, "versions": versions(), "slopes": growth, "cells": cells}, indent=1))


if __name__ == "__main__":
    main()
