"""The tau retail database: products with variants, users and orders, into a shop and out of it again.

`products.json`, `users.json` and `orders.json` as sierra-research/tau-bench publishes them (MIT). Every variant becomes
a product of the catalogue; variants that are available are not counted in stock, the others have none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

import pandas as pd

from shopr.commerce.customers import Customer, PaymentMethod
from shopr.commerce.facade import Commerce
from shopr.commerce.order_records import Order, OrderLine, OrderPayment, Status
from shopr.commerce.variants import VARIANT_OF
from shopr.data.catalog import Catalog
from shopr.errors import DataError
from shopr.money import to_minor

__all__ = ["CURRENCY", "RetailData", "state"]

CURRENCY = "USD"
_PLACED = datetime(2024, 5, 15, tzinfo=UTC)  # the files hold no dates
_STATUS: dict[str, Status] = {
    "pending": "pending",
    "processed": "processing",
    "delivered": "delivered",
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class RetailData:
    """The three files.

    Attributes:
        products, users, orders: as read, by id.
    """

    products: Mapping[str, Any]
    users: Mapping[str, Any]
    orders: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the files of a folder.

        Raises:
            DataError: naming the file that is missing or is no JSON object.
        """
        read = []
        for name in ("products", "users", "orders"):
            path = folder / f"{name}.json"
            try:
                value = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise DataError(f"{path} cannot be read: {error}", hint="Give the folder of tau retail") from None
            if not isinstance(value, dict):
                raise DataError(f"{path} holds no object", hint="Give the folder of tau retail")
            read.append(value)
        return cls(*read)

    def catalog(self) -> Catalog:
        """The variants as products, each with its options and the id of what it is a variant of."""
        rows = [
            {
                "product_id": item_id,
                "title": product["name"],
                "price": to_minor(variant["price"], CURRENCY),
                "currency": CURRENCY,
                "stock": None if variant["available"] else 0,
                "attributes": json.dumps({**variant["options"], VARIANT_OF: product["product_id"]}),
            }
            for product in self.products.values()
            for item_id, variant in product["variants"].items()
        ]
        return Catalog.from_frame(pd.DataFrame(rows).astype({"price": "Int64", "stock": "Int64"}))

    def customer(self, user_id: str) -> Customer:
        """A user as a customer."""
        user = self.users[user_id]
        methods = tuple(_method(raw) for raw in user["payment_methods"].values())
        name = user["name"]
        return Customer(user_id, name["first_name"], name["last_name"], user["email"], user["address"], methods)

    def order(self, order_id: str) -> Order:
        """An order, one line an item."""
        raw = self.orders[order_id]
        lines = tuple(
            OrderLine(number, item["item_id"], item["name"], 1, to_minor(item["price"], CURRENCY), CURRENCY)
            for number, item in enumerate(raw["items"], 1)
        )
        payments = tuple(
            OrderPayment(
                "refund" if paid["transaction_type"] == "refund" else "payment",
                to_minor(paid["amount"], CURRENCY),
                CURRENCY,
                paid["payment_method_id"],
                _PLACED,
            )
            for paid in raw["payment_history"]
        )
        return Order(
            order_id=order_id,
            owner=raw["user_id"],
            status=_STATUS[raw["status"]],
            placed_at=_PLACED,
            updated_at=_PLACED,
            address=raw["address"],
            lines=lines,
            payments=payments,
        )

    def fill(self, commerce: Commerce, users: Iterable[str] | None = None) -> None:
        """Put users (None: all) and their orders into a shop, in place of all orders that it had, and stock as well."""
        chosen = list(self.users if users is None else users)
        commerce.forget_carts_and_orders()
        available = {v["item_id"]: v["available"] for p in self.products.values() for v in p["variants"].values()}
        commerce.stock.set_many({item_id: None if fine else 0 for item_id, fine in available.items()})
        commerce.customers.put(self.customer(user_id) for user_id in chosen)
        mine = set(chosen)
        commerce.orders.put(self.order(i) for i, raw in self.orders.items() if raw["user_id"] in mine)


def state(commerce: Commerce, users: Iterable[str]) -> dict[str, Any]:
    """What a shop holds of those users, in plain values: what a benchmark compares with what ought to be."""
    held: dict[str, Any] = {"users": {}, "orders": {}}
    for user_id in users:
        customer = commerce.customers.get(user_id)
        if customer is not None:
            held["users"][user_id] = {
                "address": dict(customer.address),
                "balances": {m.method_id: m.balance for m in customer.methods if m.balance is not None},
            }
        for order in commerce.orders.of(user_id):
            held["orders"][order.order_id] = {
                "status": order.status,
                "modified": order.items_modified,
                "address": dict(order.address),
                "items": sorted((line.product_id, line.price) for line in order.lines for _ in range(line.quantity)),
                "payments": sorted((p.kind, p.amount, p.method_id) for p in order.payments),
                "request": _request(order),
            }
    return held


def _request(order: Order) -> dict[str, Any]:
    asked = dict(order.request)
    if "new_items" in asked:
        asked["pairs"] = sorted(zip(asked.pop("items"), asked.pop("new_items"), strict=True))
    return asked


def _method(raw: Mapping[str, Any]) -> PaymentMethod:
    kind = cast(str, raw["source"])
    balance = to_minor(raw["balance"], CURRENCY) if kind == "gift_card" else None
    label = {"gift_card": "gift card", "paypal": "PayPal"}.get(kind) or f"{raw['brand']} ending in {raw['last_four']}"
    return PaymentMethod(raw["id"], kind, label, balance, CURRENCY)
