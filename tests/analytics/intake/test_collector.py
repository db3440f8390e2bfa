"""The collector: what is acknowledged is stored once, whatever refuses, fills up or dies."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.consent import Choice
from shopr.analytics.intake.privacy import cut_address, private
from shopr.analytics.intake.sampling import Sampling
from shopr.analytics.intake.spool import Spool
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.pseudonyms import pseudonym
from shopr.analytics.store.rows import COLUMNS
from shopr.clock import ManualClock
from shopr.data.event_book import EventBook
from shopr.data.event_schema import EventSchema, Property
from shopr.data.events import Event, EventType
from shopr.errors import DataError, StorageError
from shopr.storage import Database

Make = Callable[..., Event]
ROOT = Path(__file__).resolve().parents[2]


class Shelf:
    """A store that may refuse."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Any, ...]] = {}
        self.batches: list[int] = []
        self.refuses = False

    def append(self, rows: Sequence[tuple[Any, ...]]) -> int:
        if self.refuses:
            raise StorageError("database is locked", hint="Wait")
        self.batches.append(len(rows))
        new = {row[0]: row for row in rows if row[0] not in self.rows}
        self.rows |= new
        return len(new)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def collector(shelf: Shelf, tmp_path: Path, clock: ManualClock) -> Collector:
    return Collector(shelf, Spool(tmp_path / "spool"), clock=clock)


def waiting(tmp_path: Path) -> int:
    return len(list((tmp_path / "spool").glob("*.spool")))


def test_batches_of_fifty_or_what_is_there_after_a_minute(
    collector: Collector, shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path
) -> None:
    for _ in range(120):
        assert collector.record(event())
    assert shelf.batches == [50, 50]
    collector.tick()
    clock.advance(59.9)
    collector.tick()
    assert shelf.batches == [50, 50]
    clock.advance(0.1)
    collector.tick()
    assert shelf.batches == [50, 50, 20]
    assert waiting(tmp_path) == 0
    assert (collector.counts().stored, collector.counts().refused) == (120, 0)


