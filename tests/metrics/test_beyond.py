"""Measures beyond accuracy against their definitions written out pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity

from shopr.errors import InputError
from shopr.metrics import beyond


@pytest.fixture
def lists() -> np.ndarray:
    rng = np.random.default_rng(0)
    items = np.argsort(rng.random((30, 25)), axis=1)[:, :6]
    items[3, 4:] = -1
    items[4, 1:] = -1
    items[5] = -1
    return items


def test_coverage_and_exposure():
    items = np.array([[0, 1], [1, -1]])
    assert beyond.coverage(items, 4) == 0.5
    np.testing.assert_array_equal(beyond.exposure(items, 4), [1, 2, 0, 0])


def test_gini_by_the_mean_difference():
    counts = np.random.default_rng(1).integers(0, 50, 40)
    mean_difference = np.abs(counts[:, None] - counts[None]).mean()
    assert beyond.gini(counts) == pytest.approx(mean_difference / (2 * counts.mean()), abs=1e-12)
    assert beyond.gini(np.ones(9)) == pytest.approx(0)
    assert beyond.gini(np.eye(1, 100)[0]) == pytest.approx(0.99)
    assert np.isnan(beyond.gini(np.zeros(3)))


def test_popularity_measures_by_hand():
    popularity = np.array([8, 4, 2, 1, 0])
    items = np.array([[0, 3], [4, -1], [-1, -1]])
    np.testing.assert_allclose(beyond.average_popularity(items, popularity), [4.5, 0, np.nan])
    np.testing.assert_allclose(beyond.novelty(items, popularity, 16), [(1 + 4) / 2, 4, np.nan])
    # Of 15 interactions the head needs 12: items 0 and 1.
    np.testing.assert_allclose(beyond.tail_share(items, popularity), [0.5, 1, np.nan])


def test_diversity_by_label_pair_by_pair(lists):
    labels = np.random.default_rng(2).integers(-1, 4, 25)
    got = beyond.diversity_by_label(lists, labels)
    for row, value in zip(lists, got, strict=True):
        pairs = list(combinations([i for i in row if i >= 0], 2))
        if not pairs:
            assert np.isnan(value)
        else:
            differ = [labels[a] != labels[b] or labels[a] < 0 for a, b in pairs]
            assert value == pytest.approx(np.mean(differ), abs=1e-12)


@pytest.mark.parametrize("dense", [True, False])
def test_diversity_by_vector_pair_by_pair(lists, dense):
    vectors = np.random.default_rng(3).normal(size=(25, 5))
    vectors[7] = 0
    cosine = cosine_similarity(vectors)
    got = beyond.diversity_by_vector(lists, vectors if dense else sparse.csr_matrix(vectors))
    for row, value in zip(lists, got, strict=True):
        pairs = list(combinations([i for i in row if i >= 0], 2))
        if pairs:
            assert value == pytest.approx(np.mean([1 - cosine[a, b] for a, b in pairs]), abs=1e-12)
        else:
            assert np.isnan(value)


def test_personalisation_equals_all_pairs_of_users(lists):
    dense = np.zeros((len(lists), 25))
    for user, row in enumerate(lists):
        dense[user, row[row >= 0]] = 1
    cosine = cosine_similarity(dense[dense.sum(axis=1) > 0])
    off = cosine[~np.eye(len(cosine), dtype=bool)]
    assert beyond.personalisation(lists, 25) == pytest.approx(1 - off.mean(), abs=1e-12)
    assert beyond.personalisation(np.array([[0, 1], [1, 0]]), 3) == pytest.approx(0)
    assert beyond.personalisation(np.array([[0], [1]]), 3) == 1
    assert np.isnan(beyond.personalisation(np.array([[0]]), 3))


def test_all_at_once(lists):
    train = sparse.random(40, 25, 0.2, format="csr", random_state=1)
    table = beyond.beyond_accuracy(lists, train, labels=np.arange(25) % 3, vectors=np.eye(25))
    assert table["diversity_by_vector"] == pytest.approx(1)
    assert set(table) == {
        "coverage", "gini", "personalisation", "novelty", "average_popularity", "tail_share",
        "diversity_by_label", "diversity_by_vector",
    }  # fmt: skip
    assert all(np.isfinite(v) for v in table.values())


def test_a_code_outside_the_catalogue():
    with pytest.raises(InputError, match="span"):
        beyond.coverage(np.array([[5]]), 3)
