"""Who a person is: found by what identifies them alone, never revealed to others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shopr.clock import ManualClock
from shopr.commerce import Commerce, Customer
from shopr.errors import InputError
from shopr.storage import Database
from tests.commerce.shop import ADDRESS, ANN, commerce


def test_people_are_found_however_they_type_it(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    jose = Customer("jose", "José", "García-Núñez", "JOSE@example.com", {**ADDRESS, "zip": "YO1 7HY"})
    assert shop.customers.put([ANN, jose]) == 2
    assert shop.customers.by_email(" ann.lee@EXAMPLE.com ") == "ann"
    assert shop.customers.by_name_and_zip("ANN", "lee", "10001") == "ann"
    assert shop.customers.by_name_and_zip("jose", "Garcia Nunez", "yo17hy") == "jose"
    assert shop.customers.get("ann") == replace(
        ANN, email="ann.lee@example.com", methods=tuple(sorted(ANN.methods, key=lambda m: m.method_id))
    )


@pytest.mark.parametrize("email", ["", "@", "ann.lee@example.co", "%", "ann", "x" * 5000, "a\x00"])
def test_wrong_addresses_find_nobody(shop: Commerce, email: str) -> None:
    assert shop.customers.by_email(email) is None


@pytest.mark.parametrize(
    "who",
    [("Ann", "Lee", "10002"), ("Ann", "", "10001"), ("An", "nLee", "10001"), ("", "", ""), ("Lee", "Ann", "10001")],
)
def test_half_a_name_finds_nobody(shop: Commerce, who: tuple[str, str, str]) -> None:
    assert shop.customers.by_name_and_zip(*who) is None


def test_what_fits_two_people_finds_none(shop: Commerce) -> None:
    shop.customers.put([replace(ANN, user_id="ann2", methods=())])
    assert shop.customers.by_email(ANN.email) is None
    assert shop.customers.by_name_and_zip("Ann", "Lee", "10001") is None


def test_storing_again_replaces(shop: Commerce) -> None:
    shop.customers.put([replace(ANN, email="new@example.com", methods=())])
    assert shop.customers.by_email(ANN.email) is None
    customer = shop.customers.get("ann")
    assert customer is not None
    assert customer.methods == ()
    with pytest.raises(InputError):
        shop.customers.put([replace(ANN, first_name="x" * 200)])


def test_a_moved_customer_is_identified_by_the_new_zip_code(shop: Commerce) -> None:
    assert shop.customers.set_address("ann", {"city": "York"}).code == "bad_address"
    assert shop.customers.set_address("nobody", ADDRESS).code == "not_found"
    assert shop.customers.set_address("ann", ADDRESS)
    assert shop.customers.by_name_and_zip("ann", "lee", "YO1 7HY") == "ann"
    assert shop.customers.by_name_and_zip("ann", "lee", "10001") is None


def test_shops_do_not_share_customers(shop: Commerce, database: Database, clock: ManualClock) -> None:
    other = Commerce(database, "other", lambda: pytest.fail("not needed"), clock=clock)
    assert other.customers.by_email(ANN.email) is None
    assert other.customers.get("ann") is None
