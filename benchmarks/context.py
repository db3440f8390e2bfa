"""What circumstances are worth to shoppers without history: popularity times context beside popularity alone.

    python benchmarks/context.py --data ../shared/data/recommend --json

Temporal split: priors learn from the first 80 % of the time and stay; of every shopper first seen in the last 20 % the
first order is asked for, given its moment, country, weather and device. Popularity (half-life 30 days) is refreshed
every week for both, so what context gains is not a stale list's loss. Full ranking over all products. All settings are
the defaults, chosen on no test; one fit a set. Differences are paired over shoppers, with BCa 95 % intervals. The log
likelihood is of each product sold, under popularity (1 % spread evenly) times context, averaged over the order.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy import sparse  # noqa: E402
from scipy.special import logsumexp  # noqa: E402

from shopr.data.dataset import Dataset  # noqa: E402
from shopr.data.interactions import Interactions  # noqa: E402
from shopr.data.simulator import world_dataset, world_of  # noqa: E402
from shopr.data.sources.online_retail import load  # noqa: E402
from shopr.data.times import unix_seconds  # noqa: E402
from shopr.metrics.bootstrap import paired  # noqa: E402
from shopr.metrics.ranking import evaluate  # noqa: E402
from shopr.recommend.contract.base import popularity  # noqa: E402
from shopr.recommend.situation.circumstances import DIMENSIONS, Circumstances  # noqa: E402
from shopr.recommend.situation.context import ContextPrior  # noqa: E402
from shopr.recommend.topk import top_k  # noqa: E402

K, SEED, WEEK, TEST = 10, 42, 7 * 86_400, 0.2
NAMES = [dimension.name for dimension in DIMENSIONS]
GROUPS = {
    "hour and weekday": ("hour", "weekday"),
    "season and month": ("season", "month"),
    "weather": ("temperature", "rain"),
    "device": ("device",),
}


@dataclass(frozen=True)
class Case:
    """Orders asked for: rows of the sales, the order of each row, when and in which circumstances each order was."""

    truth: sparse.csr_matrix
    times: np.ndarray[Any, Any]
    circumstances: Circumstances


def main() -> None:
    """Every set: learn, ask, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = os.environ.get("SHOPR_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(shared) / "recommend")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows, weights = [], {}
    for name, data in sets(args.data):
        found, weights[name] = measure(name, data)
        rows += found
    if args.json:
        print(json.dumps({"rows": rows, "weights": weights, "seed": SEED, "k": K}, indent=1))
    else:
        print(pd.DataFrame(rows).to_string(index=False))
        print("weights learnt:", *(f"{name}: {found}" for name, found in weights.items()), sep="\n  ")


def sets(folder: Path) -> Iterator[tuple[str, Dataset]]:
    """The simulator over one and over two years, and Online Retail where its file is."""
    for days in (365, 730):
        world = world_of("medium", days=days, seed=SEED)
        yield f"simulator, {days} days", world_dataset(world, images=False)
    file = folder / "online_retail.parquet"
    if file.is_file():
        yield "Online Retail", load(file)
    else:
        print(f"left out: Online Retail, no file {file}", file=sys.stderr)


def measure(name: str, data: Dataset) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Rows of the report for one set, and the weights learnt."""
    events = data.events
    times = unix_seconds(events["time"])
    sold = (
        (events["type"] == "order_completed") & events["product_id"].isin(data.catalog.frame["product_id"])
    ).to_numpy()
    cut = int(times[sold].min() + (1 - TEST) * (times[sold].max() - times[sold].min()))
    early = events[times < cut].reset_index(drop=True)
    prior = ContextPrior().fit(early, data.catalog)
    case = strangers(data, np.flatnonzero(sold), times, cut)
    base = base_scores(data, np.flatnonzero(sold), times, cut, case)
    before = judged(base, case)
    variants = {"all circumstances": NAMES, **GROUPS}
    out = []
    for variant, kept in variants.items():
        seen = case.circumstances.without(*(n for n in NAMES if n not in kept))
        out.append(row(name, variant, judged(base + prior.log_boost(seen), case), before))
    return out, prior.weights


def strangers(data: Dataset, sold: np.ndarray[Any, Any], times: np.ndarray[Any, Any], cut: int) -> Case:
    """The first order of every shopper who bought nothing before the cut."""
    lines = data.events.iloc[sold][["user_id", "order_id", "product_id"]].assign(row=sold, time=times[sold])
    lines = lines[lines["user_id"].notna()].sort_values("time", kind="stable")
    first = lines.drop_duplicates("user_id")
    first = first[first["time"] >= cut]
    asked = lines.merge(first[["user_id", "order_id"]], on=["user_id", "order_id"])
    number = asked["order_id"].map({order: n for n, order in enumerate(first["order_id"])}).to_numpy()
    items = data.catalog.product_ids.encode(asked["product_id"])
    shape = (len(first), len(data.catalog))
    truth = sparse.csr_matrix((np.ones(len(asked), np.float32), (number, items)), shape=shape)
    truth.data[:] = 1.0
    return Case(truth, first["time"].to_numpy(), Circumstances.of_events(data.events, first["row"].to_numpy()))


def base_scores(
    data: Dataset, sold: np.ndarray[Any, Any], times: np.ndarray[Any, Any], cut: int, case: Case
) -> np.ndarray[Any, Any]:
    """Shape (orders, items): log popularity as of the start of each order's week."""
    lines = data.events.iloc[sold]
    frame = pd.DataFrame({"user": lines["user_id"], "item": lines["product_id"], "timestamp": times[sold]})
    frame = frame[frame["user"].notna()]
    log = Interactions.from_frame(frame, item_ids=data.catalog.product_ids)
    assert log.times is not None
    week = (case.times - cut) // WEEK
    out = np.empty(case.truth.shape)
    for number in np.unique(week):
        votes = popularity(log.take(log.times < cut + number * WEEK)).astype(np.float64)
        out[week == number] = np.log(0.99 * votes / votes.sum() + 0.01 / len(votes))
    return out


def judged(scores: np.ndarray[Any, Any], case: Case) -> dict[str, np.ndarray[Any, Any]]:
    """nDCG and log-likelihood of each order."""
    found = evaluate(top_k(scores.astype(np.float32), K)[0], case.truth, K)
    logs = scores - logsumexp(scores, axis=1, keepdims=True)
    sums = np.asarray(case.truth.multiply(logs).sum(axis=1)).ravel()
    return {"ndcg": found["ndcg"], "loglik": sums / np.maximum(np.diff(case.truth.indptr), 1)}


def row(name: str, variant: str, after: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """One line of the report."""
    out: dict[str, Any] = {"set": name, "circumstances": variant, "shoppers": len(before["ndcg"])}
    for measure_, digits in (("ndcg", 4), ("loglik", 3)):
        out[f"{measure_} popularity"] = round(float(np.nanmean(before[measure_])), digits)
        out[measure_] = round(float(np.nanmean(after[measure_])), digits)
        if np.array_equal(after[measure_], before[measure_]):
            out[f"{measure_} gain"] = "0 (nothing known)"
            continue
        gap = paired(after[measure_], before[measure_], seed=SEED)
        out[f"{measure_} gain"] = f"{gap.mean:+.{digits}f} [{gap.low:+.{digits}f}, {gap.high:+.{digits}f}]"
    return out


if __name__ == "__main__":
    main()
