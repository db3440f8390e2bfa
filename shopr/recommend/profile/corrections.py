"""What a shopper says about their own profile, in storage: more or less of something, a price band, or "forget it".

A correction outlives rebuilds of the profile. Deleting a profile keeps one row with the moment of it: events before it
are never profiled again, though orders remain as records of sale. Erasing the person takes that row away too.

With a cipher, what was said is stored encrypted, and under a digest of its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError, SecurityError
from shopr.security.crypto import TextCipher
from shopr.security.principal import digest_of
from shopr.storage.database import Database
from shopr.storage.tables import profile_corrections as table

__all__ = ["MOST_CORRECTIONS", "Correction", "CorrectionStore", "Kind", "Wishes", "sealed_row"]

Kind = Literal["category", "brand", "style", "price"]
_KINDS = ("category", "brand", "style", "price")
_DELETED = "deleted"
MOST_CORRECTIONS = 200
"""Corrections that one shopper may hold."""
_NAME_BOUND = 512
_PARAMETERS = 500  # ids asked for in one statement: SQLite bounds them


@dataclass(frozen=True, slots=True)
class Correction:
    """One thing a shopper said.

    Attributes:
        kind: what it is about.
        name: a category path (its subcategories follow), a brand, a style's name; of a price the category it holds for.
        wish: "more" or "less" of it; None of a price.
        low, high: the price band in minor units, both ends in; None unless `kind` is "price".
    """

    kind: Kind
    name: str
    wish: Literal["more", "less"] | None = None
    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise InputError(f"correction of {self.kind!r}", hint=f"Correct one of {', '.join(_KINDS)}")
        if not 1 <= len(self.name) <= _NAME_BOUND:
            raise InputError(
                f"name of {len(self.name)} characters, the bounds are 1 and {_NAME_BOUND}", hint="Name what to correct"
            )
        if self.kind == "price":
            if self.wish is not None or self.low is None or self.high is None or not 0 <= self.low <= self.high:
                raise InputError(
                    f"price band {self.low} to {self.high}", hint="Give low and high in minor units, 0 <= low <= high"
                )
        elif self.wish not in ("more", "less") or self.low is not None or self.high is not None:
            raise InputError(f"wish {self.wish!r} about {self.kind} {self.name!r}", hint="Wish for 'more' or 'less'")

    def _value(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high} if self.kind == "price" else {"wish": self.wish}

    @classmethod
    def _of(cls, kind: Any, name: str, value: dict[str, Any]) -> Self:
        return cls(kind, name, value.get("wish"), value.get("low"), value.get("high"))


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that holds for one shopper: corrections by kind and name, and the moment of deletion if there was one."""

    corrections: tuple[Correction, ...] = ()
    deleted_at: datetime | None = None


