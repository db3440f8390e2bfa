"""Pieces in stock: seeded, set, moved, never sold twice, read as an array that follows every change."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shopr.clock import ManualClock, SystemClock
from shopr.commerce import Commerce
from shopr.errors import InputError
from shopr.storage import Database
from tests.commerce.shop import PRODUCTS, Shelf, catalog, commerce


def test_stock_is_seeded_from_the_catalogue_in_its_order(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    expected = np.array([np.nan if stock is None else stock for _, _, stock, _, _ in PRODUCTS])
    np.testing.assert_array_equal(shop.stock.array(), expected)
    assert shop.stock.of("mouse") == 5
    assert shop.stock.of("cable") is None
    assert shop.stock.of("nobody") == 0
    assert shop.stock.array() is shop.stock.array()
    with pytest.raises(ValueError, match="read-only"):
        shop.stock.array()[0] = 7


def test_changes_of_another_process_are_seen(either: Database, clock: ManualClock) -> None:
    one, two = commerce(either, clock), commerce(either, clock)
    before = two.stock.array()
    one.stock.set("mouse", 1)
    one.stock.set("cable", 2)
    assert two.stock.of("mouse") == 1
    assert two.stock.of("cable") == 2
    assert before[0] == 5, "an array that was given out never changes"
    two.stock.set("cable", None)
    assert one.stock.of("cable") is None
    assert one.snapshot().version == two.snapshot().version


def test_adjusting_never_goes_below_nothing(shop: Commerce) -> None:
    assert shop.stock.adjust("mouse", -5).facts["pieces"] == 0
    ruling = shop.stock.adjust("mouse", -1)
    assert (ruling.allowed, ruling.code) == (False, "out_of_stock")
    assert shop.stock.adjust("mouse", 2).facts["pieces"] == 2
    assert shop.stock.adjust("mouse", -3).code == "too_few"
    assert shop.stock.of("mouse") == 2
    assert shop.stock.adjust("cable", -3).facts["pieces"] is None
    assert shop.stock.adjust("nobody", 1).code == "unknown_product"


@pytest.mark.parametrize("pieces", [-1, 1.5, "3", 10**10])
def test_bad_numbers_are_refused_and_change_nothing(shop: Commerce, pieces: object) -> None:
    with pytest.raises(InputError):
        shop.stock.set_many({"mouse": 1, "lamp": pieces})  # type: ignore[dict-item]
    assert shop.stock.of("mouse") == 5


def test_an_unknown_product_is_refused(shop: Commerce) -> None:
    with pytest.raises(InputError, match="not in the catalogue"):
        shop.stock.set("nobody", 1)


def test_setting_many_says_how_many_changed(shop: Commerce) -> None:
    assert shop.stock.set_many({"mouse": 5, "lamp": 2, "cable": None}) == 1
    assert shop.stock.of("lamp") == 2


def test_a_reloaded_catalogue_overrules_only_where_it_says_something_new(shop: Commerce, shelf: Shelf) -> None:
    shop.stock.set("mouse", 1)
    rows = [("mouse", 1999, 5, "", {}), ("lamp", 3450, 8, "", {}), ("new", 700, 2, "", {})]
    shelf.value = catalog(rows)
    assert shop.stock.of("mouse") == 1, "the catalogue says of the mouse what it said before"
    assert shop.stock.of("lamp") == 8
    assert shop.stock.of("new") == 2
    assert len(shop.stock.array()) == 3
    assert shop.stock.of("cable") == 0, "it has left the catalogue"


def test_shops_do_not_see_each_other(database: Database, clock: ManualClock) -> None:
    one = commerce(database, clock)
    two = Commerce(database, "other", Shelf(), clock=clock)
    one.stock.set("mouse", 1)
    assert two.stock.of("mouse") == 5


def buy(url: str, owner: str, tries: int) -> int:
    """Order one mouse again and again; how often that worked."""
    with Database.open(url=url) as database:
        shop = commerce(database, SystemClock())
        got = 0
        for _ in range(tries):
            shop.carts.set_quantity(owner, "mouse", 1)
            got += bool(shop.orders.checkout(owner))
        return got


def test_two_processes_never_sell_one_piece_twice(database: Database, clock: ManualClock) -> None:
    """On PostgreSQL the threads below are as good: each has a connection, which is a process of the server."""
    shop = commerce(database, clock)
    shop.stock.set("mouse", 7)
    url = database.engine.url.render_as_string(hide_password=False)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sold = pool.starmap(buy, [(url, "ann", 6), (url, "bob", 6)])
    assert sum(sold) == 7
    assert shop.stock.of("mouse") == 0
    assert len(shop.orders.every()) == 7


def test_threads_never_sell_one_piece_twice(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    shop.stock.set("mouse", 3)
    owners = [f"user{i}" for i in range(8)]
    for owner in owners:
        assert shop.carts.add(owner, "mouse")
    barrier = threading.Barrier(len(owners))

    def order(owner: str) -> bool:
        barrier.wait()
        return bool(shop.orders.checkout(owner))

    with ThreadPoolExecutor(len(owners)) as pool:
        assert sum(pool.map(order, owners)) == 3
    assert shop.stock.of("mouse") == 0


def test_arrays_follow_while_others_write(either: Database, clock: ManualClock) -> None:
    """No change is missed by a reader that looks in the middle of many writers."""
    shop = commerce(either, clock)
    shop.stock.set_many({"mouse": 0, "lamp": 0})

    def write(product_id: str) -> None:
        for _ in range(10):
            shop.stock.adjust(product_id, 1)
            commerce_seen = shop.stock.array()
            assert commerce_seen is not None

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, ["mouse", "lamp", "mouse"]))
    assert (shop.stock.of("mouse"), shop.stock.of("lamp")) == (20, 10)
