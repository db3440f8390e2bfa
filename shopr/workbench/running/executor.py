"""Runs of experiment specs: checked, cached, executed in a child process, on record in the ledger and in MLflow.

What a finished run already answers is served without MLflow or pandas being imported: `run` is imported where it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.storage.database import Database
from shopr.workbench.running.cachekey import cache_key, ingredients
from shopr.workbench.running.ledger import Ledger, State
from shopr.workbench.running.settling import reconcile, run_folder, watching
from shopr.workbench.specs.spec import RunSpec, notebook_of, resolve

if TYPE_CHECKING:
    from shopr.workbench.running.execution import Done, Execution, Listener
    from shopr.workbench.running.pages import Failure
    from shopr.workbench.running.warm import Warm

__all__ = ["Outcome", "Plan", "Trial", "plan", "reconcile", "run_spec", "served"]


@dataclass(frozen=True)
class Plan:
    """What a spec would do.

    Attributes:
        spec, notebook, values: what would run, with all its parameters.
        ingredients, key: what its result depends on, by name and as one digest.
        cached: the finished run that would serve instead; None if there is none.
        last_seconds: how long the spec's last finished run took; None if there was none.
        changed: ingredients that differ from that run.
        parameters_changed: by name, the value of that run and the one that would be used; None where there was none.
    """

    spec: RunSpec
    notebook: Path
    values: Mapping[str, Any]
    ingredients: Mapping[str, str]
    key: str
    cached: Mapping[str, Any] | None
    last_seconds: float | None
    changed: tuple[str, ...]
    parameters_changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


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
        reason: the same as `message` in one word; None if it did not fail.
        attempts: how often it was tried.
        metrics: what the notebook logged, the last value of each.
        pending: MLflow did not answer at the end: notebook and page are here, and it is told by a later command.
    """

    run_id: str
    state: State
    output: Path
    mlflow_run_id: str | None
    seconds: float
    message: str = ""
    changed: tuple[str, ...] = ()
    reason: str | None = None
    attempts: int = 1
    metrics: Mapping[str, float] = field(default_factory=dict)
    pending: bool = False

    @property
    def page(self) -> Path:
        """The executed notebook as HTML, without code."""
        return self.output.with_suffix(".html")

    @property
    def failure(self) -> Failure | None:
        """The cell that failed; None if none did."""
        from shopr.workbench.running.pages import failure

        return failure(self.output) if self.state is State.FAILED else None


@dataclass(frozen=True)
class Trial:
    """A run's place in a sweep.

    Attributes:
        run_id: the row that was entered for it.
        sweep_id, mlflow_run_id: the sweep, in the ledger and in MLflow.
        number: the trial's.
        needs: a metric that a cached run must have logged to serve.
        root: the project's folder.
    """

    run_id: str
    sweep_id: str
    mlflow_run_id: str | None
    number: int
    needs: str
    root: Path

    @property
    def tags(self) -> dict[str, str]:
        """What its MLflow run says of the sweep."""
        return {"shopr.sweep": self.sweep_id, "shopr.trial": str(self.number)}


def plan(
    settings: Settings, spec: RunSpec, given: Mapping[str, Any] | None = None, *, root: Path | None = None
) -> Plan:
    """Check a spec and say what running it would mean, without running it.

    Args:
        root: the project's folder, where it is not that of this process.

    Raises:
        SpecError: if a parameter is refused or the notebook does not exist.
    """
    values = resolve(spec, given or {})
    notebook = notebook_of(spec, root)
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
    before = dict((last or {}).get("parameters") or {}) if "parameters" in changed else values
    names = dict.fromkeys([*values, *before])
    differs = {n: (before.get(n), values.get(n)) for n in names if before.get(n) != values.get(n)}
    return Plan(spec, notebook, values, parts, key, cached, seconds, changed, differs)


def served(settings: Settings, spec: RunSpec, given: Mapping[str, Any] | None = None) -> Outcome | None:
    """The finished run that running a spec would repeat; None if there is none, and it would run.

    Raises:
        SpecError: as `plan`.
    """
    reconcile(settings)
    cached = plan(settings, spec, given).cached
    return None if cached is None else _served(settings, cached, None, None)


