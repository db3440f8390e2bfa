"""What identifies people, sealed: names, e-mail and postal addresses of customers and orders are stored as envelopes.

A person must still be found by e-mail, or by name and zip code. For that a keyed digest of each is kept: it tells
whether two are the same to who has the key, and nothing to who has the database. Rows from before are read as they
are and sealed by `seal_stored`, which may be stopped and called again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Table, and_, update

from shopr.commerce.order_records import ADDRESS_FIELDS
from shopr.errors import ShoprError
from shopr.storage.batches import row_batches
from shopr.storage.database import Database
from shopr.storage.tables import customers, order_events, orders

__all__ = ["Cipher", "Personal", "SealedRows", "row_of_customer", "row_of_order", "seal_stored"]

BLIND = 32
"""Hexadecimal digits of a digest: 128 bits."""


class Cipher(Protocol):
    """Encrypts what is stored of people; as `shopr.security.crypto.TextCipher`."""

    def encrypt(self, text: str, *, table: str, row: str, subject: str) -> str:
        """The text as an envelope that opens only with the same table, row and subject."""

    def decrypt(self, token: str, *, table: str, row: str, subject: str) -> str:
        """The text of an envelope."""


def row_of_customer(row: Mapping[str, Any]) -> str:
    """The name under which a customer is sealed."""
    return f"{row['shop']}/{row['user_id']}"


def row_of_order(row: Mapping[str, Any]) -> str:
    """The name under which an order's address is sealed."""
    return f"{row['shop']}/{row['order_id']}"


class Personal:
    """Seals and opens; without a cipher everything stays as it is, as in tests and replays.

    Args:
        cipher: gives the cipher when it is first needed.
        pepper: gives the secret of the digests.
    """

    def __init__(self, cipher: Callable[[], Cipher] | None = None, pepper: Callable[[], bytes] | None = None) -> None:
        self._make, self._secret = cipher, pepper
        self._made: Cipher | None = None

    @property
    def _cipher(self) -> Cipher | None:
        if self._made is None and self._make is not None:
            self._made = self._make()
        return self._made

    @property
    def active(self) -> bool:
        """Whether anything is sealed."""
        return self._make is not None and self._secret is not None

    def blind(self, shop: str, what: str, text: str) -> str:
        """A keyed digest by which the same text is found again; the text itself where nothing is sealed."""
        if not self.active or self._secret is None or not text.strip():
            return text
        said = "\x1f".join((shop, what, text)).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret(), said, hashlib.sha256).hexdigest()[:BLIND]

    def sealed(self, values: Mapping[str, Any], table: Table, row: str, subject: str) -> str | None:
        """The values as an envelope; None where nothing is sealed."""
        if not self.active or self._cipher is None:
            return None
        text = json.dumps(values, ensure_ascii=False, sort_keys=True)
        return self._cipher.encrypt(text, table=table.name, row=row, subject=subject)

    def opened(self, token: str, table: Table, row: str, subject: str) -> dict[str, Any] | None:
        """The values of an envelope; None where its key is gone, as of an erased person in a restored backup."""
        if self._cipher is None:
            return None
        try:
            found = json.loads(self._cipher.decrypt(token, table=table.name, row=row, subject=subject))
        except ShoprError:
            return None
        return found if isinstance(found, dict) else None

    def customer(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A customer's row as it is stored: `row` has everything in clear and the folded forms."""
        shop = str(row["shop"])
        kept = {name: row[name] for name in ("first_name", "last_name", "email", "address")}
        token = self.sealed(kept, customers, row_of_customer(row), str(row["user_id"]))
        if token is None:
            return {**row, "sealed": None}
        keys = {name: self.blind(shop, name, str(row[name])) for name in ("email", "name_key", "zip_key")}
        return {**row, **keys, "first_name": "", "last_name": "", "address": {}, "sealed": token}

    def of_customer(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """First name, last name, e-mail and address of a stored row; None where they cannot be read any more."""
        if row["sealed"] is None:
            return {name: row[name] for name in ("first_name", "last_name", "email", "address")}
        return self.opened(row["sealed"], customers, row_of_customer(row), str(row["user_id"]))

    def order(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """An order's row as it is stored."""
        token = self.sealed(row["address"], orders, row_of_order(row), str(row["owner"])) if row["address"] else None
        return {**row, "sealed": token} | ({"address": {}} if token is not None else {})

    def address_of(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The address of a stored order; empty where it cannot be read any more."""
        if row["sealed"] is None:
            return dict(row["address"])
        return self.opened(row["sealed"], orders, row_of_order(row), str(row["owner"])) or {}


@dataclass
class SealedRows:
    """What `seal_stored` did.

    Attributes:
        customers, orders: rows sealed now.
        digests: customers whose digests were of another secret.
        entries: entries of the orders' history from which an address was taken out.
    """

    customers: int = 0
    orders: int = 0
    digests: int = 0
    entries: int = 0


def seal_stored(
    database: Database, personal: Personal, *, batch: int = 500, go_on: Callable[[], bool] = lambda: True
) -> SealedRows:
    """Seal what was stored in clear, in batches; done is done, whenever it is stopped.

    A row is replaced only while it is as it was read, so writers go on undisturbed.

    Args:
        go_on: asked before each batch.
    """
    done = SealedRows()
    for table, mend in ((customers, _customer), (orders, _order), (order_events, _entry)):
        keys = list(table.primary_key.columns)
        for rows in row_batches(database, table, batch=batch, go_on=lambda: personal.active and go_on()):
            for row in rows:
                values = mend(personal, row, done)
                if values:
                    same = and_(*(key == row[key.name] for key in keys), *_unchanged(table, row))
                    with database.begin() as connection:
                        connection.execute(update(table).where(same).values(values))
    return done


def _unchanged(table: Table, row: Mapping[str, Any]) -> list[Any]:
    """Conditions by which a row is still the one that was read."""
    if table is order_events:
        return []
    column = table.c.sealed
    marks = [column.is_(None) if row["sealed"] is None else column == row["sealed"]]
    return (
        [*marks, table.c.updated_at == row["updated_at"]]
        if table is orders
        else [*marks, table.c.zip_key == row["zip_key"]]
    )


def _customer(personal: Personal, row: Mapping[str, Any], done: SealedRows) -> dict[str, Any]:
    from shopr.commerce.customers import folded_keys

    known = personal.of_customer(row)
    if known is None:
        return {}
    clear = {**row, **known, **folded_keys(known["first_name"], known["last_name"], known["email"], known["address"])}
    if row["sealed"] is None:
        done.customers += 1
        return personal.customer(clear)
    keys = {name: personal.blind(str(row["shop"]), name, clear[name]) for name in ("email", "name_key", "zip_key")}
    if all(row[name] == value for name, value in keys.items()):
        return {}
    done.digests += 1
    return keys


def _order(personal: Personal, row: Mapping[str, Any], done: SealedRows) -> dict[str, Any]:
    if row["sealed"] is not None or not row["address"]:
        return {}
    done.orders += 1
    return personal.order(row)


def _entry(personal: Personal, row: Mapping[str, Any], done: SealedRows) -> dict[str, Any]:
    if not set(row["details"]) & set(ADDRESS_FIELDS):
        return {}
    done.entries += 1
    return {"details": {name: value for name, value in row["details"].items() if name not in ADDRESS_FIELDS}}
