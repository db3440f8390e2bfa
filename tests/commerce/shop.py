"""A small shop for the tests of commerce, on SQLite or PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from shopr.clock import Clock
from shopr.commerce import Commerce, Customer, PaymentMethod
from shopr.data.catalog import Catalog
from shopr.storage import Database

ADDRESS = {"address1": "1 High Street", "city": "York", "zip": "YO1 7HY", "country": "GB"}
# product, price, stock, group of variants, options
PRODUCTS: list[tuple[str, int | None, int | None, str, dict[str, str]]] = [
    ("mouse", 1999, 5, "", {}),
    ("cable", 499, None, "", {}),
    ("lamp", 3450, 0, "", {}),
    ("gone", 100, 3, "", {}),
    ("poster", None, 3, "", {}),
    ("shirt-s", 2000, 4, "shirt", {"size": "S"}),
    ("shirt-m", 2100, 1, "shirt", {"size": "M"}),
    ("shirt-l", 1800, 0, "shirt", {"size": "L"}),
]


def catalog(products: list[tuple[str, int | None, int | None, str, dict[str, str]]] | None = None) -> Catalog:
    rows = [
        {
            "product_id": product_id,
            "title": product_id.title(),
            "price": price,
            "currency": "EUR",
            "stock": stock,
            "attributes": json.dumps({"variant_of": group, **options} if group else {}),
        }
        for product_id, price, stock, group, options in (PRODUCTS if products is None else products)
    ]
    frame = pd.DataFrame(rows).astype({"price": "Int64", "stock": "Int64"})
    return Catalog.from_frame(frame)


class Shelf:
    """A catalogue that can be exchanged, as a reload does."""

    def __init__(self, value: Catalog | None = None) -> None:
        self.value = value or catalog()

    def __call__(self) -> Catalog:
        return self.value

    def without(self, product_id: str) -> None:
        self.value = Catalog(self.value.frame[self.value.frame["product_id"] != product_id].reset_index(drop=True))


def commerce(database: Database, clock: Clock, shelf: Shelf | None = None, **options: Any) -> Commerce:
    return Commerce(database, "demo", shelf or Shelf(), clock=clock, currency="EUR", **options)


ANN = Customer(
    "ann",
    "Ann",
    "Lee",
    "Ann.Lee@example.com",
    {**ADDRESS, "zip": "10001"},
    (
        PaymentMethod("card", "credit_card", "visa ending in 1111"),
        PaymentMethod("gift", "gift_card", "gift card", 5000, "EUR"),
        PaymentMethod("small", "gift_card", "gift card", 50, "EUR"),
        PaymentMethod("paypal", "paypal", "PayPal"),
    ),
)
