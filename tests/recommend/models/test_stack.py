"""Blends and the learning of their weights."""

from __future__ import annotations

import numpy as np
import pytest

from shopr.errors import InputError
from shopr.recommend.contract.registry import make
from shopr.recommend.models.stack import standardise, unit
from tests.recommend.models.test_linear import log, shop


def test_a_stack_is_the_weighted_sum_of_standardised_scores():
    x = log(shop(1))
    members = [{"model": "ease", "params": {"lam": 20}, "weight": 1.0}, {"model": "item_filter", "weight": 0.3}]
    stack = make("stack", members=members).fit(x)
    users = np.arange(60)
    parts = [make("ease", lam=20).fit(x)._score_users(users), make("item_filter").fit(x)._score_users(users)]
    expected = standardise(parts[0]) + 0.3 * standardise(parts[1])
    np.testing.assert_allclose(stack._score_users(users), expected, atol=1e-5)


def test_a_stack_may_keep_each_model_s_own_scale_over_users():
    x = log(shop(1))
    members = [{"model": "ease", "params": {"lam": 20}}, {"model": "item_filter", "weight": 0.3}]
    stack = make("stack", members=members, scale="model").fit(x)
    users = np.arange(60)
    parts = [make("ease", lam=20).fit(x), make("item_filter").fit(x)]
    np.testing.assert_allclose(stack.units, [unit(part, x) for part in parts])
    expected = sum(w * part._score_users(users) / unit(part, x) for w, part in zip((1.0, 0.3), parts, strict=True))
    np.testing.assert_allclose(stack._score_users(users), expected, rtol=1e-4, atol=1e-6)
    for reason in stack.explain(users, np.zeros(60, int)):
        assert reason.score == pytest.approx(float(expected[reason.user, 0]), rel=1e-4, abs=1e-6)
        assert "against the average product" not in {c.label for c in reason.contributions}


def test_the_unit_is_the_root_mean_square_of_all_scores():
    x = log(shop(1))
    model = make("ease", lam=20).fit(x)
    assert unit(model, x) == pytest.approx(float(np.sqrt((model._score_users(np.arange(60)) ** 2).mean())), rel=1e-5)


def test_standardise():
    rows = standardise(np.array([[1.0, 2, 3], [5, 5, 5]]))
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(axis=1), [1, 0], atol=1e-6)


@pytest.mark.parametrize("members", [[], [{"model": "stack"}], [{"model": "ease", "weight": 0}]])
def test_bad_members(members):
    with pytest.raises(InputError, match="members"):
        make("stack", members=members)
