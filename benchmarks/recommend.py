"""Quality, speed and peak memory of Shopr's recommenders beside those of other libraries, on the same splits.

    python benchmarks/recommend.py --split or_8020 --peers
    python benchmarks/recommend.py --split or_loo --models ease,ease_time,auto --budget 300 --repeats 1 --record
    python benchmarks/recommend.py --leaderboard

Every model runs in a process of its own, one thread by default, all models in turn, `--repeats` rounds: times are the
medians. Full ranking over all items, seen items filtered; nDCG's ideal list has min(k, |test|) hits; intervals are
bootstrapped over users. `--peers` adds the models of LensKit, RecTools, Cornac and implicit, each in an environment of
its own that is made on the first run; their lists are scored by the same code. Settings of named models: see
`recommendation/settings.py`; `--curves` draws them on validation. `--record` merges the rows into
`results/recommend.json`, which counts how many settings of each model were ever judged on a test side.
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
import tempfile
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recommendation.data import S3REC, SPLITS  # noqa: E402 - the folder must be on the path first
from benchmarks.recommendation.peer import MODELS as PEERS  # noqa: E402
from benchmarks.recommendation.record import leaderboard, record  # noqa: E402
from benchmarks.recommendation.settings import SETTINGS  # noqa: E402

DEFAULT = ("popular", "item_knn", "ials", "ease", "edlae", "ease_time", "markov", "item_filter", "spectral", "stack")
ENVIRONMENTS = {"lenskit": ["lenskit"], "rectools": ["rectools"], "cornac": ["cornac==2.2.2"]}
"""Peer -> its requirements; Cornac's 2.3 wants a newer C++ library than Debian 12 has. implicit is among ours."""
FEW_USERS = {"popular": {}, "item_knn": {"neighbours": 50}, "ials": {"factors": 128}}
"""Settings where a split names none: those of the peers."""

Row = dict[str, Any]


def run(job: Row) -> Row:
    """One model on one split in this process: its quality, times and peak memory."""
    import numpy as np

    from benchmarks.recommendation.data import catalog, load

    k = SPLITS[job["split"]]
    folder = Path(job["folder"])
    train, truth = load(job["split"], folder)
    users = np.flatnonzero(np.diff(truth.indptr))
    described = catalog(job["split"], folder) if job["model"].endswith("_described") else None
    base = peak_mb()
    items, row = shopr_lists(job, train, users, k, described)
    row |= {"peak_mb": peak_mb(), "data_mb": base}
    return {"model": job["model"], **judged(items, truth[users], k, job["seed"], train.n_items), **row}


def judged(items, truth, k: int, seed: int, n_items: int) -> Row:
    """Quality of the lists `items` (users, k), with a bootstrap interval of nDCG over users."""
    import numpy as np

    from shopr.metrics.bootstrap import interval
    from shopr.metrics.ranking import evaluate

    started = time.perf_counter()
    found = evaluate(items, truth, k)
    seconds = time.perf_counter() - started
    ndcg, recall = (interval(found[name], seed=seed) for name in ("ndcg", "recall"))
    shown = np.unique(items[items >= 0])
    return {
        "ndcg": ndcg.mean, "ndcg_low": ndcg.low, "ndcg_high": ndcg.high, "recall": recall.mean,
        "recall_low": recall.low, "recall_high": recall.high, "coverage": len(shown) / n_items, "users": len(items),
        "evaluate_s": seconds,
    }  # fmt: skip


def shopr_lists(job: Row, train, users, k: int, described):
    """Item codes (users, k) of one of our models, and its times."""
    from shopr.recommend.contract import memory
    from shopr.recommend.contract.registry import make, model_class
    from shopr.recommend.selection.tuning import tune
    from shopr.recommend.selection.validation import hold_out

    # S3-Rec's protocol: item weights never see the validation item, histories do.
    s3rec = job["split"] in S3REC
    learn = hold_out(train, "last", seed=job["seed"]).train if s3rec else train
    name = job["model"].removesuffix("_described")
    if name != "auto":  # imports and settings are read before the clock starts, as for the peers
        model_class(name)
        memory.budget()
        for module in ("implicit.cpu.als", "implicit.nearest_neighbours", "threadpoolctl"):
            import_module(module)
    started = time.perf_counter()
    if name == "auto":
        found = tune(
            train, described, budget_seconds=job["budget"], seed=job["seed"], k=k, users=users, refit=not s3rec
        )
        model = found.model or make(found.name, **found.params).fit(learn, described)
        note: Row = {"chosen": found.name, "params": found.params, "trials": len(found.leaderboard)}
    else:
        settings = SETTINGS.get(job["split"], {}).get(job["model"], FEW_USERS.get(name, {}))
        model = make(name, **settings).fit(learn, described)
        note = {"params": settings}
    fitted = time.perf_counter()
    lists = model.fold_in(train.histories(users), k) if s3rec else model.recommend(users, k)
    return lists.items, {"fit_s": fitted - started, "recommend_s": time.perf_counter() - fitted, **note}


