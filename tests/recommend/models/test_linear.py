"""EASE and EDLAE against plain NumPy, their properties, and the published figure on MovieLens 100k."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import CapacityError, InputError
from shopr.metrics.ranking import evaluate
from shopr.recommend.arithmetic import gram as gram_module
from shopr.recommend.arithmetic.gram import gram, mirror, regression, user_blocks
from shopr.recommend.contract.registry import make
from shopr.recommend.models.itemweights import products
from shopr.recommend.models.linear import EDLAE, Ease, item_counts, shrunk, user_weights, weighted


def log(matrix: np.ndarray) -> Interactions:
    users, items = np.nonzero(matrix)
    ones = np.ones(len(users), np.float32)
    ids = IdMap(range(matrix.shape[0])), IdMap(range(matrix.shape[1]))
    return Interactions(*ids, users.astype(np.int32), items.astype(np.int32), None, ones)


def shop(seed: int = 0, users: int = 60, items: int = 25) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = rng.random((users, items)) < rng.random(items) * 0.5
    matrix[np.arange(users), rng.integers(0, items, users)] = True
    return matrix.astype(np.float64)


def ease_by_definition(x: np.ndarray, lam: float) -> np.ndarray:
    """Each item's ridge regression on all others, one at a time."""
    m = x.shape[1]
    weights = np.zeros((m, m))
    for j in range(m):
        others = [i for i in range(m) if i != j]
        a = x[:, others]
        weights[others, j] = np.linalg.solve(a.T @ a + lam * np.eye(m - 1), a.T @ x[:, j])
    return weights


@pytest.mark.parametrize("lam", [1.0, 20.0, 500.0])
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(lam):
    x = shop()
    model = Ease(lam=lam).fit(log(x))
    np.testing.assert_allclose(model.weights, ease_by_definition(x, lam), atol=2e-5)


@given(st.integers(0, 10_000), st.floats(0.5, 1000))
def test_the_diagonal_is_zero_and_scores_are_the_history_times_the_weights(seed, lam):
    x = shop(seed, users=12, items=8)
    model = Ease(lam=lam).fit(log(x))
    assert (np.diag(model.weights) == 0).all()
    np.testing.assert_allclose(model._score_users(np.arange(12)), x @ model.weights, rtol=1e-5, atol=1e-6)


def test_edlae_without_its_extras_is_ease():
    plain = EDLAE(lam=30, dropout=0, user_power=0, item_power=0, output_power=0).fit(log(shop()))
    np.testing.assert_allclose(plain.weights, Ease(lam=30).fit(log(shop())).weights, atol=1e-6)


def test_edlae_against_numpy():
    x = shop(3)
    settings = {"lam": 40.0, "dropout": 0.7, "user_power": 0.4, "item_power": -0.2, "output_power": -0.3}
    model = EDLAE(**settings).fit(log(x))
    n, counts = x.sum(1), x.sum(0)
    w = n**-0.4
    w *= n.sum() / (w * n).sum()
    relative = np.maximum(counts, 1) / np.average(counts, weights=counts)
    scaled = np.sqrt(w)[:, None] * x * relative**0.2
    g = scaled.T @ scaled
    p = np.linalg.inv(g + 40.0 * np.eye(len(g)) + 0.7 * np.diag(np.diag(g)))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    expected = (relative**0.2)[:, None] * b * (relative ** (-0.2 - 0.3))
    np.testing.assert_allclose(model.weights, expected, atol=2e-5)


def test_density_shrinks_all_weights_alike():
    dense = EDLAE(density=1.0).fit(log(shop(1))).weights
    thin = EDLAE(density=0.3).fit(log(shop(1))).weights
    kept = thin != 0
    assert kept.mean() == pytest.approx(0.3, abs=0.03)
    cut = np.abs(dense[kept]) - np.abs(thin[kept])
    np.testing.assert_allclose(cut, cut[0], rtol=1e-3)
    assert (np.sign(thin[kept]) == np.sign(dense[kept])).all()
    assert np.abs(dense[~kept]).max() <= cut[0] * 1.001


def test_very_thin_weights_are_kept_sparse():
    weights = shrunk(np.random.default_rng(0).normal(size=(200, 200)).astype(np.float32), 0.01)
    assert sparse.issparse(weights)
    assert weights.nnz == pytest.approx(400, rel=0.3)


