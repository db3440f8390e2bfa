"""An erased person does not come back: not from another process's spool, nor late, nor from a file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.spool import Spool
from shopr.analytics.store.cold import arrow_table
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import Row, microseconds, row_of
from shopr.clock import ManualClock
from shopr.data.events import Event
from shopr.storage import Database

Make = Callable[..., Event]
ROOT = Path(__file__).resolve().parents[3]
NOW = timedelta(0)


def ids(store: EventStore) -> set[str]:
    return set(store.frame()["event_id"])


@pytest.fixture
def other(store: EventStore, tmp_path: Path, clock: ManualClock) -> Collector:
    """Takes events in as another process does: what it has acknowledged lies in a spool of its own."""
    return Collector(EventStore(store.database, store.folder, clock=clock), Spool(tmp_path / "spool"), clock=clock)


def test_what_another_process_has_taken_in_is_not_stored_after_an_erasure(
    store: EventStore, other: Collector, event: Make
) -> None:
    other.record(event(event_id="a", user_id="ann", session_id="s"))
    other.record(event(event_id="mail", user_id="Ann@Example.org"))
    other.record(event(event_id="b", user_id="bob"))
    assert store.erase("ann") == 0
    assert store.erase("ann@example.org") == 0
    other.flush()
    assert ids(store) == {"b"}
    assert other.counts().acknowledged == 3


def test_what_they_do_afterwards_is_stored(
    store: EventStore, other: Collector, event: Make, clock: ManualClock
) -> None:
    store.erase("ann")
    clock.advance(1)
    other.record(event(event_id="new", user_id="ann", session_id="s"))
    other.record(event(event_id="late", ago=5, user_id="ann", session_id="s"))  # a browser that was offline
    other.flush()
    assert ids(store) == {"new"}
    clock.advance(1)
    assert store.erase("ann") == 1
    other.record(event(event_id="again", ago=0.5, user_id="ann"))
    other.flush()
    assert ids(store) == set()


def test_a_visit_that_was_erased_stays_so_but_not_what_somebody_did_in_it_by_name(
    store: EventStore, other: Collector, event: Make
) -> None:
    other.record(event(event_id="nobody", session_id="s"))
    other.record(event(event_id="bob", session_id="s", user_id="bob"))
    store.erase_visit("s")
    other.flush()
    assert ids(store) == {"bob"}


@pytest.mark.parametrize("compacted", [False, True])
def test_an_event_that_is_dropped_takes_along_what_its_session_did_without_a_name(
    store: EventStore, other: Collector, event: Make, clock: ManualClock, compacted: bool
) -> None:
    """Only the event in the other spool says that the session is Ann's."""
    store.append(
        [row_of(event(event_id=f"n{i}", session_id=f"s{i}"), received=microseconds(clock.now())) for i in (1, 2)]
    )
    if compacted:
        store.compact(NOW)
    other.record(event(event_id="a", user_id="ann", session_id="s1"))
    other.record(event(event_id="n3", session_id="s1"))
    store.erase("ann")
    other.flush()
    store.compact(NOW)
    assert ids(store) == {"n2"}
    clock.advance(1)
    other.record(event(event_id="n4", session_id="s1"))
    other.flush()
    store.compact(NOW)
    assert ids(store) == {"n2", "n4"}


def test_a_file_of_history_does_not_bring_them_back(store: EventStore, event: Make, clock: ManualClock) -> None:
    def row(name: str, **given: str) -> Row:
        return row_of(event(event_id=name, ago=60, **given), received=microseconds(clock.now()))

    theirs = [row("n1", session_id="s1"), row("a", user_id="ann", session_id="s1")]
    history = arrow_table([*theirs, row("b", user_id="bob"), row("n2", session_id="s2"), row("none")])
    assert store.load([history]) == 5
    assert store.erase("ann") == 2
    assert store.load([history]) == 0
    assert ids(store) == {"b", "n2", "none"}
    store.erase("bob")
    store.load([arrow_table([row("n3", session_id="s3")]), arrow_table([row("b2", user_id="bob", session_id="s3")])])
    store.compact(NOW)
    assert ids(store) == {"n2", "none"}


OTHER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.spool import Spool
from shopr.analytics.store.event_store import EventStore
from shopr.data.events import Event, EventType
from shopr.storage import Database

home = Path(sys.argv[1])
store = EventStore(Database.open(url=f"sqlite:///{home / 'events.db'}"), home / "parts")
collector = Collector(store, Spool(home / "spool"))
for number in range(6):
    user = ("ann", "bob", None)[number % 3]
    collector.record(Event(event_id=f"e{number}", type=EventType.ORDER_COMPLETED, time=datetime.now(UTC), user_id=user,
                           session_id="of-bob" if user == "bob" else "of-ann", properties={"product_id": "p"}))
print("taken in", flush=True)
sys.stdin.readline()
print("nothing waits" if collector.flush() else "something waits", flush=True)
"""


def test_a_process_that_does_not_know_of_the_erasure_stores_nothing_of_the_person(tmp_path: Path) -> None:
    with Database.open(url=f"sqlite:///{tmp_path / 'events.db'}") as database, subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "taken in\n"
        store = EventStore(database, tmp_path / "parts")
        assert store.erase("ann") == 0  # they lie in a spool that only the other process may store
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "nothing waits\n"
        assert ids(store) == {"e1", "e4"}
        assert store.export("ann") == []
        assert not list((tmp_path / "spool").glob("*.spool"))
