"""Cold products in models of item-to-item weights: hand calculation, what stays, and what a cold split shows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from shopr.data.cold_items import cold_items
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.metrics.ranking import evaluate
from shopr.recommend.contract.registry import make
from shopr.recommend.following.increments import follow
from shopr.recommend.models.cold import Cold, ColdConfig, carried_over
from shopr.recommend.selection.cold_tuning import tune_cold
from tests.recommend.shop import COLD_ITEM, N_ITEMS, N_USERS, small_catalog, small_interactions

SHOP, CATALOG = small_interactions(), small_catalog()
SPLIT = cold_items(SHOP, 0.25, seed=5)
COLD = np.unique(SPLIT.test.items)
BASES = ("item_filter", "edlae", "markov")


def test_weights_by_hand():
    """Product 2 is cold and like product 0 alone: it takes over its weights, and 0 speaks for it."""
    weights = np.array([[0, 0.4, 0], [0.2, 0, 0], [0, 0, 0]])
    vectors = sparse.csr_matrix(np.array([[1, 0], [0, 1], [1, 0]], np.float32))
    config = ColdConfig(likeness=3.0, trust=0.5)
    expected = np.array([[0, 0.4, 0.5 * 0.6], [0.2, 0, 0.5 * 0.2], [0.5 * 0.6, 0.5 * 0.4, 0]])
    for given in (weights, sparse.csr_matrix(weights)):
        found = carried_over(given, vectors, np.array([4.0, 4.0, 0.0]), config)
        assert sparse.issparse(found) == sparse.issparse(given)
        np.testing.assert_allclose(found.toarray() if sparse.issparse(found) else found, expected, atol=1e-7)


def test_rare_products_keep_a_share_of_their_own():
    weights = np.array([[0, 0.4, 0.1], [0.2, 0, 0.1], [0.1, 0.1, 0]])
    vectors = sparse.csr_matrix(np.array([[1, 0], [0, 1], [1, 0]], np.float32))
    config = ColdConfig(likeness=0.0, prior=1.0)  # of 1 shopper, half its own; of 99, all
    found = carried_over(weights, vectors, np.array([99.0, 99.0, 1.0]), config)
    assert found[1, 2] == pytest.approx(0.5 * 0.1 + 0.5 * 0.2)
    np.testing.assert_allclose(found[:2, :2], weights[:2, :2])


@pytest.mark.parametrize("base", BASES)
def test_known_products_score_as_before(base):
    plain = make(base).fit(SPLIT.train)
    model = Cold(base=base).fit(SPLIT.train, CATALOG)
    known = np.setdiff1d(np.arange(N_ITEMS), COLD)
    known = known[known != COLD_ITEM]
    histories = SPLIT.train.histories(np.arange(20))
    np.testing.assert_allclose(model._score(histories)[:, known], plain._score(histories)[:, known], atol=1e-6)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("kind", ["neighbours", "ridge"])
def test_cold_products_are_found_better_than_by_chance(base, kind):
    model = Cold(base=base, kind=kind, rank=8).fit(SPLIT.train, CATALOG)
    found = model.recommend(np.arange(N_USERS), 5, candidates=COLD)
    quality = np.nanmean(evaluate(found.items, SPLIT.test.binary, 5)["ndcg"])
    rng = np.random.default_rng(0)
    luck = [
        np.nanmean(
            evaluate(
                np.stack([rng.permutation(COLD)[:5] for _ in range(N_USERS)]).astype(np.int32), SPLIT.test.binary, 5
            )["ndcg"]
        )
        for _ in range(20)
    ]
    assert quality > max(luck)


def test_ease_side_finds_cold_products_and_is_ease_without_a_catalogues_weight():
    plain = make("ease", lam=50.0).fit(SPLIT.train)
    alike = make("ease_side", lam=50.0, side=0.0, dropout=0.0, user_power=0.0).fit(SPLIT.train, CATALOG)
    np.testing.assert_allclose(alike.weights, plain.weights, atol=1e-5)
    chairs = [i for i in np.setdiff1d(np.arange(N_ITEMS), COLD) if i % 4 == COLD_ITEM % 4 and i != COLD_ITEM]
    for model, known in ((plain, False), (make("ease_side").fit(SPLIT.train, CATALOG), True)):
        score = model._score(Histories.of([chairs], N_ITEMS))[0]
        assert (score[COLD_ITEM] > np.median(score[score != 0])) == known


def test_ease_side_solves_the_stacked_regression():
    """Column j minimises |X_j - X b|^2 + side |T_j - T b|^2 + lam |b|^2 over b with b_j = 0."""
    from shopr.recommend.models.content import item_vectors

    model = make("ease_side", lam=10.0, side=4.0, dropout=0.0, user_power=0.0).fit(SHOP, CATALOG)
    vectors, _ = item_vectors(
        CATALOG.align(SHOP.item_ids), {"title": 1.0, "brand": 0.5, "category": 1.0, "attributes": 0.5}
    )
    stacked = np.vstack([SHOP.binary.toarray(), 2.0 * vectors.T.toarray()])
    others = np.arange(N_ITEMS) != 7
    left = stacked[:, others]
    expected = np.linalg.solve(left.T @ left + 10.0 * np.eye(N_ITEMS - 1), left.T @ stacked[:, 7])
    np.testing.assert_allclose(model.weights[others, 7], expected, atol=1e-4)


def test_a_cold_product_in_a_history_speaks_for_its_like():
    model = Cold().fit(SPLIT.train, CATALOG)
    found = model.fold_in(Histories.of([[COLD_ITEM]], N_ITEMS), 5)
    assert (found.items[0] % 4 == COLD_ITEM % 4).mean() >= 0.6


def test_a_fitted_model_is_extended_and_left_as_it_is():
    base = make("edlae").fit(SPLIT.train)
    before = base.weights.copy()
    model = Cold.upon(base, CATALOG, ColdConfig(neighbours=5))
    np.testing.assert_array_equal(base.weights, before)
    again = Cold(base="edlae", base_settings=base.config.model_dump(), neighbours=5).fit(SPLIT.train, CATALOG)
    users = np.arange(10)
    np.testing.assert_allclose(model.recommend(users, 5).scores, again.recommend(users, 5).scores, rtol=1e-5)


def test_scores_follow_by_increments():
    model = Cold(base="markov").fit(SPLIT.train, CATALOG)
    scores = follow(model)
    for length in (3, 4, 5):
        history = Histories.of([list(range(length))], N_ITEMS)
        np.testing.assert_allclose(scores.at(history), model._score(history)[0], atol=1e-6)


def test_the_choice_is_made_on_products_made_cold():
    found = tune_cold(SHOP, CATALOG, base="item_filter", seed=1, k=5)
    board = found.leaderboard
    alone = board[board["ranked"] == "cold"]
    best = alone.loc[alone["ndcg"].idxmax()]
    assert found.config.kind == best["kind"]
    assert found.config.base == "item_filter"
    again = tune_cold(SHOP, CATALOG, base="item_filter", seed=1, k=5)
    assert again.config == found.config


def test_nothing_cold_changes_nothing():
    vectors = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    weights = np.array([[0, 0.4, 0.1], [0.2, 0, 0.1], [0.1, 0.1, 0]])
    np.testing.assert_allclose(carried_over(weights, vectors, np.ones(3), ColdConfig()), weights)


def test_wrong_calls_are_refused():
    for name in ("cold", "ease_side"):
        with pytest.raises(InputError, match="needs a catalogue"):
            make(name).fit(SHOP)
    with pytest.raises(InputError, match="no item-to-item weights"):
        Cold(base="ials").fit(SHOP, CATALOG)
    with pytest.raises(InputError, match="its own base"):
        Cold(base="cold").fit(SHOP, CATALOG)
    with pytest.raises(InputError, match="no item-to-item weights"):
        tune_cold(SHOP, CATALOG, base="popular")
