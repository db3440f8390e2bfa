"""Time and peak memory of fits and of recommend-all as interactions grow at fixed items, on synthetic data.

    python benchmarks/scale.py --rows 100000,1000000 --users 50000 --items 20000
    python benchmarks/scale.py --rows 100000,1000000,10000000 --items 5000 --models item_knn,ease

Each model runs in a process of its own, one thread; items are drawn from a Zipf law, users evenly, all by the seed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SERVED = 2_000
"""Users who are served at most: the cost of each is the same."""


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One model on one size in this process."""
    import numpy as np

    from shopr.data.ids import IdMap
    from shopr.data.interactions import Interactions
    from shopr.recommend.registry import make

    rng = np.random.Generator(np.random.PCG64(job["seed"]))
    popularity = 1.0 / np.arange(10, job["items"] + 10) ** 0.8
    bounds = np.cumsum(popularity / popularity.sum())
    items = np.minimum(np.searchsorted(bounds, rng.random(job["size"])), job["items"] - 1).astype(np.int32)
    users = rng.integers(0, job["users"], job["size"]).astype(np.int32)
    ids = IdMap(range(job["users"])), IdMap(range(job["items"]))
    log = Interactions(*ids, users, items, None, np.ones(job["size"], np.float32))
    pairs = log.binary.nnz
    data_mb = peak_mb()
    started = time.perf_counter()
    model = make(job["model"]).fit(log)
    fitted = time.perf_counter()
    served = np.arange(min(SERVED, job["users"]))
    model.recommend(served, 20)
    return {
        "model": job["model"], "rows": job["size"], "pairs": pairs, "fit_s": fitted - started,
        "users_per_s": len(served) / (time.perf_counter() - fitted), "data_mb": data_mb, "peak_mb": peak_mb(),
    }  # fmt: skip


def peak_mb() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="100000,1000000,10000000", help="comma-separated sizes")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--models", default="popular,item_knn,item_filter,ease,edlae,ials,spectral")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)  # before a child imports NumPy
    context = multiprocessing.get_context("spawn")
    rows: list[dict[str, Any]] = []
    if not arguments.json:
        print(f"{'model':<12} {'rows':>11} {'pairs':>11} {'fit s':>8} {'users/s':>9} {'data MB':>8} {'peak MB':>8}")
    for model in arguments.models.split(","):
        for size in map(int, arguments.rows.split(",")):
            with context.Pool(1) as pool:
                try:
                    row = pool.apply(run, ({**vars(arguments), "model": model, "size": size},))
                except Exception as error:  # a model may refuse the size: the table says so
                    print(f"{model} at {size:,} rows: {error}", file=sys.stderr)
                    continue
            rows.append(row)
            if not arguments.json:
                print(
                    f"{row['model']:<12} {row['rows']:11,} {row['pairs']:11,} {row['fit_s']:8.2f} "
                    f"{row['users_per_s']:9.0f} {row['data_mb']:8.0f} {row['peak_mb']:8.0f}",
                    flush=True,
                )
    if arguments.json:
        print(json.dumps({"users": arguments.users, "items": arguments.items, "seed": arguments.seed, "rows": rows}))


if __name__ == "__main__":
    main()
