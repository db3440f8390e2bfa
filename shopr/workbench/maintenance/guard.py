"""Sections about the guard: what came to the doors, who is kept out, the keys, the audit log's chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import func, select

from shopr.errors import ShoprError
from shopr.security.audit import AuditLog, anchor_file
from shopr.security.crypto_keyfile import FileKeyring, keyring_file
from shopr.security.reading import attempts
from shopr.security.watch import Watch
from shopr.storage.tables import data_keys
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change

__all__ = ["audit", "guard", "keys"]

_WORDS = {
    "blocked": "messages blocked",
    "flagged": "messages flagged",
    "rate": "callers over a limit",
    "access": "callers from blocked networks",
    "csrf": "requests of other sites",
    "locks": "lockouts",
    "blocks": "automatic blocks",
    "sessions": "signs of stolen sessions",
}
_ALARMING = ("blocks", "sessions")
_MORE = 3.0
"""Times as many blocked messages as in the period before that are worth a look."""
_OLD_DAYS = 400


def guard(context: Context) -> Part:
    """What the guard blocked and flagged, by class, beside the period before, and who is kept out now."""
    watch = Watch(context.database, context.shop, clock=context.clock)
    days = max(1, (context.period.end - context.period.start).days)
    found = attempts(watch, context.period.end, days)
    table = pd.DataFrame([change(words, float(found.counts[k]), float(found.before[k])) for k, words in _WORDS.items()])
    held = len(watch.locks())
    metrics = {name: float(value) for name, value in found.counts.items()} | {"kept_out": float(held)}
    if not any(found.counts.values()) and not any(found.before.values()):
        return Part("nothing came to the doors that had to be stopped or marked", Level.EMPTY, table, metrics=metrics)
    plots = [
        Plot("lines", found.over_time.set_index("start"), "Verdicts that were not harmless", "requests", found.step),
    ]
    if len(found.by_class):
        classes = found.by_class.set_index("class")[["block", "flag"]].sum(axis=1).astype(float)
        plots.append(Plot("bars", classes, "By class", "requests"))
    words = f"{found.counts['blocked']:,} blocked, {found.counts['flagged']:,} flagged, {held} kept out now"
    many = found.counts["blocked"] > _MORE * max(found.before["blocked"], 10)
    if many or any(found.counts[name] for name in _ALARMING):
        return Part(f"to be looked at: {words}", Level.ATTENTION, table, tuple(plots), metrics)
    return Part(words, Level.OK, table, tuple(plots), metrics)


def keys(context: Context) -> Part:
    """The master keys: which are there, how old the active one is, and whether data keys wait for a rotation's end."""
    try:
        there = keyring_file(context.settings).exists()
        ring = FileKeyring(keyring_file(context.settings)) if there else None
    except ShoprError as error:
        return Part(error.one_line(), Level.ATTENTION)
    with context.database.read() as connection:
        query = select(data_keys.c.master_id, func.count()).group_by(data_keys.c.master_id)
        wrapped = {master: int(count) for master, count in connection.execute(query)}
    if ring is None:
        finding = f"{sum(wrapped.values())} data keys; the master keys are not in a file" if wrapped else "no key yet"
        return Part(finding, Level.OK if wrapped else Level.EMPTY)
    rows: list[dict[str, Any]] = [
        {"master key": k.id, "state": k.state, "age_days": _age(context, k.created), "data_keys": wrapped.get(k.id, 0)}
        for k in ring.keys
    ]
    active = ring.active()
    waiting = sum(count for master, count in wrapped.items() if master != active)
    age = next((row["age_days"] for row in rows if row["master key"] == active), 0)
    metrics = {"waiting": float(waiting), "age_days": float(age), "data_keys": float(sum(wrapped.values()))}
    table = pd.DataFrame(rows)
    lost = sorted(set(wrapped) - {key.id for key in ring.keys})
    if lost:
        return Part(
            f"no master key for {len(lost)} ids: {', '.join(lost[:3])}", Level.ATTENTION, table, metrics=metrics
        )
    if waiting:
        finding = f"{waiting} data keys are wrapped by earlier keys: run 'shopr keys rotate'"
        return Part(finding, Level.ATTENTION, table, metrics=metrics)
    if age > _OLD_DAYS:
        return Part(
            f"the active key is {age} days old: run 'shopr keys rotate'", Level.ATTENTION, table, metrics=metrics
        )
    return Part(f"{sum(wrapped.values())} data keys under {active}, {age} days old", Level.OK, table, metrics=metrics)


def audit(context: Context) -> Part:
    """Whether the audit log is as it was written, and what it holds of the period."""
    log = AuditLog(context.database, anchor_file(context.settings), clock=context.clock)
    found = log.verify()
    entries = [e for e in log.entries(1000) if context.period.start <= e.time < context.period.end]
    actions = pd.Series([e.action.replace("_", " ") for e in entries], dtype=str).value_counts()
    table = pd.DataFrame({"action": actions.index, "entries": actions.to_numpy()})
    metrics = {"entries": float(found.entries), "problems": float(len(found.problems)), "period": float(len(entries))}
    if not found.sound:
        return Part(f"the chain is broken: {found.problems[0]}", Level.ATTENTION, table, metrics=metrics)
    if not found.entries:
        return Part("the audit log is empty", Level.EMPTY, metrics=metrics)
    finding = f"{found.entries} entries are as they were written, {len(entries)} of them of this period"
    return Part(finding, Level.OK, table if len(table) else None, metrics=metrics)


def _age(context: Context, created: str) -> int:
    return max(0, (context.clock.now() - datetime.fromisoformat(created)).days) if created else 0
