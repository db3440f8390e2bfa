"""The main job as one readable sequence: data, description, tuning, comparison, promotion.

Every finished step is kept with the key of what it was made from, so that a second demo only does what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from shopr.config import Settings
from shopr.data.dataset import Dataset
from shopr.data.fingerprint import fingerprint_file, fingerprint_folder
from shopr.data.finished import Finished
from shopr.data.splitting import FourWay, four_way
from shopr.metrics.bootstrap import paired
from shopr.progress import step
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.registry import make
from shopr.recommend.selection.evaluation import Comparison, compare
from shopr.shop import Shop
from shopr.tracking.evidence import gather
from shopr.tracking.lineage import package_hash
from shopr.tracking.promotion import promote
from shopr.tracking.registry import ALIAS, MODEL_NAME, champion_version, serving_version
from shopr.tracking.runs import run
from shopr.tracking.study import study

__all__ = ["BASELINES", "BUDGET_SECONDS", "DemoResult", "run_demo"]

BASELINES = ("popular", "item_knn", "ials", "content", "hybrid")
"""What the tuned model is compared with, each with its default settings."""
BUDGET_SECONDS = 45.0
"""Seconds of the demo's search."""
_K = 10


@dataclass
class DemoResult:
    """What the demo did.

    Attributes:
        shop: the shop, ready to serve.
        model: name of the tuned model; `run_id` is its MLflow run.
        comparison: one row a model on the test span: nDCG with interval, and the tuned model's lead with interval.
        verdict: what the gate said.
        version: of the champion that serves now; None if there is none.
        promoted: whether this demo, or an earlier run of it, made its model the champion.
        reused: steps that an earlier demo had finished already.
    """

    shop: Shop
    model: str
    run_id: str
    comparison: pd.DataFrame
    verdict: str
    version: str | None
    promoted: bool
    reused: list[str] = field(default_factory=list)


def run_demo(
    settings: Settings,
    *,
    data: Path | None = None,
    budget_seconds: float = BUDGET_SECONDS,
    preset: str = "demo",
    fresh: bool = False,
    say: Callable[[str], None] = print,
) -> DemoResult:
    """Simulate a shop, or import `data`; describe it; tune; compare on the test span; let the gate decide.

    Args:
        data: a file or folder that an importer recognises; None simulates the shop.
        budget_seconds: of the search.
        preset: size of the simulated shop.
        fresh: do every step again.
        say: takes a line for people.

    Raises:
        ShoprError: if a step cannot be done; what finished before is kept.
    """
    memory = Finished(settings, forget=fresh)
    name = _shop_name(data) if data else settings.shop
    settings = settings.model_copy(update={"shop": name})
    shop = _open_data(settings, data, preset, memory)
    _describe(shop, say)
    _store_history(shop, memory)
    spans = four_way(shop.interactions)
    tuned = _tune(shop, spans, budget_seconds, memory)
    table = _compare(shop, spans, tuned, memory)
    verdict, promoted = _promote(shop, spans, tuned, memory)
    version = serving_version(settings)
    return DemoResult(shop, tuned["model"], tuned["run_id"], table, verdict, version, promoted, memory.reused)


# -- the steps --------------------------------------------------------------------------------------------------------


def _open_data(settings: Settings, data: Path | None, preset: str, memory: Finished) -> Shop:
    source = {"data": _digest(data) if data else f"simulated {preset} {settings.seed}", "package": package_hash()}
    with step("Read the data" if data else "Simulate a shop") as doing:
        if memory.recall("data", source, doing) is None or not Shop.open(settings).exists:
            dataset = _load(settings, data, preset)
            dataset.save(settings.shop_folder())
            memory.keep("data", source, {"fingerprint": dataset.manifest.fingerprint})
        shop = Shop.open(settings)
        counts = shop.data.manifest.counts
        rejected = f", {counts['rejected']:,} rows set aside" if counts.get("rejected") else ""
        doing.note(
            f"{counts['products']:,} products, {counts['users']:,} shoppers, {counts['events']:,} events{rejected}"
        )
    return shop


def _load(settings: Settings, data: Path | None, preset: str) -> Dataset:
    if data is None:
        from shopr.data.simulator import simulate

        return simulate(preset=preset, seed=settings.seed, name=settings.shop)
    from shopr.data.sources import load
    from shopr.data.sources.detect import detect

    return load(detect(data), data, name=settings.shop)


def _describe(shop: Shop, say: Callable[[str], None]) -> None:
    log = shop.interactions
    pairs = log.matrix.nnz
    say(
        f"  {len(log):,} purchases of {log.n_items:,} products by {log.n_users:,} shoppers; "
        f"{pairs / max(log.n_users * log.n_items, 1):.2%} of all pairs, {1 - pairs / max(len(log), 1):.0%} repeats"
    )


def _store_history(shop: Shop, memory: Finished) -> None:
    """The events where every report reads them; what is there already is not stored again."""
    key = {"data": shop.data.manifest.fingerprint}
    with step("Store what happened, for dashboards and alerts") as doing:
        if memory.recall("history", key, doing) is None or not shop.events.count():
            memory.keep("history", key, {"events": shop.store_history().new})
        doing.note(f"{shop.events.count():,} events")


