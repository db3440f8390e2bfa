"""Predicted star ratings: the models trained by surprise beside the mean and plain biases, by RMSE.

    python benchmarks/ratings.py                      MovieLens 100k and the simulated shop, one 80/20 split, seed 42
    python benchmarks/ratings.py --folds 5 --json out.json

MovieLens is read from `recommend/ml-100k/u.data` below SHOPR_SHARED_DATA (default ../shared/data), if it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shopr.data.interactions import Interactions
from shopr.metrics.bootstrap import paired
from shopr.metrics.ratings import evaluate_ratings
from shopr.recommend.contract.registry import make

MODELS = ("svd", "svdpp", "knn_baseline")


class Mean:
    """Every rating is the mean."""

    def fit(self, train: Interactions) -> Mean:
        self.mean = float(np.nanmean(train.ratings))
        return self

    def predict_ratings(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return np.full(len(users), self.mean)


class Biases(Mean):
    """Mean + user bias + item bias, by ten rounds of shrunken means (Koren 2010, section 2.1)."""

    def fit(self, train: Interactions) -> Biases:
        super().fit(train)
        rest = train.ratings - self.mean
        counts_user = np.bincount(train.users, minlength=train.n_users)
        counts_item = np.bincount(train.items, minlength=train.n_items)
        self.user, self.item = np.zeros(train.n_users), np.zeros(train.n_items)
        for _ in range(10):
            left = rest - self.user[train.users]
            self.item = np.bincount(train.items, weights=left, minlength=train.n_items) / (10 + counts_item)
            left = rest - self.item[train.items]
            self.user = np.bincount(train.users, weights=left, minlength=train.n_users) / (15 + counts_user)
        return self

    def predict_ratings(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return self.mean + self.user[users] + self.item[items]


def sources(seed: int, preset: str) -> Iterator[tuple[str, Interactions]]:
    """The rating tables to measure on."""
    path = Path(os.environ.get("SHOPR_SHARED_DATA", "../shared/data")) / "recommend" / "ml-100k" / "u.data"
    if path.is_file():
        frame = pd.read_csv(path, sep="\t", names=["user", "item", "rating", "timestamp"])
        yield "MovieLens 100k", Interactions.from_frame(frame)
    else:
        print(f"MovieLens 100k left out: {path} is absent")
    from shopr.data.simulator import simulate

    shop = simulate(preset=preset, seed=seed, images=False).ratings()
    if shop is not None:
        yield f"simulated shop ({preset})", shop


def folds(n: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """Masks of the test ratings: one random fifth, or each of `count` folds."""
    order = np.random.default_rng(seed).permutation(n)
    fold = np.empty(n, int)
    fold[order] = np.arange(n) * max(count, 5) // n
    for number in range(count):
        yield fold == number


def measure(data: Interactions, count: int, seed: int) -> list[dict[str, Any]]:
    """One row a model; squared errors of all folds together, compared with the biases' in pairs."""
    makers = {"global mean": Mean, "user + item biases": Biases} | {m: lambda m=m: make(m) for m in MODELS}
    errors: dict[str, list[np.ndarray]] = {name: [] for name in makers}
    seconds = {name: [0.0, 0.0] for name in makers}
    for test in folds(len(data), count, seed):
        train = data.take(~test)
        train.matrix  # noqa: B018 - built once, on nobody's clock
        for name, maker in makers.items():
            started = time.perf_counter()
            model = maker().fit(train)
            fitted = time.perf_counter()
            predicted = model.predict_ratings(data.users[test], data.items[test])
            seconds[name][0] += fitted - started
            seconds[name][1] += time.perf_counter() - fitted
            errors[name].append(predicted - data.ratings[test])
    rows = []
    base = np.concatenate(errors["user + item biases"]) ** 2
    for name, parts in errors.items():
        residual = np.concatenate(parts)
        scores = evaluate_ratings(residual, np.zeros_like(residual))
        gain = paired(residual**2, base, seed=seed)
        rows.append(
            {
                "model": name,
                "rmse": scores["rmse"],
                "mae": scores["mae"],
                "mse_minus_biases": gain.mean,
                "low": gain.low,
                "high": gain.high,
                "fit_s": seconds[name][0] / count,
                "predict_s": seconds[name][1] / count,
            }
        )
    return rows


def main() -> None:
    """Print one table a data set; write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=1, choices=range(1, 6), help="1: one 80/20 split; 5: every fold")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--preset", default="demo", help="size of the simulated shop")
    parser.add_argument("--json", type=Path, help="write the tables here as well")
    given = parser.parse_args()
    tables = {}
    for name, data in sources(given.seed, given.preset):
        tables[name] = measure(data, given.folds, given.seed)
        sizes = f"{len(data):,} ratings, {data.n_users:,} users, {data.n_items:,} items"
        print(f"\n{name}: {sizes}; {given.folds} fold(s), seed {given.seed}")
        print(pd.DataFrame(tables[name]).round(4).to_string(index=False))
    if given.json:
        given.json.write_text(json.dumps(tables, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
