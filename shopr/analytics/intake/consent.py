"""Consent: what each person allowed, asked before anything is stored.

Four purposes. `necessary` needs no consent: what the shop must keep to sell and to stay secure. The others are opt-in,
and a signal of Global Privacy Control (W3C, Sec-GPC: 1) takes marketing away whatever was said. The log is the
proof: rows are added and never changed, and each names the wording of the notice that was shown.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from sqlalchemy import delete, insert, select

from shopr.analytics.store.rows import microseconds, moment
from shopr.clock import Clock, SystemClock
from shopr.data.events import EventType
from shopr.errors import InputError, UnknownNameError
from shopr.storage.database import Database
from shopr.storage.tables import consent_log as table

__all__ = ["PURPOSES", "Choice", "ConsentBook", "needed_purpose"]

PURPOSES = ("necessary", "analytics", "personalisation", "marketing")
"""What data may be used for; marketing includes sale and sharing (CCPA)."""
_ALWAYS = frozenset({"necessary"})
_NECESSARY = frozenset(
    {
        EventType.ORDER_COMPLETED,
        EventType.ORDER_RETURNED,
        EventType.CHECKOUT_STARTED,
        EventType.CART_ITEM_ADDED,
        EventType.CART_ITEM_REMOVED,
        EventType.THREAT_DETECTED,
        EventType.CONSENT_CHANGED,
        EventType.MODEL_PROMOTED,
        EventType.ERROR_RAISED,
        EventType.API_CALLED,
        EventType.PROCESS_MEASURED,
    }
)
"""Events that the contract, the law or the machinery itself needs; errors and calls are kept without a person."""
_CACHED = 50_000


def needed_purpose(kind: EventType) -> str:
    """The purpose that a person must have allowed for an event of this type to be stored with their id."""
    return "necessary" if kind in _NECESSARY else "analytics"


@dataclass(frozen=True, slots=True)
class Choice:
    """What one person allowed.

    Attributes:
        purposes: as allowed, "necessary" always among them.
        notice: version of the wording that was shown; "" if nobody asked yet.
        time: microseconds since 1970; 0 if nobody asked yet.
    """

    purposes: frozenset[str]
    notice: str = ""
    time: int = 0

    def allows(self, purpose: str) -> bool:
        """Whether data may be used for a purpose."""
        return purpose in self.purposes

    def words(self) -> tuple[str, ...]:
        """The purposes in the order of `PURPOSES`, as an event's envelope names them."""
        return _words(self.purposes)


@lru_cache(maxsize=64)
def _words(purposes: frozenset[str]) -> tuple[str, ...]:
    return tuple(purpose for purpose in PURPOSES if purpose in purposes)