def _tune(shop: Shop, spans: FourWay, budget_seconds: float, memory: Finished) -> dict[str, Any]:
    key = {
        "data": shop.data.manifest.fingerprint,
        "package": package_hash(),
        "budget": budget_seconds,
        "seed": shop.settings.seed,
    }
    with step("Tune on the train and validation spans") as doing:
        known = memory.recall("tune", key, doing)
        if known is None or not _run_exists(shop.settings, known["run_id"]):

            def on_trial(number: int, name: str, params: dict[str, Any], value: float, seconds: float) -> None:
                doing.note(f"{number + 1} trials")

            found = study(
                shop.settings,
                spans.before_gate,
                shop.catalog,
                budget_seconds=budget_seconds,
                data=str(key["data"]),
                k=_K,
                on_trial=on_trial,
            )
            best = found.tuning
            known = {
                "run_id": found.run_id,
                "model": best.name,
                "params": best.params,
                "trials": len(best.leaderboard),
                "ndcg": float(best.leaderboard["ndcg"].iloc[0]),
            }
            memory.keep("tune", key, known)
        doing.note(f"{known['model']} leads after {known['trials']} trials, nDCG@{_K} {known['ndcg']:.4f}")
    return {**known, "key": key}


def _compare(shop: Shop, spans: FourWay, tuned: Mapping[str, Any], memory: Finished) -> pd.DataFrame:
    key = {**tuned["key"], "model": tuned["run_id"]}
    with step("Compare on the test span, which no choice has seen") as doing:
        known = memory.recall("compare", key, doing)
        if known is None:
            entries: dict[str, Recommender] = {"tuned": make(tuned["model"], **tuned["params"])}
            entries |= {name: make(name) for name in _baselines(shop)}
            found = compare(entries, spans.before_test, spans.test, k=_K, catalog=shop.catalog, seed=shop.settings.seed)
            table = _leads(found)
            with run(
                "comparison", settings=shop.settings, params={"tuned": tuned["model"], "k": _K},
                seed=shop.settings.seed, data=key["data"],
            ) as made:  # fmt: skip
                made.table(table, "comparison")
                made.metrics({f"test_ndcg_{row['model']}": row["ndcg"] for row in table.to_dict("records")})
            known = {"table": table.to_dict("records")}
            memory.keep("compare", key, known)
        table = pd.DataFrame(known["table"])
        doing.note(f"{int(table['shoppers'].iloc[0]):,} shoppers")
    return table


def _promote(shop: Shop, spans: FourWay, tuned: Mapping[str, Any], memory: Finished) -> tuple[str, bool]:
    key = {"run": tuned["run_id"], "data": shop.data.manifest.fingerprint}
    with step("Let the gate judge it on the gate's span") as doing:
        known = memory.recall("promote", key, doing)
        serving = champion_version(shop.settings)
        still = serving is not None and known is not None and str(serving.version) == known["champion"]
        if known is None or not still:
            if serving is not None and serving.run_id == tuned["run_id"]:
                known = {"verdict": "it serves already", "promoted": True, "champion": str(serving.version)}
            else:
                others = {
                    name: gather(make(name).fit(spans.before_gate, shop.catalog), spans.gate, spans.before_gate)
                    for name in _baselines(shop)
                    if name != "popular"
                }
                done = promote(
                    shop.settings,
                    shop.interactions,
                    run_id=tuned["run_id"],
                    actor="demo",
                    others=others,
                    catalog=shop.catalog,
                    events=shop.data.events,
                )
                champion = done.version or done.previous
                known = {
                    "verdict": done.decision.verdict,
                    "promoted": done.version is not None,
                    "champion": champion,
                }
            memory.keep("promote", key, known)
        doing.note(
            f"version {known['champion']} of {MODEL_NAME} is @{ALIAS}"
            if known["promoted"]
            else f"refused, version {known['champion']} goes on serving"
        )
    return str(known["verdict"]), bool(known["promoted"])


# -- helpers ----------------------------------------------------------------------------------------------------------


def _baselines(shop: Shop) -> list[str]:
    """The usual baselines that this shop's data can feed: content needs something to read."""
    frame = shop.catalog.frame
    readable = bool((frame["title"] != frame["product_id"]).any())
    return [name for name in BASELINES if readable or name not in ("content", "hybrid")]


def _leads(found: Comparison) -> pd.DataFrame:
    """The comparison's table with the tuned model's paired lead over each other model."""
    table = found.table("ndcg")[["model", "ndcg", "lo", "hi", "recall", "hit_rate", "coverage", "fit_s"]].copy()
    tuned = found.judged["tuned"].metrics["ndcg"]
    for name in table["model"]:
        if name != "tuned":
            lead = paired(tuned, found.judged[name].metrics["ndcg"], seed=found.seed)
            table.loc[table["model"] == name, ["lead", "lead_lo", "lead_hi"]] = (lead.mean, lead.low, lead.high)
    table["shoppers"] = len(found.judged["tuned"].users)
    return table


def _shop_name(data: Path) -> str:
    cleaned = "".join(c if c.isalnum() and c.isascii() else "_" for c in data.stem.lower()).strip("_")
    return cleaned[:63] or "imported"


def _digest(data: Path) -> str:
    return fingerprint_folder(data) if data.is_dir() else fingerprint_file(data)


def _run_exists(settings: Settings, run_id: str) -> bool:
    from shopr.tracking.endings import exists

    return exists(settings, run_id)
