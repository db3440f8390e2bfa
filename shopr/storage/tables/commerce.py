"""What is sold at which price, what lies in carts, what was ordered, and by whom."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Index, Integer, String, Text, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = [
    "cart_lines",
    "customers",
    "offer_states",
    "offers",
    "order_events",
    "order_lines",
    "order_payments",
    "orders",
    "payment_methods",
    "price_changes",
]

_ORDER = "as long as the law asks for records of sale, or until the person is erased"

offer_states = table(
    "offer_states",
    Card("shopr.commerce.offers", "as long as the shop", None, "none"),
    Column("shop", String(63), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
"""One row a shop: a number that rises with every change of a price or stock, and which catalogue seeded them."""

offers = table(
    "offers",
    Card("shopr.commerce.offers", "as long as the shop", None, "none"),
    Column("shop", String(63), primary_key=True),
    Column("product_id", String(256), primary_key=True),
    Column("price", BigInteger),
    Column("currency", String(3), nullable=False),
    Column("stock", BigInteger),
    # What the catalogue said when it was last read: only a change of the catalogue overrules what happened since.
    Column("listed_price", BigInteger),
    Column("listed_currency", String(3), nullable=False),
    Column("listed_stock", BigInteger),
    Column("first_seen", UtcDateTime),
    Column("version", BigInteger, nullable=False),
    Index(None, "shop", "version"),
)
"""The price and the pieces in stock of every product now; NULL pieces are not counted."""

price_changes = table(
    "price_changes",
    Card("shopr.commerce.prices", "as long as the shop", None, "none"),
    Column("shop", String(63), primary_key=True),
    Column("product_id", String(256), primary_key=True),
    Column("valid_from", UtcDateTime, primary_key=True),
    Column("price", BigInteger),
    Column("currency", String(3), nullable=False),
)
"""Every price a product had, from when on; NULL: it had none from then on."""

cart_lines = table(
    "cart_lines",
    Card("shopr.commerce.carts", "30 days after the cart was last touched", "owner", "none"),
    Column("shop", String(63), primary_key=True),
    Column("owner", String(256), primary_key=True),
    Column("product_id", String(256), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("title", Text, nullable=False),
    Column("touched_at", UtcDateTime, nullable=False),
    Index(None, "shop", "touched_at"),
)
"""What lies in the carts, with the price at the time of adding."""

orders = table(
    "orders",
    Card("shopr.commerce.orders", _ORDER, "owner", "values"),
    Column("shop", String(63), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("owner", String(256), nullable=False),
    Column("status", String(32), nullable=False),
    Column("placed_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("eta", Date),
    Column("delivered_on", Date),
    Column("items_modified", Boolean, nullable=False),
    Column("address", JSON, nullable=False),
    Column("request", JSON, nullable=False),
    Column("sealed", Text),
    Index(None, "shop", "owner", "placed_at"),
)
"""Orders and their state; `request` holds what a cancellation, return or exchange asks for. Where `sealed` is there, it
is the address as an envelope, and `address` is empty."""

order_lines = table(
    "order_lines",
    Card("shopr.commerce.orders", _ORDER, "owner", "none"),
    Column("shop", String(63), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("owner", String(256), nullable=False),
    Column("product_id", String(256), nullable=False),
    Column("title", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger),
    Column("currency", String(3), nullable=False),
    Index(None, "owner"),
)
"""What was ordered, at the price it was bought for; NULL where an old order has none on record."""

order_payments = table(
    "order_payments",
    Card("shopr.commerce.orders", _ORDER, "owner", "none"),
    Column("shop", String(63), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("owner", String(256), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("method_id", String(128), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Index(None, "owner"),
)
"""Payments and refunds of orders, by the name of the method: no card number is held."""

order_events = table(
    "order_events",
    Card("shopr.commerce.orders", _ORDER, "owner", "none"),
    Column("id", Integer, primary_key=True),
    Column("shop", String(63), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("owner", String(256), nullable=False),
    Column("request_id", String(128)),
    Column("action", String(32), nullable=False),
    Column("status", String(32), nullable=False),
    Column("details", JSON, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "owner", "request_id"),
    Index(None, "shop", "order_id"),
    Index(None, "owner"),
)
"""What was done with orders. A request id stands once for each owner, so that a request sent twice acts once."""

customers = table(
    "customers",
    Card("shopr.commerce.customers", "as long as the account, or until the person is erased", "user_id", "values"),
    Column("shop", String(63), primary_key=True),
    Column("user_id", String(256), primary_key=True),
    Column("first_name", String(128), nullable=False),
    Column("last_name", String(128), nullable=False),
    # Folded forms, which lookups compare: case and accents of what people type differ. Of a sealed row keyed digests.
    Column("email", String(320), nullable=False),
    Column("name_key", String(256), nullable=False),
    Column("zip_key", String(32), nullable=False),
    Column("address", JSON, nullable=False),
    Column("sealed", Text),
    Index(None, "shop", "email"),
    Index(None, "shop", "name_key", "zip_key"),
)
"""Who may be told of which orders: name, e-mail, default address; no more than identifying a person needs. Where
`sealed` is there, it holds them as an envelope, and the other columns hold nothing in clear."""

payment_methods = table(
    "payment_methods",
    Card("shopr.commerce.customers", "as long as the account, or until the person is erased", "user_id", "none"),
    Column("shop", String(63), primary_key=True),
    Column("user_id", String(256), primary_key=True),
    Column("method_id", String(128), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("label", String(64), nullable=False),
    Column("balance", BigInteger),
    Column("currency", String(3), nullable=False),
)
"""The payment methods of a customer by name; `balance` of gift cards in minor units."""
