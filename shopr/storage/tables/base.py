"""What every table is made with: its card, its name in the one schema, and moments that keep their time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import DateTime, Dialect, MetaData, Table
from sqlalchemy.types import TypeDecorator

__all__ = ["CARDS", "Card", "UtcDateTime", "metadata", "table"]


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware moment, stored in UTC and read back in UTC by every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; storage takes UTC, such as Clock.now()")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Card:
    """What one must know of a table before putting a person's data into it.

    Attributes:
        owner: the module that writes it.
        retention: how long rows are kept, in words.
        subject: the column that names the person, or None if the table holds no personal data.
        encryption: "none", or "values" where the owner encrypts what it writes.
    """

    owner: str
    retention: str
    subject: str | None
    encryption: Literal["none", "values"]


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
CARDS: dict[str, Card] = {}
"""Table name -> its card."""


def table(name: str, card: Card, *parts: Any, **options: Any) -> Table:
    """A table of the one schema, with its card."""
    CARDS[name] = card
    return Table(name, metadata, *parts, **options)
