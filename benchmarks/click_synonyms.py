"""Synonyms learnt from clicks on real products: are the injected ones found, is anything else, who gains, who loses?

    python benchmarks/click_synonyms.py --seeds 5 [--people 1500] [--json out.json]

The Chorus catalogue (not shipped). For ten kinds of things half of the simulated shoppers use a word that no product
bears; six other kinds are searched by the catalogue's words; one word in five is noise before the query. Clicks follow
`tests/search/gap_world.py`. Reported over seeds: rules that are on and true, on and false, missed; the share of the
ten first results that are of the kind, for queries in the shoppers' words and in colours and words that took no part;
and nDCG@10 of the development queries without and with what was learnt from these clicks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from shopr.data.sources.chorus import load  # noqa: E402
from shopr.search import ProductSearch  # noqa: E402
from shopr.search.learnt.learning import LearntSearch, learn  # noqa: E402
from shopr.search.measures.evaluation import ndcg, read_ratings  # noqa: E402
from tests.search.gap_world import gap_events  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "click_synonyms.json"
GAPS = {
    "headset": "earmuffler", "laptop": "foldputer", "keyboard": "typeboard", "monitor": "gazepanel",
    "mouse": "clicky", "printer": "inkspitter", "router": "netbox", "tripod": "threeleg",
    "projector": "wallbeamer", "toner": "powderink",
}  # fmt: skip
PLAIN = ("tablet", "smartphone", "webcam", "speaker", "battery", "camera")
COLOURS = ("black", "white", "silver")
UNSEEN = ("cheap {}", "{} grey", "{}")
"""Queries by which the gain is told."""


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--people", type=int, default=1500)
    parser.add_argument("--json", type=Path, default=RESULTS)
    folder = Path(os.environ.get("SHOPR_SHARED_DATA", ROOT.parent / "shared" / "data")) / "search"
    parser.add_argument("--data", type=Path, default=folder)
    given = parser.parse_args()
    search = ProductSearch.build(load(given.data / "chorus_products.parquet").catalog)
    ratings = read_ratings(pd.read_csv(given.data / "chorus_qrels_dev.csv"))
    ratings = {query: grades for query, grades in ratings.items() if max(grades.values()) > 0}
    kinds = {name: of_kind(search, name) for name in (*GAPS, *PLAIN)}
    rows = [measured(search, kinds, ratings, seed, given.people) for seed in range(given.seeds)]
    table = pd.DataFrame(rows)
    record = {"products": len(search), "people": given.people, "seeds": given.seeds, "runs": rows}
    record |= {"mean": table.mean().to_dict(), "dev_queries": len(ratings)}
    given.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table.round(4).to_string())
    print(table.mean().round(4).to_string())


def of_kind(search: ProductSearch, name: str) -> np.ndarray:
    """Which products are of a kind, as search itself understands the word."""
    kind = search.understand(name).kind
    assert kind is not None
    return search.index.kinds.rows(kind)


def measured(
    search: ProductSearch, kinds: dict[str, np.ndarray], ratings: dict[str, dict[str, float]], seed: int, people: int
) -> dict[str, Any]:
    """One world."""
    events = gap_events(search, kinds, GAPS, people=people, vague="super", colours=COLOURS, seed=seed)
    started = time.process_time()
    learnt = learn(search, events, seed=seed)
    spent = time.process_time() - started
    on = {rule.phrase: rule.words for rule in learnt.rules if rule.on}
    true = sum(of_same(search, on.get(word, ""), kinds[kind]) for kind, word in GAPS.items())
    plain, better = ProductSearch(search.index), with_learnt(search, learnt)
    return {
        "searches": learnt.searches,
        "proposed": len(learnt.rules),
        "true": true,
        "false": len(on) - true,
        "missed": len(GAPS) - true,
        "of_kind_before": of_kind_share(plain, kinds),
        "of_kind_after": of_kind_share(better, kinds),
        "dev_ndcg_before": dev(plain, ratings),
        "dev_ndcg_after": dev(better, ratings),
        "gain": 0.0 if learnt.ranker is None or learnt.ranker.decision is None else learnt.ranker.decision.gain,
        "order_on": float(learnt.reranker is not None),
        "learn_cpu_s": spent,
    }


def of_same(search: ProductSearch, words: str, wanted: np.ndarray) -> bool:
    """Whether a rule's words ask for the kind: half of what they find is of it, or of what there is of it."""
    found = search.search(words, 10) if words else None
    return found is not None and len(found) > 0 and bool(wanted[found.rows].sum() >= 0.5 * min(10, wanted.sum()))


def with_learnt(search: ProductSearch, learnt: LearntSearch) -> ProductSearch:
    """The same index under what was learnt."""
    other = ProductSearch(search.index)
    other.synonyms, other.reranker = learnt.synonyms, learnt.reranker
    return other


def of_kind_share(search: ProductSearch, kinds: dict[str, np.ndarray]) -> float:
    """Share of the ten first (missing ones count as wrong) that are of the kind, for the shoppers' own words."""
    shares = []
    for kind, word in GAPS.items():
        most = min(10, int(kinds[kind].sum()))
        for form in UNSEEN:
            found = search.search(form.format(word), 10)
            shares.append(float(kinds[kind][found.rows].sum()) / most if len(found) else 0.0)
    return float(np.minimum(shares, 1.0).mean())


def dev(search: ProductSearch, ratings: dict[str, dict[str, float]]) -> float:
    """Mean nDCG@10 of the development queries."""
    found = {query: search.search(query, 200) for query in ratings}
    lists = {query: list(f.product_ids or f.alternatives) for query, f in found.items()}
    return float(np.mean([ndcg(lists[query], grades) for query, grades in ratings.items()]))


if __name__ == "__main__":
    main()
