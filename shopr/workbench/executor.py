"""Runs of experiment specs: checked, cached, executed in a child process, on record in the ledger and in MLflow.

What a finished run already answers is served without MLflow or pandas being imported: `run` is imported where it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.errors import RunError, SpecError
from shopr.storage.database import Database
from shopr.workbench.cachekey import cache_key, ingredients
from shopr.workbench.child import Child, end_marked
from shopr.workbench.ledger import Ledger, State
from shopr.workbench.spec import RunSpec, resolve

__all__ = ["Outcome", "Plan", "plan", "reconcile", "run_spec"]

LEDGER_TAG = "shopr.ledger"


@dataclass(frozen=True)
class Plan:
    """What a spec would do.

    Attributes:
        spec, notebook, values: what would run, with all its parameters.
        ingredients, key: what its result depends on, by name and as one digest.
        cached: the finished run that would serve instead; None if there is none.
        last_seconds: how long the spec's last finished run took; None if there was none.
        changed: ingredients that differ from that run.
    """

    spec: RunSpec
    notebook: Path
    values: Mapping[str, Any]
    ingredients: Mapping[str, str]
    key: str
    cached: Mapping[str, Any] | None
    last_seconds: float | None
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        run_id: in the ledger.
        state: DONE, FAILED, KILLED or CACHED.
        output: the executed notebook.
        mlflow_run_id: where parameters, notebook and page are kept.
        seconds: wall time; 0 where an earlier run serves.
        message: why it failed; "" if it did not.
        changed: ingredients that differ from the spec's last finished run.
    """

    run_id: str
    state: State
    output: Path
    mlflow_run_id: str | None
    seconds: float
    message: str = ""
    changed: tuple[str, ...] = ()

    @property
    def page(self) -> Path:
        """The executed notebook as HTML, without code."""
        return self.output.with_suffix(".html")


def plan(settings: Settings, spec: RunSpec, given: Mapping[str, Any] | None = None) -> Plan:
    """Check a spec and say what running it would mean, without running it.

    Raises:
        SpecError: if a parameter is refused or the notebook does not exist.
    """
    values = resolve(spec, given or {})
    notebook = project_root() / spec.notebook
    if not notebook.is_file():
        raise SpecError(f"{spec.name}: notebook {spec.notebook} does not exist", hint="Correct notebook: in the spec")
    parts = ingredients(settings, notebook, values, spec.seed)
    ledger = Ledger(Database.open(settings))
    key = cache_key(parts)
    cached = ledger.finished(key)
    if cached is not None and not _output(settings, cached["run_id"]).is_file():
        cached = None
    last = ledger.last_done(spec.name)
    seconds = None if last is None else (last["ended_at"] - last["started_at"]).total_seconds()
    old = (last or {}).get("ingredients") or {}
    changed = () if last is None else tuple(name for name, value in parts.items() if old.get(name) != value)
    return Plan(spec, notebook, values, parts, key, cached, seconds, changed)


def run_spec(
    settings: Settings,
    spec: RunSpec,
    given: Mapping[str, Any] | None = None,
    *,
    force: bool = False,
    clock: Clock | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Run a spec's notebook in a child process, or serve the finished run that it would repeat.

    Args:
        given: values of parameters, instead of their defaults.
        force: run even if nothing changed.

    Raises:
        SpecError: if a parameter is refused or the notebook does not exist; nothing was started then.
        StorageError: if a store refuses.
    """
    clock = clock or SystemClock()
    reconcile(settings, clock)
    todo = plan(settings, spec, given)
    if todo.cached is not None and not force:
        row = todo.cached
        return Outcome(row["run_id"], State.CACHED, _output(settings, row["run_id"]), row["mlflow_run_id"], 0.0)
    ledger = Ledger(Database.open(settings), clock)
    run_id = ledger.open(spec.name, spec.notebook, todo.values, key=todo.key, ingredients=todo.ingredients)
    started = clock.monotonic()
    try:
        done = _execute(settings, todo, run_id, ledger=ledger, clock=clock, pause=pause)
    except (KeyboardInterrupt, SystemExit):
        ledger.close(run_id, State.KILLED, message="interrupted")
        raise
    except BaseException as error:
        ledger.close(run_id, State.FAILED, message=f"{type(error).__name__}: {error}")
        raise
    ledger.close(run_id, done.state, exit_status=done.status, message=done.message)
    spent = clock.monotonic() - started
    return Outcome(run_id, done.state, _output(settings, run_id), done.mlflow_run_id, spent, done.message, todo.changed)


@dataclass(frozen=True, slots=True)
class _Done:
    state: State
    status: int | None
    message: str
    mlflow_run_id: str


class _UnsuccessfulError(RunError):
    """Makes the MLflow run end as FAILED."""


def _execute(
    settings: Settings, todo: Plan, run_id: str, *, ledger: Ledger, clock: Clock, pause: Callable[[float], None]
) -> _Done:
    """Execute the notebook within an MLflow run, whatever comes of it."""
    from shopr.tracking.runs import end_below, end_run, run

    spec, output = todo.spec, _output(settings, run_id)
    output.parent.mkdir(parents=True, exist_ok=True)
    tags = {"shopr.spec": spec.name, LEDGER_TAG: run_id, "shopr.cache_key": todo.key}
    try:
        with run(
            f"run {spec.name}", settings=settings, experiment=spec.experiment, params=todo.values, seed=spec.seed,
            tags=tags, data=todo.ingredients["data"],
        ) as made:  # fmt: skip
            ledger.running(run_id, made.run_id)
            state, code, message = Child(
                settings, todo.notebook, output, todo.values, spec.seed, spec.timeout, made.run_id,
                lambda: ledger.beat(run_id), clock, pause,
            ).execute()  # fmt: skip
            for path in (output, output.with_suffix(".html")):
                if path.is_file():
                    made.artifact(path)
            if state is not State.DONE:
                end_below(settings, made.run_id)
                raise _UnsuccessfulError(message)
    except _UnsuccessfulError:
        if state is State.KILLED:
            end_run(settings, made.run_id, "KILLED")
    return _Done(state, code, message, made.run_id)


def reconcile(settings: Settings, clock: Clock | None = None) -> int:
    """End what a vanished runner left open: its processes, its MLflow runs, its row; returns how many were found so.

    Raises:
        StorageError: if a store refuses; the row stays open then, for the next time.
    """
    ledger = Ledger(Database.open(settings), clock)
    lost = ledger.vanished()
    if not lost:
        return 0
    from shopr.tracking.runs import end_run, tagged

    for row in lost:
        # A runner may vanish between making its MLflow run and noting it: then the run's tag tells.
        known = [row["mlflow_run_id"]] if row["mlflow_run_id"] else tagged(settings, LEDGER_TAG, row["run_id"])
        for mlflow_run_id in known:
            end_marked(mlflow_run_id)
            end_run(settings, mlflow_run_id, "KILLED")
        ledger.lose(row["run_id"])
    return len(lost)


def _output(settings: Settings, run_id: str) -> Path:
    return settings.home / "runs" / run_id / "executed.ipynb"
