"""Events for the benchmarks: drawn from a seed, as envelopes, as rows and as Arrow blocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopr.analytics.intake.consent import PURPOSES
from shopr.analytics.store.cold import SCHEMA
from shopr.data.events import Event, EventType

__all__ = ["FIRST", "MIX", "SHARES", "blocks", "envelopes"]

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
MIX = {
    "page_viewed": 0.15, "product_shown": 0.48, "product_clicked": 0.15, "product_viewed": 0.1,
    "cart_item_added": 0.05, "order_completed": 0.02, "search_performed": 0.05,
}  # fmt: skip
"""Shares of the events that are ingested: about those of the simulator."""
SHARES = {
    "page_viewed": 0.25, "product_viewed": 0.35, "cart_item_added": 0.12, "checkout_started": 0.06,
    "order_completed": 0.04, "product_clicked": 0.18,
}  # fmt: skip
"""Shares of the events that funnels are made of: 57 % of them belong to a step."""


def envelopes(n: int, seed: int, *, prefix: str = "e", persons: int = 5_000) -> list[Event]:
    """Events of the last ten minutes."""
    draws = np.random.default_rng(seed)
    kinds = draws.choice(list(MIX), n, p=list(MIX.values()))
    now = datetime.now(UTC)
    users, sessions = draws.integers(0, persons, n), draws.integers(0, 4 * persons, n)
    items, places, ago = draws.integers(0, 4_000, n), draws.integers(1, 13, n), draws.random(n) * 600
    return [
        Event(
            event_id=f"{prefix}{i:08d}", type=EventType(str(kinds[i])), time=now - timedelta(seconds=float(ago[i])),
            user_id=f"U{users[i]:07d}", session_id=f"s{sessions[i]:08d}", consent=PURPOSES,
            properties=_properties(str(kinds[i]), i, f"P{items[i]:06d}", int(places[i])),
        )
        for i in range(n)
    ]  # fmt: skip


def _properties(kind: str, i: int, item: str, place: int) -> dict[str, Any]:
    if kind == "page_viewed":
        return {"page": "/home", "device": "mobile", "country": "GB", "language": "en"}
    if kind == "search_performed":
        return {"query": "red mug with a handle"}
    shown = {
        "product_id": item, "position": place, "source": "home", "impression_id": f"i{i:08d}", "policy": "shop",
        "propensity": 0.25, "model_version": "1",
    }  # fmt: skip
    bought = {"price": 1999, "quantity": 1, "currency": "GBP"}
    if kind == "order_completed":
        return shown | bought | {"order_id": f"o{i:08d}"}
    return shown | bought if kind == "cart_item_added" else shown


def blocks(n: int, seed: int, *, days: int = 30, persons: int = 400_000, size: int = 500_000) -> Iterator[Any]:
    """Arrow blocks in the store's columns, in order of time, no two events at one moment.

    Persons come in turn as shoppers do: some often, most a few times (weights are lognormal), each event a few seconds
    or days after the one before.
    """
    draws = np.random.default_rng(seed)
    step = days * 86_400_000_000 // n
    weights = draws.lognormal(0.0, 1.2, persons)
    chance = np.cumsum(weights / weights.sum())
    names = pa.array([f"U{code:07d}" for code in range(persons)])
    pages, devices = pa.array([f"/p{k}" for k in range(40)]), pa.array(["mobile", "desktop", "tablet"])
    for start in range(0, n, size):
        count = min(size, n - start)
        at = np.arange(start, start + count)
        times = at * step + draws.integers(0, step, count) + int(FIRST.timestamp() * 1e6)
        people = np.minimum(np.searchsorted(chance, draws.random(count)), persons - 1)
        columns: dict[str, Any] = {name: pa.nulls(count, SCHEMA.field(name).type) for name in SCHEMA.names}
        kinds = draws.choice(len(SHARES), count, p=list(SHARES.values()))
        moments = pa.array(times).cast(SCHEMA.field("time").type)
        columns |= {
            "event_id": _numbered("e", at), "type": _drawn(list(SHARES), kinds),
            "time": moments, "received": moments, "user_id": names.take(pa.array(people)),
            "session_id": _numbered("s", people * 32 + at * 24 // n),
            "page": pages.take(pa.array(draws.integers(0, 40, count))),
            "device": devices.take(pa.array(draws.integers(0, 3, count))),
            "product_id": _numbered("P", draws.integers(0, 4_000, count)),
            "properties": _same("{}", count), "consent": _same(" ".join(PURPOSES), count),
            "weight": pa.array(np.ones(count)), "version": pa.array(np.ones(count, np.int32)),
        }  # fmt: skip
        yield pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _numbered(prefix: str, numbers: Any) -> Any:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width=9, padding="0")
    return pc.binary_join_element_wise(prefix, digits, "")


def _drawn(words: list[str], codes: Any) -> Any:
    return pa.array(words).take(pa.array(codes))


def _same(word: str, n: int) -> Any:
    return pa.array([word]).take(pa.array(np.zeros(n, np.int64)))
