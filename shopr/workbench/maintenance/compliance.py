"""Sections about personal data: where it lies, for how long, and what its subjects asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import func, select

from shopr.storage.tables import CARDS, UtcDateTime, metadata
from shopr.storage.tables import subjects as subjects_table
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change

__all__ = ["subjects", "tables"]

_DAYS = {"run_ledger": 730, "schedule_runs": 730, "live_interactions": 90}
"""Table -> days after which a row is older than its card allows."""


def tables(context: Context) -> Part:
    """Each table of the house by its card: rows, the oldest of them, whose data, for how long, whether encrypted."""
    rows: list[dict[str, Any]] = []
    overdue = []
    now = context.clock.now()
    with context.database.read() as connection:
        for name, table in sorted(metadata.tables.items()):
            card = CARDS[name]
            times = [c for c in table.c if isinstance(c.type, UtcDateTime)]
            query = select(func.count(), *(func.min(c) for c in times[:1])).select_from(table)
            count, *oldest = connection.execute(query).one()
            first = oldest[0] if oldest and isinstance(oldest[0], datetime) else None
            if first is not None and name in _DAYS and now - first > timedelta(days=_DAYS[name]):
                overdue.append(name)
            rows.append(
                {
                    "table": name,
                    "rows": int(count),
                    "oldest": "–" if first is None else f"{first:%Y-%m-%d}",
                    "person": card.subject or "–",
                    "encryption": card.encryption,
                    "kept": card.retention,
                }
            )
    table = pd.DataFrame(rows)
    personal = table[table["person"] != "–"]
    plot = Plot("bars", personal.set_index("table")["rows"].astype(float), "Rows about persons, by table", "rows")
    metrics = {"tables": float(len(table)), "personal": float(len(personal)), "overdue": float(len(overdue))}
    if overdue:
        return Part(f"older than their cards allow: {', '.join(overdue)}", Level.ATTENTION, table, (plot,), metrics)
    plain = int((personal["encryption"] == "none").sum())
    finding = f"{len(personal)} of {len(table)} tables hold personal data, {plain} of them without encryption of values"
    return Part(finding, Level.OK, table, (plot,), metrics)


def subjects(context: Context) -> Part:
    """Exports and erasures that were carried out."""
    now, before = context.rows(subjects_table, "time")
    if now.empty and before.empty:
        return Part("nobody asked for an export or an erasure", Level.EMPTY)
    actions = sorted(set(now["action"]) | set(before["action"]))
    rows = [change(a, float((now["action"] == a).sum()), float((before["action"] == a).sum())) for a in actions]
    table = pd.DataFrame(rows)
    finding = f"{len(now)} requests of {now['digest'].nunique()} persons were carried out"
    plot = Plot("bars", table.set_index("measure")["period"], "Requests of the period", "requests")
    return Part(finding, Level.OK, table, (plot,), {"requests": float(len(now))})
