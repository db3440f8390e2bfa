"""Maps from content to known products, against hand calculation and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from shopr.recommend.models.cold_map import ContentMap, reduced

RNG = np.random.default_rng(0)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_neighbours_by_hand():
    features = sparse.csr_matrix(np.array([[1, 0], [0.8, 0.6], [0, 1], [1, 0]], np.float32))
    counts = np.array([5.0, 15.0, 5.0, 0.0])
    found = ContentMap(sharpness=2.0, shrinkage=5.0).weights(features, counts, np.array([3])).toarray()
    raw = np.array([1.0 * 0.5, 0.64 * 0.75, 0, 0])
    np.testing.assert_allclose(found[0], raw / raw.sum(), rtol=1e-6)


def test_only_the_nearest_and_never_itself():
    features = sparse.csr_matrix(unit(RNG.random((30, 4))))
    found = ContentMap(neighbours=3).weights(features, np.ones(30), np.arange(30))
    assert (np.diff(found.indptr) == 3).all()
    assert not found.diagonal().any()
    np.testing.assert_allclose(np.asarray(found.sum(axis=1)).ravel(), 1, rtol=1e-5)


def test_ridge_predicts_as_scikit_learns():
    """Without reliability and truncation, the map applied to any learnt rows is a ridge regression on the features."""
    features = unit(RNG.standard_normal((40, 5)))
    counts = np.append(np.ones(39), 0.0)
    learnt = RNG.standard_normal((40, 3))
    penalty = 0.5 * float(np.trace(features[:39].T @ features[:39])) / 5
    expected = Ridge(alpha=penalty, fit_intercept=False).fit(features[:39], learnt[:39]).predict(features[39:])
    map_ = ContentMap("ridge", neighbours=40, ridge=0.5, shrinkage=0.0)
    found = map_.weights(features, counts, np.array([39])) @ learnt
    assert np.corrcoef(found[0], expected[0])[0, 1] == pytest.approx(1, abs=1e-5)  # the size is set to 1


def test_what_the_catalogue_does_not_describe_is_told_from_nothing():
    features = sparse.csr_matrix(np.array([[1, 0], [0, 0], [0, 1]], np.float32))
    found = ContentMap().weights(features, np.array([3.0, 0.0, 3.0]), np.array([1]))
    assert found.shape == (1, 3)
    assert not np.asarray(found.sum())


def test_nobody_is_asked_for():
    features = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    assert ContentMap().weights(features, np.ones(3), np.array([], int)).shape == (0, 3)


def test_reduced_vectors_keep_likeness():
    groups = np.repeat(np.eye(4), 10, axis=0) + 0.05 * RNG.random((40, 4))
    found = reduced(sparse.csr_matrix(groups), 3, seed=1)
    assert found.shape == (40, 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert (found[:10] @ found[:10].T).min() > 0.95
    np.testing.assert_array_equal(found, reduced(sparse.csr_matrix(groups), 3, seed=1))