def test_a_store_that_refuses_is_asked_again_after_waits_that_grow(
    collector: Collector, shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.refuses = True
    monkeypatch.setattr("shopr.analytics.intake.collector._SEGMENT", 50_000)
    for _ in range(500):
        assert collector.record(event())  # acknowledged all the same: it is on disk
        assert len(collector._rows) <= 200  # and memory holds little of it
    assert collector.counts().waiting == waiting(tmp_path) - 1 >= 2
    for _ in range(12):
        clock.advance(300)
        collector.tick()
    assert shelf.rows == {}
    shelf.refuses = False
    collector.tick()
    clock.advance(300)
    collector.tick()
    assert len(shelf.rows) == 500
    assert waiting(tmp_path) == 0
    assert collector.counts() == type(collector.counts())(500, 500, 0, 0, 0, 0, 0)


def test_what_a_dead_process_left_is_taken_up_once(
    shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path
) -> None:
    dead = Collector(shelf, Spool(tmp_path / "spool"), clock=clock)
    for _ in range(7):
        dead.record(event())
    alive = Collector(shelf, Spool(tmp_path / "spool"), clock=clock)
    assert alive.recover() == 0  # its owner lives
    os.close(dead._spool._segment.handle)
    with next((tmp_path / "spool").glob("*.spool")).open("ab") as file:
        file.write(b"\x50\x00\x00\x00torn")
    assert alive.recover() == 7
    assert alive.recover() == 0
    assert waiting(tmp_path) == 0


def test_a_damaged_record_ends_what_is_read(shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path) -> None:
    dead = Collector(shelf, Spool(tmp_path / "spool"), clock=clock)
    for _ in range(3):
        dead.record(event())
    os.close(dead._spool._segment.handle)
    path = next((tmp_path / "spool").glob("*.spool"))
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    assert Collector(shelf, Spool(tmp_path / "spool"), clock=clock).recover() == 2


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(
    collector: Collector, shelf: Shelf, event: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert collector.record(event(event_id="kept"))
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 10:
            return write(handle, data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(
        "shopr.analytics.intake.spool.os.write", lambda h, d: full(h, bytes(d[:11]) if len(d) > 11 else d[:5])
    )
    with pytest.raises(StorageError, match="No space left"):
        collector.record(event(event_id="refused"))
    monkeypatch.undo()
    assert collector.record(event(event_id="after"))
    assert collector.flush()
    assert set(shelf.rows) == {"kept", "after"}
    assert collector.counts().refused == 1


def test_consent_is_asked_before_anything_is_stored(
    shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path
) -> None:
    allowed = {"ann": Choice(frozenset({"necessary", "analytics"})), "bob": Choice(frozenset({"necessary"}))}
    collector = Collector(shelf, Spool(tmp_path / "spool"), clock=clock, choice=lambda e: allowed[e.user_id or "bob"])
    assert collector.record(event("product_clicked", user_id="ann", event_id="a"))
    assert not collector.record(event("product_clicked", user_id="bob"))
    assert not collector.record(event("page_viewed"))
    assert collector.record(event("order_completed", user_id="bob", event_id="b"))
    collector.flush()
    assert set(shelf.rows) == {"a", "b"}
    assert shelf.rows["a"][20] == "necessary analytics"
    assert collector.counts().unwanted == 2
    assert b"bob" not in b"".join(p.read_bytes() for p in (tmp_path / "spool").iterdir())


def test_sampling_keeps_journeys_whole_and_estimates_unbiased(event: Make) -> None:
    rates = Sampling()
    assert [rates.rate(EventType(k)) for k in ("order_completed", "error_raised", "vital_measured", "page_viewed")] == [
        1.0, 1.0, 0.1, 0.05,
    ]  # fmt: skip
    weights = np.array([rates.weight(event("page_viewed", user_id=f"u{i}", session_id="s")) for i in range(40_000)])
    assert set(weights) == {0.0, 20.0}
    assert abs(weights.sum() - 40_000) < 4 * 20 * np.sqrt(40_000 * 0.05 * 0.95)
    twice = {rates.weight(event("search_performed", user_id="u7", session_id=f"s{i}")) for i in range(50)}
    assert len(twice) == 1
    other = Sampling(salt="another")
    both = np.array([other.weight(event("page_viewed", user_id=f"u{i}")) > 0 for i in range(40_000)]) & (weights > 0)
    assert both.mean() < 0.005  # 0.05 * 0.05: another salt draws another sample


def test_what_is_private_never_reaches_the_disk(
    collector: Collector, shelf: Shelf, event: Make, tmp_path: Path
) -> None:
    made = event(
        user_id="Ann@example.org", product_id="4111111111111111", query="mail me at ann@example.org",
        password="hunter2hunter2", ip="203.0.113.77", note={"card": "4111 1111 1111 1111"}, depth=3,
    )  # fmt: skip
    collector.record(made)
    raw = b"".join(p.read_bytes() for p in (tmp_path / "spool").iterdir())
    for secret in (b"example.org", b"hunter2", b"203.0.113.77", b"4111 1111"):
        assert secret not in raw
    assert b'"4111111111111111"' in raw  # an id is an id
    assert b"203.0.113.0" in raw
    assert pseudonym("ann@example.org") == pseudonym("ANN@example.org ")
    plain = event(user_id="u1", product_id="p", page="/a")
    assert private(plain) is plain


@pytest.mark.parametrize(
    ("address", "cut"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2::3", "2001:db8:1::"),
        ("x", ""),
    ],
)
def test_addresses_are_cut(address: str, cut: str) -> None:
    assert cut_address(address) == cut


def test_a_bad_property_is_refused_and_counted(collector: Collector, event: Make) -> None:
    with pytest.raises(DataError, match="no number"):
        collector.record(event(price="cheap"))
    assert collector.counts().refused == 1


def test_a_time_that_lies_ahead_is_refused_and_a_late_one_taken(collector: Collector, event: Make) -> None:
    """One event of the year 2036 would be the end of every chart's time."""
    with pytest.raises(DataError, match="more than a day ahead. Set the clock"):
        collector.record(event(ago=-90_000))
    assert collector.record(event(ago=-80_000))
    assert collector.record(event(ago=90 * 86_400))


def test_threads_lose_and_double_nothing(shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path) -> None:
    collector = Collector(shelf, Spool(tmp_path / "spool"), clock=clock)
    made = [[event(event_id=f"{t}-{i}") for i in range(330)] for t in range(8)]
    threads = [threading.Thread(target=lambda part=part: [collector.record(e) for e in part]) for part in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collector.close()
    assert len(shelf.rows) == 8 * 330
    assert collector.counts().doubled == 0
    assert waiting(tmp_path) == 0


def test_the_thread_looks_after_batches_and_ends(shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path) -> None:
    collector = Collector(shelf, Spool(tmp_path / "spool"), clock=clock)
    collector.start(every=0.005)
    collector.record(event())
    clock.advance(60)
    assert collector.close()
    assert len(shelf.rows) == 1


def test_kill_9_at_random_points_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Writers are killed while they record, store and compact; `benchmarks/events.py --kills` does it 200 times."""
    Database.open(url=f"sqlite:///{tmp_path / 'events.db'}").close()
    draws, acknowledged = np.random.default_rng(8), set()
    for turn in range(5):
        command = [sys.executable, "-m", "tests.analytics.writer", str(tmp_path), str(10_000 * turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as writer:
            assert writer.stdout is not None
            for _line in range(int(draws.integers(1, 900))):
                acknowledged.add(f"e{int(writer.stdout.readline())}")
            writer.kill()
            rest = writer.stdout.read().splitlines()
        acknowledged |= {f"e{int(line)}" for line in rest if line.isdigit()}
    store = EventStore(Database.open(url=f"sqlite:///{tmp_path / 'events.db'}"), tmp_path / "parts")
    Collector(store, Spool(tmp_path / "spool")).recover()
    found = store.frame()["event_id"].tolist()
    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    assert waiting(tmp_path) == 0


def test_declared_events_are_checked_each_for_itself(
    shelf: Shelf, event: Make, clock: ManualClock, tmp_path: Path
) -> None:
    told: list[Event] = []
    schema = EventSchema(about="x", kept="fact", properties={"size": Property(type="whole")})
    book = EventBook(EventBook.usual().types, {"box_opened": schema})
    collector = Collector(
        shelf, Spool(tmp_path / "spool"), sampling=Sampling(performance=0.001), book=book, told=told.append, clock=clock
    )
    became = collector.record_each(
        [
            event("product_clicked", product_id="p1", mood="good"),
            event("product_clicked", product_id=7),
            event("custom_occurred", name="box_opened", size=3),
            event("custom_occurred", name="box_openend", size=3),
            event("vital_measured", name="LCP", value=900, user_id="u1"),
            event("page_viewed", consent=()),
        ]
    )
    assert became[0] == became[2] == "kept"
    assert "product_id of product_clicked is 7" in became[1]
    assert "Did you mean 'box_opened'" in became[3]
    assert became[4:] == ["sampled", "unwanted"]
    assert [e.properties["name"] for e in told] == ["LCP"]  # metrics see what sampling leaves out
    counts = collector.counts()
    assert (counts.acknowledged, counts.refused, counts.sampled, counts.unwanted) == (2, 2, 1, 1)
    with pytest.raises(DataError):
        collector.record_all([event("product_clicked", product_id="p2"), event("product_clicked")])
    assert collector.flush()
    kept = [dict(zip(COLUMNS, row, strict=True)) for row in shelf.rows.values()]
    assert [row["properties"] for row in kept] == ['{"_unknown":{"mood":"good"}}', '{"size":3}']
    assert [row["name"] for row in kept] == [None, "box_opened"]
