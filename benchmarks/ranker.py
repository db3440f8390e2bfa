"""A ranker learnt from simulated clicks: does it find the effect of the place, beat naive clicks, and stay off in vain?

    python benchmarks/ranker.py --seeds 10

Two worlds of known law (`tests/search/click_world.py`): one whose features know what the default order does not, one
with nothing to gain. And real products: the Chorus development queries (not shipped), clicks simulated from the human
ratings over the lists that search gives, examined by 1/place; features are the eight observations behind the
confidence. There the gain is measured in nDCG@10 of the ratings of held-out queries, which no click touched.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from shopr.data.sources import chorus  # noqa: E402
from shopr.search import ProductSearch  # noqa: E402
from shopr.search.learnt.clicks import ClickLog, examination, shuffled  # noqa: E402
from shopr.search.learnt.ranker import _folds, _places, fit, train  # noqa: E402
from shopr.search.searching.confidence import OBSERVATIONS, observe  # noqa: E402
from shopr.search.searching.ranking import rank  # noqa: E402
from tests.search.click_world import looked_at, world  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "ranker.json"
LIST = 10


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    data = Path(os.environ.get("SHOPR_SHARED_DATA", ROOT.parent / "shared" / "data")) / "search"
    parser.add_argument("--data", type=Path, default=data)
    args = parser.parse_args()
    report: dict[str, Any] = {
        "seeds": args.seeds,
        "something to gain": simulated([0.6, -0.4, 0.0, 0.0], 0.5, args.seeds),
        "nothing to gain": simulated([0.0] * 4, 1.0, args.seeds),
    }
    if args.data.is_dir():
        report["rated products"] = rated(args.data, args.seeds)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps(report, indent=1)
        if args.json
        else pd.DataFrame(report).drop(index="runs", errors="ignore").to_string()
    )


def simulated(weights: list[float], knows: float, seeds: int) -> dict[str, Any]:
    """Means over seeds: error of the examination, true discounted worth of three orders, how often it went on."""
    rows = []
    for seed in range(seeds):
        log, _ = world(weights, base_knows=knows, seed=seed, sessions=4000)
        fresh, worth = world(weights, base_knows=knows, seed=seed + 1000, sessions=1000)
        found, naive = train(log, seed=seed), fit(log, None, 10.0)
        off = float(np.abs(examination(log) - looked_at()).max())
        value = 1 / (1 + np.exp(-2 * (worth - 0.8)))
        orders = (fresh.base, naive.score(fresh.base, fresh.features), found.score(fresh.base, fresh.features))
        lists = len(np.unique(fresh.session))
        rows.append([off, *((value / np.log2(_places(fresh.session, s) + 2)).sum() / lists for s in orders), found.on])
    names = ("largest error of examination", "default", "naive clicks", "debiased clicks", "switched on")
    table = np.array(rows, float)
    return dict(zip(names, table.mean(axis=0).tolist(), strict=True)) | {
        "debiased beats naive": float((table[:, 3] > table[:, 2]).mean())
    }


def rated(data: Path, seeds: int) -> dict[str, Any]:
    """The same on real products, clicks drawn from human ratings; the default is search as it is."""
    search = ProductSearch.build(chorus.load(data / "chorus_products.parquet").catalog)
    ratings = pd.read_csv(data / "chorus_qrels_dev.csv", dtype={"docid": str})
    lists = []
    for query, rows in ratings.groupby("query"):
        grades = dict(zip(rows["docid"], rows["rating"], strict=True))
        read = search.understand(str(query))
        ranked = rank(read, search.index, depth=LIST)
        if not len(ranked.rows) or not any(grades.values()):
            continue
        ids = search.index.ids.decode(ranked.rows[:LIST])
        seen = observe(read, search.index, ranked, LIST).observations
        lists.append((ranked.scores[:LIST], seen, np.array([grades.get(str(i), 0) / 3 for i in ids])))
    rows, on = [], []
    for seed in range(seeds):
        log = clicked(lists, 6000, seed)
        found, naive = train(log, seed=seed), fit(log, None, 10.0)
        held = np.unique(log.query[_folds(log.query, seed) < 0])
        rows.append([np.mean([ndcg(lists[q], s) for q in held]) for s in (None, naive, found)])
        on.append(found.on)
    default, plain, debiased = np.mean(rows, axis=0).tolist()
    return {"queries": len(lists), "default": default, "naive clicks": plain, "debiased clicks": debiased,
            "switched on": float(np.mean(on)),
            "what is served": float(np.mean([r[2] if o else r[0] for r, o in zip(rows, on, strict=True)]))}  # fmt: skip


def clicked(lists: list[Any], sessions: int, seed: int) -> ClickLog:
    """Clicks of shoppers who look at a place by 1/place and click by the grade."""
    draw = np.random.default_rng(seed)
    parts = []
    for session in range(sessions):
        query = int(draw.integers(len(lists)))
        base, seen, grade = lists[query]
        shown = shuffled(np.arange(len(base)), seed=seed, stream=str(session))
        chance = 0.05 + 0.85 * grade[shown]
        hit = (draw.random(len(shown)) < 1 / (1 + np.arange(len(shown)))) & (draw.random(len(shown)) < chance)
        same = np.full(len(shown), session), np.full(len(shown), query)
        parts.append((*same, shown, np.arange(len(shown)), hit, base[shown], seen[shown]))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return ClickLog(*columns, OBSERVATIONS)


def ndcg(one: Any, ranker: Any) -> float:
    """nDCG@10 of a list when reordered; the ideal is that of the list itself."""
    base, seen, grade = one
    order = np.argsort(-(base if ranker is None else ranker.score(base, seen)), kind="stable")
    discount = 1 / np.log2(np.arange(len(base)) + 2)
    ideal = float(np.sort(grade)[::-1] @ discount)
    return float(grade[order] @ discount) / ideal if ideal else 1.0


if __name__ == "__main__":
    main()
