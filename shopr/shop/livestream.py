"""The simulated shop's future, live: its shoppers come now, so that dashboards move and alerts have something to watch.

What happens at a moment follows from the moment alone. Time is cut into slots; a slot's number decides by its hash
whether a session begins in it, and which session of the simulated future that is. So a stream that is stopped and
started again, or run at another rate, sends what it sent before under the same ids, and nothing counts twice.

Beside what shoppers do come what their browsers and the shop's servers measure, and an error now and then: drawn by
plain laws here, not by the simulator, which knows of shoppers only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from shopr.analytics.health.errors import browser_error
from shopr.clock import Clock, ManualClock
from shopr.data.dataset import Dataset
from shopr.data.events import Event, EventType
from shopr.data.simulator import World
from shopr.errors import InputError
from shopr.hashing import uniform

__all__ = ["DAYS", "LiveSessions", "Streamed", "future_of", "stream"]

DAYS = 14
"""Days of the future that are played; after that its sessions come round again, as other visits."""
_SLOT = timedelta(seconds=0.25)
_ANCHOR = datetime(2025, 1, 1, tzinfo=UTC)
_TICK = 1.0
"""Seconds from one look at the clock to the next."""
_VITALS = {"LCP": (1900, 0.5), "INP": (130, 0.6), "CLS": (0.04, 0.9), "FCP": (1200, 0.45), "TTFB": (420, 0.5)}
"""Median and spread of the logarithm."""
_ROUTES = {"home": "GET /recommendations", "category": "GET /products", "search": "GET /search"}
_FAILS = 0.004
_ERRORS = (
    {"type": "TypeError", "message": "Cannot read properties of null (reading 'price')",
     "stack": "at priceOf (cart.js:41:17)\nat render (cart.js:12:5)"},
    {"type": "NetworkError", "message": "Failed to fetch", "stack": "at load (search.js:88:9)"},
)  # fmt: skip


def future_of(dataset: Dataset) -> pd.DataFrame:
    """Events of the days after the history of a simulated shop, played by its world.

    Raises:
        InputError: if the shop is none of the simulator's.
    """
    known = dataset.manifest.details
    names = ("seed", "products", "shoppers", "days")
    if dataset.manifest.source != "simulator" or not all(isinstance(known.get(name), int) for name in names):
        raise InputError(
            f"shop {dataset.name!r} comes from {dataset.manifest.source}, not from the simulator",
            hint="Stream a simulated shop: shopr data simulate --name demo, then --live --name demo",
        )
    sizes = {name: int(known[name]) for name in names[1:]}
    return World(int(known["seed"]), **sizes, horizon=DAYS).play(None, days=DAYS).events


class LiveSessions:
    """Sessions of a future, each at its moment.

    Args:
        events: a flat event table, by time.
        rate: events of shoppers a minute, on average.
        seed: of when who comes.
        release: what runs, as errors and vitals name it.

    Raises:
        InputError: if there are no sessions, or the rate is not above 0 or too high.
    """

    def __init__(self, events: pd.DataFrame, *, rate: float, seed: int = 0, release: str = "") -> None:
        events = events[events["session_id"].notna()].sort_values(["session_id", "time", "event_id"], kind="stable")
        if events.empty:
            raise InputError("the future has no sessions", hint="Simulate a shop with more shoppers")
        first = np.flatnonzero(~events["session_id"].duplicated().to_numpy())
        seconds = events["time"].astype("int64").to_numpy() / 1e6
        self._frame, self._bounds = events, np.append(first, len(events))
        self._offsets = seconds - np.repeat(seconds[first], np.diff(self._bounds))
        self._longest = timedelta(seconds=float(self._offsets.max()) + 1)
        self._seed, self._release = seed, release
        usual = len(events) / len(first)
        most = usual * 60 / _SLOT.total_seconds()
        if not 0 < rate <= most:
            raise InputError(f"{rate:g} events a minute", hint=f"Give a rate above 0, at most {most:.0f}")
        self._share = rate / most
        self._template = lru_cache(maxsize=4_096)(self._events_of)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def due(self, start: datetime, end: datetime) -> list[Event]:
        """Events from `start` on and before `end`, in order of time."""
        low, high = (start - self._longest - _ANCHOR) // _SLOT, (end - _ANCHOR) // _SLOT
        slots = np.arange(low, high + 1)
        begun = slots[uniform(slots, f"live {self._seed}") < self._share]
        found = [event for slot in begun for event in self._session(int(slot), start, end)]
        return sorted(found, key=lambda event: event.time)

    def _session(self, slot: int, start: datetime, end: datetime) -> Iterator[Event]:
        number = slot % len(self)
        began = _ANCHOR + slot * _SLOT
        offsets = self._offsets[self._bounds[number] : self._bounds[number + 1]]
        low, high = ((moment - began).total_seconds() for moment in (start, end))
        first, last = np.searchsorted(offsets, [low, high])
        if first == last:
            return
        mark, events = f"live-{self._seed}-{slot}", self._template(number)
        for at in range(first, last):
            event = self._moved(events[at], f"{mark}-{at}", mark, began + timedelta(seconds=float(offsets[at])))
            yield event
            if event.type is EventType.PAGE_VIEWED:
                yield from self._measured(event, np.random.default_rng((self._seed, slot, at)))

    def _events_of(self, number: int) -> list[Event]:
        rows = self._frame.iloc[self._bounds[number] : self._bounds[number + 1]]
        return [Event.from_row(row) for row in rows.to_dict("records")]

    @staticmethod
    def _moved(event: Event, event_id: str, session: str, when: datetime) -> Event:
        """The event as one of another visit: ids that belong to the visit are its own."""
        properties = dict(event.properties)
        for name in ("order_id", "impression_id"):
            if name in properties:
                properties[name] = f"{session}-{properties[name]}"
        changed = {"event_id": event_id, "session_id": session, "time": when, "properties": properties}
        return event.model_copy(update=changed)

    def _measured(self, page: Event, draws: np.random.Generator) -> Iterator[Event]:
        """What a page view lets measure: vitals, the call it made, and, rarely, an error."""
        about: dict[str, Any] = {"release": self._release} if self._release else {}
        about |= {name: page.properties[name] for name in ("page", "device") if name in page.properties}
        slower = 1.25 if about.get("device") == "mobile" else 1.0
        for name, (median, spread) in _VITALS.items():
            value = round(float(median * slower * draws.lognormal(0.0, spread)), 4)
            yield self._beside(page, name, EventType.VITAL_MEASURED, {**about, "name": name, "value": value})
        route = _ROUTES.get(str(about.get("page")), "GET /pages")
        failed = draws.random() < _FAILS
        took = round(float(70 * draws.lognormal(0.0, 0.7)), 2)
        called = {"name": route, "value": took, "status": 500 if failed else 200}
        yield self._beside(page, "call", EventType.API_CALLED, called)
        if draws.random() < _FAILS:
            said: Mapping[str, Any] = {**_ERRORS[int(draws.integers(len(_ERRORS)))], **about}
            told = browser_error(said, clock=ManualClock(page.time))
            yield self._beside(page, "error", EventType.ERROR_RAISED, dict(told.properties))

    @staticmethod
    def _beside(page: Event, mark: str, kind: EventType, properties: dict[str, Any]) -> Event:
        return Event(
            event_id=f"{page.event_id}-{mark}", type=kind, time=page.time, user_id=page.user_id,
            session_id=page.session_id, properties=properties,
        )  # fmt: skip


@dataclass
class Streamed:
    """What was sent so far: `sent` events, of which consent and sampling `kept` some; `kinds` of them all."""

    sent: int = 0
    kept: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


def stream(
    record: Callable[[Event], bool],
    sessions: LiveSessions,
    *,
    clock: Clock,
    wait: Callable[[float], bool],
    minutes: float | None = None,
    backfill: float = 0.0,
    told: Callable[[Streamed, float], None] = lambda _done, _minutes: None,
) -> Streamed:
    """Record what happens, as it happens, until the time is over or somebody says stop.

    Args:
        record: takes an event in, such as `Shop.record`.
        wait: waits so many seconds; True: stop.
        minutes: how long; None: until stopped.
        backfill: minutes before now that are sent first, at once.
        told: called after each look at the clock with what was sent and the minutes that went by.

    Raises:
        InputError: if a length of time is below 0.
        StorageError: if events can be written nowhere.
    """
    if backfill < 0 or (minutes is not None and minutes < 0):
        raise InputError(f"a stream of {minutes} minutes after {backfill} before", hint="Give minutes from 0 on")
    done, began, last = Streamed(), clock.monotonic(), clock.now() - timedelta(minutes=backfill)
    while True:
        now = clock.now()
        if now > last:  # a clock that was set back is waited for
            for event in sessions.due(last, now):
                done.sent += 1
                done.kept += record(event)
                done.kinds[event.type.value] += 1
            last = now
        past = (clock.monotonic() - began) / 60
        told(done, past)
        if (minutes is not None and past >= minutes) or wait(_TICK):
            return done
