"""Percentiles against scipy, and the blend against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import percentileofscore

from shopr.errors import InputError, UnknownNameError
from shopr.recommend.hybrid import Hybrid, percentiles
from shopr.recommend.registry import make
from tests.recommend.shop import N_ITEMS, small_catalog, small_interactions

SHOP, CATALOG = small_interactions(), small_catalog()


def test_percentiles_equal_scipy():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 8, (20, 15)).astype(float)  # many ties
    among = rng.random((20, 15)) < 0.7
    got = percentiles(scores, among)
    for row in range(20):
        for item in range(15):
            expected = percentileofscore(scores[row][among[row]], scores[row, item], kind="mean") / 100
            assert got[row, item] == pytest.approx(expected, abs=1e-6)


def test_percentiles_of_nothing():
    assert (percentiles(np.ones((2, 3)), np.zeros((2, 3), bool)) == 0).all()
    assert percentiles(np.ones((2, 0)), np.ones((2, 0), bool)).shape == (2, 0)


@pytest.mark.parametrize(("weight", "part"), [(1.0, "item_knn"), (0.0, "content")])
def test_all_weight_on_one_part_ranks_as_that_part(weight, part):
    users = np.arange(30)
    blend = Hybrid(weight=weight).fit(SHOP, CATALOG).recommend(users, 3)
    alone = make(part).fit(SHOP, CATALOG)
    scores = alone._score_users(users)
    for user in users:
        picked = scores[user, blend.items[user]]
        expected = alone.recommend([user], 3)
        np.testing.assert_allclose(picked, expected.scores[0], rtol=1e-5, atol=1e-6)


def test_default_is_seven_to_three_of_item_neighbours_and_content():
    model = Hybrid().fit(SHOP, CATALOG)
    history = SHOP.histories(np.arange(10))
    unseen = np.ones((10, N_ITEMS), bool)
    for user in range(10):
        unseen[user, SHOP.matrix[user].indices] = False
    parts = [make(n).fit(SHOP, CATALOG)._score(history) for n in ("item_knn", "content")]
    expected = 0.7 * percentiles(parts[0], unseen) + 0.3 * percentiles(parts[1], unseen)
    np.testing.assert_allclose(model._score(history), expected, atol=1e-6)


def test_any_registered_model_with_its_settings():
    model = Hybrid(collaborative="ials", collaborative_settings={"factors": 4}, content="popular").fit(SHOP)
    assert [p.name for p in model.parts] == ["ials", "popular"]
    assert model.parts[0].config.factors == 4
    reasons = model.explain(np.array([0]), np.array([1]))[0].contributions
    assert {r.kind for r in reasons} == {"history", "popularity"}


def test_wrong_parts():
    with pytest.raises(UnknownNameError, match="ialz"):
        Hybrid(collaborative="ialz").fit(SHOP, CATALOG)
    with pytest.raises(InputError, match="itself"):
        Hybrid(content="hybrid").fit(SHOP, CATALOG)