def test_a_head_of_all_items_is_the_whole_and_a_smaller_one_leaves_the_rest_out():
    x = shop(2)
    whole, head = EDLAE().fit(log(x)), EDLAE(head=10).fit(log(x))
    np.testing.assert_allclose(EDLAE(head=25).fit(log(x)).weights, whole.weights)
    popular = np.sort(np.argsort(-x.sum(0), kind="stable")[:10])
    rest = np.setdiff1d(np.arange(25), popular)
    assert head.weights[rest].nnz == 0
    assert head.weights[:, rest].nnz == 0
    assert head.weights[popular][:, popular].nnz == 90


def test_user_weights_average_one_over_interactions():
    lengths = np.array([0.0, 1, 4, 9, 100])
    weights = user_weights(lengths, 0.7)
    assert weights[0] == 0
    assert (weights * lengths).sum() == pytest.approx(lengths.sum())
    assert weights[1] / weights[2] == pytest.approx(4**0.7)


@pytest.mark.parametrize("sparse_cost", [0.0, 1e9])
def test_both_ways_to_the_gram_matrix_agree(monkeypatch, sparse_cost):
    monkeypatch.setattr(gram_module, "_SPARSE_PAIR", sparse_cost)
    monkeypatch.setattr(gram_module, "_BLOCK_CELLS", 100)
    x = weighted(log(shop(5)).binary, 0.5)
    np.testing.assert_allclose(gram(x), (x.T @ x).toarray(), atol=1e-5)


def test_blocks_cover_all_users_once():
    lengths = np.random.default_rng(0).integers(0, 50, 300)
    blocks = user_blocks(lengths, pairs=1000)
    assert np.concatenate([np.arange(a, b) for a, b in blocks]).tolist() == list(range(300))
    assert len(blocks) > 10


def test_mirror():
    square = np.triu(np.random.default_rng(0).normal(size=(1100, 1100)))
    mirror(square)
    assert (square == square.T).all()


def test_a_square_that_would_not_fit_is_refused_with_the_alternative_named():
    n = 60_000
    items = np.arange(n, dtype=np.int32)
    wide = Interactions(IdMap(["u"]), IdMap(range(n)), np.zeros(n, np.int32), items, None, np.ones(n, np.float32))
    for name in ("ease", "edlae", "ease_time"):
        with pytest.raises(CapacityError, match=r"60,000 items .* needs \d+\.\d GB.*head=\d+00, 'ials'"):
            make(name).fit(wide)


def test_a_matrix_that_cannot_be_inverted_says_so():
    with pytest.raises(CapacityError, match="Raise lam"):
        regression(np.ones((5, 5), np.float32), np.full(5, 1e-12))


@pytest.mark.parametrize("bad", [{"lam": 0}, {"lam": -1}, {"dropout": -0.1}, {"density": 0}, {"half_life_days": 0}])
def test_settings_out_of_bounds(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        make("edlae", **bad)


def test_counts():
    assert item_counts(log(np.array([[1, 0, 1], [1, 0, 0]])).binary).tolist() == [2, 0, 1]


def test_movielens_100k_as_lenskit_and_cornac(shared_data: Path):
    with np.load(shared_data / "recommend" / "splits" / "ml100k_8020.npz") as z:
        n, m = int(z["nu"]), int(z["ni"])
        x = sparse.csr_matrix((np.ones(len(z["xi"])), z["xi"], z["xp"]), shape=(n, m))
        y = sparse.csr_matrix((np.ones(len(z["ti"])), z["ti"], z["tp"]), shape=(n, m))
    model = Ease(lam=200).fit(log(x.toarray()))
    found = evaluate(model.recommend(np.arange(n), 10).items, y, 10)["ndcg"]
    assert round(float(np.nanmean(found)), 4) == 0.4349


def test_products_by_strips_are_the_plain_product():
    rng = np.random.default_rng(5)
    rows = sparse.random(900, 800, 0.05, format="csr", dtype=np.float32, random_state=5)
    weights = rng.normal(size=(800, 800)).astype(np.float32)
    found = products(rows, weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rows @ weights, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(products(rows[:1], weights), rows[:1] @ weights, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(products(rows, sparse.csr_matrix(weights)), found, rtol=1e-4, atol=1e-4)
