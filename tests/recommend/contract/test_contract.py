"""What every registered model promises, whatever it is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shopr.data.ids import IdMap
from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError, NotReadyError
from shopr.recommend.contract.base import Recommender, popularity
from shopr.recommend.contract.persist import load, save
from shopr.recommend.contract.registry import MODELS, make, model_class
from tests.recommend.shop import COLD_USER, N_ITEMS, N_USERS, small_catalog, small_interactions

LEARNS_USERS = {"svd", "svdpp"}
"""Models that learn a representation of each training user, so that a folded-in history is not quite the same."""
SETTINGS = {"ials": {"factors": 8}, "svd": {"factors": 5}, "svdpp": {"factors": 5, "epochs": 5}}
SHOP, CATALOG = small_interactions(), small_catalog()
EVERYONE = np.arange(N_USERS)


@pytest.fixture(scope="module", params=sorted(MODELS))
def model(request) -> Recommender:
    return make(request.param, **SETTINGS.get(request.param, {})).fit(SHOP, CATALOG)


def test_name_and_config_match_the_registry(model):
    assert model_class(model.name) is type(model)
    assert type(model.config) is type(model).config_class


def test_recommend_shapes_and_order(model):
    found = model.recommend(EVERYONE, 7)
    assert found.items.shape == found.scores.shape == (N_USERS, 7)
    assert found.items.dtype == np.int32
    assert found.scores.dtype == np.float32
    assert (np.diff(found.scores, axis=1) <= 0).all()
    assert np.isfinite(found.scores).all()
    assert all(len(set(row)) == 7 for row in found.items)


def test_seen_items_are_left_out_unless_asked_for(model):
    found = model.recommend(EVERYONE, 30)
    for user, row in enumerate(found.items):
        assert not set(row[row >= 0]) & set(SHOP.matrix[user].indices)
    everything = model.recommend(EVERYONE, N_ITEMS, exclude_seen=False)
    assert (np.sort(everything.items, axis=1) == np.arange(N_ITEMS)).all()


def test_only_candidates(model):
    allowed = np.array([3, 9, 11, 40])
    found = model.recommend(EVERYONE, 10, candidates=allowed)
    assert np.isin(found.items[found.items >= 0], allowed).all()
    assert (found.items[:, 4:] == -1).all()
    assert np.isneginf(found.scores[found.items < 0]).all()


def test_unknown_candidates_are_left_out_and_wrong_ones_refused(model):
    found = model.recommend([0], 10, candidates=np.array([-1, 3, 9]))
    assert set(found.items[0]) <= {3, 9, -1}
    with pytest.raises(InputError, match="candidates span"):
        model.recommend([0], 10, candidates=np.array([N_ITEMS]))


def test_users_without_history_get_what_is_popular(model):
    found = model.recommend([-1, COLD_USER, 0], 5)
    best = np.argsort(-popularity(SHOP), kind="stable")[:5]
    np.testing.assert_array_equal(found.items[0], best)
    np.testing.assert_array_equal(found.items[1], best)


def test_empty_history_gets_what_is_popular_among_others(model):
    histories = Histories.of([[], [1, 2, 3]], N_ITEMS)
    found = model.fold_in(histories, 5)
    np.testing.assert_array_equal(found.items[0], np.argsort(-popularity(SHOP), kind="stable")[:5])
    assert np.isfinite(found.scores).all()
    assert not set(found.items[1]) & {1, 2, 3}


def test_folding_in_a_training_history_recommends_the_same(model):
    users = EVERYONE[:20]
    known = model.recommend(users, 10)
    folded = model.fold_in(SHOP.histories(users), 10)
    if model.name in LEARNS_USERS:
        overlap = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(known.items, folded.items, strict=True)])
        assert overlap > 0.4
    else:
        np.testing.assert_allclose(folded.scores, known.scores, rtol=1e-4, atol=1e-5)


def test_no_users_at_all(model):
    assert model.recommend([], 3).items.shape == (0, 3)
    assert model.fold_in(Histories.of([], N_ITEMS), 3).items.shape == (0, 3)
    assert model.explain(np.array([], int), np.array([], int)) == []


def test_k_beyond_the_catalogue_is_padded(model):
    found = model.recommend([0], N_ITEMS + 10)
    seen = SHOP.matrix[0].nnz
    assert (found.items[0, : N_ITEMS - seen] >= 0).all()
    assert (found.items[0, N_ITEMS - seen :] == -1).all()


def test_a_batch_equals_its_users_one_by_one(model):
    together = model.recommend(EVERYONE[:6], 5)
    for user in range(6):
        np.testing.assert_allclose(model.recommend([user], 5).scores[0], together.scores[user], rtol=1e-4, atol=1e-6)


def test_explanations_sum_to_the_score(model):
    users = np.array([0, 1, 2, 3, COLD_USER])
    found = model.recommend(users, 3)
    reasons = model.explain(users, found.items[:, 0])
    for row, reason in enumerate(reasons):
        assert reason.contributions
        assert sum(c.value for c in reason.contributions) == pytest.approx(reason.score, rel=1e-5, abs=1e-6)
        assert reason.score == pytest.approx(float(found.scores[row, 0]), rel=1e-3, abs=1e-4)
        sizes = [abs(c.value) for c in reason.contributions]
        assert sizes == sorted(sizes, reverse=True)


def test_same_seed_same_model(model):
    again = make(model.name, **SETTINGS.get(model.name, {})).fit(SHOP, CATALOG)
    np.testing.assert_array_equal(again.recommend(EVERYONE, 10).items, model.recommend(EVERYONE, 10).items)


def test_survives_saving_and_loading(model, tmp_path):
    save(model, tmp_path / "model")
    back = load(tmp_path / "model")
    ours, theirs = model.recommend(EVERYONE, 10), back.recommend(EVERYONE, 10)
    np.testing.assert_array_equal(ours.items, theirs.items)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    histories = SHOP.histories(EVERYONE[:5])
    np.testing.assert_array_equal(model.fold_in(histories, 5).items, back.fold_in(histories, 5).items)


def test_wrong_calls_are_refused(model):
    with pytest.raises(InputError, match="k is 0"):
        model.recommend([0], 0)
    with pytest.raises(InputError, match="user codes"):
        model.recommend([N_USERS], 5)
    with pytest.raises(InputError, match="histories span"):
        model.fold_in(Histories.of([[0]], N_ITEMS + 1), 5)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_unfitted_empty_and_unknown_settings(name):
    with pytest.raises(NotReadyError, match="not fitted"):
        make(name).recommend([0])
    with pytest.raises(NotReadyError, match="not fitted"):
        make(name).fold_in(SHOP.histories(np.array([0])))
    with pytest.raises(InputError, match="0 interactions"):
        make(name).fit(SHOP.take(np.zeros(len(SHOP), bool)), CATALOG)
    with pytest.raises(InputError, match="colour"):
        make(name, colour="red")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_says_what_it_needs(name):
    cls = model_class(name)
    if cls.needs_catalog:
        with pytest.raises(InputError, match="catalogue"):
            make(name).fit(SHOP)
    if cls.needs_ratings:
        with pytest.raises(InputError, match="rating"):
            make(name).fit(replace(SHOP, ratings=None), CATALOG)
    if not cls.needs_catalog and not cls.needs_ratings:
        make(name, **SETTINGS.get(name, {})).fit(replace(SHOP, ratings=None, times=None))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_one_shopper_with_a_hundred_thousand_events(name):
    rng = np.random.default_rng(0)
    n = 100_000
    flood = Interactions(
        SHOP.user_ids,
        SHOP.item_ids,
        np.concatenate([SHOP.users, np.zeros(n, np.int32)]),
        np.concatenate([SHOP.items, rng.integers(0, N_ITEMS - 4, n).astype(np.int32)]),
        np.concatenate([SHOP.times, 1_700_000_000 + rng.integers(0, 10**6, n)]),
        np.concatenate([SHOP.weights, np.ones(n, np.float32)]),
        np.concatenate([SHOP.ratings, rng.integers(1, 6, n).astype(np.float32)]),
    )
    found = make(name, **SETTINGS.get(name, {})).fit(flood, CATALOG).recommend([0, 1], 10)
    assert set(found.items[0][found.items[0] >= 0]) == set(range(N_ITEMS - 4, N_ITEMS)) - set(SHOP.matrix[0].indices)
    assert (found.items[1] >= 0).all()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_two_shoppers_and_two_products(name):
    tiny = Interactions(
        IdMap(["a", "b"]),
        IdMap(["p0", "p1"]),
        np.array([0, 1], np.int32),
        np.array([0, 1], np.int32),
        None,
        np.ones(2, np.float32),
        np.array([4, 5], np.float32),
    )
    found = make(name, **SETTINGS.get(name, {})).fit(tiny, small_catalog()).recommend([0, 1], 1)
    np.testing.assert_array_equal(found.items[:, 0], [1, 0])


@pytest.mark.parametrize("name", sorted(set(MODELS) - LEARNS_USERS - {"knn_baseline", "popular"}))
def test_finds_the_taste_that_made_the_data(name):
    model = make(name, **SETTINGS.get(name, {})).fit(SHOP, CATALOG)
    found = model.recommend(EVERYONE[:-1], 3)
    own_kind = (found.items % 4 == (EVERYONE[:-1] % 4)[:, None]).mean()
    assert own_kind > 0.33  # .25 by chance
