"""A small shop in the format of the tau retail database, made here: the tests need no shared data."""

from __future__ import annotations

from typing import Any

from shopr.clock import Clock
from shopr.commerce import Commerce, OrderPolicy
from shopr.commerce.retail_data import CURRENCY, RetailData
from shopr.storage import Database


def variants(product_id: str, name: str, rows: list[tuple[str, dict[str, str], bool, float]]) -> dict[str, Any]:
    return {
        "name": name,
        "product_id": product_id,
        "variants": {
            i: {"item_id": i, "options": options, "available": available, "price": price}
            for i, options, available, price in rows
        },
    }


PRODUCTS = {
    "p1": variants(
        "p1",
        "Desk Lamp",
        [
            ("lamp-b", {"color": "black", "brightness": "low"}, True, 100.0),
            ("lamp-w", {"color": "white", "brightness": "low"}, True, 120.5),
            ("lamp-s", {"color": "silver", "brightness": "low"}, False, 90.0),
            ("lamp-h", {"color": "black", "brightness": "high"}, True, 80.25),
        ],
    ),
    "p2": variants(
        "p2",
        "Water Bottle",
        [
            ("bottle-5", {"capacity": "500ml", "color": "red"}, True, 20.0),
            ("bottle-7", {"capacity": "750ml", "color": "red"}, True, 25.0),
        ],
    ),
    "p3": variants(
        "p3",
        "Sunglasses",
        [
            ("sun-bb", {"frame color": "black", "lens color": "blue"}, True, 50.0),
            ("sun-bk", {"frame color": "brown", "lens color": "black"}, True, 55.0),
            ("sun-sk", {"frame color": "silver", "lens color": "black"}, True, 60.0),
        ],
    ),
}
ADDRESS = {
    "address1": "1 High Street",
    "address2": "Suite 2",
    "city": "Denver",
    "country": "USA",
    "state": "CO",
    "zip": "80203",
}
USERS = {
    "ann_lee_1": {
        "name": {"first_name": "Ann", "last_name": "Lee"},
        "address": ADDRESS,
        "email": "ann.lee1@example.com",
        "payment_methods": {
            "paypal_1": {"source": "paypal", "id": "paypal_1"},
            "gift_card_1": {"source": "gift_card", "id": "gift_card_1", "balance": 15},
            "credit_card_1": {"source": "credit_card", "id": "credit_card_1", "brand": "visa", "last_four": "1234"},
        },
        "orders": ["#W1000001", "#W1000002"],
    },
    "bob_fox_2": {
        "name": {"first_name": "Bob", "last_name": "Fox"},
        "address": {**ADDRESS, "zip": "10012", "address1": "99 Secret Road"},
        "email": "bob.fox2@example.com",
        "payment_methods": {"paypal_2": {"source": "paypal", "id": "paypal_2"}},
        "orders": ["#W2000001"],
    },
}


def order(user: str, status: str, paid: str, *items: tuple[str, str]) -> dict[str, Any]:
    rows = []
    for product_id, item_id in items:
        product = PRODUCTS[product_id]
        variant = product["variants"][item_id]
        rows.append({"name": product["name"], "product_id": product_id, **variant})
    total = round(sum(row["price"] for row in rows), 2)
    return {
        "user_id": user,
        "address": USERS[user]["address"],
        "items": rows,
        "status": status,
        "payment_history": [{"transaction_type": "payment", "amount": total, "payment_method_id": paid}],
    }


ORDERS = {
    "#W1000001": order("ann_lee_1", "pending", "paypal_1", ("p1", "lamp-b"), ("p2", "bottle-5")),
    "#W1000002": order("ann_lee_1", "delivered", "credit_card_1", ("p3", "sun-bb"), ("p2", "bottle-7")),
    "#W2000001": order("bob_fox_2", "pending", "paypal_2", ("p1", "lamp-w")),
}


def retail_shop(database: Database, clock: Clock) -> Commerce:
    data = RetailData(PRODUCTS, USERS, ORDERS)
    catalog = data.catalog()
    shop = Commerce(database, "retail", lambda: catalog, clock=clock, currency=CURRENCY, policy=OrderPolicy.retail())
    data.fill(shop)
    return shop
