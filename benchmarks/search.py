"""Product search beside bm25s, SQLite FTS5, tantivy and rank_bm25: quality, typos, confidence, abstention, cost.

    python benchmarks/search.py                          the shared Chorus catalogue and its development queries
    python benchmarks/search.py --no-peers --json out.json
    python benchmarks/search.py --fit-confidence         fit the shipped weights anew and write their card

What is fitted is fitted on the other folds: our settings (from a stated list), the logistic of the confidence and its
threshold, bm25s's k1 and b. The tables of vocabulary are reviewed by hand, not fitted. FTS5, tantivy and rank_bm25 run
with their defaults and the same field weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import psutil  # noqa: E402

from benchmarks.peers import peer_python  # noqa: E402
from benchmarks.searching import confidence as judged  # noqa: E402
from benchmarks.searching.typos import slipped  # noqa: E402
from shopr.data.catalog import Catalog  # noqa: E402
from shopr.data.sources.chorus import load  # noqa: E402
from shopr.search import ProductSearch, SearchConfig  # noqa: E402
from shopr.search.measures.evaluation import ndcg, read_ratings  # noqa: E402

PEERS = ("bm25s==0.3.*", "PyStemmer", "tantivy", "rank-bm25", "numpy")
WEIGHTS = {"title": 6, "type": 4, "brand": 2, "description": 2, "attributes": 1}
SETTINGS: list[dict[str, float]] = [
    {},
    *({"k1": v} for v in (0.3, 0.6, 0.9)),
    *({"b": v} for v in (0.4, 0.6, 0.7)),
    *({"title": v} for v in (2.0, 4.0)),
    *({"description": v} for v in (1.0, 2.0)),
    *({"attributes": v} for v in (0.3, 0.7)),
    *({"exact_kind": v} for v in (0.1, 0.3)),
    *({"unspoken": v} for v in (0.6, 0.8)),
    *({"synonym": v} for v in (0.0, 0.2)),
    *({"head": v, "accessory": w} for v in (0.0, 0.05) for w in (0.0, 0.02)),
]
Ratings = dict[str, dict[str, float]]


def lists_of(search: ProductSearch, queries: list[str]) -> dict[str, list[str]]:
    """The products of each query, the nearest where search abstains."""
    found = {query: search.search(query, 200) for query in queries}
    return {query: list(f.product_ids or f.alternatives) for query, f in found.items()}


def scores(lists: dict[str, list[str]], ratings: Ratings) -> np.ndarray:
    """Shape (queries, 2): nDCG@10 and condensed nDCG@10."""
    return np.array([[ndcg(lists[q], ratings[q], condensed=c) for c in (False, True)] for q in ratings])


def crossed(tables: list[np.ndarray], folds: np.ndarray) -> np.ndarray:
    """Each query's scores under the setting that is best, by the mean of both measures, on the other folds."""
    stacked = np.stack(tables)
    out = np.zeros_like(stacked[0])
    for fold in np.unique(folds):
        best = int(stacked[:, folds != fold].mean(axis=(1, 2)).argmax())
        out[folds == fold] = stacked[best, folds == fold]
    return out


def folds_of(n: int, seed: int, count: int = 5) -> np.ndarray:
    """A fold for each query."""
    return np.random.default_rng(seed).permutation(n) % count


def peer_results(catalog: Catalog, queries: list[str]) -> dict[str, Any]:
    """What the peers answer, run in their own environment."""
    frame = catalog.frame
    attributes = [json.loads(a) for a in frame["attributes"]]
    fields = {
        "title": frame["title"].tolist(),
        "type": [str(a.get("product_type", "")) for a in attributes],
        "brand": frame["brand"].tolist(),
        "description": frame["description"].tolist(),
        "attributes": [" ".join(str(v) for v in a.values() if isinstance(v, str)) for a in attributes],
    }
    data = {"fields": fields, "weights": WEIGHTS, "ids": frame["product_id"].tolist(), "queries": queries}
    python = peer_python("search", PEERS)
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "in.json", Path(folder) / "out.json"
        given.write_text(json.dumps(data), encoding="utf-8")
        peer = Path(__file__).with_name("searching") / "peer.py"
        subprocess.run([str(python), str(peer), str(given), str(got)], check=True)
        result: dict[str, Any] = json.loads(got.read_text(encoding="utf-8"))
    return result


def cost(catalog: Catalog, queries: list[str]) -> tuple[ProductSearch, dict[str, float]]:
    """CPU seconds to build, MB it takes, CPU milliseconds a query with and without typos, seconds to load."""
    process = psutil.Process()
    ProductSearch.build(catalog.take(np.arange(50))).search("warm")
    before, started = process.memory_info().rss, time.process_time()
    search = ProductSearch.build(catalog)
    built, memory = time.process_time() - started, (process.memory_info().rss - before) / 2**20
    spent = []
    for seed in range(3):
        typed = list(slipped(queries, 500 + seed).values())
        for query in [*queries, *typed]:
            started = time.process_time()
            search.search(query)
            spent.append((time.process_time() - started) * 1000)
    with tempfile.TemporaryDirectory() as folder:
        search.save(Path(folder) / "index")
        started = time.perf_counter()
        ProductSearch.load(Path(folder) / "index")
        loaded = time.perf_counter() - started
    return search, {
        "build_cpu_s": built,
        "memory_mb": memory,
        "query_cpu_ms_p50": float(np.percentile(spent, 50)),
        "query_cpu_ms_p95": float(np.percentile(spent, 95)),
        "load_s": loaded,
    }


