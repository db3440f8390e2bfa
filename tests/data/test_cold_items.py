"""The split by products."""

from __future__ import annotations

import numpy as np
import pytest

from shopr.data.cold_items import cold_items
from shopr.errors import InputError
from tests.recommend.shop import small_interactions

LOG = small_interactions()


def test_cold_products_are_in_no_row_of_train_and_nothing_is_lost():
    split = cold_items(LOG, 0.1, seed=3)
    assert not np.intersect1d(split.train.items, split.test.items).size
    assert len(split.train) + len(split.test) == len(LOG)
    assert len(np.unique(split.test.items)) == round(0.1 * len(np.unique(LOG.items)))
    assert split.train.item_ids == split.test.item_ids == LOG.item_ids


def test_the_seed_decides():
    one, two, other = (np.unique(cold_items(LOG, 0.2, seed=s).test.items) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_both_parts_have_products_however_small_the_share():
    assert len(np.unique(cold_items(LOG, 0.001).test.items)) == 1
    assert len(np.unique(cold_items(LOG, 0.999).train.items)) == 1


@pytest.mark.parametrize("share", [0, 1, -0.5, float("nan")])
def test_a_share_out_of_bounds_is_refused(share):
    with pytest.raises(InputError, match="not a share"):
        cold_items(LOG, share)


def test_one_product_cannot_be_split():
    with pytest.raises(InputError, match="needs 2 products"):
        cold_items(LOG.take(LOG.items == LOG.items[0]))
