"""The collector: events from the call to the store, without losing one and without keeping one that was not allowed.

`record` asks consent, redacts, samples, and writes to the spool: then the event is acknowledged. Batches of 50, or what
is there after 60 seconds, go from the spool to the store, at once or after waits that grow while it refuses. Memory
holds one batch; all else is on disk. What a process that died left behind is taken up by the next one.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from pydantic_core import to_json

from shopr.analytics.intake.consent import Choice, needed_purpose
from shopr.analytics.intake.privacy import private
from shopr.analytics.intake.sampling import Sampling
from shopr.analytics.intake.spool import Segment, Spool
from shopr.analytics.store.rows import Row, microseconds, moment, row_of
from shopr.clock import Clock, SystemClock
from shopr.data.event_book import EventBook
from shopr.data.events import DIAGNOSTICS, FACTS, Event
from shopr.data.times import implausible
from shopr.errors import DataError, StorageError
from shopr.randomness import generator

__all__ = ["BATCH", "FLUSH_SECONDS", "Collector", "Counts"]

BATCH = 50
"""Events that are stored at once."""
FLUSH_SECONDS = 60.0
"""How long an event waits for others."""
_LONGEST_WAIT = 300.0
_HELD = 4
"""Batches that memory holds while the store refuses; what comes after them is read from disk again."""
_SEGMENT = 8 << 20
"""Bytes after which a segment that waits is followed by another."""
_LEFT_OUT = frozenset(("unwanted", "sampled"))
_BLOCK = 2_000
"""Events of a segment that are stored in one transaction."""


class Appends(Protocol):
    """What takes rows in the end: the event store."""

    def append(self, rows: list[Row]) -> int:
        """Store rows, each event once; how many were new."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the events of this process.

    Attributes:
        acknowledged: written to the spool.
        stored: new in the store.
        doubled: known there already, or of somebody who was erased before they were stored.
        unwanted: not allowed by consent.
        sampled: left out by sampling.
        refused: could not be written or read; the caller was told. The loss counter: 0, or shown.
        waiting: batches on disk that the store has not taken yet.
    """

    acknowledged: int
    stored: int
    doubled: int
    unwanted: int
    sampled: int
    refused: int
    waiting: int


class Collector:
    """Takes events from all threads of one process.

    Args:
        store: where they go.
        spool: where they wait.
        choice: what a person allowed; None stores what the event's own envelope allows.
        book: what events may say; None takes everything.
        told: told of errors, vitals and calls before they are sampled, for metrics; must be quick and must not fail.
        batch, seconds: how many, or how long, until a batch is stored.
    """

    def __init__(
        self,
        store: Appends,
        spool: Spool,
        *,
        sampling: Sampling | None = None,
        choice: Callable[[Event], Choice] | None = None,
        book: EventBook | None = None,
        told: Callable[[Event], None] | None = None,
        clock: Clock | None = None,
        batch: int = BATCH,
        seconds: float = FLUSH_SECONDS,
        seed: int = 0,
    ) -> None:
        self._store, self._spool, self._choice = store, spool, choice
        self._book, self._told = book, told
        self._sampling, self._clock = sampling or Sampling(), clock or SystemClock()
        self._batch, self._seconds = batch, seconds
        self._rows: list[Row] = []
        self._oldest, self._spilled = 0.0, False
        self._waiting: list[Segment] = []
        self._failures, self._retry_at = 0, 0.0
        self._counts: Counter[str] = Counter()
        self._lock, self._storing = threading.Lock(), threading.Lock()
        self._draws = generator(seed)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, event: Event) -> bool:
        """Take in one event; whether it is kept. When this returns True it survives the end of the process.

        Raises:
            DataError: if a property does not fit.
            StorageError: if it can be written nowhere; it is counted as refused.
        """
        return self.record_all((event,)) == 1

    def record_all(self, events: Iterable[Event]) -> int:
        """Take in several events at once; how many are kept. All of them are acknowledged, or none.

        Raises as `record`.
        """
        received = microseconds(self._clock.now())
        try:
            return self._take([self._row(event, received) for event in events])
        except DataError:
            with self._lock:
                self._counts["refused"] += 1
            raise

    def record_each(self, events: Iterable[Event]) -> list[str]:
        """Take in several events, each for itself; of each "kept", "unwanted", "sampled", or why it was refused.

        Raises StorageError as `record`.
        """
        received = microseconds(self._clock.now())
        made: list[Row | str] = []
        for event in events:
            try:
                made.append(self._row(event, received))
            except DataError as error:
                made.append(error.one_line())
        self._take(made)
        return [each if isinstance(each, str) else "kept" for each in made]

    def _take(self, made: list[Row | str]) -> int:
        rows = [each for each in made if not isinstance(each, str)]
        full = False
        with self._lock:
            if len(rows) < len(made):
                words = (each for each in made if isinstance(each, str))
                self._counts.update(word if word in _LEFT_OUT else "refused" for word in words)
            if rows:
                self._write(rows)
                full = self._spilled or len(self._rows) >= self._batch
        if full:
            self._flush(wait=False)
        return len(rows)

    def _row(self, event: Event, received: int) -> Row | str:
        """The event as a row, or the word under which it is counted if it is not kept."""
        if unlikely := implausible(event.time, moment(received)):
            raise DataError(unlikely, hint="Set the clock that it was taken from")
        consent = event.consent if self._choice is None else self._choice(event).words()
        purpose = needed_purpose(event.type)
        if purpose != "necessary" and purpose not in consent:
            return "unwanted"
        if self._book is not None:
            event = self._book.settled(event)
        fact = event.type in FACTS or (self._book is not None and self._book.fact(event))
        if self._told is not None and event.type in DIAGNOSTICS:
            self._told(event)
        weight = 1.0 if fact else self._sampling.weight(event)
        if not weight:
            return "sampled"
        return row_of(private(event), weight=weight, received=received, consent=consent)

    def _write(self, rows: list[Row]) -> None:
        try:
            self._spool.write([to_json(row) for row in rows])
        except StorageError:
            self._counts["refused"] += len(rows)
            raise
        if not self._rows and not self._spilled:
            self._oldest = self._clock.monotonic()
        self._counts["acknowledged"] += len(rows)
        if not self._spilled:
            self._rows += rows
        if len(self._rows) > _HELD * self._batch:
            self._rows, self._spilled = [], True
        if self._spool.size > _SEGMENT:
            self._waiting += [segment for segment in (self._spool.cut(),) if segment is not None]
            self._rows, self._spilled = [], False

    # -- handing them on ----------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Store everything that waits, now; whether nothing waits any more."""
        self._retry_at = 0.0
        return self._flush(wait=True)

    def tick(self) -> None:
        """Called now and then: store what has waited for long enough, and try again what was refused."""
        with self._lock:
            due = (self._spilled or bool(self._rows)) and self._clock.monotonic() - self._oldest >= self._seconds
        if due or (self._waiting and self._clock.monotonic() >= self._retry_at):
            self._flush(wait=False)

    def recover(self) -> int:
        """Take up what processes that are gone left in the spool; how many events were new in the store."""
        new = 0
        with self._storing:
            for segment in self._spool.orphans():
                new += self._settle(segment, _rows(segment))
        return new

    def counts(self) -> Counts:
        """What became of the events so far."""
        with self._lock:
            found = dict(self._counts)
        names = ("acknowledged", "stored", "doubled", "unwanted", "sampled", "refused")
        return Counts(**{name: found.get(name, 0) for name in names}, waiting=len(self._waiting))

    def start(self, every: float = 1.0) -> None:
        """Look after the batches in a thread of its own until `close`."""
        if self._thread is not None:
            return

        def work() -> None:
            with suppress(StorageError):
                self.recover()
            while not self._stop.wait(every):
                self.tick()

        self._thread = threading.Thread(target=work, name="shopr-collector", daemon=True)
        self._thread.start()

    def close(self) -> bool:
        """Store what waits and stop; whether nothing is left to another process."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        done = self.flush()
        for segment in self._waiting:
            segment.release()
        return done

    def _flush(self, *, wait: bool) -> bool:
        if not self._storing.acquire(blocking=wait):
            return False  # another thread is at it, and takes these rows along or leaves them for the next time
        try:
            if self._clock.monotonic() < self._retry_at:
                return False
            for segment in list(self._waiting):
                rows = _rows(segment)
                self._waiting.remove(segment)
                if not self._stored(segment, rows):
                    return False
            with self._lock:
                held, self._rows = self._rows, []
                spilled, self._spilled = self._spilled, False
                cut = self._spool.cut()
            return cut is None or self._stored(cut, _rows(cut) if spilled else held)
        finally:
            self._storing.release()

    def _stored(self, segment: Segment, rows: list[Row]) -> bool:
        try:
            self._settle(segment, rows)
        except StorageError:
            self._waiting.append(segment)
            self._failures += 1
            # Waits double from a second, drawn anew each time: processes that failed together do not return together.
            longest = min(2.0 ** (self._failures - 1), _LONGEST_WAIT)
            self._retry_at = self._clock.monotonic() + float(self._draws.uniform(longest / 2, longest))
            return False
        self._failures, self._retry_at = 0, 0.0
        return True

    def _settle(self, segment: Segment, rows: list[Row]) -> int:
        new = sum(self._store.append(rows[at : at + _BLOCK]) for at in range(0, len(rows), _BLOCK))
        segment.done()
        with self._lock:
            self._counts["stored"] += new
            self._counts["doubled"] += len(rows) - new
        return new


def _rows(segment: Segment) -> list[Row]:
    return [tuple(json.loads(record)) for record in segment.records()]
