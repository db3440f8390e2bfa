"""Customers and addresses are sealed at rest, found all the same, and sealed afterwards where they were in clear."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from shopr.clock import ManualClock
from shopr.commerce import Commerce
from shopr.commerce.personal import Personal, SealedRows, seal_stored
from shopr.errors import SecurityError
from shopr.storage import Database
from shopr.storage.tables import customers, order_events, orders
from tests.commerce.shop import ADDRESS, ANN, commerce

CLEAR = ("Ann", "Lee", "ann.lee@", "High Street", "York", "10001", "YO1")


class Rot:
    """A cipher that shifts letters and binds its place, and that can lose a person's key."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    def encrypt(self, text: str, *, table: str, row: str, subject: str) -> str:
        return json.dumps([table, row, subject, text.encode().hex()])

    def decrypt(self, token: str, *, table: str, row: str, subject: str) -> str:
        *place, sealed = json.loads(token)
        if place != [table, row, subject] or subject in self.lost:
            raise SecurityError("the key is gone", hint="none")
        return bytes.fromhex(sealed).decode()


@pytest.fixture
def cipher() -> Rot:
    return Rot()


@pytest.fixture
def personal(cipher: Rot) -> Personal:
    return Personal(lambda: cipher, lambda: b"pepper")


@pytest.fixture
def sealed(either: Database, clock: ManualClock, personal: Personal) -> Commerce:
    return commerce(either, clock, personal=personal)


def bought(shop: Commerce) -> str:
    shop.customers.put([ANN])
    shop.carts.add("ann", "mouse", 1)
    made = shop.orders.checkout("ann", method_id="card")
    assert made.order is not None, made
    return made.order.order_id


def stored(database: Database) -> str:
    with database.read() as connection:
        rows = [
            dict(row)
            for table in (customers, orders, order_events)
            for row in connection.execute(select(table)).mappings()
        ]
    for row in rows:
        row.pop("user_id", None)
        row.pop("owner", None)
    return json.dumps(rows, default=str)


def test_nothing_that_identifies_is_stored_in_clear_and_all_is_found(sealed: Commerce, either: Database) -> None:
    order_id = bought(sealed)
    assert sealed.orders.modify_address("ann", order_id, {**ADDRESS, "address1": "9 Low Lane", "zip": "YO2"})
    held = stored(either)
    assert [word for word in (*CLEAR, "Low Lane", "YO2") if word in held] == []
    assert sealed.customers.by_email(" ANN.lee@example.com") == "ann"
    assert sealed.customers.by_name_and_zip("ann", "LEE", "10001") == "ann"
    assert sealed.customers.by_name_and_zip("ann", "LEE", "10002") is None
    customer = sealed.customers.get("ann")
    assert customer is not None
    assert (customer.first_name, customer.email, customer.address["zip"]) == ("Ann", "ann.lee@example.com", "10001")
    order = sealed.orders.get("ann", order_id)
    assert order is not None
    assert order.address["address1"] == "9 Low Lane"


def test_a_moved_customer_is_found_by_the_new_zip_code(sealed: Commerce) -> None:
    sealed.customers.put([ANN])
    assert sealed.customers.set_address("ann", ADDRESS)
    assert sealed.customers.by_name_and_zip("ann", "lee", "YO1 7HY") == "ann"
    assert sealed.customers.by_name_and_zip("ann", "lee", "10001") is None
    assert sealed.customers.set_address("nobody", ADDRESS).code == "not_found"


def test_digests_of_two_shops_differ(personal: Personal) -> None:
    one, two = (personal.blind(shop, "email", "ann@example.com") for shop in ("a", "b"))
    assert one != two
    assert len(one) == 32
    assert personal.blind("a", "zip_key", "ann@example.com") != one


def test_without_the_key_there_is_nobody(sealed: Commerce, cipher: Rot) -> None:
    order_id = bought(sealed)
    cipher.lost.add("ann")
    assert sealed.customers.get("ann") is None
    order = sealed.orders.get("ann", order_id)
    assert order is not None
    assert order.address == {}


def test_what_was_in_clear_is_read_and_sealed_afterwards(
    either: Database, clock: ManualClock, personal: Personal
) -> None:
    plain = commerce(either, clock)
    order_id = bought(plain)
    plain.customers.put([replace(ANN, user_id=f"u{n}", email=f"u{n}@example.com", methods=()) for n in range(5)])
    with either.begin() as connection:  # as it was written before
        connection.execute(update(order_events).values(details={"order_id": order_id, **ADDRESS}))
    shop = commerce(either, clock, personal=personal)
    assert shop.customers.by_email("u3@example.com") == "u3"
    turns = iter([True, False])  # stopped after the first batch
    assert seal_stored(either, personal, batch=2, go_on=lambda: next(turns, False)) == SealedRows(customers=2)
    assert seal_stored(either, personal, batch=2) == SealedRows(customers=4, orders=1, entries=1)
    assert seal_stored(either, personal) == SealedRows()
    assert [word for word in CLEAR if word in stored(either)] == []
    assert shop.customers.by_email("u3@example.com") == "u3"
    order = shop.orders.get("ann", order_id)
    assert order is not None
    assert order.address["city"] == "York"


def test_digests_of_another_secret_are_made_anew(sealed: Commerce, either: Database, cipher: Rot) -> None:
    sealed.customers.put([ANN])
    other = Personal(lambda: cipher, lambda: b"another pepper")
    assert seal_stored(either, other) == SealedRows(digests=1)
    shop = commerce(either, sealed.clock, personal=other)
    assert shop.customers.by_email(ANN.email) == "ann"
    assert seal_stored(either, other) == SealedRows()
