"""Carts: bounds, stock, prices then and now, login, expiry, products that vanish."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopr.clock import ManualClock
from shopr.commerce import Cart, Commerce, visitor
from shopr.commerce.carts import KEPT, MOST_EACH, MOST_LINES
from shopr.errors import InputError
from shopr.storage import Database
from tests.commerce.shop import Shelf, catalog, commerce


def held(cart: Cart) -> dict[str, int]:
    return {line.product_id: line.quantity for line in cart.lines}


def test_adding_setting_and_removing(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    assert shop.carts.of("ann") == Cart("ann")
    assert shop.carts.add("ann", "mouse", 2)
    assert shop.carts.add("ann", "cable")
    change = shop.carts.add("ann", "mouse")
    assert held(change.cart) == {"mouse": 3, "cable": 1}
    assert change.cart.totals == {"EUR": 3 * 1999 + 499}
    assert change.cart.pieces == 4
    assert held(shop.carts.set_quantity("ann", "mouse", 1).cart) == {"mouse": 1, "cable": 1}
    assert held(shop.carts.set_quantity("ann", "mouse", 0).cart) == {"cable": 1}
    assert shop.carts.remove("ann", "mouse").ruling.code == "not_in_cart"
    assert shop.carts.of("bob") == Cart("bob")
    assert shop.carts.clear("ann") == 1
    assert shop.carts.of("ann") == Cart("ann")


@pytest.mark.parametrize(
    ("product_id", "quantity", "code"),
    [
        ("lamp", 1, "out_of_stock"),
        ("mouse", 6, "too_few"),
        ("mouse", 0, "too_many"),
        ("mouse", -3, "too_many"),
        ("cable", MOST_EACH + 1, "too_many"),
        ("poster", 1, "no_price"),
        ("nobody", 1, "unknown_product"),
        ("'; DROP TABLE cart_lines; --", 1, "unknown_product"),
        ("x" * 100_000, 1, "unknown_product"),
        ("", 1, "unknown_product"),
    ],
)
def test_what_cannot_be_added_says_why_and_changes_nothing(
    shop: Commerce, product_id: str, quantity: int, code: str
) -> None:
    shop.carts.add("ann", "cable", 2)
    change = shop.carts.add("ann", product_id, quantity)
    assert (bool(change), change.ruling.code) == (False, code)
    assert change.ruling.reason
    assert held(change.cart) == {"cable": 2}


def test_the_pieces_in_the_cart_count_towards_the_stock(shop: Commerce) -> None:
    assert shop.carts.add("ann", "mouse", 4)
    change = shop.carts.add("ann", "mouse", 2)
    assert change.ruling.facts == {"product_id": "mouse", "available": 5, "wanted": 6}
    assert held(change.cart) == {"mouse": 4}


def test_a_cart_holds_so_many_products(database: Database, clock: ManualClock) -> None:
    products = [(f"p{i}", 100, None, "", {}) for i in range(MOST_LINES + 1)]
    shop = commerce(database, clock, Shelf(catalog(products)))
    for i in range(MOST_LINES):
        assert shop.carts.add("ann", f"p{i}")
    assert shop.carts.add("ann", f"p{MOST_LINES}").ruling.code == "too_many_lines"
    assert shop.carts.add("ann", "p0")


def test_a_price_that_changed_since_is_flagged_and_the_total_is_of_now(shop: Commerce) -> None:
    shop.carts.add("ann", "mouse", 2)
    shop.prices.set("mouse", 2500)
    line = shop.carts.of("ann").lines[0]
    assert (line.price_then, line.price, line.changed, line.total) == (1999, 2500, True, 5000)
    assert shop.carts.of("ann").totals == {"EUR": 5000}
    shop.prices.set("mouse", 1999)
    assert not shop.carts.of("ann").changed


def test_totals_stand_apart_by_currency(shop: Commerce) -> None:
    shop.prices.set("cable", 700, "GBP")
    shop.carts.add("ann", "mouse")
    shop.carts.add("ann", "cable", 3)
    assert shop.carts.of("ann").totals == {"EUR": 1999, "GBP": 2100}
    assert shop.orders.checkout("ann").ruling.code == "mixed_currencies"


def test_a_product_that_leaves_the_catalogue_stays_visible_and_cannot_be_bought(shop: Commerce, shelf: Shelf) -> None:
    shop.carts.add("ann", "gone", 2)
    shop.carts.add("ann", "cable")
    shelf.without("gone")
    line = shop.carts.of("ann").line("gone")
    assert line is not None
    assert (line.removed, line.buyable, line.title, line.total) == (True, False, "Gone", None)
    assert shop.carts.of("ann").totals == {"EUR": 499}
    assert shop.orders.checkout("ann").ruling.code == "unknown_product"
    assert held(shop.carts.remove("ann", "gone").cart) == {"cable": 1}
    assert shop.orders.checkout("ann")


def test_a_line_that_stock_no_longer_covers_cannot_be_bought(shop: Commerce) -> None:
    shop.carts.add("ann", "mouse", 4)
    shop.stock.set("mouse", 3)
    assert not shop.carts.of("ann").lines[0].buyable
    assert shop.orders.checkout("ann").ruling.code == "too_few"
    assert held(shop.carts.of("ann")) == {"mouse": 4}


def test_login_moves_the_visitors_cart(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    shop.carts.add("ann", "mouse", 1)
    shop.prices.set("mouse", 2500)
    shop.carts.add(visitor("s1"), "mouse", 2)
    shop.carts.add(visitor("s1"), "cable", 1)
    cart = shop.carts.merge(visitor("s1"), "ann")
    assert held(cart) == {"mouse": 3, "cable": 1}
    assert cart.lines[0].price_then == 1999
    assert len(shop.carts.of(visitor("s1"))) == 0
    assert held(shop.carts.merge(visitor("s1"), "ann")) == {"mouse": 3, "cable": 1}
    assert held(shop.carts.merge("ann", "ann")) == {"mouse": 3, "cable": 1}


def test_a_session_named_like_a_user_does_not_open_their_cart(shop: Commerce) -> None:
    shop.carts.add("ann", "mouse")
    assert len(shop.carts.of(visitor("ann"))) == 0


def test_merging_keeps_within_the_bounds(shop: Commerce) -> None:
    shop.carts.add("ann", "cable", MOST_EACH)
    shop.carts.add(visitor("s"), "cable", MOST_EACH)
    assert held(shop.carts.merge(visitor("s"), "ann")) == {"cable": MOST_EACH}


def test_joined_carts_hold_no_more_than_there_is_and_no_less_than_before(shop: Commerce) -> None:
    shop.stock.set_many({"mouse": 5, "cable": 5})
    shop.carts.add("ann", "mouse", 3)
    shop.carts.add(visitor("s"), "mouse", 4)
    shop.carts.add("ann", "cable", 4)
    shop.carts.add(visitor("s"), "cable", 1)
    shop.stock.set("cable", 2)
    assert held(shop.carts.merge(visitor("s"), "ann")) == {"mouse": 5, "cable": 4}
    assert not shop.carts.of("ann").lines[1].buyable  # and says so


def test_an_untouched_cart_expires(shop: Commerce, clock: ManualClock) -> None:
    shop.carts.add("ann", "mouse")
    clock.advance(KEPT.total_seconds() - 1)
    assert held(shop.carts.add("ann", "cable").cart) == {"mouse": 1, "cable": 1}
    shop.carts.add("bob", "cable")
    clock.advance(KEPT.total_seconds() / 2)
    shop.carts.add("bob", "mouse")
    clock.advance(KEPT.total_seconds() / 2)
    assert len(shop.carts.of("ann")) == 0
    assert held(shop.carts.add("ann", "cable").cart) == {"cable": 1}, "what expired does not come back"
    shop.carts.clear("ann")
    shop.carts.add(visitor("late"), "mouse")
    clock.advance(KEPT.total_seconds() / 2 - 1)
    assert held(shop.carts.of("bob")) == {"cable": 1, "mouse": 1}
    clock.advance(1)
    assert shop.carts.expire() == 2
    assert shop.carts.expire(timedelta(0)) == 1


def test_a_visitors_expired_cart_is_not_merged(shop: Commerce, clock: ManualClock) -> None:
    shop.carts.add(visitor("s"), "mouse")
    clock.advance(KEPT.total_seconds())
    shop.carts.add("ann", "cable")
    assert held(shop.carts.merge(visitor("s"), "ann")) == {"cable": 1}


@pytest.mark.parametrize("owner", ["", "x" * 257, "a\x00b", "a\ud800", 7, None])
def test_bad_owners_are_refused(shop: Commerce, owner: object) -> None:
    with pytest.raises(InputError):
        shop.carts.of(owner)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        shop.carts.add(owner, "mouse")  # type: ignore[arg-type]
