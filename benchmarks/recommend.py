"""Quality, speed and peak memory of Shopr's recommenders beside `implicit`, on the splits of the shared data.

    python benchmarks/recommend.py --split or_8020
    python benchmarks/recommend.py --split or_loo --models ease,ease_time,auto --budget 300 --json

Every model runs in a process of its own, one thread by default, all models in turn, `--repeats` rounds: times are the
medians. Full ranking over all items, seen items filtered; nDCG's ideal list has min(k, |test|) hits. The settings of
named models were chosen on validation splits cut from each train side (see `SETTINGS`); the test side only reports.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SPLITS = {"or_8020": 10, "or_loo": 10, "ml1m_ugcn": 20, "amazoncds": 20, "beauty_loo": 10, "ml100k_8020": 10}
"""Split -> the k it is judged at."""
TIMED = {"or_loo", "beauty_loo"}
"""Splits whose interaction times the models see; or_8020's are kept from them: a random split leaks baskets by time."""
PEERS = ("implicit_bm25", "implicit_als")
DEFAULT = ("popular", "item_knn", "ease", "edlae", "ease_time", "markov", "item_filter", "spectral", "stack")

CDS_SPECTRAL = {
    "user_power": 0.2, "from_power": 0.6, "to_power": 0.3, "rank": 512, "mix": 0.1,
    "spectral_user_power": 0.2, "spectral_item_power": 0.3,
}  # fmt: skip
CDS_EDLAE = {
    "lam": 100.0, "dropout": 1.0, "user_power": 0.5, "item_power": 0.0, "output_power": -0.1, "density": 0.05,
    "head": 9000,
}  # fmt: skip

SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "or_8020": {
        "ease": {"lam": 100.0},
        "edlae": {
            "lam": 20.2, "dropout": 0.754, "user_power": 0.19, "item_power": -0.213, "output_power": -0.093,
            "density": 0.07,
        },
    },
    "or_loo": {
        "ease": {"lam": 100.0},
        "ease_time": {
            "lam": 20.0, "dropout": 0.5, "user_power": 0.4, "item_power": 0.0, "output_power": -0.1, "density": 0.05,
            "tau_days": 11.2, "share": 0.8, "half_life_days": 5.6, "floor": 0.1,
        },
    },
    "ml1m_ugcn": {
        "ease": {"lam": 1000.0},
        "edlae": {"lam": 600.0, "dropout": 1.5, "user_power": 0.5, "item_power": 0.1, "output_power": -0.1},
    },
    "ml100k_8020": {"ease": {"lam": 200.0}},
    "beauty_loo": {
        "markov": {
            "decay": 0.629, "backward": 0.174, "half_life": 1.012, "from_power": 0.584, "to_power": 0.117,
            "shrinkage": 14.16, "user_power": 0.05,
        },
    },
    "amazoncds": {
        "item_filter": {"user_power": 0.2, "from_power": 0.6, "to_power": 0.3},
        "edlae": CDS_EDLAE,
        "spectral": CDS_SPECTRAL,
        "stack": {
            "members": [
                {"model": "spectral", "params": CDS_SPECTRAL, "weight": 1.0},
                {"model": "edlae", "params": CDS_EDLAE, "weight": 0.2},
            ],
        },
    },
}  # fmt: skip
"""Split -> model -> hyperparameters, each frozen before its one look at the test side."""


def load(name: str, folder: Path):
    """(training interactions, test CSR)."""
    import numpy as np
    from scipy import sparse

    from shopr.data.ids import IdMap
    from shopr.data.interactions import Interactions

    times = None
    if name == "amazoncds":
        x, y = (_lists(folder / f"amazoncds_ultragcn_{part}.txt") for part in ("train", "test"))
        n, m = (int(max(x[i].max(), y[i].max())) + 1 for i in (0, 1))
    else:
        with np.load(folder / "splits" / f"{name}.npz") as z:
            n, m = int(z["nu"]), int(z["ni"])
            x, y = ((np.repeat(np.arange(n), np.diff(z[p])), z[i]) for p, i in (("xp", "xi"), ("tp", "ti")))
            if name in TIMED:
                times = np.round(1.6e9 - z["age"].astype(np.float64) * 86_400).astype(np.int64)
    ids = IdMap(range(n)), IdMap(range(m))
    ones = np.ones(len(x[0]), np.float32)
    train = Interactions(*ids, x[0].astype(np.int32), x[1].astype(np.int32), times, ones)
    truth = sparse.csr_matrix((np.ones(len(y[0]), np.float32), y), shape=(n, m))
    return train, truth


