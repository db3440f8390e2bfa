"""Garbage collection: the local files of runs that nothing needs any more, and their rows.

What MLflow keeps is MLflow's: its runs, artifacts and models are never touched. A run stays here, too, while it is
open or MLflow has still to be told of it, while a kept run, a candidate or a registered model was made by it, and while
it is among the newest finished ones of its spec, which answer for unchanged runs.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.storage.database import Database
from shopr.workbench.running.ledger import OPEN, Ledger, State
from shopr.workbench.running.settling import reconcile, run_folder

__all__ = ["Collected", "Policy", "collect"]


@dataclass(frozen=True)
class Policy:
    """What may go.

    Attributes:
        days: what ended longer ago may go.
        keep: so many finished runs of each spec stay whatever their age.
        most: bytes in all; beyond them the oldest go, too, however young. None for no limit.
    """

    days: float = 30.0
    keep: int = 5
    most: int | None = None


@dataclass(frozen=True)
class Collected:
    """What went, or would go.

    Attributes:
        removed: run ids.
        bytes: what their files took.
        kept, bytes_kept: how many runs stay, and what their files take.
        reasons: why runs stay -> how many.
    """

    removed: tuple[str, ...]
    bytes: int
    kept: int
    bytes_kept: int
    reasons: Mapping[str, int]


def collect(
    settings: Settings, policy: Policy | None = None, *, dry_run: bool = False, clock: Clock | None = None
) -> Collected:
    """Remove what the policy lets go.

    Args:
        dry_run: say so only.

    Raises:
        StorageError: if a store refuses; without MLflow's answer nothing is removed.
    """
    from shopr.tracking.endings import kept as kept_in_mlflow

    policy, clock = policy or Policy(), clock or SystemClock()
    reconcile(settings, clock)
    ledger = Ledger(Database.open(settings), clock)
    rows = [*ledger.rows(), *_strays(settings, ledger)]
    sizes = {row["run_id"]: _size(run_folder(settings, row["run_id"])) for row in rows}
    held = _held(rows, kept_in_mlflow(settings), policy.keep)
    before = clock.now() - timedelta(days=policy.days)
    free = [row for row in rows if row["run_id"] not in held]
    going = [row for row in free if _ended(row) < before]
    total = sum(sizes.values()) - sum(sizes[row["run_id"]] for row in going)
    young = sorted((row for row in free if _ended(row) >= before), key=_ended)
    while policy.most is not None and total > policy.most and young:
        going.append(young.pop(0))
        total -= sizes[going[-1]["run_id"]]
    removed = tuple(row["run_id"] for row in going)
    if not dry_run:
        for run_id in removed:
            shutil.rmtree(run_folder(settings, run_id), ignore_errors=True)
        ledger.forget(removed)
    reasons = Counter(held.values())
    if young:
        reasons[f"younger than {policy.days:g} days"] = len(young)
    return Collected(removed, sum(sizes[r] for r in removed), len(rows) - len(removed), total, dict(reasons))


def _held(rows: Sequence[Mapping[str, Any]], wanted: set[str], keep: int) -> dict[str, str]:
    """Run id -> why it stays whatever its age."""
    held: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for row in rows:  # the newest first
        run_id = row["run_id"]
        if row["state"] in OPEN:
            held[run_id] = "it is under way"
        elif row["mlflow_pending"]:
            held[run_id] = "MLflow has still to be told of it"
        elif row["mlflow_run_id"] in wanted:
            held[run_id] = "a model, a candidate or a kept run needs it"
        elif row["state"] == State.DONE:
            seen[row["spec"]] += 1
            if seen[row["spec"]] <= keep:
                held[run_id] = f"among the newest {keep} of its spec"
    for row in rows:  # a sweep needs its trials
        if row["parent_id"] in held:
            held.setdefault(row["run_id"], "its sweep stays")
    return held


def _strays(settings: Settings, ledger: Ledger) -> list[dict[str, Any]]:
    """Folders that no row tells of."""
    known = {row["run_id"] for row in ledger.rows()}
    found = []
    for folder in (settings.home / "runs").glob("*"):
        if folder.is_dir() and folder.name not in known:
            ended = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
            found.append(
                {"run_id": folder.name, "state": State.LOST, "mlflow_pending": None, "mlflow_run_id": None,
                 "spec": "", "parent_id": None, "ended_at": ended, "started_at": ended}
            )  # fmt: skip
    return found


def _ended(row: Mapping[str, Any]) -> datetime:
    moment: datetime = row["ended_at"] or row["started_at"]
    return moment


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:
                continue
    return total
