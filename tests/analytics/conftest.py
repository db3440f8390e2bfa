"""Events, stores and spools for the tests of analytics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shopr.analytics.store.event_store import EventStore
from shopr.clock import ManualClock
from shopr.data.events import Event, EventType
from shopr.storage import Database

ALL = ("necessary", "analytics", "personalisation", "marketing")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[EventStore]:
    """An empty event store, on both databases."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    with Database.open(url=url) as database:
        yield EventStore(database, tmp_path / "parts", clock=clock)


@pytest.fixture
def event(clock: ManualClock) -> Callable[..., Event]:
    """Makes an event of now; keyword arguments beyond the envelope are properties."""

    def make(kind: EventType | str = "product_clicked", ago: float = 0.0, **given: Any) -> Event:
        envelope = {name: given.pop(name) for name in ("event_id", "user_id", "session_id", "consent") if name in given}
        envelope = {"consent": ALL, **envelope}
        return Event(type=EventType(kind), time=clock.now() - timedelta(seconds=ago), properties=given, **envelope)

    return make
