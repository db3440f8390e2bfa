"""What one worker of a sweep does: it takes trials until none is left, with a runner that stays warm between them."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.errors import RunError
from shopr.storage.database import Database
from shopr.workbench.running.child import Ended, Reason
from shopr.workbench.running.execution import Listener
from shopr.workbench.running.executor import Outcome, Trial, run_spec
from shopr.workbench.running.ledger import State
from shopr.workbench.running.preloading import modules_of
from shopr.workbench.running.settling import run_folder
from shopr.workbench.running.warm import Warm
from shopr.workbench.specs.spec import RunSpec
from shopr.workbench.specs.sweep import SweepSpec
from shopr.workbench.sweeps.choice import Chosen, Study, points
from shopr.workbench.sweeps.trials import Trials

__all__ = ["SLOTS", "Job", "objective_of", "stopped", "work"]

SLOTS = 8
"""Trials that one process attends to at most: attending takes a tenth of a core, the work is in their own processes."""


@dataclass(frozen=True)
class Job:
    """What a worker must know; it is sent to other processes and machines.

    Attributes:
        settings: the values of the coordinator's.
        sweep, run: the specs, as plain values.
        sweep_id, mlflow_run_id: the sweep, in the ledger and in MLflow.
        deadline: when its budget is over; None for never.
        force: run trials that a finished run could answer.
        root: the project's folder; a machine that has none there uses its own.
    """

    settings: Mapping[str, Any]
    sweep: Mapping[str, Any]
    run: Mapping[str, Any]
    sweep_id: str
    mlflow_run_id: str
    deadline: datetime | None
    force: bool
    root: str


@dataclass(frozen=True)
class _Worker:
    """What the slots of a worker share."""

    job: Job
    settings: Settings
    spec: SweepSpec
    run: RunSpec
    root: Path
    warm: Warm
    clock: Clock
    over: threading.Event


class _Trial(Listener):
    """Ends a trial that promises little, that nobody waits for, or whose time is over."""

    def __init__(self, worker: _Worker, chosen: Chosen, trials: Trials) -> None:
        self._spec = worker.spec
        self._chosen = chosen
        self._trials = trials
        self._deadline = worker.job.deadline
        self._clock = worker.clock
        self._over = worker.over

    def measured(self, metrics: Mapping[str, float], step: int) -> Ended | None:
        name = self._spec.objective.metric.rpartition("/")[2]
        if self._spec.prune is None or name not in metrics or not self._chosen.report(metrics[name], step):
            return None
        return Ended(State.KILLED, None, Reason.PRUNED, f"pruned at step {step}, {name} {metrics[name]:.4g}")

    def unwanted(self) -> Ended | None:
        if self._over.is_set():
            return Ended(State.KILLED, None, Reason.INTERRUPTED, "interrupted")
        if self._deadline is not None and self._clock.now() >= self._deadline:
            return Ended(State.KILLED, None, Reason.BUDGET, "the sweep's budget was over")
        if self._trials.orphaned():
            return Ended(State.KILLED, None, Reason.ORPHANED, "its sweep is gone")
        return None


def work(job: Job, worker: int, clock: Clock | None = None, *, slots: int = 1) -> int:
    """Take trials until none is left, the sweep has reached its end, or nobody waits for it; returns how many.

    Args:
        worker: its number, which with the spec's seed decides what it draws.
        slots: trials at a time, at most `SLOTS`: a thread attends to each, and all share one runner.

    Raises:
        StorageError: if a store refuses.
        RunError: if a notebook that ran to its end did not log the objective.
    """
    clock = clock or SystemClock()
    settings, spec, run = Settings(**job.settings), SweepSpec(**job.sweep), RunSpec(**job.run)
    log = run_folder(settings, job.sweep_id) / f"worker-{worker}-{os.getpid()}-{uuid4().hex[:6]}.log"
    root = Path(job.root) if Path(job.root).is_dir() else project_root()
    warm = Warm(job.sweep_id, log, modules_of(root / run.notebook))
    shared = _Worker(job, settings, spec, run, root, warm, clock, threading.Event())
    numbers = range(worker * SLOTS, worker * SLOTS + slots)
    try:
        if slots == 1:
            return _take(shared, numbers[0])
        with ThreadPoolExecutor(slots, "shopr-slot") as pool:
            taken = [pool.submit(_take, shared, number) for number in numbers]
            try:
                wait(taken, return_when=FIRST_EXCEPTION)
            finally:  # where one failed, or this process is asked to end, the others end at their next heartbeat
                shared.over.set()
        return sum(done.result() for done in taken)
    finally:
        warm.close()


def _take(worker: _Worker, slot: int) -> int:
    """Trial after trial, as far as this slot gets them; returns how many."""
    job, settings, spec, run, clock = worker.job, worker.settings, worker.spec, worker.run, worker.clock
    trials = Trials(Database.open(settings), job.sweep_id, clock)
    known = points(spec, run)
    study = Study(settings, spec, run, job.sweep_id, slot) if known is None or spec.prune else None
    total = spec.trials if known is None else len(known)
    done = 0
    while not worker.over.is_set() and (job.deadline is None or clock.now() < job.deadline):
        if trials.orphaned() or stopped(spec, trials.rows()):
            break
        claimed = trials.claim(run.name, run.notebook, total)
        if claimed is None:
            break
        run_id, number = claimed
        point = None if known is None else known[number]
        chosen = study.ask(point) if study is not None else Chosen(point or {}, None, None)
        place = Trial(run_id, job.sweep_id, job.mlflow_run_id, number, spec.objective.metric, worker.root)
        outcome = run_spec(
            settings, run, {**spec.parameters, **chosen.values}, force=job.force, clock=clock,
            listener=_Trial(worker, chosen, trials), trial=place, warm=worker.warm,
        )  # fmt: skip
        _tell(spec, chosen, outcome)
        done += 1
    return done


def _tell(spec: SweepSpec, chosen: Chosen, outcome: Outcome) -> None:
    name = spec.objective.metric
    value = outcome.metrics.get(name)
    if outcome.state in (State.DONE, State.CACHED) and value is None:
        chosen.tell(None)
        logged = ", ".join(sorted(outcome.metrics)) or "nothing"
        raise RunError(
            f"run {outcome.run_id} logged no {name!r}, by which the sweep {spec.name} judges; it logged {logged}",
            hint="Correct objective: in the sweep, or log it in the notebook: made.metrics({...})",
        )
    succeeded = outcome.state in (State.DONE, State.CACHED)
    chosen.tell(value if succeeded else None, pruned=outcome.reason == Reason.PRUNED)


def objective_of(spec: SweepSpec, row: Mapping[str, Any]) -> float | None:
    """The value of a trial that ran to its end; None for any other."""
    if row["state"] not in (State.DONE, State.CACHED):
        return None
    value = (row["metrics"] or {}).get(spec.objective.metric)
    return None if value is None or not math.isfinite(value) else float(value)


def stopped(spec: SweepSpec, rows: list[dict[str, Any]]) -> str:
    """Why no further trial is worth it; "" if one is."""
    sign = 1.0 if spec.objective.goal == "maximize" else -1.0
    ended = sorted((row for row in rows if row["ended_at"] is not None), key=lambda row: row["ended_at"])
    best, since = -math.inf, 0
    for row in ended:
        value = objective_of(spec, row)
        if value is None and row["reason"] != Reason.PRUNED:
            continue
        gain = -math.inf if value is None else sign * value - best
        since = 0 if gain > spec.stop.least_gain else since + 1
        best = best if value is None else max(best, sign * value)
    target = spec.stop.target
    if target is not None and best >= sign * target:
        return f"the target of {target:g} was reached"
    if spec.stop.patience is not None and since >= spec.stop.patience:
        return f"{since} trials in a row brought no gain above {spec.stop.least_gain:g}"
    return ""
