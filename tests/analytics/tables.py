"""Small tables of events, as the store holds them, for analyses whose answers are known by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from shopr.analytics.reading.source import EventTable
from shopr.analytics.store.cold import SCHEMA

DAY0 = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""


def at(minutes: float) -> int:
    """Microseconds of a moment so many minutes after the first midnight."""
    return int((DAY0.timestamp() + minutes * 60) * 1e6)


def table(*rows: dict[str, Any]) -> EventTable:
    """Events from dictionaries of columns; `minute` is the time, what is no column goes into the properties."""
    columns: dict[str, list[Any]] = {field.name: [] for field in SCHEMA}
    for number, given in enumerate(rows):
        row = dict(given)
        time = at(row.pop("minute", 0.0))
        known = {name: row.pop(name) for name in list(row) if name in columns}
        base = {"event_id": f"e{number}", "time": time, "weight": 1.0, "version": 1, "received": time, "consent": ""}
        full = {**base, "properties": json.dumps(row), **known}
        for name, values in columns.items():
            values.append(full.get(name))
    arrays = [
        pa.array(columns[f.name], pa.int64()).cast(f.type)
        if f.name in ("time", "received")
        else pa.array(columns[f.name], f.type)
        for f in SCHEMA
    ]
    return EventTable(pa.Table.from_arrays(arrays, schema=SCHEMA))
