"""Orders in storage: read for their owner only, written in one transaction, each request once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from shopr.commerce.order_records import ADDRESS_FIELDS, Order, OrderLine, OrderPayment
from shopr.commerce.personal import Personal
from shopr.commerce.sql import hold, parts
from shopr.errors import InputError
from shopr.storage.database import Database
from shopr.storage.tables import order_events as events
from shopr.storage.tables import order_lines as lines
from shopr.storage.tables import order_payments as payments
from shopr.storage.tables import orders as table

__all__ = ["OrderStore"]


class OrderStore:
    """The rows of orders of one shop. All methods work within the transaction they are given."""

    def __init__(self, database: Database, shop: str, personal: Personal | None = None) -> None:
        self.database, self.shop, self._personal = database, shop, personal or Personal()

    def hold(self, connection: Connection, owner: str) -> None:
        """Let changes of one owner's orders, cart and balances wait for each other."""
        hold(connection, self.database, f"owner:{self.shop}:{owner}")

    def find(self, connection: Connection, owner: str, order_id: str) -> Order | None:
        """An order of that owner; None for another's as for none."""
        found = self._orders(connection, (table.c.owner == owner) & (table.c.order_id == order_id))
        return found[0] if found else None

    def owner_of(self, connection: Connection, order_id: str) -> str | None:
        """Whose an order is, for the shop's own side."""
        query = select(table.c.owner).where(table.c.shop == self.shop, table.c.order_id == order_id)
        return connection.execute(query).scalar()

    def of(self, connection: Connection, owner: str) -> list[Order]:
        """All orders of that owner, newest first."""
        return self._orders(connection, table.c.owner == owner)

    def every(self, connection: Connection) -> list[Order]:
        """All orders of the shop."""
        return self._orders(connection, table.c.shop == self.shop)

    def exists(self, connection: Connection, order_id: str) -> bool:
        """Whether the id is taken."""
        query = select(table.c.order_id).where(table.c.shop == self.shop, table.c.order_id == order_id)
        return connection.execute(query).first() is not None

    def add(self, connection: Connection, orders: Iterable[Order]) -> None:
        """Put new orders in, with their lines and payments."""
        given = list(orders)
        heads = [self._head(order) for order in given]
        items = [row for order in given for row in self._lines(order)]
        money = [row for order in given for row in self._payments(order, 1, order.payments)]
        for where, rows in ((table, heads), (lines, items), (payments, money)):
            if rows:
                connection.execute(insert(where), rows)

    def replace(self, connection: Connection, order: Order) -> None:
        """Write an order anew: head and lines as given; payments are only ever added (`pay`)."""
        head = self._head(order)
        which = (table.c.shop == self.shop) & (table.c.order_id == order.order_id) & (table.c.owner == order.owner)
        connection.execute(update(table).where(which).values(head))
        connection.execute(delete(lines).where(lines.c.shop == self.shop, lines.c.order_id == order.order_id))
        if order.lines:
            connection.execute(insert(lines), self._lines(order))

    def pay(self, connection: Connection, order: Order, more: Sequence[OrderPayment]) -> None:
        """Add payments or refunds to an order that has `order.payments` already."""
        rows = self._payments(order, len(order.payments) + 1, more)
        if rows:
            connection.execute(insert(payments), rows)

    def erase_all(self, connection: Connection) -> None:
        """Drop all orders of the shop, for the replay of scripted dialogues."""
        for where in (table, lines, payments, events):
            connection.execute(delete(where).where(where.c.shop == self.shop))

    # -- requests -----------------------------------------------------------------------------------------------------

    def done_before(self, connection: Connection, owner: str, request_id: str | None, action: str) -> str | None:
        """The order that a request of that id concerned; None for a new request.

        Raises:
            InputError: if the id was used for something else.
        """
        if request_id is None:
            return None
        query = select(events.c.order_id, events.c.action).where(
            events.c.shop == self.shop, events.c.owner == owner, events.c.request_id == request_id
        )
        found = connection.execute(query).first()
        if found is None:
            return None
        if found.action != action:
            raise InputError(
                f"request id {request_id[:40]!r} was used for {found.action!r} before", hint="Give each request its own"
            )
        return str(found.order_id)

    def log(
        self, connection: Connection, order: Order, action: str, request_id: str | None, details: dict[str, Any]
    ) -> None:
        """Put on record what was done."""
        row = {
            "shop": self.shop,
            "order_id": order.order_id,
            "owner": order.owner,
            "request_id": request_id,
            "action": action,
            "status": order.status,
            "details": {name: value for name, value in details.items() if name not in ADDRESS_FIELDS},
            "time": order.updated_at,
        }
        connection.execute(insert(events).values(row))

    def record(self, connection: Connection, owner: str, order_id: str) -> list[tuple[datetime, str, str]]:
        """What was done with an order: moment, action, status after it."""
        query = (
            select(events.c.time, events.c.action, events.c.status)
            .where(events.c.shop == self.shop, events.c.owner == owner, events.c.order_id == order_id)
            .order_by(events.c.id)
        )
        return [(row.time, row.action, row.status) for row in connection.execute(query)]

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _orders(self, connection: Connection, which: Any) -> list[Order]:
        query = select(table).where(table.c.shop == self.shop, which)
        heads = connection.execute(query.order_by(table.c.placed_at.desc(), table.c.order_id)).mappings().all()
        ids = [head["order_id"] for head in heads]
        items: dict[str, list[OrderLine]] = {i: [] for i in ids}
        money: dict[str, list[OrderPayment]] = {i: [] for i in ids}
        for piece in parts(ids):
            found = select(lines).where(lines.c.shop == self.shop, lines.c.order_id.in_(piece))
            for row in connection.execute(found.order_by(lines.c.order_id, lines.c.line)):
                items[row.order_id].append(
                    OrderLine(row.line, row.product_id, row.title, row.quantity, row.price, row.currency)
                )
            paid = select(payments).where(payments.c.shop == self.shop, payments.c.order_id.in_(piece))
            for row in connection.execute(paid.order_by(payments.c.order_id, payments.c.number)):
                money[row.order_id].append(OrderPayment(row.kind, row.amount, row.currency, row.method_id, row.time))
        return [
            Order(
                **{name: head[name] for name in _HEAD},
                address=self._personal.address_of(dict(head)),
                lines=tuple(items[head["order_id"]]),
                payments=tuple(money[head["order_id"]]),
            )
            for head in heads
        ]

    def _head(self, order: Order) -> dict[str, Any]:
        row = {name: getattr(order, name) for name in _HEAD}
        row |= {"shop": self.shop, "address": dict(order.address), "request": dict(order.request)}
        return self._personal.order(row)

    def _lines(self, order: Order) -> list[dict[str, Any]]:
        return [
            {
                "shop": self.shop,
                "order_id": order.order_id,
                "owner": order.owner,
                "line": line.line,
                "product_id": line.product_id,
                "title": line.title,
                "quantity": line.quantity,
                "price": line.price,
                "currency": line.currency,
            }
            for line in order.lines
        ]

    def _payments(self, order: Order, first: int, paid: Sequence[OrderPayment]) -> list[dict[str, Any]]:
        return [
            {
                "shop": self.shop,
                "order_id": order.order_id,
                "owner": order.owner,
                "number": number,
                "kind": payment.kind,
                "amount": payment.amount,
                "currency": payment.currency,
                "method_id": payment.method_id,
                "time": payment.time,
            }
            for number, payment in enumerate(paid, first)
        ]


_HEAD = (
    "order_id",
    "owner",
    "status",
    "placed_at",
    "updated_at",
    "eta",
    "delivered_on",
    "items_modified",
    "request",
)
