"""Regression adjustment with a learned predictor, cross-fitted.

A model predicts the metric from columns known before exposure; each unit's prediction comes from a model that never
saw it (Chernozhukov et al. 2018; for experiments Guo et al. 2021, MLRATE). The prediction is then an ordinary
covariate: its coefficient is estimated, so a bad model costs nothing but time, and the arms stay comparable whatever it
learned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cross_fitted"]

Floats = NDArray[np.float64]


def cross_fitted(
    columns: pd.DataFrame,
    values: ArrayLike,
    *,
    model: Literal["boosting", "ridge"] = "boosting",
    folds: int = 5,
    seed: int = 0,
) -> Floats:
    """Out-of-fold predictions of `values`, shape (units,).

    Args:
        columns: what is known before exposure, one row a unit; text and categories are encoded, gaps are allowed.
        values: the metric, shape (units,) or (units, outcomes); without gaps.
        model: "boosting" (histogram gradient boosting) or "ridge" (standardised, penalty by leave-one-out).
        folds: parts of the cross-fitting; the assignment of units to folds depends on `seed` only.

    Raises:
        InputError: if there are fewer units than folds.
    """
    target = np.asarray(values, dtype=np.float64)
    if len(target) < 2 * folds:
        raise InputError(f"{len(target)} units are too few for {folds} folds", hint="Use fewer folds, or no adjustment")
    features = _encoded(columns, one_hot=model == "ridge")
    fold = np.random.default_rng(seed).permutation(np.arange(len(target)) % folds)
    predicted = np.empty_like(target)
    for part in range(folds):
        held = fold == part
        fitted = _model(model, seed).fit(features[~held], target[~held])
        predicted[held] = fitted.predict(features[held])
    return predicted


def _model(name: str, seed: int) -> Any:
    if name == "ridge":
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 4, 15)))
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=100, learning_rate=0.1, max_leaf_nodes=31, random_state=seed)


def _encoded(columns: pd.DataFrame, *, one_hot: bool) -> Floats:
    """Numbers only: text as codes (or as columns of 0 and 1), gaps as the mean for the linear model."""
    import pandas as pd

    parts: list[Floats] = []
    for name in columns.columns:
        column = columns[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if one_hot:
                mean = np.nanmean(numbers) if np.isfinite(numbers).any() else 0.0
                numbers = np.where(np.isfinite(numbers), numbers, mean)
            parts.append(numbers[:, None])
            continue
        codes, levels = pd.factorize(column.astype(str), sort=True)
        if one_hot:
            parts.append((codes[:, None] == np.arange(min(len(levels), 50))).astype(np.float64))
        else:
            parts.append(codes[:, None].astype(np.float64))
    return np.concatenate(parts, axis=1)
