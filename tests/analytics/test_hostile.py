"""What goes wrong around the store: full disks, locks, clocks, late and doubled batches, enormous and torn input."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.spool import Spool
from shopr.analytics.measures.journey import journeys
from shopr.analytics.reading.log import EventLog
from shopr.analytics.store.cold import arrow_table
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.clock import ManualClock
from shopr.data.events import Event
from shopr.errors import StorageError
from shopr.storage import Database

Make = Callable[..., Event]
NOW = timedelta(0)
DAY = 86_400


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[EventStore]:
    Database.open(url=f"sqlite:///{tmp_path / 'events.db'}").close()
    with Database(f"sqlite:///{tmp_path / 'events.db'}", busy_seconds=0.05) as database:
        yield EventStore(database, tmp_path / "parts", clock=clock)


@pytest.fixture
def collector(store: EventStore, tmp_path: Path, clock: ManualClock) -> Collector:
    return Collector(store, Spool(tmp_path / "spool"), clock=clock)


def ids(store: EventStore) -> list[str]:
    with store.query() as events:
        return sorted(i for (i,) in events.sql("SELECT event_id FROM events").fetchall())


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# -- disks and locks --------------------------------------------------------------------------------------------------


def test_a_full_database_keeps_nothing_of_a_batch_and_the_spool_keeps_all(
    store: EventStore, collector: Collector, event: Make, clock: ManualClock
) -> None:
    collector.record(event(event_id="before"))
    assert collector.flush()
    with store.database.begin() as connection:  # SQLite's own limit: as if the disk had no page left
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = [event(event_id=f"big{i}", note="x " * 2_000) for i in range(50)]
    with pytest.raises(StorageError, match="disk is full"):
        store.append([row_of(one) for one in big])
    assert collector.record_all(big) == 50  # acknowledged all the same: it is in the spool
    assert collector.counts().waiting == 1
    assert ids(store) == ["before"]
    store.database.close()  # the limit was that connection's
    clock.advance(600)
    collector.tick()
    assert len(ids(store)) == 51
    assert collector.counts().refused == 0


def test_a_full_disk_stops_compaction_and_loses_nothing(
    store: EventStore, event: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store.append([row_of(event(event_id=f"e{i}", ago=DAY * (i % 3))) for i in range(9)])
    written = iter(range(100))
    write = pq.write_table

    def second_fails(*args: Any, **more: Any) -> None:
        write(*args, **more)
        if next(written) == 1:
            full()

    monkeypatch.setattr("shopr.analytics.store.cold.pq.write_table", second_fails)
    with pytest.raises(StorageError, match="No space left"):
        store.compact(NOW)
    assert len(ids(store)) == store.count() == 9
    assert not list((tmp_path / "parts").rglob("*.tmp"))
    assert len(list((tmp_path / "parts").rglob("*.parquet"))) == 1  # of the first day, which nobody lists
    monkeypatch.undo()
    monkeypatch.setattr("shopr.analytics.store.compaction._SPARED", NOW)
    done = store.compact(NOW)
    assert (done.moved, done.swept) == (9, 1)
    assert len(ids(store)) == store.count() == 9


def test_a_locked_database_is_waited_for(
    store: EventStore, collector: Collector, event: Make, clock: ManualClock, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            store.append([row_of(event())])
        assert collector.record_all([event(event_id=f"e{i}") for i in range(50)]) == 50
        assert not collector.flush()
        assert ids(store) == []  # readers are not locked out
        other.execute("ROLLBACK")
    clock.advance(300)
    collector.tick()
    assert len(ids(store)) == 50
    assert collector.counts().waiting == 0


def test_a_spool_without_a_place_refuses_and_counts(
    store: EventStore, event: Make, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector(store, Spool(tmp_path / "spool"), clock=clock)
    monkeypatch.setattr("shopr.analytics.intake.spool.os.open", full)
    for _ in range(3):
        with pytest.raises(StorageError, match="No space left"):
            collector.record(event())
    monkeypatch.undo()
    assert collector.record(event(event_id="after"))
    assert collector.close()
    assert ids(store) == ["after"]
    assert collector.counts().refused == 3


# -- clocks and order -------------------------------------------------------------------------------------------------


def test_clocks_that_jump_lose_and_double_nothing(
    store: EventStore, collector: Collector, event: Make, clock: ManualClock
) -> None:
    sent = 0
    for jump in (0, -10 * DAY, 20 * DAY, -3 * DAY, 3_600, -60):
        clock.set_wall(clock.now() + timedelta(seconds=jump))
        for _ in range(60):
            collector.record(event(event_id=f"e{sent}", ago=sent % 7))
            sent += 1
        collector.tick()
        store.compact(NOW)
        clock.advance(61)
        collector.tick()
    assert collector.close()
    store.compact(timedelta(days=-40))
    assert len(ids(store)) == len(set(ids(store))) == sent


def test_batches_in_any_order_late_and_again_give_one_store(store: EventStore, event: Make, clock: ManualClock) -> None:
    rows = [row_of(event(event_id=f"e{i}", ago=DAY * (i % 60), user_id=f"u{i % 5}")) for i in range(300)]
    draws = np.random.default_rng(4)
    for _ in range(40):
        batch = [rows[i] for i in draws.integers(0, len(rows), 50)]
        store.append(batch)
        if draws.random() < 0.4:
            store.compact(NOW)
        clock.advance(int(draws.integers(0, DAY)))
    store.append(rows[::-1])
    assert ids(store) == sorted(row[0] for row in rows)
    log = EventLog.read(store)
    assert (np.diff(log.times)[np.diff(log.persons) == 0] >= 0).all()


def test_a_batch_is_known_however_late_it_comes_again(store: EventStore, event: Make, clock: ManualClock) -> None:
    """Digests of ids are kept for 30 days; what is older is looked for in the parts themselves."""
    old = [row_of(event(event_id=f"e{i}")) for i in range(5)]
    store.append(old)
    store.compact(NOW)
    clock.advance(DAY * 100)
    store.compact(NOW)
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM event_ids").scalar() == 0
    late = row_of(event(event_id="late", ago=DAY * 100))
    assert store.append([*old, late, row_of(event(event_id="new"))]) == 2
    assert ids(store) == ["e0", "e1", "e2", "e3", "e4", "late", "new"]


def test_what_was_loaded_is_known_when_it_is_sent(store: EventStore, event: Make) -> None:
    rows = [row_of(event(event_id=f"e{i}", ago=i * 10 * DAY)) for i in range(6)]
    assert store.load([arrow_table(rows)]) == 6
    assert store.append(rows) == 0
    assert store.load([arrow_table(rows)]) == 0
    store.compact(NOW)
    assert len(ids(store)) == 6


# -- enormous input ---------------------------------------------------------------------------------------------------


def test_a_property_of_a_megabyte_passes_and_more_is_refused(
    store: EventStore, collector: Collector, event: Make
) -> None:
    assert collector.record(event(event_id="long", depth_map="a b " * 250_000))
    assert collector.record(event(event_id="hostile", note="pass 4111 1111 1111 1111 @" * 38_000))
    assert collector.record(event(event_id="deep", tree=[[[[["a@example.org"] * 10] * 10] * 10] * 10] * 5))
    assert collector.close()
    found = store.frame().set_index("event_id")["properties"]
    assert len(found["long"]) > 1_000_000
    assert "4111" not in found["hostile"]
    assert "example.org" not in found["deep"]


def test_a_hundred_thousand_names_are_so_many_rows(store: EventStore, event: Make) -> None:
    template = row_of(event("api_called", name="n", value=1.0, session_id="s"))
    at = template.index("n")
    rows = [(f"e{i}", *template[1:at], f"GET /thing/{i}", *template[at + 1 :]) for i in range(100_000)]
    for start in range(0, len(rows), 10_000):
        store.append(rows[start : start + 10_000])
    store.compact(NOW)
    with store.query() as events:
        assert events.sql("SELECT count(DISTINCT name) FROM events").fetchall() == [(100_000,)]
    found = journeys(EventLog.read(store, columns=["name"]), by="name", depth=3, top=5)
    assert found.n == 1
    assert len(found.links) <= 4


# -- readers, and what is torn ----------------------------------------------------------------------------------------


def test_readers_see_each_event_once_while_others_write_and_compact(
    store: EventStore, event: Make, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            with Database(f"sqlite:///{tmp_path / 'events.db'}") as database:
                own = EventStore(database, tmp_path / "parts")
                while not done.is_set():
                    with own.query() as events:
                        rows = events.sql("SELECT count(*), count(DISTINCT event_id) FROM events").fetchall()
                        seen.append(rows[0])
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(25):
        store.append([row_of(event(event_id=f"{turn}-{i}", ago=DAY * (i % 2))) for i in range(20)])
        store.compact(NOW)
    done.set()
    reader.join()
    assert failures == []
    assert all(total == different for total, different in seen)
    totals = [total for total, _ in seen]
    assert totals == sorted(totals)
    assert len(ids(store)) == 500


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int]]:
    """A segment of twelve records, and where each ends."""
    folder = tmp_path_factory.mktemp("segment")
    spool, ends = Spool(folder), []
    for number in range(12):
        spool.write([b"x" * (number * 7) + str(number).encode()])
        ends.append(spool.size)
    made = spool.cut()
    assert made is not None
    return made.path.read_bytes(), ends


def recovered(folder: Path, raw: bytes) -> int:
    for path in folder.glob("*"):
        path.unlink()
    (folder / "1-dead.spool").write_bytes(raw)
    (one,) = Spool(folder).orphans()
    records = list(one.records())
    one.done()
    assert [int(record.lstrip(b"x")) for record in records] == list(range(len(records)))
    return len(records)


@given(st.integers(0, 10_000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_torn_segment_gives_all_that_was_whole(tmp_path: Path, segment: tuple[bytes, list[int]], cut: int) -> None:
    raw, ends = segment
    cut = min(cut, len(raw)) if cut > len(raw) else cut
    assert recovered(tmp_path, raw[:cut]) == sum(end <= cut for end in ends)


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_damaged_byte_gives_nothing_false(
    tmp_path: Path, segment: tuple[bytes, list[int]], place: int, change: int
) -> None:
    raw, ends = segment
    place %= len(raw)
    damaged = raw[:place] + bytes([raw[place] ^ change]) + raw[place + 1 :]
    assert recovered(tmp_path, damaged) == sum(end <= place for end in ends)


def test_one_damaged_part_does_not_hide_the_other_days(store: EventStore, event: Make) -> None:
    store.append([row_of(event(event_id=f"e{i}", ago=DAY * i)) for i in range(3)])
    store.compact(NOW)
    part = next(store.folder.glob("day=2025-12-31/*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(StorageError, match="events cannot be read|cannot be read"):
        store.frame()
    assert store.frame(start="2026-01-01")["event_id"].tolist() == ["e0"]
    assert store.append([row_of(event(event_id="new"))]) == 1  # and nobody is kept from writing
