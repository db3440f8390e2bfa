"""Live events in storage: nothing lost, nothing doubled, the same for every process."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.events import Event, EventType
from shopr.errors import InputError
from shopr.recommend.following.live import LATEST, LiveStore
from shopr.storage import Database, SubjectStores

WRITER = """
import sys
from datetime import UTC, datetime
from shopr.data.events import Event
from shopr.recommend.following.live import LiveStore
from shopr.storage import Database
store = LiveStore(Database.open(url=sys.argv[1]))
start = int(sys.argv[2])
for n in range(start, start + 100_000):
    event = Event(event_id=f"e{n}", type="product_clicked", time=datetime(2026, 1, 1, tzinfo=UTC), user_id="ann",
                  properties={"product_id": f"p{n}"})
    store.record([event, event])
    print(n, flush=True)
"""


def event(clock: ManualClock, product: str = "p1", kind: str = "product_clicked", user: str = "ann", **extra) -> Event:
    return Event(type=EventType(kind), time=clock.now(), user_id=user, properties={"product_id": product}, **extra)


@pytest.fixture
def store(settings: Settings, clock: ManualClock):
    with Database.open(settings) as database:
        yield LiveStore(database, clock=clock)


def test_an_event_counts_once_however_often_it_is_sent(store, clock):
    click = event(clock, event_id="e1")
    assert store.record(click) == 1
    version = store.version("ann")
    assert store.record(click) == 0
    assert store.record([click, event(clock, "p2")]) == 1
    assert store.version("ann") != version
    assert list(store.of("ann").products) == ["p1", "p2"]


def test_two_lines_of_one_order_are_two_rows(store, clock):
    lines = [event(clock, p, "order_completed", event_id="order-7") for p in ("p1", "p2")]
    assert store.record(lines) == 2


def test_events_may_come_out_of_order(store, clock):
    late = event(clock, "first")
    clock.advance(60)
    store.record(event(clock, "second"))
    store.record(late)
    assert list(store.of("ann").products) == ["first", "second"]


def test_what_says_nothing_is_left_out(store, clock):
    nobody = Event(type=EventType.PRODUCT_CLICKED, time=clock.now(), properties={"product_id": "p1"})
    nothing = Event(type=EventType.PRODUCT_CLICKED, time=clock.now(), user_id="ann")
    assert store.record([nobody, nothing, event(clock, kind="page_viewed")]) == 0
    assert store.record([]) == 0
    assert len(store.of("ann")) == 0
    assert store.version("ann") == (0, 0)


def test_events_from_the_future_are_refused(store, clock):
    ahead = event(clock).model_copy(update={"time": clock.now() + timedelta(hours=1)})
    with pytest.raises(InputError, match="lies in the future"):
        store.record([event(clock, "p9"), ahead])
    assert store.version("ann") == (0, 0)
    with pytest.raises(InputError, match="product id of 300"):
        store.record(event(clock, "x" * 300))


def test_a_hundred_thousand_events_of_one_shopper_are_cut_to_the_latest(store, clock):
    batch = [
        Event.model_construct(
            event_id=f"e{n}",
            type=EventType.PRODUCT_CLICKED,
            time=clock.now() - timedelta(seconds=100_000 - n),
            user_id="ann",
            session_id=None,
            properties={"product_id": f"p{n}"},
        )
        for n in range(100_000)
    ]
    assert store.record(batch) == 100_000
    live = store.of("ann")
    assert len(live) == LATEST
    assert live.products[-1] == "p99999"


def test_a_person_may_take_a_copy_and_be_forgotten(settings, store, clock):
    store.record([event(clock), event(clock, user="bob")])
    with Database.open(settings) as database:
        stores = SubjectStores(database, clock=clock)
        assert stores.export("ann")["live_interactions"][0]["product_id"] == "p1"
        before = store.version("ann")
        assert stores.erase("ann")["live_interactions"] == 1
    assert len(store.of("ann")) == 0
    store.record(event(clock, "p2"))
    assert store.version("ann") != before, "as many rows as before the erasure, yet not the same"
    assert len(store.of("bob")) == 1


def test_what_a_new_model_learned_is_forgotten(store, clock):
    """Orders of the log it was fitted on; what was looked at is in no such log and fades by itself."""
    store.record([event(clock, "looked"), event(clock, "bought", "order_completed")])
    until = clock.now()
    clock.advance(10)
    store.record(event(clock, "later", "order_completed"))
    assert store.forget(until.replace(tzinfo=None)) == 1
    assert list(store.of("ann").products) == ["looked", "later"]
    assert store.forget() == 0


def test_nothing_is_kept_beyond_ninety_days(store, clock, settings):
    store.record([event(clock, "old"), event(clock, "order", "order_completed")])
    with Database.open(settings) as database:
        other = LiveStore(database, "other", clock=clock)
        other.record(event(clock, "theirs"))
    clock.advance(89 * 86_400)
    store.record(event(clock, "new"))
    assert store.tidy() == 0
    clock.advance(1_800 + 86_400)
    assert store.tidy() == 2, "more than an hour after the last time"
    assert list(store.of("ann").products) == ["new"]
    clock.advance(3_000)
    assert store.tidy() == 0
    with Database.open(settings) as database:
        assert len(LiveStore(database, "other", clock=clock).of("ann")) == 1, "each shop forgets its own"


def test_every_acknowledged_event_survives_kill_9(tmp_path: Path):
    url, start = f"sqlite:///{tmp_path / 'state.db'}", 0
    Database.open(url=url).close()
    for stop_after in (1, 4, 17):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(start)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(stop_after)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split("\n") if line]
        writer.wait()
        with Database.open(url=url) as database:
            kept = LiveStore(database).of("ann").products
        assert len(kept) == len(set(kept)), "doubled"
        assert {f"p{n}" for n in range(acknowledged[-1] + 1)} <= set(kept), "an acknowledged event is gone"
        assert len(kept) <= acknowledged[-1] + 2, "at most one was stored and not yet acknowledged"
        start = acknowledged[-1] + 1


def test_a_shopper_can_be_forgotten_alone(store, clock):
    store.record([event(clock, user="a"), event(clock, user="b")])
    assert store.forget_shopper("a") == 1
    assert store.forget_shopper("a") == 0
    assert (len(store.of("a")), len(store.of("b"))) == (0, 1)
