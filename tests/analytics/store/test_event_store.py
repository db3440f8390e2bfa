"""The event store: each event once, hot or cold, on SQLite and PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.store.cold import arrow_table, day_of
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import COLUMNS, LONGEST_PROPERTIES, microseconds, moment, row_of
from shopr.clock import ManualClock
from shopr.data.events import Event
from shopr.errors import DataError, InputError, StorageError

Make = Callable[..., Event]
NOW = timedelta(0)


def rows(events: list[Event]) -> list[tuple[Any, ...]]:
    return [row_of(event) for event in events]


def ids(store: EventStore, **span: Any) -> list[str]:
    with store.query(**span) as events:
        return sorted(i for (i,) in events.sql("SELECT event_id FROM events").fetchall())


def test_a_row_spreads_what_has_a_column_and_keeps_the_rest(event: Make) -> None:
    made = event(
        event_id="e", user_id="ann", product_id="p1", price=1999, currency="EUR", position=2, page="/", depth=0.5
    )
    row = dict(zip(COLUMNS, row_of(made, weight=20.0, received=5), strict=True))
    assert (row["product_id"], row["price"], row["currency"], row["position"], row["page"]) == (
        "p1",
        1999,
        "EUR",
        2,
        "/",
    )
    assert (row["properties"], row["weight"], row["received"]) == ('{"depth":0.5}', 20.0, 5)
    assert row["consent"] == "necessary analytics personalisation marketing"


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"price": "cheap"}, "no number"),
        ({"price": 1.5}, "no number"),
        ({"quantity": 2**63}, "no number"),
        ({"value": "x"}, "no number"),
        ({"currency": "EURO"}, "currency is 'EURO'"),
        ({"product_id": "p" * 257}, "257 characters, more than 256"),
        ({"text": "x" * (LONGEST_PROPERTIES + 1)}, "properties of event"),
    ],
)
def test_a_property_that_does_not_fit_is_refused(event: Make, properties: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        row_of(event(**properties))


def test_what_no_database_takes_is_replaced(store: EventStore, event: Make) -> None:
    store.append(rows([event(user_id="a\0b", query="nul\0 here", note="half \udfff", big="x" * 1_000_000)]))
    (found,) = store.frame().to_dict("records")
    assert (found["user_id"], found["query"]) == ("a\ufffdb", "nul\ufffd here")


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)))
def test_moments_are_exact(when: datetime) -> None:
    aware = when.replace(tzinfo=UTC)
    assert moment(microseconds(aware)) == aware


def test_an_event_counts_once_however_often_and_late_it_is_sent(
    store: EventStore, event: Make, clock: ManualClock
) -> None:
    first = rows([event(event_id=f"e{i}", product_id=f"p{i}") for i in range(5)])
    assert store.append(first) == 5
    assert store.append([*first[3:], *rows([event(event_id="new")])]) == 1
    assert store.append([*rows([event(event_id="twice")] * 2)]) == 1
    moved = store.compact(NOW)
    assert (moved.moved, moved.written) == (7, 1)
    assert store.append(first) == 0
    assert store.append(rows([event(event_id="e1"), event(event_id="newer")])) == 1
    clock.advance(86_400 * 20)
    store.compact(NOW)
    assert store.append(first) == 0
    assert store.count() == 8
    assert len(ids(store)) == len(set(ids(store))) == 8


def test_hot_and_cold_are_one_table_and_a_span_reads_what_it_needs(
    store: EventStore, event: Make, clock: ManualClock
) -> None:
    for day in range(3):
        store.append(rows([event(event_id=f"d{day}-{i}", ago=i, page="/") for i in range(2)]))
        if day < 2:
            store.compact(NOW)
        clock.advance(86_400)
    assert ids(store) == [f"d{d}-{i}" for d in range(3) for i in range(2)]
    first, second = "2026-01-01", "2026-01-02"
    assert ids(store, start=second) == ["d1-0", "d2-0", "d2-1"]  # d1-1 was a second before midnight
    assert ids(store, start=first, end=first) == ["d0-0", "d1-1"]
    noon = datetime(2026, 1, 2, tzinfo=UTC)
    with store.query(start=noon, end=noon + timedelta(days=1)) as events:
        assert events.sql("SELECT count(*) FROM events").fetchall() == [(len(ids(store, start=second, end=second)),)]
    with pytest.raises(InputError, match="is empty"), store.query(start=second, end=first):
        pass
    with pytest.raises(InputError, match="no day"), store.query(start="yesterday"):
        pass


def test_an_empty_store_answers(store: EventStore) -> None:
    assert ids(store) == []
    assert store.frame().empty
    assert (store.count(), store.compact(NOW).moved, store.append([])) == (0, 0, 0)


def test_a_clock_that_runs_ahead_does_not_carry_events_into_the_future(store: EventStore, event: Make) -> None:
    store.append(rows([event(event_id="soon", ago=-3_600), event(event_id="far", ago=-86_400 * 365)]))
    times = store.frame().set_index("event_id")["time"]
    assert str(times["soon"]) == "2026-01-01 01:00:00+00:00"
    assert str(times["far"]) == "2026-01-01 00:00:00+00:00"


def test_small_parts_are_joined_and_left_over_files_swept(
    store: EventStore, event: Make, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopr.analytics.store.compaction._SPARED", NOW)
    done = []
    for i in range(6):
        store.append(rows([event(event_id=f"e{i}")]))
        done.append(store.compact(NOW))
    assert [each.joined for each in done] == [0, 0, 0, 0, 5, 0]
    assert [each.swept for each in done] == [0, 0, 0, 0, 0, 5]
    (tmp_path / "parts" / "day=2026-01-01" / "interrupted.tmp").write_bytes(b"half")
    assert store.compact(NOW).swept == 1
    assert len(list((tmp_path / "parts").rglob("*.parquet"))) == 2  # the joined one and the sixth
    assert len(ids(store)) == 6


def test_files_that_were_replaced_are_spared_for_queries_under_way(store: EventStore, event: Make, tmp_path) -> None:
    for i in range(5):
        store.append(rows([event(event_id=f"e{i}")]))
        store.compact(NOW)
    assert len(list((tmp_path / "parts").rglob("*.parquet"))) == 6  # five, and what was made of them
    with store.query() as events:
        assert store.compact(NOW).swept == 0
        assert events.sql("SELECT count(*) FROM events").fetchall() == [(5,)]
    for path in (tmp_path / "parts").rglob("*.parquet"):
        os.utime(path, (0, 0))
    assert store.compact(NOW).swept == 5
    assert len(ids(store)) == 5


def test_a_query_under_way_survives_compaction(store: EventStore, event: Make) -> None:
    store.append(rows([event(event_id=f"e{i}") for i in range(3)]))
    store.compact(NOW)
    with store.query() as events:
        store.append(rows([event(event_id="later")]))
        store.compact(NOW)
        assert events.sql("SELECT count(*) FROM events").fetchall() == [(3,)]
    assert len(ids(store)) == 4


def test_history_is_loaded_in_bulk_each_id_once(store: EventStore, event: Make) -> None:
    old = rows([event(event_id=f"h{i}", ago=86_400 * (i % 4)) for i in range(20)])
    assert store.load([arrow_table(old), arrow_table([*old[:5], *rows([event(event_id="h99")] * 3)])]) == 21
    assert store.load([arrow_table(old)]) == 0
    assert len(ids(store)) == 21


def test_a_person_is_exported_and_forgotten_everywhere(store: EventStore, event: Make, tmp_path) -> None:
    store.append(rows([event(event_id="a1", user_id="ann", session_id="s1"), event(event_id="a0", session_id="s1")]))
    store.append(rows([event(event_id="b1", user_id="bob", session_id="s1"), event(event_id="x", session_id="s2")]))
    store.compact(NOW)
    store.append(rows([event(event_id="a2", user_id="ann"), event(event_id="b2", user_id="bob")]))
    assert [row["event_id"] for row in store.export("ann")] == ["a1", "a2"]
    assert store.erase("ann") == 3  # with what the session did before the person logged in
    assert ids(store) == ["b1", "b2", "x"]
    assert store.erase("ann") == 0
    kept = b"".join(path.read_bytes() for path in (tmp_path / "parts").rglob("*.parquet"))
    assert b"ann" not in kept
    assert b"bob" in kept


def test_retention_takes_what_is_too_old(store: EventStore, event: Make, clock: ManualClock) -> None:
    store.append(rows([event("order_completed", event_id="order"), event("vital_measured", event_id="vital")]))
    store.compact(NOW)
    clock.advance(86_400 * 10)
    store.append(rows([event("vital_measured", event_id="new")]))
    assert store.retain(5, types=["vital_measured"]) == 1
    assert ids(store) == ["new", "order"]
    assert store.retain(5) == 1
    assert ids(store) == ["new"]
    with pytest.raises(InputError, match="0 days"):
        store.retain(0)


def test_two_do_not_compact_at_once(store: EventStore) -> None:
    with store._compactor.alone(), pytest.raises(StorageError, match="another process is compacting"):
        store.compact(NOW)


def test_a_part_that_is_gone_is_told(store: EventStore, event: Make, tmp_path) -> None:
    store.append(rows([event()]))
    store.compact(NOW)
    for path in (tmp_path / "parts").rglob("*.parquet"):
        path.write_bytes(b"PAR1 broken")
    with pytest.raises(StorageError, match="events"):
        store.frame()
    for path in (tmp_path / "parts").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(StorageError, match="is gone"):
        store.frame()


def test_days_are_utc() -> None:
    assert day_of(microseconds(datetime(2026, 11, 30, 23, 59, 59, 999_999, UTC))) == "2026-11-30"
