"""iALS against the definition of its loss, and against implicit."""

from __future__ import annotations

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from shopr.recommend.arithmetic import least_squares
from shopr.recommend.arithmetic.least_squares import ridge_rows, solve_rows
from shopr.recommend.models.factor import IALS
from tests.recommend.shop import N_ITEMS, N_USERS, small_interactions

SHOP = small_interactions()


def loss(model: IALS, users: np.ndarray, items: np.ndarray) -> float:
    """The objective of the module docstring, over the dense matrix."""
    c = model.config
    strength = np.log2(1 + SHOP.matrix.toarray())
    confidence, wanted = 1 + c.alpha * strength, (strength > 0).astype(float)
    lengths, counts = wanted.sum(axis=1), wanted.sum(axis=0)
    by_user = (lengths + N_ITEMS / c.alpha) ** c.nu
    by_item = (counts + N_USERS / c.alpha) ** c.nu
    penalty = (by_user / by_user[lengths > 0].mean()) @ (users**2).sum(axis=1)
    penalty += (by_item / by_item.mean()) @ (items**2).sum(axis=1)
    return float((confidence * (wanted - users @ items.T) ** 2).sum() + c.regularization * penalty)


@pytest.mark.parametrize("nu", [0.0, 1.0])
def test_fold_in_is_the_exact_least_squares_solution(nu):
    model = IALS(factors=6, nu=nu, alpha=5, regularization=2).fit(SHOP)
    y = model.item_factors.astype(np.float64)
    got = model._users(SHOP.histories())
    lengths = np.diff(SHOP.matrix.indptr)
    scale = (lengths + N_ITEMS / 5) ** nu / ((lengths[lengths > 0] + N_ITEMS / 5) ** nu).mean()
    for user in range(N_USERS):
        wanted = (SHOP.matrix[user].toarray()[0] > 0).astype(float)
        confidence = 1 + 5 * np.log2(1 + SHOP.matrix[user].toarray()[0])
        system = (y * confidence[:, None]).T @ y + 2 * scale[user] * np.eye(6)
        np.testing.assert_allclose(got[user], np.linalg.solve(system, y.T @ (confidence * wanted)), atol=1e-5)


@pytest.mark.parametrize("nu", [0.0, 0.5, 1.0])
def test_training_ends_where_neither_side_can_improve(nu):
    model = IALS(factors=4, nu=nu, alpha=3, regularization=1, iterations=100).fit(SHOP)
    users, items = model._users(SHOP.histories()).astype(float), model.item_factors.astype(float)
    best = loss(model, users, items)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert loss(model, users + 0.01 * rng.normal(size=users.shape), items) > best
        assert loss(model, users, items + 0.01 * rng.normal(size=items.shape)) > best


def test_item_factors_are_those_of_implicit():
    settings = {"factors": 8, "regularization": 3.0, "iterations": 5}
    model = IALS(alpha=4, seed=7, **settings).fit(SHOP)
    confidence = SHOP.matrix.copy()
    confidence.data = 1 + 4 * np.log2(1 + confidence.data)
    other = AlternatingLeastSquares(random_state=7, num_threads=1, **settings)
    other.fit(confidence, show_progress=False)
    np.testing.assert_allclose(model.item_factors, other.item_factors, atol=1e-6)


def test_both_trainers_reach_the_same_loss():
    ends = []
    for nu in (0.0, 1e-9):
        model = IALS(factors=4, nu=nu, alpha=3, regularization=1, iterations=60).fit(SHOP)
        ends.append(loss(model, model._users(SHOP.histories()).astype(float), model.item_factors.astype(float)))
    assert ends[0] == pytest.approx(ends[1], rel=5e-3)


def test_rows_of_any_length_in_small_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    matrix = sparse.random(50, 30, 0.3, format="csr", random_state=1)
    matrix.data += 1
    factors = rng.normal(size=(30, 5))
    whole = solve_rows(matrix, factors, 0.5)
    ridge = ridge_rows(matrix, factors, np.full(50, 0.5))
    monkeypatch.setattr(least_squares, "BLOCK_FLOATS", 200)
    np.testing.assert_allclose(solve_rows(matrix, factors, 0.5), whole, atol=1e-12)
    for row in range(50):
        y = factors[matrix[row].indices]
        expected = np.linalg.solve(y.T @ y + 0.5 * np.eye(5), y.T @ matrix[row].data)
        np.testing.assert_allclose(ridge[row], expected, atol=1e-10)


def test_explanation_is_exact():
    model = IALS(factors=6).fit(SHOP)
    score = model._score(SHOP.histories(np.array([2])))[0]
    reasons = model.explain(np.array([2]), np.array([17]))[0]
    assert reasons.score == pytest.approx(score[17], abs=1e-5)
    assert {r.label for r in reasons.contributions} <= set(SHOP.item_ids.decode(SHOP.matrix[2].indices))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_shopper_is_solved_as_among_many(dtype):
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(30, 8)).astype(dtype)
    rows = sparse.random(5, 30, density=0.3, random_state=4, format="csr", dtype=dtype)
    rows.data += 1
    many = solve_rows(rows, factors, 0.7)
    alone = np.vstack([solve_rows(rows[[row]], factors, 0.7) for row in range(5)])
    np.testing.assert_allclose(alone, many, rtol=1e-4 if dtype == np.float32 else 1e-10, atol=1e-6)
    assert alone.dtype == dtype
    assert (solve_rows(sparse.csr_matrix((1, 30), dtype=dtype), factors, 0.7) == 0).all()
