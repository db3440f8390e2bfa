"""A simulated history of operations, so that the reports can be seen without a shop: in a sandbox, and only there.

What shoppers did comes from the simulator; runs, schedules, decisions, exposures and requests are drawn around it. A
few things go wrong on purpose, as they do.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import insert

from shopr.abtest.allocation.assignment import Assignment
from shopr.abtest.allocation.exposures import Exposures
from shopr.analytics.intake.loading import event_table
from shopr.analytics.store.event_store import EventStore
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.dataset import Dataset
from shopr.data.simulator import simulate
from shopr.errors import InputError
from shopr.storage.database import Database
from shopr.storage.subjects import digest
from shopr.storage.tables import promotions, run_ledger, schedule_jobs, schedule_runs, subjects
from shopr.tracking.registry import point, register
from shopr.tracking.study import train_candidate
from shopr.workbench.drills.diagnostics import sample_diagnostics

__all__ = ["sample_operations"]

_SPECS = {"daily": (1, 40), "recommenders": (3, 190), "tuning": (7, 900), "abtest": (11, 75)}
"""Spec -> (days from one run to the next, seconds of one)."""
_FAILURES = ("cell 4: KeyError: 'price'", "it ran longer than its time-out of 900 s", "the kernel died; out of memory")


def sample_operations(
    settings: Settings,
    *,
    preset: str = "small",
    days: int | None = None,
    seed: int = 42,
    name: str = "simulated",
    model: str = "",
) -> ManualClock:
    """Simulate a shop and the operations around it; returns a clock that stands at its end.

    Args:
        settings: of a sandbox: an installation with rows of its own is refused.
        preset: size of the simulated shop.
        days: length of its history; the preset's by default.
        model: is trained after popularity, and serves; nothing does if "".

    Raises:
        InputError: if the stores of the settings hold runs already.
    """
    data = simulate(preset=preset, days=days, seed=seed, name=name, images=False)
    data.save(settings.shop_folder(name))
    first, last = (data.events["time"].agg(f).to_pydatetime() for f in ("min", "max"))
    clock = ManualClock(last + timedelta(minutes=5))
    database = Database.open(settings)
    rng = np.random.default_rng(seed)
    with database.begin() as connection:
        if connection.execute(run_ledger.select().limit(1)).first() is not None:
            raise InputError("these stores hold runs already", hint="Simulated rows belong in Settings.sandbox()")
        connection.execute(insert(run_ledger), _runs(rng, first, last))
        connection.execute(insert(schedule_runs), _scheduled(rng, first, last))
        connection.execute(insert(schedule_jobs), _jobs(last))
        connection.execute(insert(promotions), _decisions(rng, first, last))
        connection.execute(insert(subjects), _requests(rng, first, last))
    _exposures(database, data, first, last)
    store = EventStore.open(settings, clock=clock)
    store.load([event_table(data.events), sample_diagnostics(data.events, seed=seed).table])
    if model:
        _serve(settings, data, ("popular", model))
    return clock


def _days(first: datetime, last: datetime, every: int, hour: int) -> list[datetime]:
    start = first.replace(hour=hour, minute=0, second=0, microsecond=0)
    return [t for t in (start + timedelta(days=n) for n in range(0, (last - start).days + 1, every)) if t < last]


def _runs(rng: np.random.Generator, first: datetime, last: datetime) -> list[dict[str, object]]:
    rows = []
    for spec, (every, seconds) in _SPECS.items():
        for start in _days(first, last, every, 6):
            state = str(rng.choice(["DONE", "FAILED", "KILLED", "LOST"], p=[0.93, 0.04, 0.02, 0.01]))
            spent = float(seconds * rng.lognormal(0, 0.25))
            message = (
                "" if state == "DONE" else "its runner vanished" if state == "LOST" else str(rng.choice(_FAILURES))
            )
            rows.append(
                {
                    "run_id": rng.bytes(16).hex(), "spec": spec, "notebook": f"notebooks/{spec}.ipynb",
                    "parameters": {}, "state": state, "started_at": start, "heartbeat_at": start, "message": message,
                    "ended_at": start + timedelta(seconds=spent), "kind": "run",
                }
            )  # fmt: skip
    return rows


def _scheduled(rng: np.random.Generator, first: datetime, last: datetime) -> list[dict[str, object]]:
    rows = []
    for job, every in (("daily-health", 1), ("weekly-security", 7)):
        for instant in _days(first, last, every, 5):
            state = str(rng.choice(["DONE", "FAILED", "SKIPPED"], p=[0.96, 0.03, 0.01]))
            rows.append(
                {
                    "schedule": "maintenance", "job": job, "logical_at": instant, "due_at": instant, "state": state,
                    "origin": "schedule", "spec": f"experiments/{job}.yaml", "parameters": {}, "attempts": 1,
                    "losses": 0, "ended_at": instant + timedelta(minutes=1), "message": "",
                }
            )  # fmt: skip
    return rows


def _jobs(last: datetime) -> list[dict[str, object]]:
    jobs = {"daily-health": (2, last - timedelta(days=3)), "weekly-security": (0, None)}
    return [
        {"schedule": "maintenance", "job": job, "looked_at": last, "missed": missed, "missed_at": when}
        for job, (missed, when) in jobs.items()
    ]


def _decisions(rng: np.random.Generator, first: datetime, last: datetime) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    version = 0
    for at in _days(first, last, 12, 9):
        action = str(rng.choice(["promote", "refuse", "rollback"], p=[0.5, 0.42, 0.08])) if version > 1 else "promote"
        previous = str(version) if version else None
        version += action == "promote"
        serving = max(version - 1, 1) if action == "rollback" else version
        gain, reach = float(rng.normal(0.004, 0.004)), 0.003
        reason = f"difference {gain:+.4f} [{gain - reach:+.4f}, {gain + reach:+.4f}] of nDCG@10"
        rows.append(
            {
                "time": at, "action": action, "model_name": "shopr-recommender", "version": str(serving),
                "previous_version": previous, "actor": str(rng.choice(["ana", "ben", "schedule"])),
                "reason": "clicks fell after the promotion" if action == "rollback" else reason, "evidence": {},
            }
        )  # fmt: skip
    return rows


def _requests(rng: np.random.Generator, first: datetime, last: datetime) -> list[dict[str, object]]:
    return [
        {"digest": digest(f"U{rng.integers(10**6):07}"), "action": str(rng.choice(["export", "erase"])), "time": at,
         "report": {}}
        for at in _days(first, last, 9, 14)
    ]  # fmt: skip


def _exposures(database: Database, data: Dataset, first: datetime, last: datetime) -> None:
    """Two experiments: one sound, one whose treatment loses every fifth unit, as a slow page does."""
    store = Exposures(database)
    users = data.events.groupby("user_id")["time"].min()
    middle = first + (last - first) / 2
    for key, broken in (("home-page-list", False), ("cross-sell-panel", True)):
        assigned = Assignment(key, arms=("control", "treatment")).assign(list(users.index))
        table = pd.DataFrame({"unit": users.index, "arm": assigned.names(), "time": users.to_numpy()})
        table["time"] = pd.to_datetime(table["time"], utc=True)
        if broken:
            table = table[(table["arm"] == "control") | (np.arange(len(table)) % 5 > 0)]
        table.loc[table["time"] < middle, "time"] += (last - middle) * (1 if key == "home-page-list" else 0.5)
        table = table[(table["time"] <= last)]
        store.record(key, list(table["unit"]), list(table["arm"]), time=[t.to_pydatetime() for t in table["time"]])


def _serve(settings: Settings, data: Dataset, models: tuple[str, ...]) -> None:
    """Versions of these models, one after the other; the last one serves."""
    log = data.interactions()
    for name in models:
        made = train_candidate(
            settings, log, name, {}, catalog=data.catalog, data=data.fingerprint, experiment="operations"
        )
        point(settings, register(settings, made.run_id))