class CorrectionStore:
    """The table of corrections of one shop.

    Args:
        database: opened and upgraded.
        shop: whose shoppers these are.
        clock: tells when something was said.
        cipher: gives the cipher when it is first needed; None stores what was said in clear.
        pepper: a secret for digests of names.
    """

    def __init__(
        self,
        database: Database,
        shop: str = "",
        *,
        clock: Clock | None = None,
        cipher: Callable[[], TextCipher] | None = None,
        pepper: Callable[[], bytes] = bytes,
    ) -> None:
        self._database, self._shop, self._clock = database, shop, clock or SystemClock()
        self._cipher, self._pepper = cipher, pepper
        self._insert = (sqlite if database.is_sqlite else postgresql).insert

    def put(self, user_id: str, correction: Correction) -> None:
        """Store a correction; one about the same thing is replaced.

        Raises:
            InputError: if the shopper holds `MOST_CORRECTIONS` others already, or the id is empty or too long.
        """
        if not 1 <= len(user_id) <= 256:
            raise InputError(f"user id of {len(user_id)} characters, the bounds are 1 and 256", hint="Give the id")
        held = self.of(user_id).corrections
        same = any((c.kind, c.name) == (correction.kind, correction.name) for c in held)
        if len(held) >= MOST_CORRECTIONS and not same:
            raise InputError(f"{len(held)} corrections, the bound is {MOST_CORRECTIONS}", hint="Take one back first")
        self._put(user_id, correction.kind, correction.name, correction._value())

    def take_back(self, user_id: str, kind: Kind, name: str) -> bool:
        """Remove a correction; whether there was one."""
        names = [name, self._stored_name(user_id, name)]
        which = and_(self._whose([user_id]), table.c.kind == kind, table.c.name.in_(names))
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(which)).rowcount > 0

    def delete_profile(self, user_id: str) -> None:
        """Forget what was learnt and said so far: corrections go, and earlier events are never profiled again."""
        with self._database.begin() as connection:
            connection.execute(delete(table).where(self._whose([user_id]), table.c.kind != _DELETED))
            connection.execute(self._upsert(user_id, _DELETED, "", {}))

    def of(self, user_id: str) -> Wishes:
        """What holds for one shopper."""
        return self.of_many([user_id]).get(user_id, Wishes())

    def of_many(self, user_ids: Sequence[str] | None = None) -> dict[str, Wishes]:
        """What holds for several shoppers, or for all who said something (None); the others are left out."""
        rows: list[Any] = []
        with self._database.read() as connection:
            for part in _parts(user_ids):
                rows += connection.execute(select(table).where(self._whose(part))).mappings().all()
        said: dict[str, list[Correction]] = {}
        gone: dict[str, datetime] = {}
        for row in rows:
            held = said.setdefault(row["user_id"], [])
            if row["kind"] == _DELETED:
                gone[row["user_id"]] = row["time"]
            elif (correction := self._opened(row)) is not None:
                held.append(correction)
        for held in said.values():
            held.sort(key=lambda c: (c.kind, c.name))
        return {user: Wishes(tuple(found), gone.get(user)) for user, found in said.items()}

    def _opened(self, row: Any) -> Correction | None:
        """What a row says; None where its key is gone."""
        if row["sealed"] is None:
            return Correction._of(row["kind"], row["name"], row["value"])
        if self._cipher is None:
            return None
        try:
            text = self._cipher().decrypt(row["sealed"], table=table.name, row=sealed_row(row), subject=row["user_id"])
        except SecurityError:
            return None
        name, value = json.loads(text)
        return Correction._of(row["kind"], name, value)

    def _stored_name(self, user_id: str, name: str) -> str:
        return digest_of(f"{user_id}\0{name}", self._pepper()) if self._cipher is not None else name

    def _whose(self, user_ids: Sequence[str] | None) -> ColumnElement[bool]:
        mine = table.c.shop == self._shop
        return mine if user_ids is None else and_(mine, table.c.user_id.in_(list(user_ids)))

    def _put(self, user_id: str, kind: str, name: str, value: dict[str, Any]) -> None:
        row: dict[str, Any] = {"name": name, "value": value, "sealed": None}
        if self._cipher is not None:
            row = {"name": self._stored_name(user_id, name), "value": {}}
            place = sealed_row({"shop": self._shop, "kind": kind, **row})
            text = json.dumps([name, value], ensure_ascii=False)
            row["sealed"] = self._cipher().encrypt(text, table=table.name, row=place, subject=user_id)
        with self._database.begin() as connection:
            if row["name"] != name:  # what was said in clear before
                clear = and_(self._whose([user_id]), table.c.kind == kind, table.c.name == name)
                connection.execute(delete(table).where(clear))
            connection.execute(self._upsert(user_id, kind, row["name"], row["value"], row["sealed"]))

    def _upsert(self, user_id: str, kind: str, name: str, value: dict[str, Any], sealed: str | None = None) -> Any:
        row: dict[str, Any] = {"shop": self._shop, "user_id": user_id, "kind": kind, "name": name, "value": value}
        row |= {"time": self._clock.now(), "sealed": sealed}
        statement = self._insert(table).values(row)
        return statement.on_conflict_do_update(
            index_elements=["shop", "user_id", "kind", "name"],
            set_={name: row[name] for name in ("value", "time", "sealed")},
        )


def sealed_row(row: Mapping[str, Any]) -> str:
    """Under which row a correction is sealed."""
    return f"{row['shop']}/{row['kind']}/{row['name']}"


def _parts(user_ids: Sequence[str] | None) -> Iterable[Sequence[str] | None]:
    if user_ids is None:
        return [None]
    return [user_ids[start : start + _PARAMETERS] for start in range(0, len(user_ids), _PARAMETERS)]
