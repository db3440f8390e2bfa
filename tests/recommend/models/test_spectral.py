"""Item and spectral filters against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from shopr.recommend.models.spectral import ItemFilter, RP3beta, Spectral, low_rank
from tests.recommend.models.test_linear import log, shop


def test_the_filter_is_the_normalised_cooccurrence():
    x = shop(4)
    model = ItemFilter(user_power=0.7, from_power=0.6, to_power=0.3).fit(log(x))
    counts = np.maximum(x.sum(0), 1)
    expected = (x.T * x.sum(1) ** -0.7) @ x / counts[:, None] ** 0.6 / counts[None, :] ** 0.3
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(model.weights.toarray(), expected, rtol=1e-5)


def test_rp3beta_is_a_random_walk_divided_by_popularity():
    x = shop(7)
    counts = np.maximum(x.sum(0), 1)
    walk = (x / counts).T @ (x / x.sum(1)[:, None]) / counts**0.4
    np.fill_diagonal(walk, 0)
    np.testing.assert_allclose(RP3beta(to_power=0.4).fit(log(x)).weights.toarray(), walk, rtol=1e-5)


def test_neighbours_bound_each_row():
    model = ItemFilter(neighbours=3).fit(log(shop(4)))
    assert np.diff(model.weights.indptr).max() == 3


@pytest.mark.parametrize("shape", [(80, 40), (30, 50)])
def test_low_rank_finds_the_leading_singular_vectors(shape):
    rng = np.random.default_rng(0)
    strong = rng.normal(size=(shape[0], 5)) * [50, 40, 30, 20, 10] @ rng.normal(size=(5, shape[1]))
    matrix = strong + 0.01 * rng.normal(size=shape)
    vectors = low_rank(sparse.csr_matrix(matrix.astype(np.float32)), 5)
    _, _, exact = np.linalg.svd(matrix, full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(vectors * exact[:5].T, axis=0)), 1, atol=1e-3)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-4)


def test_rank_is_cut_to_what_there_is():
    assert low_rank(sparse.csr_matrix(np.eye(6, 4, dtype=np.float32)), 100).shape == (4, 4)


def test_spectral_without_the_low_pass_is_the_filter_and_with_it_adds_a_projection():
    x = log(shop(6))
    users = np.arange(60)
    base = ItemFilter().fit(x)._score_users(users)
    np.testing.assert_allclose(Spectral(mix=0.0).fit(x)._score_users(users), base, rtol=1e-5)
    model = Spectral(mix=0.5, rank=4).fit(x)
    added = model._score_users(users) - base
    assert np.linalg.matrix_rank(added, tol=1e-3 * np.abs(added).max()) == 4
    assert np.sqrt((added**2).mean() / (base**2).mean()) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("items", [30, 400])
def test_the_basis_is_orthonormal_also_where_the_rank_is_short(items):
    from shopr.recommend.models.spectral import low_rank

    full = sparse.random(500, items, 0.1, format="csr", random_state=5, dtype=np.float32)
    short = sparse.csr_matrix(full[:, :6] @ full[:6, :])
    for matrix in (full, short):
        found = low_rank(matrix, 20)
        np.testing.assert_allclose(found.T @ found, np.eye(20), atol=1e-4)


def test_less_outer_power_takes_from_popular_items():
    x = log(shop(3))
    counts = np.maximum(np.bincount(x.binary.indices, minlength=x.n_items), 1)
    plain, flat = (Spectral(rank=4, spectral_item_power=0.5, outer_power=o).fit(x) for o in (None, 0.1))
    np.testing.assert_allclose(plain.outer, counts**0.5, rtol=1e-5)
    np.testing.assert_allclose(flat.outer, counts**0.1, rtol=1e-5)