def _lists(path: Path):
    import numpy as np

    rows = [np.array(line.split(), np.int64) for line in path.read_text().splitlines() if line.strip()]
    return np.repeat([r[0] for r in rows], [len(r) - 1 for r in rows]), np.concatenate([r[1:] for r in rows])


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One model on one split in this process: its quality, times and peak memory."""
    import numpy as np

    from shopr.metrics.bootstrap import interval
    from shopr.metrics.ranking import evaluate

    k = SPLITS[job["split"]]
    train, truth = load(job["split"], Path(job["folder"]))
    users = np.flatnonzero(np.diff(truth.indptr))
    base = peak_mb()
    items, row = (implicit_lists if job["model"] in PEERS else shopr_lists)(job, train, users, k)
    started = time.perf_counter()
    found = evaluate(items, truth[users], k)
    row["evaluate_s"] = time.perf_counter() - started
    spread = interval(found["ndcg"], seed=job["seed"])
    return {
        "model": job["model"], "ndcg": spread.mean, "ndcg_low": spread.low, "ndcg_high": spread.high,
        "recall": float(np.nanmean(found["recall"])), "coverage": len(np.unique(items)) / train.n_items, **row,
        "peak_mb": peak_mb(), "data_mb": base,
    }  # fmt: skip


def shopr_lists(job: dict[str, Any], train, users, k: int):
    from shopr.recommend.registry import make
    from shopr.recommend.tuning import tune
    from shopr.recommend.validation import hold_out

    # S3-Rec's protocol on Beauty: item weights never see the validation item, histories do.
    s3rec = job["split"] == "beauty_loo"
    learn = hold_out(train, "last", seed=job["seed"]).train if s3rec else train
    started = time.perf_counter()
    note: dict[str, Any] = {}
    if job["model"] == "auto":
        found = tune(train, budget_seconds=job["budget"], seed=job["seed"], k=k, users=users, refit=not s3rec)
        model = found.model or make(found.name, **found.params).fit(learn)
        note = {"chosen": found.name, "params": found.params, "trials": len(found.leaderboard)}
    else:
        settings = SETTINGS.get(job["split"], {}).get(job["model"], {})
        model = make(job["model"], **settings).fit(learn)
        note = {"params": settings}
    fitted = time.perf_counter()
    found = model.fold_in(train.histories(users), k) if s3rec else model.recommend(users, k)
    return found.items, {"fit_s": fitted - started, "recommend_s": time.perf_counter() - fitted, **note}


def implicit_lists(job: dict[str, Any], train, users, k: int):
    import numpy as np
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender

    matrix = train.binary.astype(np.float64)
    started = time.perf_counter()
    if job["model"] == "implicit_bm25":
        model = BM25Recommender(K=50, num_threads=job["threads"])
    else:
        model = AlternatingLeastSquares(128, random_state=job["seed"], num_threads=job["threads"], use_gpu=False)
    model.fit(matrix, show_progress=False)
    fitted = time.perf_counter()
    items, _ = model.recommend(users, matrix[users], N=k, filter_already_liked_items=True)
    return np.asarray(items, np.int32), {"fit_s": fitted - started, "recommend_s": time.perf_counter() - fitted}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rounds(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """All models in turn, so many rounds; medians of the times."""
    names = arguments.models.split(",") if arguments.models else [*DEFAULT, *PEERS]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    context = multiprocessing.get_context("spawn")
    for turn in range(arguments.repeats):
        for name in names:
            if name == "auto" and turn:
                continue
            job = {**vars(arguments), "model": name}
            with context.Pool(1) as pool:
                try:
                    found[name].append(pool.apply(run, (job,)))
                except Exception as error:  # a model may refuse the size: the table says so
                    print(f"{name}: {error}", file=sys.stderr)
    rows = []
    for results in found.values():
        if results:
            times = {key: statistics.median(r[key] for r in results) for key in ("fit_s", "recommend_s", "evaluate_s")}
            rows.append({**results[0], **times})
    return sorted(rows, key=lambda row: -row["ndcg"])


def markdown(rows: list[dict[str, Any]], split: str) -> None:
    """The table for a README."""
    k = SPLITS[split]
    print(f"| {split} | nDCG@{k} | 95 % interval | recall@{k} | coverage | fit s | recommend all s | peak MB |")
    print("| --- " * 8 + "|")
    for r in rows:
        print(
            f"| {r['model']} | {r['ndcg']:.4f} | {r['ndcg_low']:.4f}–{r['ndcg_high']:.4f} | {r['recall']:.4f} "
            f"| {r['coverage']:.2f} | {r['fit_s']:.2f} | {r['recommend_s']:.2f} | {r['peak_mb']:.0f} |"
        )


def show(rows: list[dict[str, Any]], k: int) -> None:
    heads = (f"{'model':<14} {'nDCG@' + str(k):>8} {'95 % interval':>15} {'recall':>7} {'cover':>6} {'fit s':>7} "
             f"{'all s':>7} {'eval s':>7} {'peak MB':>8}")  # fmt: skip
    print(heads)
    for r in rows:
        print(
            f"{r['model']:<14} {r['ndcg']:8.4f} {r['ndcg_low']:7.4f}-{r['ndcg_high']:.4f} {r['recall']:8.4f} "
            f"{r['coverage']:6.2f} {r['fit_s']:7.2f} {r['recommend_s']:7.2f} {r['evaluate_s']:7.3f} {r['peak_mb']:8.0f}"
        )
        if "chosen" in r:
            print(f"{'':14} chose {r['chosen']} after {r['trials']} trials: {r['params']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=sorted(SPLITS), default="or_8020")
    parser.add_argument("--models", help="comma-separated; also implicit_bm25, implicit_als and auto")
    parser.add_argument("--folder", default=None, help="of the recommendation data (SHOPR_SHARED_DATA/recommend)")
    parser.add_argument("--budget", type=float, default=600, help="seconds for auto")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("SHOPR_SHARED_DATA") or ROOT.parent / "shared" / "data")
    arguments.folder = str(arguments.folder or shared / "recommend")
    if not Path(arguments.folder).is_dir():
        sys.exit(f"error: {arguments.folder} does not exist. Set SHOPR_SHARED_DATA to the folder of the shared data")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)  # before a child imports NumPy
    rows = rounds(arguments)
    versions = {p: version(p) for p in ("numpy", "scipy", "implicit", "optuna")} | {"python": platform.python_version()}
    if arguments.json:
        print(json.dumps({"split": arguments.split, "seed": arguments.seed, "versions": versions, "rows": rows}))
        return
    if arguments.markdown:
        markdown(rows, arguments.split)
        return
    print(
        f"split {arguments.split}, seed {arguments.seed}, {arguments.threads} thread(s), {arguments.repeats} round(s)"
    )
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    show(rows, SPLITS[arguments.split])


if __name__ == "__main__":
    main()
