"""Validation curves: how nDCG on a split cut from the train side moves as one setting moves and the others stand.

The test side is never read. Called by `benchmarks/recommend.py --curves FOLDER`; writes SPLIT_MODEL.csv and .png.
"""

from __future__ import annotations

import copy
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recommendation.data import SPLITS, load
from benchmarks.recommendation.settings import SETTINGS

__all__ = ["draw", "variants"]

FACTORS = (0.125, 0.25, 0.5, 2.0, 4.0, 8.0)
"""What settings of a scale (ridges, counts, half-lives, weights of members) are multiplied by."""
STEPS = (-0.3, -0.2, -0.1, 0.1, 0.2, 0.3)
"""What exponents and shares are moved by."""
SCALES = {
    "lam", "dropout", "density", "tau_days", "half_life_days", "half_life", "shrinkage", "rank", "mix", "factors",
    "regularization", "alpha", "neighbours", "head", "weight",
}  # fmt: skip

Params = dict[str, Any]


def variants(params: Params) -> Iterator[tuple[str, float, Params]]:
    """(setting, value, all parameters) with one setting of `params` moved; of a stack, the weight of one member."""
    for number, member in enumerate(params.get("members", [])):
        for value in _moved("weight", member["weight"]):
            changed = copy.deepcopy(params)
            changed["members"][number]["weight"] = value
            yield f"weight of {member['model']} {number + 1}", value, changed
    for name, value in params.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            for other in _moved(name, value):
                yield name, other, {**params, name: other}


def _moved(name: str, value: float) -> list[Any]:
    if name not in SCALES:
        return [round(value + step, 4) for step in STEPS]
    return [type(value)(value * factor) for factor in FACTORS]


def draw(split: str, model: str, data: Path, out: Path, seed: int = 42) -> list[dict[str, Any]]:
    """Rows of setting, value, nDCG, its standard error and whether it is the one in use; also written to `out`."""
    from shopr.errors import ShoprError
    from shopr.progress import track
    from shopr.recommend.contract.registry import make
    from shopr.recommend.selection.search import judge_users
    from shopr.recommend.selection.validation import hold_out

    params = SETTINGS[split][model]
    holdout = hold_out(load(split, data).train, seed=seed)
    rows: list[dict[str, Any]] = []

    def keep(setting: str, value: float, users: np.ndarray, *, used: bool) -> None:
        mean, error = float(np.nanmean(users)), float(np.nanstd(users) / np.sqrt(len(users)))
        rows.append({"setting": setting, "value": value, "ndcg": mean, "error": error, "used": used})

    def judge(setting: str, value: float, settings: Params, *, used: bool) -> None:
        try:
            users = judge_users(make(model, **settings).fit(holdout.train), holdout, SPLITS[split])
        except ShoprError:  # a value out of bounds has no place on the curve
            return
        keep(setting, value, users, used=used)

    if params.get("scale") == "model":
        judge = _blends(params, holdout, SPLITS[split], keep)
    judge("", 0.0, params, used=True)
    for setting, value, settings in track(list(variants(params)), f"{model} on {split}"):
        judge(setting, value, settings, used=False)
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{split}_{model}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _picture(rows, params, out / f"{split}_{model}.png", f"{model} on validation of {split}")
    return rows


def _blends(params: Params, holdout: Any, k: int, keep: Callable[..., None]) -> Callable[..., None]:
    """Judge weights of a stack whose members, fitted once, have scales of their own."""
    from shopr.recommend.contract.registry import make
    from shopr.recommend.selection.blending import Pool, blended_users

    pool = Pool.of([make(m["model"], **m["params"]).fit(holdout.train) for m in params["members"]], holdout, k)

    def judge(setting: str, value: float, settings: Params, *, used: bool) -> None:
        keep(setting, value, blended_users(pool, [m["weight"] for m in settings["members"]], k), used=used)

    return judge


def _picture(rows: list[dict[str, Any]], params: Params, file: Path, title: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["setting"] for row in rows if row["setting"]))
    across = min(4, max(len(names), 1))
    down = -(-max(len(names), 1) // across)
    figure, axes = plt.subplots(down, across, figsize=(3.2 * across, 2.4 * down), sharey=True, squeeze=False)
    for name, axis in zip(names, axes.flat, strict=False):
        points = [(r["value"], r["ndcg"], r["error"]) for r in rows if r["setting"] == name]
        points = sorted([*points, (_used(name, params), rows[0]["ndcg"], rows[0]["error"])])
        x, y, error = (np.array(column) for column in zip(*points, strict=True))
        axis.plot(x, y, marker="o", markersize=3)
        axis.fill_between(x, y - error, y + error, alpha=0.2)
        axis.axvline(_used(name, params), color="grey", linewidth=0.8)
        axis.set_xlabel(name)
        if name in SCALES or name.startswith("weight"):
            axis.set_xscale("log")
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    plt.close(figure)


def _used(name: str, params: Params) -> float:
    if name.startswith("weight of "):
        return float(params["members"][int(name.rsplit(" ", 1)[1]) - 1]["weight"])
    return float(params[name])
