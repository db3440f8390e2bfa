"""Cold products: what models say of a tenth of the catalogue that nobody has bought, alone and among all products.

    python benchmarks/cold.py --data ../shared/data --sets beauty,simulator --json

Each shopper's last product is held out; then a random tenth of the products (seed 42) is taken out of what is left.
`cold`: only these are ranked, for the shoppers who had bought one, nDCG@10 and recall@20. `all`: the last product is
ranked among all, nDCG@10, also apart for those whose last product is cold and those whose is known. Settings of `cold`
by `tune_cold`, `side` of `ease_side` and `half_life` of `likeness` on the same kind of split, all cut from train. BCa
95 % intervals over shoppers; differences to content are paired. Chorus has no interactions: there, how many of a
product's ten nearest by content share its `product_type`, which the vectors are not told.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from shopr.data.catalog import Catalog  # noqa: E402
from shopr.data.cold_items import cold_items  # noqa: E402
from shopr.data.interactions import Interactions  # noqa: E402
from shopr.data.splitting import cold_users, leave_last_out, unique_pairs  # noqa: E402
from shopr.metrics.bootstrap import paired  # noqa: E402
from shopr.metrics.ranking import evaluate  # noqa: E402
from shopr.randomness import generator  # noqa: E402
from shopr.recommend.contract.base import Recommender  # noqa: E402
from shopr.recommend.contract.registry import make  # noqa: E402
from shopr.recommend.models.content import item_vectors  # noqa: E402
from shopr.recommend.selection.cold_tuning import tune_cold  # noqa: E402
from shopr.recommend.topk import top_k  # noqa: E402

SEED, K, USERS = 42, 10, 8_000
FILES = {"beauty": "Beauty", "sports": "Sports_and_Outdoors"}
BASES: dict[str, dict[str, dict[str, Any]]] = {
    "beauty": {"item_filter": {"user_power": 0.25, "from_power": 0.6, "to_power": 0.3}, "markov": {}},
    "sports": {"item_filter": {"user_power": 0.25, "from_power": 0.6, "to_power": 0.3}, "markov": {}},
    "simulator": {"edlae": {}},
}
SIDES, HALF_LIVES = (20.0, 100.0, 300.0, 1_000.0, 3_000.0), (1.0, 4.0, 16.0)
WEIGHTS = (0.5, 0.7, 0.85)
SQUARE = 4_000
"""Products up to which `ease_side` is in the race: beyond, it takes minutes."""
NEWCOMERS: dict[str, dict[str, Any]] = {
    "popular": {},
    "content": {},
    "edlae": {},
    "hybrid": {
        "collaborative": "cold",
        "collaborative_settings": {"base": "edlae", "neighbours": 10, "sharpness": 3.0},
    },
}
"""Models that new shoppers meet, at their defaults."""
NO_TYPE, HIDDEN = ("", "1", "Original", "Compatible"), ("product_type", "type", "ean")
"""Chorus: values of `product_type` that name none, and attributes that the vectors are not told."""


def main() -> None:
    """Every set: split, choose, judge, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = os.environ.get("SHOPR_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(shared))
    parser.add_argument("--sets", default="simulator,users,beauty,sports,chorus")
    parser.add_argument("--square", type=int, default=SQUARE, help="products up to which ease_side is tried")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in args.sets.split(","):
        if name == "users":
            rows += newcomers(*load("simulator", args.data / "recommend"))
            continue
        if name == "chorus":
            rows += alike(args.data / "search" / "chorus_products.parquet")
            continue
        log, catalog = load(name, args.data / "recommend")
        rows += judged(name, log, catalog, args.square)
    print(json.dumps(rows, indent=1) if args.json else pd.DataFrame(rows).to_string(index=False))


def load(name: str, folder: Path) -> tuple[Interactions, Catalog]:
    """A set's interactions and catalogue."""
    if name == "simulator":
        from shopr.data.simulator import world_dataset, world_of

        data = world_dataset(world_of("medium", seed=SEED), images=False)
    else:
        from shopr.data.sources.sequences import load as read

        stem = folder / f"amazon_{FILES[name]}"
        data = read(stem.with_suffix(".txt"), attributes=Path(f"{stem}_item2attributes.json"))
    return data.interactions(), data.catalog


def models(name: str, train: Interactions, catalog: Catalog, square: int) -> Iterator[tuple[str, Recommender, str]]:
    """Fitted models and what was chosen for them on validation."""
    yield "popular", make("popular").fit(train, catalog), ""
    yield "content", make("content").fit(train, catalog), ""
    yield chosen("likeness", "half_life", HALF_LIVES, train, catalog)
    for base, settings in BASES[name].items():
        yield base, make(base, **settings).fit(train, catalog), "no cold products"
        found = tune_cold(train, catalog, base=base, base_settings=settings, seed=SEED)
        told = found.leaderboard.groupby("kind")["ndcg"].max().round(4).to_dict()
        kept = found.config.model_dump(
            include={"kind", "neighbours", "sharpness", "rank", "ridge", "likeness", "trust"}
        )
        model = make("cold", **found.config.model_dump(mode="json")).fit(train, catalog)
        yield f"cold({base})", model, json.dumps({**kept, "validation": told})
        own = {"collaborative": "cold", "collaborative_settings": found.config.model_dump(mode="json")}
        hybrid, model, note = chosen("hybrid", "weight", WEIGHTS, train, catalog, **own)
        yield f"{hybrid}(cold({base}), content)", model, note
    if train.n_items <= square:
        yield chosen("ease_side", "side", SIDES, train, catalog, lam=300.0)


def chosen(
    name: str, setting: str, values: tuple[float, ...], train: Interactions, catalog: Catalog, **own: Any
) -> tuple[str, Recommender, str]:
    """A model whose one setting is chosen on products made cold within train."""
    inner = cold_items(train, 0.1, SEED + 1)
    cold, truth = np.unique(inner.test.items), inner.test.binary
    users = sample(np.flatnonzero((np.diff(inner.train.binary.indptr) > 0) & (np.diff(truth.indptr) > 0)), 3_000)
    score = {}
    for value in values:
        found = make(name, **own, **{setting: value}).fit(inner.train, catalog).recommend(users, K, candidates=cold)
        score[value] = float(np.nanmean(evaluate(found.items, truth[users], K)["ndcg"]))
    best = max(score, key=lambda value: score[value])
    return name, make(name, **own, **{setting: best}).fit(train, catalog), f"{setting} {best} of {score}"


def sample(users: np.ndarray[Any, Any], most: int) -> np.ndarray[Any, Any]:
    """At most so many of the users, the same every time."""
    return users if len(users) <= most else np.sort(generator(SEED, "judged").choice(users, most, replace=False))


def judged(name: str, log: Interactions, catalog: Catalog, square: int) -> list[dict[str, Any]]:
    """Rows of the report for one set."""
    last = leave_last_out(unique_pairs(log))
    split = cold_items(last.train, 0.1, SEED)
    cold = np.unique(split.test.items)
    known = np.diff(split.train.binary.indptr) > 0
    alone, final = split.test.binary, last.test.binary
    users = sample(np.flatnonzero(known & (np.diff(alone.indptr) > 0)), USERS)
    others = sample(np.flatnonzero(known & (np.diff(final.indptr) > 0)), USERS)
    is_cold = np.isin(np.asarray(final[others].argmax(axis=1)).ravel(), cold)
    rows, reference = [], None
    luck = generator(SEED, "random").random((len(users), len(cold)))
    chance = evaluate(cold[top_k(luck, 20)[0]], alone[users], K)["ndcg"]
    rows.append({"set": name, "model": "random", "cold nDCG@10": round(float(np.nanmean(chance)), 4)})
    for model_name, model, note in models(name, split.train, catalog, square):
        started = time.perf_counter()
        found = model.recommend(users, 20, candidates=cold).items
        ndcg = evaluate(found[:, :K], alone[users], K)["ndcg"]
        recall = evaluate(found, alone[users], 20)["recall"]
        every = evaluate(model.recommend(others, K).items, final[others], K)["ndcg"]
        line = {
            "set": name, "model": model_name, "shoppers": len(users), "cold products": len(cold),
            "cold nDCG@10": round(float(np.nanmean(ndcg)), 4), "cold recall@20": round(float(np.nanmean(recall)), 4),
            "all nDCG@10": round(float(np.nanmean(every)), 4),
            "last is cold": round(float(np.nanmean(every[is_cold])), 4),
            "last is known": round(float(np.nanmean(every[~is_cold])), 4), "note": note,
        }  # fmt: skip
        if model_name == "content":
            reference = ndcg
        elif reference is not None:
            gap = paired(ndcg, reference, seed=SEED)
            line["over content"] = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
        print(f"{name} {model_name}: {line} ({time.perf_counter() - started:.0f} s)", file=sys.stderr, flush=True)
        rows.append(line)
    return rows


def newcomers(log: Interactions, catalog: Catalog) -> list[dict[str, Any]]:
    """Shoppers the fit never saw, a fifth of all (seed 42), by how much of what they bought is folded in.

    Without any history all models answer with what is popular; `benchmarks/context.py` adds circumstances to that.
    """
    rows = []
    for given in (0.1, 0.3, 0.6):
        split = cold_users(log, 0.2, SEED, given=given)
        assert split.history is not None
        users = np.flatnonzero((np.diff(split.history.binary.indptr) > 0) & (np.diff(split.test.binary.indptr) > 0))
        truth, told = split.test.binary[users], split.history.histories(users)
        base = None
        for name, settings in NEWCOMERS.items():
            model = make(name, **settings).fit(split.train, catalog)
            ndcg = evaluate(model.fold_in(told, K).items, truth, K)["ndcg"]
            base = ndcg if base is None else base
            line = {
                "set": "simulator, new shoppers", "given": given, "shoppers": len(users), "model": name,
                "products known, median": float(np.median(np.diff(told.matrix.indptr))),
                "nDCG@10": round(float(np.nanmean(ndcg)), 4),
            }  # fmt: skip
            if ndcg is not base:
                gap = paired(ndcg, base, seed=SEED)
                line["over popular"] = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
            rows.append(line)
    return rows


def alike(path: Path) -> list[dict[str, Any]]:
    """Chorus: of the ten products nearest by content, the share of the same type, among products whose type is told."""
    from shopr.data.sources.chorus import load as read

    frame = read(path).catalog.frame
    told = [json.loads(text) for text in frame["attributes"]]
    kinds = pd.Series([str(pairs.get("product_type", "")) for pairs in told])
    typed = ~kinds.isin(NO_TYPE)
    frame = frame.assign(
        attributes=[json.dumps({k: v for k, v in p.items() if k not in HIDDEN}) for p in told],
    )[typed.to_numpy()].reset_index(drop=True)
    kind = kinds[typed].to_numpy(dtype=object)
    share = pd.Series(kind).value_counts(normalize=True)
    several = np.flatnonzero(pd.Series(kind).duplicated(keep=False).to_numpy())
    asked = sample(several, 2_000)
    rows: list[dict[str, Any]] = []
    line = {"set": "chorus", "products": len(kind), "types": len(share), "asked": len(asked)}
    rows.append({**line, "model": "random", "same type@10": round(float(share[kind[asked]].mean()), 3)})
    for fields in ({"title": 1.0}, {"attributes": 1.0}, {"title": 1.0, "brand": 0.5, "attributes": 0.5}):
        vectors, _ = item_vectors(frame, fields, 2)
        near = (vectors[asked] @ vectors.T).toarray()
        near[np.arange(len(asked)), asked] = -np.inf
        same = kind[top_k(near, K)[0]] == kind[asked][:, None]
        rows.append({**line, "model": " + ".join(fields), "same type@10": round(float(same.mean()), 3)})
    return rows


if __name__ == "__main__":
    main()
