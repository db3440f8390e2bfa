"""Funnels straight from the store are those of the log in memory, whatever lies hot, cold, late or without a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shopr.analytics.measures.daily import daily_funnel
from shopr.analytics.measures.funnel import Step, _latest_to, funnel
from shopr.analytics.reading.log import EventLog
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.analytics.store.scan import scan
from shopr.clock import ManualClock
from shopr.data.events import Event, EventType
from shopr.errors import InputError, StorageError
from shopr.storage import Database

KINDS = ["product_viewed", "cart_item_added", "order_completed", "page_viewed"]
STEPS = [Step(kind) for kind in KINDS[:3]]
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> EventStore:
    monkeypatch.setattr("shopr.analytics.measures.steps._HELD", 70)
    clock.set_wall(FIRST + timedelta(days=6))
    return EventStore(Database.open(url=f"sqlite:///{tmp_path / 'events.db'}"), tmp_path / "parts", clock=clock)


def drawn(seed: int, n: int = 600, *, signed_in: float = 0.7) -> list[Event]:
    """Events of five days at whole minutes, so that some fall together; users log in on some of their events."""
    draws = np.random.default_rng(seed)
    users, minutes = draws.integers(0, 25, n), draws.integers(0, 5 * 1440, n)
    kinds, devices = draws.choice(KINDS, n), draws.choice(["mobile", "desktop"], n)
    named, pages = draws.random(n) < signed_in, draws.choice(["/", "/sale"], n)
    return [
        Event(
            event_id=f"e{i}", type=EventType(str(kinds[i])), time=FIRST + timedelta(minutes=int(minutes[i])),
            user_id=f"u{users[i]}" if named[i] else None, session_id=f"s{users[i] % 20}-{minutes[i] // 1500}",
            properties={"device": str(devices[i]), "page": str(pages[i])},
        )
        for i in range(n)
    ]  # fmt: skip


def fill(shop: EventStore, events: list[Event], seed: int) -> None:
    """In batches of any order, compacted now and then: parts of many days, some of one day, and hot rows."""
    draws = np.random.default_rng(seed)
    rows = [row_of(event) for event in events]
    for start in range(0, len(rows), 60):
        shop.append(rows[start : start + 60])
        if draws.random() < 0.5:
            shop.compact(timedelta(0))


def same(mine: Any, theirs: Any) -> None:
    assert mine.counts.tolist() == theirs.counts.tolist()
    np.testing.assert_allclose(mine.seconds, theirs.seconds)
    chosen = [np.sort(np.column_stack([f.entered, f.finished])[f.reached > 0], axis=0) for f in (mine, theirs)]
    np.testing.assert_array_equal(*chosen)


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
@pytest.mark.parametrize("hours", [1, 30, 1000])
@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_the_funnel_of_the_log(shop: EventStore, order: Any, hours: int, seed: int) -> None:
    fill(shop, drawn(seed), seed)
    window = timedelta(hours=hours)
    log = EventLog.read(shop)
    same(daily_funnel(shop, STEPS, window=window, order=order), funnel(log, STEPS, window=window, order=order))
    twice = [STEPS[0], STEPS[0], STEPS[1]]
    same(daily_funnel(shop, twice, window=window, order=order), funnel(log, twice, window=window, order=order))


def test_it_breaks_down_and_narrows_as_the_other_does(shop: EventStore) -> None:
    fill(shop, drawn(3), 3)
    log = EventLog.read(shop, columns=["device", "page"])
    steps = [Step("product_viewed"), Step("cart_item_added", {"page": "/sale"}), Step("order_completed")]
    mine, theirs = (
        f.table() for f in (daily_funnel(shop, steps, breakdown="device"), funnel(log, steps, breakdown="device"))
    )
    assert mine.drop(columns="median_seconds").equals(theirs.drop(columns="median_seconds"))
    assert daily_funnel(shop, [Step("product_viewed", {"page": "/nowhere"}), *STEPS]).counts.tolist() == [0, 0, 0, 0]


def test_part_of_a_day_counts_by_the_minute(shop: EventStore) -> None:
    fill(shop, drawn(4, signed_in=1.0), 4)
    start, end = FIRST + timedelta(hours=30), FIRST + timedelta(hours=65)
    same(daily_funnel(shop, STEPS, start=start, end=end), funnel(EventLog.read(shop, start=start, end=end), STEPS))
    same(daily_funnel(shop, STEPS, start="2026-01-02"), funnel(EventLog.read(shop, start="2026-01-02"), STEPS))


def test_nothing_and_nobody_are_no_error(shop: EventStore) -> None:
    assert daily_funnel(shop, STEPS).counts.tolist() == [0, 0, 0]
    shop.append([row_of(Event(type=EventType.ORDER_COMPLETED, time=FIRST))])
    assert daily_funnel(shop, STEPS).counts.tolist() == [0, 0, 0]
    assert daily_funnel(shop, STEPS[:1]).table()["persons"].tolist() == [0]
    with pytest.raises(InputError, match="no column 'price' of words"):
        daily_funnel(shop, [Step("order_completed", {"price": "1"})])
    with pytest.raises(InputError, match="61 steps"):
        daily_funnel(shop, STEPS[:1] * 61)


def test_a_part_that_is_gone_or_damaged_is_told(shop: EventStore) -> None:
    fill(shop, drawn(5), 5)
    shop.compact(timedelta(0))
    parts = list(shop.folder.rglob("*.parquet"))
    for part in parts:
        part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(StorageError, match="cannot be read"):
        daily_funnel(shop, STEPS)
    for part in parts:
        part.unlink()
    with pytest.raises(StorageError, match="is gone"):
        list(scan(shop))


def test_many_persons_over_centuries_do_not_run_together() -> None:
    """Persons and times that do not fit into 64 bits beside each other."""
    persons = np.array([0, 0, 3_000_000, 3_000_000], np.int32)
    values = np.array([5, -1, 9 * 10**15, -1])
    assert _latest_to(values, persons).tolist() == [5, 5, 9 * 10**15, 9 * 10**15]
    assert _latest_to(np.array([9 * 10**15, -1, -1, 7]), persons).tolist() == [9 * 10**15, 9 * 10**15, -1, 7]
