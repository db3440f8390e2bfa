"""A shop says what goes with a basket."""

from __future__ import annotations

import pytest

from shopr.config import Settings
from shopr.data.simulator import simulate
from shopr.errors import InputError
from shopr.shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    simulate(120, 80, 40, images=False).save(settings.shop_folder("small"))
    return Shop.open(settings, "small")


def test_goes_with_leaves_out_the_basket_and_what_is_sold_out(shop):
    basket = list(shop.catalog.frame["product_id"][:2])
    cards = shop.goes_with(basket, 8)
    assert len(cards) == 8
    assert not {c.product_id for c in cards} & set(basket)
    assert all(c.in_stock for c in cards)
    assert [c.position for c in cards] == list(range(1, 9))
    assert [c.score for c in cards] == sorted((c.score for c in cards), reverse=True)


def test_a_strange_or_empty_basket_gets_the_popular_and_k_has_bounds(shop):
    assert [c.product_id for c in shop.goes_with(["nope"], 3)] == [c.product_id for c in shop.goes_with([], 3)]
    with pytest.raises(InputError, match="k is 21"):
        shop.goes_with([], 21)
