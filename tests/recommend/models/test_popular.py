from __future__ import annotations

from dataclasses import replace

import numpy as np

from shopr.recommend.models.popular import Popular
from tests.recommend.shop import small_interactions

SHOP = small_interactions()


def test_without_decay_counts_distinct_shoppers():
    model = Popular(half_life_days=None).fit(SHOP)
    counts = np.bincount(SHOP.matrix.indices, minlength=SHOP.n_items)
    np.testing.assert_allclose(model.votes, counts / counts.max(), atol=1e-5)


def test_votes_halve_with_age():
    model = Popular(half_life_days=10).fit(SHOP)
    age = (SHOP.times.max() - SHOP.times) / 86_400
    votes = np.bincount(SHOP.items, weights=0.5 ** (age / 10), minlength=SHOP.n_items)
    np.testing.assert_allclose(model.votes / model.votes.max(), votes / votes.max(), atol=1e-4)


def test_without_times_decay_changes_nothing():
    untimed = replace(SHOP, times=None)
    a, b = Popular().fit(untimed), Popular(half_life_days=None).fit(untimed)
    np.testing.assert_array_equal(a.votes, b.votes)