def run_spec(
    settings: Settings,
    spec: RunSpec,
    given: Mapping[str, Any] | None = None,
    *,
    force: bool = False,
    clock: Clock | None = None,
    pause: Callable[[float], None] | None = None,
    listener: Listener | None = None,
    trial: Trial | None = None,
    warm: Warm | None = None,
) -> Outcome:
    """Run a spec's notebook in a child process, or serve the finished run that it would repeat.

    Args:
        given: values of parameters, instead of their defaults.
        force: run even if nothing changed.
        listener: hears of cells, printed lines and measures while it runs.
        trial: its place in a sweep; without one it is a run of its own.
        warm: a runner that is kept for further runs; without one it has its own.

    Raises:
        SpecError: if a parameter is refused or the notebook does not exist; nothing was started then.
        StorageError: if a store refuses before the notebook has ended.
    """
    clock = clock or SystemClock()
    if trial is None:
        reconcile(settings, clock)
    todo = plan(settings, spec, given, root=trial.root if trial else None)
    ledger = Ledger(Database.open(settings), clock)
    if trial is not None:
        ledger.describe(trial.run_id, todo.values, todo.key, todo.ingredients)
    if todo.cached is not None and not force and _serves(todo.cached, trial):
        return _served(settings, todo.cached, trial, ledger)
    from shopr.tracking.witness import witnessed
    from shopr.workbench.running.execution import Execution, Listener
    from shopr.workbench.running.preloading import modules_of
    from shopr.workbench.running.warm import Warm

    with watching(settings), witnessed(settings.home, "ledger"):
        run_id = trial.run_id if trial else ledger.open(
            spec.name, spec.notebook, todo.values, key=todo.key, ingredients=todo.ingredients
        )  # fmt: skip
        started = clock.monotonic()
        used = warm or Warm(run_id, run_folder(settings, run_id) / "start.log", modules_of(todo.notebook))
        tags = {"shopr.spec": spec.name, "shopr.cache_key": todo.key, **({} if trial is None else trial.tags)}
        execution = Execution(
            settings, spec, todo.notebook, todo.values, run_id, ledger, clock, used, tags, todo.ingredients["data"],
            trial.mlflow_run_id if trial else None, listener or Listener(), pause,
        )  # fmt: skip
        try:
            done = _entered(ledger, run_id, execution)
        finally:
            if warm is None:
                used.close()
    ended = done.ended
    return Outcome(
        run_id, ended.state, _output(settings, run_id), done.mlflow_run_id, clock.monotonic() - started, ended.message,
        todo.changed, ended.reason, done.attempts, done.metrics, done.pending is not None,
    )  # fmt: skip


def _entered(ledger: Ledger, run_id: str, execution: Execution) -> Done:
    """Execute, and enter how it ended."""
    try:
        done = execution.run()
    except (KeyboardInterrupt, SystemExit):
        ledger.close(run_id, State.KILLED, message="interrupted", reason="interrupted")
        raise
    except BaseException as error:
        ledger.close(run_id, State.FAILED, message=f"{type(error).__name__}: {error}", reason="error")
        raise
    ended = done.ended
    ledger.close(
        run_id, ended.state, exit_status=ended.status, message=ended.message, reason=ended.reason,
        metrics=done.metrics, mlflow_pending=done.pending,
    )  # fmt: skip
    return done


def _serves(row: Mapping[str, Any], trial: Trial | None) -> bool:
    return trial is None or trial.needs in (row["metrics"] or {})


def _served(settings: Settings, row: Mapping[str, Any], trial: Trial | None, ledger: Ledger | None) -> Outcome:
    """The finished run, as the answer of this one; a trial has that on record."""
    metrics = row["metrics"] or {}
    run_id = row["run_id"]
    if trial is not None and ledger is not None:
        from shopr.tracking.runs import run

        tags = {**trial.tags, "shopr.cached": run_id}
        if trial.mlflow_run_id:
            tags["mlflow.parentRunId"] = trial.mlflow_run_id
        with run(f"run {row['spec']}", settings=settings, params=row["parameters"], tags=tags) as made:
            ledger.running(trial.run_id, made.run_id)
            made.metrics(metrics)
        ledger.close(trial.run_id, State.CACHED, message=f"served from run {run_id}", metrics=metrics)
    return Outcome(run_id, State.CACHED, _output(settings, run_id), row["mlflow_run_id"], 0.0, metrics=metrics)


def _output(settings: Settings, run_id: str) -> Path:
    return run_folder(settings, run_id) / "executed.ipynb"