def typo_ratio(search: ProductSearch, ratings: Ratings, seeds: range) -> list[float]:
    """nDCG@10 after one slip in each query over that without, for each seed."""
    clean = scores(lists_of(search, list(ratings)), ratings)[:, 0].mean()
    ratios = []
    for seed in seeds:
        typed = slipped(list(ratings), seed)
        found = lists_of(search, list(typed.values()))
        ratios.append(float(scores({q: found[typed[q]] for q in ratings}, ratings)[:, 0].mean() / clean))
    return ratios


def interval(gain: np.ndarray, seed: int = 0) -> list[float]:
    """Mean and 95 % bootstrap interval over queries."""
    rng = np.random.default_rng(seed)
    means = gain[rng.integers(0, len(gain), (4000, len(gain)))].mean(axis=1)
    return [float(gain.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))]


def measure(catalog: Catalog, ratings: Ratings, *, peers: bool, seeds: range) -> dict[str, Any]:
    """Everything, as one record."""
    answerable = {q: g for q, g in ratings.items() if max(g.values()) > 0}
    search, spent = cost(catalog, list(ratings))
    tables = []
    for change in SETTINGS:
        search.index.refit(SearchConfig(**change))
        tables.append(scores(lists_of(search, list(answerable)), answerable))
    search.index.refit(SearchConfig())
    ours = [crossed(tables, folds_of(len(answerable), seed)) for seed in range(5)]
    record: dict[str, Any] = {
        "products": len(catalog),
        "queries": len(answerable),
        "settings_tried": len(SETTINGS),
        "shipped": dict(zip(("ndcg", "condensed"), tables[0].mean(axis=0).tolist(), strict=True)),
        "cross_validated": dict(zip(("ndcg", "condensed"), np.mean(ours, axis=(0, 1)).tolist(), strict=True)),
        "typos": {"seeds": [seeds.start, seeds.stop - 1], "ratios": typo_ratio(search, answerable, seeds)},
        "confidence": judged.cross_validated(search, ratings),
        "cost": spent,
        "peers": {},
    }
    if peers:
        typed = slipped(list(answerable), seeds.start)
        for name, result in peer_results(catalog, [*answerable, *typed.values()]).items():
            record["peers"][name] = peer_row(result, answerable, typed, ours)
    return record


def peer_row(result: dict[str, Any], ratings: Ratings, typed: dict[str, str], ours: list[np.ndarray]) -> dict[str, Any]:
    """One peer: quality by cross-validation over its settings, robustness to typos, cost, our lead with interval."""
    tables = [scores(lists, ratings) for lists in result["lists"].values()]
    rows = [crossed(tables, folds_of(len(ratings), seed)) for seed in range(5)]
    best = max(result["lists"].values(), key=lambda lists: scores(lists, ratings)[:, 0].mean())
    clean = scores(best, ratings)[:, 0].mean()
    wrong = scores({q: best[typed[q]] for q in ratings}, ratings)[:, 0].mean()
    mean = np.mean(rows, axis=(0, 1))
    return {
        "ndcg": float(mean[0]),
        "condensed": float(mean[1]),
        "settings_tried": len(tables),
        "typos": float(wrong / clean),
        "query_cpu_ms_p50": float(np.percentile(result["ms"], 50)),
        "query_cpu_ms_p95": float(np.percentile(result["ms"], 95)),
        "build_cpu_s": result["build_s"],
        "our_lead_ndcg": interval(np.mean(ours, axis=0)[:, 0] - np.mean(rows, axis=0)[:, 0]),
        "our_lead_condensed": interval(np.mean(ours, axis=0)[:, 1] - np.mean(rows, axis=0)[:, 1]),
    }


def show(record: dict[str, Any]) -> None:
    """The record as a table."""
    own, spent = record["cross_validated"], record["cost"]
    rows = {
        "shopr": {
            **own,
            "typos": float(np.mean(record["typos"]["ratios"])),
            **{n: spent[n] for n in ("query_cpu_ms_p50", "query_cpu_ms_p95", "build_cpu_s")},
        },
        **record["peers"],
    }
    frame = pd.DataFrame(rows).T
    names = ["ndcg", "condensed", "typos", "query_cpu_ms_p50", "query_cpu_ms_p95", "build_cpu_s"]
    print(f"{record['products']:,} products, {record['queries']} queries; nDCG@10 by 5-fold cross-validation, 5 seeds")
    print(frame[names].astype(float).round(4).to_string())
    for name, row in record["peers"].items():
        low, high = row["our_lead_ndcg"][1:]
        print(f"lead over {name}: {row['our_lead_ndcg'][0]:+.4f} nDCG (95 % {low:+.4f} to {high:+.4f})")
    print("confidence:", {k: round(v, 4) if isinstance(v, float) else v for k, v in record["confidence"].items()})
    print("cost:", {k: round(v, 3) for k, v in spent.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", type=Path, help="Chorus Parquet file")
    parser.add_argument("--qrels", type=Path, help="CSV of query,docid,rating")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--seeds", type=int, default=10, help="fresh seeds of typos, from 100 on")
    parser.add_argument("--json", type=Path, help="where the record goes")
    parser.add_argument("--fit-confidence", action="store_true")
    options = parser.parse_args()
    folder = Path(os.environ.get("SHOPR_SHARED_DATA", "../shared/data")) / "search"
    catalog = load(options.catalog or folder / "chorus_products.parquet").catalog
    ratings = read_ratings(pd.read_csv(options.qrels or folder / "chorus_qrels_dev.csv"))
    if options.fit_confidence:
        print(judged.ship(ProductSearch.build(catalog), ratings))
        return
    record = measure(catalog, ratings, peers=not options.no_peers, seeds=range(100, 100 + options.seeds))
    show(record)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
