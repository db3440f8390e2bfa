"""Who a person is: found by e-mail, or by name and zip code, and never shown to anybody else.

Only what identifies a person is kept. A lookup that fits several people finds none: to guess would be to reveal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from shopr.commerce.order_records import ADDRESS_FIELDS
from shopr.commerce.personal import Personal
from shopr.commerce.rulings import Ruling, no, yes
from shopr.commerce.sql import checked_id, hold
from shopr.errors import InputError
from shopr.storage.database import Database
from shopr.storage.tables import customers as table
from shopr.storage.tables import payment_methods as methods

__all__ = ["Customer", "CustomerBook", "PaymentMethod", "checked_address", "folded_keys"]


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A way to pay, by name; no number of a card is held.

    Attributes:
        method_id: its name, as payments of orders have it.
        kind: "credit_card", "paypal", "gift_card" or another.
        label: how its owner knows it, such as "mastercard ending in 9212".
        balance: of a gift card in minor units.
        currency: of the balance.
    """

    method_id: str
    kind: str
    label: str = ""
    balance: int | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as the customer may be told.

    Attributes:
        user_id: the owner of the customer's orders.
        first_name, last_name, email: as given.
        address: the default one, by the names in `ADDRESS_FIELDS`.
        methods: ways to pay.
    """

    user_id: str
    first_name: str
    last_name: str
    email: str
    address: Mapping[str, str] = field(default_factory=dict)
    methods: tuple[PaymentMethod, ...] = ()

    def method(self, method_id: str) -> PaymentMethod | None:
        """One of the ways to pay."""
        return next((method for method in self.methods if method.method_id == method_id), None)


class CustomerBook:
    """The customers of a shop."""

    def __init__(self, database: Database, shop: str, personal: Personal | None = None) -> None:
        self._database, self._shop, self._personal = database, shop, personal or Personal()

    def put(self, customers: Iterable[Customer]) -> int:
        """Store customers anew, all or none, each in place of the one with that user id; how many.

        Raises:
            InputError: if an id or name is too long.
        """
        given = list(customers)
        rows = [self._row(customer) for customer in given]
        paying = [self._method(customer.user_id, method) for customer in given for method in customer.methods]
        with self._database.begin() as connection:
            for customer in given:
                for where in (table, methods):
                    which = (where.c.shop == self._shop) & (where.c.user_id == customer.user_id)
                    connection.execute(delete(where).where(which))
            for where, values in ((table, rows), (methods, paying)):
                if values:
                    connection.execute(insert(where), values)
        return len(given)

    def get(self, user_id: str) -> Customer | None:
        """The customer with that id; for who has been identified."""
        with self._database.read() as connection:
            return self.find(connection, user_id)

    def by_email(self, email: str) -> str | None:
        """The user id to an e-mail address, whatever its case; None where nobody, or more than one, has it."""
        return self._one(self._like("email", _folded(email)))

    def by_name_and_zip(self, first_name: str, last_name: str, zip_code: str) -> str | None:
        """The user id to a name and zip code, whatever case and accents; None where they fit nobody, or several."""
        key, code = _name_key(first_name, last_name), _zip_key(zip_code)
        return self._one(self._like("name_key", key) & self._like("zip_key", code))

    def set_address(self, user_id: str, address: Mapping[str, str]) -> Ruling:
        """Change the default address; orders keep theirs."""
        given = checked_address(address)
        if isinstance(given, Ruling):
            return given
        which = (table.c.shop == self._shop) & (table.c.user_id == user_id)
        with self._database.begin() as connection:
            hold(connection, self._database, f"owner:{self._shop}:{user_id}")
            customer = self.find(connection, user_id)
            if customer is None:
                return no("not_found")
            values = self._row(replace(customer, address=given))
            connection.execute(update(table).where(which).values(values))
        return yes(user_id=user_id)

    # -- within a transaction -----------------------------------------------------------------------------------------

    def find(self, connection: Connection, user_id: str) -> Customer | None:
        """As `get`, within a transaction."""
        which = (table.c.shop == self._shop) & (table.c.user_id == user_id)
        row = connection.execute(select(table).where(which)).mappings().first()
        known = None if row is None else self._personal.of_customer(dict(row))
        if known is None:
            return None
        query = select(methods).where(methods.c.shop == self._shop, methods.c.user_id == user_id)
        paying = tuple(
            PaymentMethod(m.method_id, m.kind, m.label, m.balance, m.currency)
            for m in connection.execute(query.order_by(methods.c.method_id))
        )
        return Customer(user_id, known["first_name"], known["last_name"], known["email"], known["address"], paying)

    def move_balance(self, connection: Connection, user_id: str, method_id: str, by: int) -> None:
        """Add to (or take from) the balance of a gift card; other methods have none and are left alone."""
        which = (
            (methods.c.shop == self._shop)
            & (methods.c.user_id == user_id)
            & (methods.c.method_id == method_id)
            & methods.c.balance.is_not(None)
        )
        connection.execute(update(methods).where(which).values(balance=methods.c.balance + by))

    def _like(self, column: str, text: str) -> ColumnElement[bool]:
        """Rows that hold a folded form, sealed or from before."""
        return table.c[column].in_([text, self._personal.blind(self._shop, column, text)])

    def _one(self, which: Any) -> str | None:
        query = select(table.c.user_id).where(table.c.shop == self._shop, which).limit(2)
        with self._database.read() as connection:
            found: Sequence[str] = connection.execute(query).scalars().all()
        return found[0] if len(found) == 1 else None

    def _row(self, customer: Customer) -> dict[str, Any]:
        for name, value, bound in (
            ("first name", customer.first_name, 128),
            ("last name", customer.last_name, 128),
            ("e-mail address", customer.email, 320),
        ):
            if len(value) > bound:
                raise InputError(f"{name} of {len(value)} characters, the bound is {bound}", hint="Shorten it")
        return self._personal.customer(
            {
                "shop": self._shop,
                "user_id": checked_id("user id", customer.user_id),
                "first_name": customer.first_name,
                "last_name": customer.last_name,
                "address": dict(customer.address),
                **folded_keys(customer.first_name, customer.last_name, customer.email, customer.address),
            }
        )

    def _method(self, user_id: str, method: PaymentMethod) -> dict[str, Any]:
        return {
            "shop": self._shop,
            "user_id": user_id,
            "method_id": checked_id("payment method", method.method_id, 128),
            "kind": method.kind,
            "label": method.label,
            "balance": method.balance,
            "currency": method.currency,
        }


def folded_keys(first_name: str, last_name: str, email: str, address: Mapping[str, str]) -> dict[str, str]:
    """The forms that lookups compare."""
    return {
        "email": _folded(email),
        "name_key": _name_key(first_name, last_name),
        "zip_key": _zip_key(address.get("zip", "")),
    }


def checked_address(address: Mapping[str, str]) -> dict[str, str] | Ruling:
    """An address with all its parts, or why it is none."""
    given = {name: " ".join(str(address.get(name, "")).split())[:200] for name in ADDRESS_FIELDS}
    for name in ("address1", "city", "zip", "country"):
        if not given[name]:
            return no("bad_address", field=name)
    return given


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _name_key(first_name: str, last_name: str) -> str:
    """Names without case, accents and punctuation: people type their own names in many ways."""
    return f"{_letters(first_name)} {_letters(last_name)}"[:256]


def _letters(name: str) -> str:
    """Letters, digits and the marks of scripts that need them; European accents and all punctuation are dropped."""
    spread = unicodedata.normalize("NFKD", name).casefold()
    kept = (c for c in spread if unicodedata.category(c)[0] in "LNM" and not "\u0300" <= c <= "\u036f")
    return "".join(kept)


def _zip_key(zip_code: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", zip_code).casefold() if c.isalnum())[:32]
