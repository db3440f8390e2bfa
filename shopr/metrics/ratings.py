"""How far predicted star ratings are from given ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shopr.errors import InputError

__all__ = ["evaluate_ratings", "mae", "rmse"]


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Root of the mean squared error, in stars; NaN pairs are left out, NaN where none is left.

    Raises:
        InputError: if the shapes differ.
    """
    errors = _errors(predicted, actual)
    return float(np.sqrt((errors**2).mean())) if len(errors) else float("nan")


def mae(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Mean absolute error, in stars; NaN pairs are left out, NaN where none is left.

    Raises:
        InputError: if the shapes differ.
    """
    errors = _errors(predicted, actual)
    return float(np.abs(errors).mean()) if len(errors) else float("nan")


def evaluate_ratings(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> dict[str, float]:
    """`rmse`, `mae` and `n`, the number of compared ratings.

    Raises:
        InputError: if the shapes differ.
    """
    return {
        "rmse": rmse(predicted, actual),
        "mae": mae(predicted, actual),
        "n": float(len(_errors(predicted, actual))),
    }


def _errors(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> NDArray[np.float64]:
    predicted, actual = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    if predicted.shape != actual.shape:
        raise InputError(
            f"{predicted.shape} predicted and {actual.shape} given ratings", hint="Predict one rating for each given"
        )
    errors: NDArray[np.float64] = predicted - actual
    return errors[~np.isnan(errors)]
