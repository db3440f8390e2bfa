from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from shopr.errors import InputError
from shopr.metrics.ratings import evaluate_ratings, mae, rmse


def test_equal_scikit_learn():
    rng = np.random.default_rng(0)
    predicted, actual = rng.uniform(1, 5, 200), rng.integers(1, 6, 200)
    assert rmse(predicted, actual) == pytest.approx(root_mean_squared_error(actual, predicted), abs=1e-12)
    assert mae(predicted, actual) == pytest.approx(mean_absolute_error(actual, predicted), abs=1e-12)


def test_missing_pairs_are_left_out():
    found = evaluate_ratings(np.array([1.0, np.nan, 3.0]), np.array([2.0, 2.0, np.nan]))
    assert found == {"rmse": 1.0, "mae": 1.0, "n": 1.0}
    assert np.isnan(rmse(np.array([]), np.array([])))


def test_shapes_must_match():
    with pytest.raises(InputError, match="predicted"):
        rmse(np.ones(2), np.ones(3))
