"""Stock, prices, carts, orders and customers of a shop, in its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shopr.lazy import loaded

if TYPE_CHECKING:
    from shopr.commerce.carts import Cart, CartChange, CartLine
    from shopr.commerce.customers import Customer, PaymentMethod
    from shopr.commerce.desk import OrderChange
    from shopr.commerce.facade import Commerce
    from shopr.commerce.insight import PriceInsight
    from shopr.commerce.offers import Snapshot
    from shopr.commerce.order_policy import OrderPolicy
    from shopr.commerce.order_records import Order, OrderLine, OrderPayment
    from shopr.commerce.prices import Price
    from shopr.commerce.rulings import Ruling
    from shopr.commerce.shelves import Deal, Novelty, Trend
    from shopr.commerce.sql import visitor

_PUBLIC = {
    "Cart": "carts",
    "CartChange": "carts",
    "CartLine": "carts",
    "Commerce": "facade",
    "Customer": "customers",
    "Deal": "shelves",
    "Novelty": "shelves",
    "Order": "order_records",
    "OrderChange": "desk",
    "OrderLine": "order_records",
    "OrderPayment": "order_records",
    "OrderPolicy": "order_policy",
    "PaymentMethod": "customers",
    "Price": "prices",
    "PriceInsight": "insight",
    "Ruling": "rulings",
    "Snapshot": "offers",
    "Trend": "shelves",
    "visitor": "sql",
}

__all__ = [
    "Cart",
    "CartChange",
    "CartLine",
    "Commerce",
    "Customer",
    "Deal",
    "Novelty",
    "Order",
    "OrderChange",
    "OrderLine",
    "OrderPayment",
    "OrderPolicy",
    "PaymentMethod",
    "Price",
    "PriceInsight",
    "Ruling",
    "Snapshot",
    "Trend",
    "visitor",
]


def __getattr__(name: str) -> Any:
    return loaded(__name__, _PUBLIC, name)
