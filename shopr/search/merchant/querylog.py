"""Which searches fail: those that find nothing, or nothing that search is sure of, counted for the merchandiser.

No personal data: who asked is not kept, what looks like an e-mail address, a card, a phone or another long number is
masked before it is stored, and so is text too long for a query. Counts are by day and language; a day holds a bounded
number of different texts, and everything goes after 90 days. Counting must not slow a search: counts are collected in
memory and written together, so a kill may lose the last few seconds of them.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError
from shopr.search.asking.results import Found
from shopr.search.text.masking import masked
from shopr.storage.database import Database
from shopr.storage.tables import search_queries as table

__all__ = ["KEPT", "SURE", "FailingQuery", "QueryLog"]

KEPT = timedelta(days=90)
MOST_A_DAY = 2_000
"""Different failing texts that a day holds, in each language; of others only the number is kept."""
SURE = 0.5
"""A search whose best product is less likely a match than this counts as one without confidence."""
_TOGETHER = 50
_SECONDS = 5.0
_TIDY_SECONDS = 3_600.0
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")


@dataclass(frozen=True, slots=True)
class FailingQuery:
    """One text that failed.

    Attributes:
        query: masked. languages: in which it was asked. asked: how often it failed.
        without_result, without_confidence: how often in each way.
        best: the highest confidence that any product reached, None where never one was found. last: when.
    """

    query: str
    languages: tuple[str, ...]
    asked: int
    without_result: int
    without_confidence: int
    best: float | None
    last: datetime


@dataclass
class _Count:
    asked: int = 0
    without_result: int = 0
    without_confidence: int = 0
    best: float | None = None
    last: datetime | None = None

    def add(self, nothing: bool, unsure: bool, best: float | None, now: datetime) -> None:
        self.asked += 1
        self.without_result += nothing
        self.without_confidence += unsure
        if best is not None:
            self.best = best if self.best is None else max(self.best, best)
        self.last = now


class QueryLog:
    """The log of one shop, safe to use from several threads and processes.

    Args:
        database: opened and upgraded.
        shop: whose searches these are.
        sure: below this confidence of the best product a search counts as failed.
    """

    def __init__(self, database: Database, shop: str, *, clock: Clock | None = None, sure: float = SURE) -> None:
        if not 0 <= sure <= 1:
            raise InputError(f"sure is {sure:g}", hint="Give a probability, 0 to 1")
        self._database, self._shop, self._clock, self._sure = database, shop, clock or SystemClock(), sure
        self._insert = (sqlite if database.is_sqlite else postgresql).insert
        self._lock = threading.Lock()
        self._waiting: dict[tuple[date, str, str], _Count] = {}
        self._written = self._clock.monotonic()
        self._tidied: float | None = None
        self._searches = 0

    def record(self, found: Found, language: str = "und") -> bool:
        """Count a search; whether it failed. Empty queries, which browse, are not counted.

        Args:
            language: BCP 47 of the query; anything else counts as "und".
        """
        query = masked(found.query)
        if not query:
            return False
        best = float(found.confidences.max()) if len(found) else None
        nothing = best is None
        unsure = best is not None and best < self._sure
        now = self._clock.now()
        language = language if len(language) <= 35 and _LANGUAGE.fullmatch(language) else "und"
        with self._lock:
            self._count((now.date(), language, ""), nothing, unsure, best=best, now=now)
            if nothing or unsure:
                self._count((now.date(), language, query), nothing, unsure, best=best, now=now)
            self._searches += 1
            due = self._searches >= _TOGETHER or self._clock.monotonic() - self._written >= _SECONDS
        if due:
            self.flush()
        return nothing or unsure

    def _count(
        self, key: tuple[date, str, str], nothing: bool, unsure: bool, *, best: float | None, now: datetime
    ) -> None:
        self._waiting.setdefault(key, _Count()).add(nothing, unsure, best, now)

    def flush(self) -> None:
        """Write what was counted; the counts stay where the database refuses.

        Raises:
            StorageError: if it does.
        """
        with self._lock:
            taken, self._waiting, self._searches = self._waiting, {}, 0
            self._written = self._clock.monotonic()
        if not taken:
            return
        try:
            with self._database.begin() as connection:
                self._write(connection, taken)
        except Exception:
            with self._lock:
                for key, count in taken.items():
                    self._restore(key, count)
            raise
        self._tidy()

    def _restore(self, key: tuple[date, str, str], count: _Count) -> None:
        newer = self._waiting.get(key)
        if newer is not None:
            count.asked += newer.asked
            count.without_result += newer.without_result
            count.without_confidence += newer.without_confidence
            count.best = max((b for b in (count.best, newer.best) if b is not None), default=None)
            count.last = newer.last
        self._waiting[key] = count

    def _write(self, connection: Connection, taken: dict[tuple[date, str, str], _Count]) -> None:
        for (day, language), known in self._room(connection, taken).items():
            fresh = 0
            for key, count in taken.items():
                if key[:2] != (day, language):
                    continue
                if key[2] and key[2] not in known:
                    if len(known) + fresh >= MOST_A_DAY:
                        continue  # counted under the empty text all the same
                    fresh += 1
                self._upsert(connection, key, count)

    def _room(
        self, connection: Connection, taken: dict[tuple[date, str, str], _Count]
    ) -> dict[tuple[date, str], set[str]]:
        """The texts that each day and language holds already."""
        held: dict[tuple[date, str], set[str]] = {}
        for day, language in {key[:2] for key in taken}:
            rows = connection.execute(
                select(table.c.query).where(
                    table.c.shop == self._shop, table.c.day == day, table.c.language == language, table.c.query != ""
                )
            )
            held[day, language] = {row.query for row in rows}
        return held

    def _upsert(self, connection: Connection, key: tuple[date, str, str], count: _Count) -> None:
        day, language, query = key
        new = self._insert(table).values(
            shop=self._shop,
            day=day,
            language=language,
            query=query,
            asked=count.asked,
            without_result=count.without_result,
            without_confidence=count.without_confidence,
            best=count.best,
            last_at=count.last,
        )
        given, old = new.excluded, table.c
        most = func.max if self._database.is_sqlite else func.greatest
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["shop", "day", "language", "query"],
                set_={
                    "asked": old.asked + given.asked,
                    "without_result": old.without_result + given.without_result,
                    "without_confidence": old.without_confidence + given.without_confidence,
                    "best": most(func.coalesce(old.best, given.best), func.coalesce(given.best, old.best)),
                    "last_at": most(old.last_at, given.last_at),
                },
            )
        )

    def failing(self, days: int = 30, limit: int = 100, *, least: int = 1) -> list[FailingQuery]:
        """The texts that failed most often within the last days, most often first.

        Args:
            least: texts that failed less often are left out.

        Raises:
            InputError: if days or limit is below 1.
        """
        if days < 1 or limit < 1:
            raise InputError(f"days is {days} and limit {limit}", hint="Give 1 or more of each")
        self.flush()
        since = self._clock.now().date() - timedelta(days=days - 1)
        asked = func.sum(table.c.asked)
        statement = (
            select(
                table.c.query,
                asked.label("asked"),
                func.sum(table.c.without_result).label("without_result"),
                func.sum(table.c.without_confidence).label("without_confidence"),
                func.max(table.c.best).label("best"),
                func.max(table.c.last_at, type_=table.c.last_at.type).label("last_at"),
            )
            .where(table.c.shop == self._shop, table.c.day >= since, table.c.query != "")
            .group_by(table.c.query)
            .having(asked >= least)
            .order_by(asked.desc(), table.c.query)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
            spoken = connection.execute(
                select(table.c.query, table.c.language)
                .where(table.c.shop == self._shop, table.c.day >= since, table.c.query.in_([r.query for r in rows]))
                .distinct()
            ).all()
        languages: dict[str, set[str]] = {}
        for query, language in spoken:
            languages.setdefault(query, set()).add(language)
        return [
            FailingQuery(
                row.query,
                tuple(sorted(languages[row.query])),
                int(row.asked),
                int(row.without_result),
                int(row.without_confidence),
                row.best,
                row.last_at,
            )
            for row in rows
        ]

    def totals(self, days: int = 30) -> dict[date, tuple[int, int, int]]:
        """Day -> searches, how many found nothing, and how many nothing sure."""
        self.flush()
        since = self._clock.now().date() - timedelta(days=max(days, 1) - 1)
        sums = [func.sum(c) for c in (table.c.asked, table.c.without_result, table.c.without_confidence)]
        with self._database.read() as connection:
            rows = connection.execute(
                select(table.c.day, *sums)
                .where(table.c.shop == self._shop, table.c.day >= since, table.c.query == "")
                .group_by(table.c.day)
                .order_by(table.c.day)
            )
            return {day: (int(asked), int(nothing), int(unsure)) for day, asked, nothing, unsure in rows}

    def _tidy(self) -> None:
        """Drop what is past its time, once an hour."""
        now = self._clock.monotonic()
        if self._tidied is not None and now - self._tidied < _TIDY_SECONDS:
            return
        self._tidied = now
        with self._database.begin() as connection:
            oldest = self._clock.now().date() - KEPT
            connection.execute(delete(table).where(table.c.day < oldest))
