"""Commerce: offers and their history, carts, orders, customers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    _offer_states()
    _offers()
    _price_changes()
    _cart_lines()
    _orders()
    _order_lines()
    _order_payments()
    _order_events()
    _customers()
    _payment_methods()


def _offer_states() -> None:
    op.create_table(
        "offer_states",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("shop", name="pk_offer_states"),
    )


def _offers() -> None:
    op.create_table(
        "offers",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("product_id", sa.String(256), nullable=False),
        sa.Column("price", sa.BigInteger),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("stock", sa.BigInteger),
        sa.Column("listed_price", sa.BigInteger),
        sa.Column("listed_currency", sa.String(3), nullable=False),
        sa.Column("listed_stock", sa.BigInteger),
        sa.Column("first_seen", sa.DateTime(timezone=True)),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shop", "product_id", name="pk_offers"),
    )
    op.create_index("ix_offers_shop_version", "offers", ["shop", "version"])


def _price_changes() -> None:
    op.create_table(
        "price_changes",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("product_id", sa.String(256), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price", sa.BigInteger),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.PrimaryKeyConstraint("shop", "product_id", "valid_from", name="pk_price_changes"),
    )


def _cart_lines() -> None:
    op.create_table(
        "cart_lines",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("product_id", sa.String(256), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("shop", "owner", "product_id", name="pk_cart_lines"),
    )
    op.create_index("ix_cart_lines_shop_touched_at", "cart_lines", ["shop", "touched_at"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("eta", sa.Date),
        sa.Column("delivered_on", sa.Date),
        sa.Column("items_modified", sa.Boolean, nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("shop", "order_id", name="pk_orders"),
    )
    op.create_index("ix_orders_shop_owner_placed_at", "orders", ["shop", "owner", "placed_at"])


def _order_lines() -> None:
    op.create_table(
        "order_lines",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("product_id", sa.String(256), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price", sa.BigInteger),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.PrimaryKeyConstraint("shop", "order_id", "line", name="pk_order_lines"),
    )
    op.create_index("ix_order_lines_owner", "order_lines", ["owner"])


def _order_payments() -> None:
    op.create_table(
        "order_payments",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("method_id", sa.String(128), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("shop", "order_id", "number", name="pk_order_payments"),
    )
    op.create_index("ix_order_payments_owner", "order_payments", ["owner"])


def _order_events() -> None:
    op.create_table(
        "order_events",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("request_id", sa.String(128)),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_order_events"),
        sa.UniqueConstraint("shop", "owner", "request_id", name="uq_order_events_shop_owner_request_id"),
    )
    op.create_index("ix_order_events_owner", "order_events", ["owner"])
    op.create_index("ix_order_events_shop_order_id", "order_events", ["shop", "order_id"])


def _customers() -> None:
    op.create_table(
        "customers",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("first_name", sa.String(128), nullable=False),
        sa.Column("last_name", sa.String(128), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("name_key", sa.String(256), nullable=False),
        sa.Column("zip_key", sa.String(32), nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("shop", "user_id", name="pk_customers"),
    )
    op.create_index("ix_customers_shop_email", "customers", ["shop", "email"])
    op.create_index("ix_customers_shop_name_key_zip_key", "customers", ["shop", "name_key", "zip_key"])


def _payment_methods() -> None:
    op.create_table(
        "payment_methods",
        sa.Column("shop", sa.String(63), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("method_id", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("balance", sa.BigInteger),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.PrimaryKeyConstraint("shop", "user_id", "method_id", name="pk_payment_methods"),
    )
