"""The blend against its definition, and what it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import zscore

from shopr.errors import CapacityError, InputError, UnknownNameError
from shopr.recommend.contract.registry import make
from shopr.recommend.models.hybrid import Hybrid
from tests.recommend.shop import small_catalog, small_interactions

SHOP, CATALOG = small_interactions(), small_catalog()


@pytest.mark.parametrize(("weight", "part"), [(1.0, "ease"), (0.0, "content")])
def test_all_weight_on_one_part_ranks_as_that_part(weight, part):
    users = np.arange(30)
    blend = Hybrid(weight=weight).fit(SHOP, CATALOG).recommend(users, 3)
    alone = make(part).fit(SHOP, CATALOG)
    scores = alone._score_users(users)
    for user in users:
        picked = scores[user, blend.items[user]]
        expected = alone.recommend([user], 3)
        np.testing.assert_allclose(picked, expected.scores[0], rtol=1e-5, atol=1e-6)


def test_default_is_seven_to_three_of_ease_and_content_on_one_scale():
    model = Hybrid().fit(SHOP, CATALOG)
    history = SHOP.histories(np.arange(10))
    first, second = (zscore(make(n).fit(SHOP, CATALOG)._score(history), axis=1) for n in ("ease", "content"))
    np.testing.assert_allclose(model._score(history), 0.7 * first + 0.3 * second, atol=1e-4)


def test_where_items_by_items_does_not_fit_the_item_filter_takes_its_place(monkeypatch):
    monkeypatch.setattr("shopr.recommend.contract.memory.require", _too_large)
    assert [p.name for p in Hybrid().fit(SHOP, CATALOG).parts] == ["item_filter", "content"]
    with pytest.raises(CapacityError):
        Hybrid(collaborative="ease").fit(SHOP, CATALOG)


def _too_large(model, interactions):
    if model.name == "ease":
        raise CapacityError("too large")


def test_contributions_sum_to_the_score():
    model = Hybrid().fit(SHOP, CATALOG)
    users, items = np.array([0, 3, 5]), np.array([1, 2, 30])
    scores = model._score_users(users)[np.arange(3), items]
    for explanation, score in zip(model.explain(users, items), scores, strict=True):
        assert sum(c.value for c in explanation.contributions) == pytest.approx(score, abs=1e-4)


def test_any_registered_model_with_its_settings():
    model = Hybrid(collaborative="ials", collaborative_settings={"factors": 4}, content="popular").fit(SHOP)
    assert [p.name for p in model.parts] == ["ials", "popular"]
    assert model.parts[0].config.factors == 4
    reasons = model.explain(np.array([0]), np.array([1]))[0].contributions
    assert {r.kind for r in reasons} == {"history", "popularity", "model"}


def test_wrong_parts():
    with pytest.raises(UnknownNameError, match="ialz"):
        Hybrid(collaborative="ialz").fit(SHOP, CATALOG)
    with pytest.raises(InputError, match="itself"):
        Hybrid(content="hybrid").fit(SHOP, CATALOG)
    with pytest.raises(InputError, match="settings factors of no named model"):
        Hybrid(collaborative_settings={"factors": 4}).fit(SHOP, CATALOG)
