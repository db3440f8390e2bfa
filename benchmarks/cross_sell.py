"""What goes with a basket: Shopr's cross-sell beside popularity and item-KNN on baskets of a grocer or a gift shop.

    python benchmarks/cross_sell.py --data ../shared/data/recommend --json
    python benchmarks/cross_sell.py --set online_retail

Temporal split: models learn from the first 80 % of the lines by time; of every later basket with two or more products
one line, drawn with a fixed seed, is held out and asked for, given the others. Full ranking over all products. Settings
are chosen on the last part of the training days (see `GRID`); the test days only report. Intervals are paired, over
baskets.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy import sparse  # noqa: E402

from shopr.data.catalog import Catalog  # noqa: E402
from shopr.data.ids import IdMap  # noqa: E402
from shopr.metrics.bootstrap import paired  # noqa: E402
from shopr.metrics.ranking import evaluate  # noqa: E402
from shopr.recommend.related.cross_sell import CrossSell  # noqa: E402
from shopr.recommend.topk import top_k  # noqa: E402

K, SEED = 10, 42
GRID: list[dict[str, Any]] = [
    {"evidence": "share", "from_power": [0.5, 0.7], "to_power": [0.3, 0.5]},
    {"evidence": "lift", "popularity": [0.7, 1.0], "shrinkage": [1.0, 5.0], "category_shrinkage": [20.0, 100.0]},
]
"""Tried on validation, each with and without the penalty on substitutes: 2 x 12 tries."""


def main() -> None:
    """Load, choose on validation, report on test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = os.environ.get("SHOPR_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(shared) / "recommend")
    parser.add_argument("--set", choices=["completejourney", "online_retail"], default="completejourney")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    lines, catalog, ids = (read if args.set == "completejourney" else read_online_retail)(args.data)
    day = lines["transaction_timestamp"]
    cut, inner = day.quantile(0.8), day.quantile(0.65)
    early, train, test = lines[day < inner], lines[day < cut], lines[day >= cut]
    tried = {p: choose(early, train[train["transaction_timestamp"] >= inner], catalog, ids, p) for p in (0.0, 1.0)}
    given, truth = held_out(test, ids)
    fitted = matrix(train, ids)
    lists = {"popularity": popular(fitted, given), "item-KNN (cosine)": cosine_knn(fitted, given)}
    for penalty, name in ((0.0, "cross-sell"), (1.0, "cross-sell, complements only")):
        lists[name] = CrossSell(**tried[penalty][0]).fit(fitted, ids, catalog).for_baskets(given, K).items
    report(lists, truth, tried, as_json=args.json)


def read(folder: Path) -> tuple[pd.DataFrame, Catalog, IdMap]:
    """The transaction lines, the catalogue (department > product type) and the id map of products sold."""
    lines = pd.read_parquet(folder / "completejourney_transactions_sample.parquet")
    goods = pd.read_parquet(folder / "completejourney_products.parquet").astype(object)
    kind = goods["product_type"].where(goods["product_type"].notna(), "").astype(str).str.replace(">", "/")
    frame = pd.DataFrame({"product_id": goods["product_id"], "title": goods["product_id"]})
    frame["category"] = (goods["department"].fillna("").astype(str) + " > " + kind).str.strip(" >")
    ids, lines["item"] = IdMap.from_values(lines["product_id"])
    return lines, Catalog.from_frame(frame[frame["product_id"].isin(ids.ids)]), ids


def read_online_retail(folder: Path) -> tuple[pd.DataFrame, Catalog, IdMap]:
    """As `read`, of invoices with about twenty lines; the catalogue has no categories."""
    from shopr.data.sources.online_retail import load

    data = load(folder / "online_retail.parquet")
    bought = data.events[data.events["type"] == "order_completed"]
    ids, codes = IdMap.from_values(bought["product_id"].astype(str))
    columns = {"basket_id": bought["order_id"].astype(str), "transaction_timestamp": bought["time"], "item": codes}
    return pd.DataFrame(columns), data.catalog, ids


def matrix(lines: pd.DataFrame, ids: IdMap) -> sparse.csr_matrix:
    """CSR (baskets, products)."""
    rows, _ = pd.factorize(lines["basket_id"], sort=True)
    data = np.ones(len(lines), np.float32)
    out = sparse.csr_matrix((data, (rows, lines["item"])), shape=(rows.max() + 1, len(ids)))
    out.data[:] = 1.0
    return out


def held_out(lines: pd.DataFrame, ids: IdMap) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """What is left of each basket of two or more products, and the one line held out."""
    lines = lines.drop_duplicates(["basket_id", "item"]).sort_values(["basket_id", "item"])
    lines = lines[lines.groupby("basket_id")["item"].transform("size") >= 2]
    drawn = lines.assign(draw=np.random.default_rng(SEED).random(len(lines)))
    out = drawn["draw"] == drawn.groupby("basket_id")["draw"].transform("max")
    return matrix(lines[~out], ids), matrix(lines[out], ids)


def choose(
    early: pd.DataFrame, late: pd.DataFrame, catalog: Catalog, ids: IdMap, penalty: float
) -> tuple[dict[str, Any], float, int]:
    """The settings of best nDCG on the validation baskets, that figure, and how many were tried."""
    given, truth = held_out(late, ids)
    baskets = matrix(early, ids)
    best: tuple[dict[str, Any], float, int] = ({}, -1.0, 0)
    for tries, chosen in enumerate(grid(), 1):
        settings = chosen | {"substitute_penalty": penalty}
        found = CrossSell(**settings).fit(baskets, ids, catalog).for_baskets(given, K)
        value = float(np.nanmean(evaluate(found.items, truth, K)["ndcg"]))
        best = (settings, value, tries) if value > best[1] else (*best[:2], tries)
    return best


def grid() -> Iterator[dict[str, Any]]:
    """Every combination of each part of `GRID`."""
    for part in GRID:
        lists = {name: values if isinstance(values, list) else [values] for name, values in part.items()}
        for values in itertools.product(*lists.values()):
            yield dict(zip(lists, values, strict=True))


def popular(baskets: sparse.csr_matrix, given: sparse.csr_matrix) -> np.ndarray[Any, Any]:
    """The best sellers that the basket does not hold."""
    return _top(np.tile(np.asarray(baskets.sum(axis=0)).ravel(), (given.shape[0], 1)), given)


def cosine_knn(baskets: sparse.csr_matrix, given: sparse.csr_matrix) -> np.ndarray[Any, Any]:
    """Summed cosine co-occurrence, ties by popularity."""
    held = np.asarray(baskets.sum(axis=0)).ravel()
    scale = sparse.diags(1 / np.sqrt(np.maximum(held, 1)))
    return _top((given @ (scale @ (baskets.T @ baskets) @ scale)).toarray() + 1e-7 * held, given)


def _top(scores: np.ndarray[Any, Any], given: sparse.csr_matrix) -> np.ndarray[Any, Any]:
    scores = scores.astype(np.float64)
    scores[given.nonzero()] = -np.inf
    return top_k(scores, K)[0]


def report(lists: dict[str, Any], truth: sparse.csr_matrix, tried: dict[float, Any], *, as_json: bool) -> None:
    """Print figures and paired differences to popularity and item-KNN."""
    measures = {name: evaluate(items, truth, K) for name, items in lists.items()}
    rows = []
    for name, found in measures.items():
        row: dict[str, Any] = {"model": name, "baskets": truth.shape[0]}
        row |= {m: round(float(np.nanmean(found[m])), 4) for m in ("ndcg", "recall")}
        for base in list(measures)[:2]:
            if name.startswith("cross"):
                gap = paired(found["ndcg"], measures[base]["ndcg"], seed=SEED)
                row[f"ndcg - {base}"] = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        rows.append(row)
    if as_json:
        settings = {f"penalty {p:g}": {"settings": t[0], "validation": t[1], "tries": t[2]} for p, t in tried.items()}
        print(json.dumps({"rows": rows, "chosen": settings, "seed": SEED, "k": K}, indent=1))
    else:
        print(pd.DataFrame(rows).fillna("").to_string(index=False))
        print("chosen on validation:", {p: (t[0], round(t[1], 4)) for p, t in tried.items()})


if __name__ == "__main__":
    main()
