"""Models of star ratings side by side on one split, by RMSE, beside the plain mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from shopr.data.interactions import Interactions
from shopr.data.splitting import per_user
from shopr.errors import InputError
from shopr.metrics.bootstrap import paired
from shopr.metrics.ratings import evaluate_ratings
from shopr.progress import track
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.contract.registry import make

__all__ = ["MEAN", "compare_ratings"]

MEAN = "mean rating"
"""The baseline's name: every rating is the mean of the training ratings."""


def compare_ratings(
    ratings: Interactions,
    models: Sequence[str] = ("svd", "svdpp", "knn_baseline"),
    *,
    test: float = 0.2,
    seed: int = DEFAULT_SEED,
) -> pd.DataFrame:
    """Hide a share of every shopper's ratings, predict them, and say how far off each model is.

    Args:
        ratings: interactions with star ratings.
        models: names of rating models from the registry.
        test: share to hide.

    Returns:
        One row a model, best first: `model`, `rmse`, `mae` (stars), `gain`, `gain_lo`, `gain_hi` (mean squared error of
        the mean rating minus the model's, with its 95 % interval, paired over ratings; above 0 is better), `n`.

    Raises:
        InputError: if there are no ratings to hide, or a model does not predict ratings.
        UnknownNameError: if a model is not known.
    """
    if ratings.ratings is None or not len(ratings):
        raise InputError("there are no star ratings", hint="Give Dataset.ratings() of a shop that has some")
    split = per_user(ratings, test, seed)
    if len(split.test) < 2 or split.train.ratings is None or split.test.ratings is None:
        raise InputError(f"{len(split.test)} ratings are too few to judge by", hint="Give more ratings")
    actual = split.test.ratings.astype(np.float64)
    predicted = {MEAN: np.full(len(actual), float(np.nanmean(split.train.ratings)))}
    for name in track(list(models), "Compare the rating models"):
        model = make(name)
        predict = getattr(model, "predict_ratings", None)
        if predict is None:
            raise InputError(f"{name} does not predict ratings", hint="Choose among svd, svdpp, knn_baseline")
        model.fit(split.train)
        predicted[name] = predict(split.test.users, split.test.items)
    base = (predicted[MEAN] - actual) ** 2
    rows: list[dict[str, Any]] = []
    for name, stars in predicted.items():
        scores = evaluate_ratings(stars, actual)
        row: dict[str, Any] = {"model": name, "rmse": scores["rmse"], "mae": scores["mae"]}
        if name == MEAN:
            row |= {"gain": 0.0, "gain_lo": np.nan, "gain_hi": np.nan}
        else:
            found = paired(base, (stars - actual) ** 2, seed=seed)
            row |= {"gain": found.mean, "gain_lo": found.low, "gain_hi": found.high}
        rows.append({**row, "n": int(scores["n"])})
    return pd.DataFrame(rows).sort_values("rmse", ignore_index=True)