def run_peer(job: Row) -> Row:
    """A peer's model in its own environment; we score its lists."""
    import subprocess

    import numpy as np

    from benchmarks.peers import peer_python
    from benchmarks.recommendation.data import load

    library = job["model"].split("_")[0]
    python = sys.executable
    if library in ENVIRONMENTS:
        python = str(peer_python(f"recommend-{library}", ENVIRONMENTS[library]))
    k = SPLITS[job["split"]]
    train, truth = load(job["split"], Path(job["folder"]))
    users = np.flatnonzero(np.diff(truth.indptr))
    matrix = train.binary
    settings = {"lam": SETTINGS[job["split"]].get("ease", {"lam": 250.0})["lam"]}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(
            Path(folder) / "train.npz",
            indptr=matrix.indptr,
            indices=matrix.indices,
            users=users,
            n_items=matrix.shape[1],
        )
        asked = {"model": job["model"], "k": k, "seed": job["seed"], "threads": job["threads"], "folder": folder}
        (Path(folder) / "job.json").write_text(json.dumps(asked | settings))
        command = [python, str(ROOT / "benchmarks" / "recommendation" / "peer.py"), str(Path(folder) / "job.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it was killed")
        items, row = np.load(Path(folder) / "items.npy"), json.loads((Path(folder) / "row.json").read_text())
    params = settings if job["model"].endswith("_ease") else {}
    return {
        "model": job["model"],
        **judged(items, truth[users], k, job["seed"], train.n_items),
        **row,
        "params": params,
    }


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rounds(arguments: argparse.Namespace) -> list[Row]:
    """All models in turn, so many rounds; medians of the times."""
    names = arguments.models.split(",") if arguments.models else list(DEFAULT)
    names += [name for name in PEERS if arguments.peers and name not in names]
    found: dict[str, list[Row]] = {name: [] for name in names}
    context = multiprocessing.get_context("spawn")
    for turn in range(arguments.repeats):
        for name in names:
            if name.startswith("auto") and turn:
                continue
            job = {**vars(arguments), "model": name}
            with context.Pool(1) as pool:
                try:
                    found[name].append(pool.apply(run_peer if name in PEERS else run, (job,)))
                except Exception as error:  # a model may refuse the size: the table says so
                    print(f"{name}: {error}", file=sys.stderr)
    rows = []
    for results in found.values():
        if results:
            times = {key: statistics.median(r[key] for r in results) for key in ("fit_s", "recommend_s", "evaluate_s")}
            rows.append({**results[0], **times, "rounds": len(results)})
    return sorted(rows, key=lambda row: -row["ndcg"])


def show(rows: list[Row], k: int) -> None:
    heads = (f"{'model':<16} {'nDCG@' + str(k):>8} {'95 % interval':>15} {'recall':>7} {'cover':>6} {'fit s':>7} "
             f"{'all s':>7} {'eval s':>7} {'peak MB':>8}")  # fmt: skip
    print(heads)
    for r in rows:
        print(
            f"{r['model']:<16} {r['ndcg']:8.4f} {r['ndcg_low']:7.4f}-{r['ndcg_high']:.4f} {r['recall']:8.4f} "
            f"{r['coverage']:6.2f} {r['fit_s']:7.2f} {r['recommend_s']:7.2f} {r['evaluate_s']:7.3f} {r['peak_mb']:8.0f}"
        )
        if "chosen" in r:
            print(f"{'':16} chose {r['chosen']} after {r['trials']} trials: {r['params']}")


def curves(arguments: argparse.Namespace) -> None:
    """Validation curves of the named models, to CSV and PNG; prints the best value of each setting."""
    from benchmarks.recommendation.curves import draw

    for name in (arguments.models or ",".join(SETTINGS[arguments.split])).split(","):
        rows = draw(arguments.split, name, Path(arguments.folder), arguments.curves, arguments.seed)
        print(f"{name}: {rows[0]['ndcg']:.4f} +- {rows[0]['error']:.4f} on validation as it is")
        for setting in dict.fromkeys(row["setting"] for row in rows[1:]):
            best = max((r for r in rows[1:] if r["setting"] == setting), key=lambda r: r["ndcg"])
            print(f"  {setting:<28} best elsewhere {best['value']:<9g} {best['ndcg']:.4f}")


def arguments_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=sorted(SPLITS), default="or_8020")
    parser.add_argument("--models", help="comma-separated names, ours and peers'; auto, *_described with the catalogue")
    parser.add_argument("--peers", action="store_true", help="add the models of other libraries")
    parser.add_argument("--folder", default=None, help="of the recommendation data (SHOPR_SHARED_DATA/recommend)")
    parser.add_argument("--budget", type=float, default=600, help="seconds for auto")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="merge the rows into results/recommend.json")
    parser.add_argument("--curves", type=Path, help="a folder: draw validation curves of --models instead of judging")
    parser.add_argument("--leaderboard", action="store_true", help="only print what is recorded, as Markdown")
    return parser.parse_args()


def main() -> None:
    arguments = arguments_of()
    if arguments.leaderboard:
        print(leaderboard())
        return
    shared = Path(os.environ.get("SHOPR_SHARED_DATA") or ROOT.parent / "shared" / "data")
    arguments.folder = str(arguments.folder or shared / "recommend")
    if not Path(arguments.folder).is_dir():
        sys.exit(f"error: {arguments.folder} does not exist. Set SHOPR_SHARED_DATA to the folder of the shared data")
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON", "LK"):
        os.environ[f"{name}_NUM_THREADS"] = str(arguments.threads)  # before a child imports NumPy
    if arguments.curves:
        curves(arguments)
        return
    load = os.getloadavg()[0]
    rows = rounds(arguments)
    versions = {p: version(p) for p in ("numpy", "scipy", "implicit", "optuna")} | {"python": platform.python_version()}
    if arguments.record:
        record(arguments.split, rows, {"seed": arguments.seed, "threads": arguments.threads, "load": round(load, 1)})
    if arguments.json:
        print(json.dumps({"split": arguments.split, "seed": arguments.seed, "versions": versions, "rows": rows}))
        return
    print(
        f"split {arguments.split}, seed {arguments.seed}, {arguments.threads} thread(s), {arguments.repeats} round(s)"
    )
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    show(rows, SPLITS[arguments.split])


if __name__ == "__main__":
    main()
