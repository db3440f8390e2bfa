"""Rating models against surprise itself, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
import surprise

from shopr.data.interactions import Histories
from shopr.errors import CapacityError, InputError
from shopr.metrics.ratings import rmse
from shopr.recommend.models.explicit import SVD, KNNBaseline, SVDpp, neighbours
from shopr.recommend.models.explicit.training import Ratings, trainset
from tests.recommend.shop import COLD_ITEM, COLD_USER, N_ITEMS, N_USERS, small_interactions

SHOP = small_interactions()
PAIRS = np.divmod(np.arange(N_USERS * N_ITEMS), N_ITEMS)


def rated() -> Ratings:
    stars = SHOP.mean_ratings
    keep = ~np.isnan(stars)
    owner = np.repeat(np.arange(N_USERS), np.diff(SHOP.matrix.indptr))[keep]
    return Ratings.of(owner, SHOP.matrix.indices[keep], stars[keep].astype(float))


CASES = [
    (SVD(factors=4, epochs=8), surprise.SVD(n_factors=4, n_epochs=8, random_state=42)),
    (SVDpp(factors=4, epochs=8), surprise.SVDpp(n_factors=4, n_epochs=8, lr_all=0.007, random_state=42)),
    (
        KNNBaseline(neighbours=3, fewest=2),
        surprise.KNNBaseline(
            k=3, min_k=2, sim_options={"name": "pearson_baseline", "user_based": False, "shrinkage": 100}, verbose=False
        ),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), CASES, ids=["svd", "svdpp", "knn_baseline"])
def test_predictions_equal_surprise(ours, theirs):
    ratings = rated()
    ours.fit(SHOP)
    theirs.fit(trainset(ratings))
    inner_user = {u: i for i, u in enumerate(ratings.users.tolist())}
    inner_item = {i: n for n, i in enumerate(ratings.items.tolist())}
    expected = []
    for user, item in zip(*PAIRS, strict=True):
        u, i = inner_user.get(int(user), f"UKN__{user}"), inner_item.get(int(item), f"UKN__{item}")
        found = theirs.estimate(u, i)
        expected.append(np.clip(found[0] if isinstance(found, tuple) else found, 1, 5))
    np.testing.assert_allclose(ours.predict_ratings(*PAIRS), expected, atol=1e-9)


def test_unknown_users_and_items():
    model = SVD(factors=3).fit(SHOP)
    stars = model.predict_ratings(np.array([-1, 0, COLD_USER]), np.array([3, -1, COLD_ITEM]))
    assert stars[0] == pytest.approx(np.clip(model.mean + model.item_bias[3], 1, 5))
    assert stars[1] == pytest.approx(np.clip(model.mean + model.user_bias[0], 1, 5))
    assert stars[2] == pytest.approx(model.mean)


@pytest.mark.parametrize("cls", [SVD, SVDpp, KNNBaseline])
def test_damping_moves_rarely_rated_items_to_the_mean(cls):
    settings = {} if cls is KNNBaseline else {"factors": 3}
    free, damped = cls(damping=0, **settings).fit(SHOP), cls(damping=20, **settings).fit(SHOP)
    a, b = free._score_users(np.arange(5)), damped._score_users(np.arange(5))
    counts = np.bincount(rated().items[rated().inner_items], minlength=N_ITEMS)
    np.testing.assert_allclose(b - damped.mean, (a - free.mean) * counts / (counts + 20), atol=1e-9)


def test_ranking_score_without_damping_is_the_rating():
    model = SVDpp(factors=3, damping=0).fit(SHOP)
    scores = np.clip(model._score_users(np.arange(N_USERS)), model.low, model.high)
    known = rated().items
    predicted = model.predict_ratings(*PAIRS).reshape(N_USERS, N_ITEMS)
    np.testing.assert_allclose(scores[:-1, known], predicted[:-1, known], atol=1e-9)


def test_fold_in_solves_the_ridge_regression():
    model = SVD(factors=3, regularization=0.1).fit(SHOP)
    history = SHOP.histories(np.array([4]))
    bias, taste = model._user_terms(history)
    keep = ~np.isnan(history.ratings)
    items = history.matrix.indices[keep]
    x = np.hstack([model.item_factors[items], np.ones((len(items), 1))])
    rest = history.ratings[keep].astype(float) - model.mean - model.item_bias[items]
    expected = np.linalg.solve(x.T @ x + 0.1 * len(items) * np.eye(4), x.T @ rest)
    assert bias[0] == pytest.approx(expected[3], abs=1e-7)
    np.testing.assert_allclose(taste[0], model.item_factors @ expected[:3], atol=1e-7)


def test_a_folded_history_predicts_its_own_ratings_better_than_the_mean():
    model = SVD(factors=5, epochs=60, damping=0).fit(SHOP)
    histories = SHOP.histories(np.arange(N_USERS - 1))
    scores = model._score(histories)
    owner = np.repeat(np.arange(N_USERS - 1), np.diff(histories.matrix.indptr))
    predicted = scores[owner, histories.matrix.indices]
    assert rmse(predicted, histories.ratings) < 0.9 * rmse(np.full(len(owner), model.mean), histories.ratings)


def test_histories_without_stars_rank_by_the_items_alone():
    model = SVD(factors=3).fit(SHOP)
    scores = model._score(Histories.of([[1, 2]], N_ITEMS))
    np.testing.assert_allclose(scores[0], model.mean + model.damp * model.item_bias, atol=1e-9)


def test_what_cannot_be_fitted(monkeypatch):
    from dataclasses import replace

    with pytest.raises(InputError, match="star ratings"):
        SVD().fit(replace(SHOP, ratings=None))
    with pytest.raises(InputError, match="star ratings"):
        SVD().fit(replace(SHOP, ratings=np.full(len(SHOP), np.nan, np.float32)))
    monkeypatch.setattr(neighbours, "MAX_KNN_ITEMS", 5)
    with pytest.raises(CapacityError, match="at most 5"):
        KNNBaseline().fit(SHOP)