class ConsentBook:
    """The log of consent and the choice in force.

    A person is a user id, or a session id while nobody has logged in: the caller says which.

    Args:
        database: opened and upgraded.
        default: purposes allowed before anybody was asked: none but the necessary one, as GDPR wants it.
    """

    name = "consent_log"

    def __init__(self, database: Database, *, default: Iterable[str] = (), clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()
        self._default = Choice(_checked(default))
        self._kept: OrderedDict[str, tuple[float, Choice]] = OrderedDict()
        self._looked, self._last, self._whole = float("-inf"), -1, False
        self._lock = Lock()
        mark = "?" if database.is_sqlite else "%s"
        self._latest = f"SELECT purposes, notice, time FROM {table.name} WHERE person = {mark} ORDER BY id DESC LIMIT 1"
        self._since = f"SELECT id, person, purposes, notice, time FROM {table.name} WHERE id > {mark} ORDER BY id"

    def of(self, person: str | None, *, gpc: bool = False) -> Choice:
        """The choice in force for a person; another process's change is seen within a second.

        Args:
            gpc: the request carried `Sec-GPC: 1`.
        """
        choice = self._default if not person else self._known(person)
        return Choice(choice.purposes - {"marketing"}, choice.notice, choice.time) if gpc else choice

    def set(
        self, person: str, purposes: Iterable[str], *, notice: str, origin: str = "banner", gpc: bool = False
    ) -> Choice:
        """Write down what a person allows from now on; what is not named is refused.

        Args:
            notice: version of the wording that was shown.
            origin: where it was said: banner, profile, api, gpc …

        Raises:
            InputError: if the person or the notice is empty or too long.
            UnknownNameError: if a purpose is not known.
        """
        allowed = _checked(purposes) - ({"marketing"} if gpc else frozenset())
        for what, text, most in (("person", person, 256), ("notice", notice, 64), ("origin", origin, 64)):
            if not text or len(text) > most:
                raise InputError(f"{what} has {len(text)} characters", hint=f"Give 1 to {most}")
        choice = Choice(allowed, notice, microseconds(self._clock.now()))
        with self._database.begin() as connection:
            connection.execute(
                insert(table).values(
                    person=person, purposes=" ".join(choice.words()), notice=notice, origin=origin, time=choice.time
                )
            )
        self._keep(person, choice)
        return choice

    def history(self, person: str) -> list[dict[str, Any]]:
        """Every choice of a person, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.person == person).order_by(table.c.id)).mappings()
            return [{**row, "time": moment(row["time"])} for row in rows]

    def export(self, subject: str) -> list[dict[str, Any]]:
        """What is held about a person."""
        return self.history(subject)

    def erase(self, subject: str) -> int:
        """Forget a person's choices; how many there were."""
        with self._lock:
            self._kept.pop(subject, None)
        with self._database.begin() as connection:
            # A mark without a person, first: numbers go on rising, and other processes see that they must ask anew.
            mark = {"person": "", "purposes": "necessary", "notice": "", "origin": "erasure"}
            connection.execute(insert(table).values(**mark, time=microseconds(self._clock.now())))
            return connection.execute(delete(table).where(table.c.person == subject)).rowcount

    def _known(self, person: str) -> Choice:
        now = self._clock.monotonic()
        with self._lock:
            if self._database.is_sqlite:
                self._follow(now)
            kept = self._kept.get(person)
            # In SQLite transactions commit in the order of their numbers, so that following the log misses none.
            if kept is not None and (self._database.is_sqlite or now - kept[0] < 1.0):
                return kept[1]
            if self._whole:
                return self._default
            with self._database.read() as connection:  # within the lock: what is read now must not hide what is set
                row = connection.exec_driver_sql(self._latest, (person,)).first()
            choice = self._default if row is None else Choice(_checked(row[0].split()), row[1], row[2])
            self._put(person, choice)
        return choice

    def _follow(self, now: float) -> None:
        """Take in what was written since the last look, once a second; the caller holds the lock.

        A log that fits into memory is held whole: who is not in it was never asked.
        """
        if now - self._looked < 1.0:
            return
        self._looked, begins = now, self._last < 0
        with self._database.read() as connection:
            rows = connection.exec_driver_sql(self._since, (self._last,)).fetchmany(_CACHED + 1)
            many = len(rows) > _CACHED
            last = int(connection.exec_driver_sql(f"SELECT max(id) FROM {table.name}").scalar() or 0) if many else 0
        if many:  # too many to hold: each person is asked for when they come
            self._kept.clear()
            self._last, self._whole = last, False
        elif not begins and any(not row[1] for row in rows):  # somebody was erased: read it all anew
            self._kept.clear()
            self._looked, self._last, self._whole = float("-inf"), -1, False
            self._follow(now)
        else:
            self._last, self._whole = max(self._last, 0), self._whole or begins
            for number, person, purposes, notice, time in rows:
                self._last = number
                if self._whole or person in self._kept:
                    self._put(person, Choice(_checked(purposes.split()), notice, time))

    def _keep(self, person: str, choice: Choice) -> None:
        with self._lock:
            self._put(person, choice)

    def _put(self, person: str, choice: Choice) -> None:
        self._kept[person] = (self._clock.monotonic(), choice)
        self._kept.move_to_end(person)
        while len(self._kept) > _CACHED:
            self._kept.popitem(last=False)
            self._whole = False


def _checked(purposes: Iterable[str]) -> frozenset[str]:
    named = frozenset(purposes)
    for purpose in named:
        if purpose not in PURPOSES:
            raise UnknownNameError("purpose", str(purpose), PURPOSES)
    return named | _ALWAYS
