"""One run under way: its attempts, its heartbeat, and its record in MLflow, whatever becomes of any of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopr.clock import Clock
from shopr.config import Settings
from shopr.errors import RunError, StorageError
from shopr.workbench.running import pages
from shopr.workbench.running.child import Child, Ended
from shopr.workbench.running.ledger import HEARTBEAT_SECONDS, Ledger, State
from shopr.workbench.running.settling import LEDGER_TAG, run_folder
from shopr.workbench.running.warm import Warm
from shopr.workbench.specs.spec import RunSpec

if TYPE_CHECKING:
    from shopr.tracking.runs import Run

__all__ = ["Done", "Execution", "Listener"]

_STATUS = {State.DONE: "FINISHED", State.FAILED: "FAILED", State.KILLED: "KILLED"}
_WAIT_SECONDS = 0.1


class Listener:
    """Hears of a run while it is under way; the methods do nothing unless they are overridden."""

    def cell(self, cell: int, cells: int) -> None:
        """A cell starts."""

    def line(self, cell: int, text: str) -> None:
        """The notebook printed a line."""

    def measured(self, metrics: Mapping[str, float], step: int) -> Ended | None:
        """The notebook logged measures; what is returned ends the run."""
        return None

    def unwanted(self) -> Ended | None:
        """Asked at each heartbeat; what is returned ends the run."""
        return None


@dataclass(frozen=True)
class Done:
    """What came of an execution.

    Attributes:
        ended: how the last attempt ended.
        mlflow_run_id: its record.
        attempts: how often it was tried.
        metrics: what the notebook logged, the last value of each; `run/metric` where several of its runs logged one.
        pending: the status that MLflow could not be told; None if it knows.
    """

    ended: Ended
    mlflow_run_id: str
    attempts: int
    metrics: Mapping[str, float]
    pending: str | None = None


class _UnsuccessfulError(RunError):
    """Makes the MLflow run end as FAILED."""


@dataclass
class Execution:
    """A run from its place in the ledger to its end.

    Attributes:
        spec, notebook, values: what runs.
        run_id: its row.
        tags, data: for its MLflow run.
        parent: MLflow run of the sweep that it is a trial of.
    """

    settings: Settings
    spec: RunSpec
    notebook: Path
    values: Mapping[str, Any]
    run_id: str
    ledger: Ledger
    clock: Clock
    warm: Warm
    tags: Mapping[str, Any]
    data: str = ""
    parent: str | None = None
    listener: Listener = field(default_factory=Listener)
    pause: Callable[[float], None] | None = None
    _logged: dict[tuple[str, str], float] = field(default_factory=dict)
    _progress: dict[str, int] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """The executed notebook."""
        return run_folder(self.settings, self.run_id) / "executed.ipynb"

    def run(self) -> Done:
        """Execute the notebook within an MLflow run.

        Raises:
            StorageError: if a store refuses before the notebook has ended; nothing goes on then.
        """
        try:
            self.output.parent.mkdir(parents=True, exist_ok=True)
            self.warm.ready()  # it starts up while MLflow is opened
        except OSError as error:
            raise StorageError(
                f"{self.output.parent} cannot be written: {error.strerror}", hint="Free some space, or set SHOPR_HOME"
            ) from error
        return self._recorded()

    def _recorded(self) -> Done:
        from shopr.tracking.endings import end_below, end_run
        from shopr.tracking.runs import run

        tags = {**self.tags, LEDGER_TAG: self.run_id}
        if self.parent:
            tags["mlflow.parentRunId"] = self.parent
        done: Done | None = None
        try:
            with run(
                f"run {self.spec.name}", settings=self.settings, experiment=self.spec.experiment, params=self.values,
                seed=self.spec.seed, tags=tags, data=self.data,
            ) as made:  # fmt: skip
                self.ledger.running(self.run_id, made.run_id)
                done = self._attempts(made.run_id)
                self._keep(made, done)
                if done.ended.state is not State.DONE:
                    end_below(self.settings, made.run_id)
                    raise _UnsuccessfulError(done.ended.message)
        except _UnsuccessfulError:
            if done is not None and done.ended.state is State.KILLED:
                with suppress(StorageError):
                    end_run(self.settings, done.mlflow_run_id, "KILLED")
        except StorageError:
            if done is None:
                raise
            # The notebook has ended, and that is what the ledger says; MLflow is told when it answers again.
            done = replace(done, pending=_STATUS[done.ended.state])
        assert done is not None
        return done

    def _attempts(self, mlflow_run_id: str) -> Done:
        retry, attempt = self.spec.retry, 1
        while True:
            ended = self._once(mlflow_run_id)
            if ended.reason not in retry.after or attempt > retry.times:
                return Done(ended, mlflow_run_id, attempt, self._metrics())
            self._set_aside(attempt)
            attempt += 1
            unwanted = self._back_off(min(retry.wait * retry.factor ** (attempt - 2), retry.longest), attempt)
            if unwanted is not None:
                return Done(unwanted, mlflow_run_id, attempt - 1, self._metrics())

    def _once(self, mlflow_run_id: str) -> Ended:
        child = Child(
            self.settings, self.notebook, self.output, self.values, self.spec.seed, self.spec.timeout,
            self.run_id, mlflow_run_id, self.clock, self._beat, self._event, self.pause,
        )  # fmt: skip
        ended = child.execute(self.warm.ready())
        if ended.state is State.KILLED and self.output.is_file():
            with suppress(OSError, ValueError):
                pages.annotate(self.output, f"Ended here: {ended.message}.")
                pages.render(self.output)
        return ended

    def _back_off(self, seconds: float, attempt: int) -> Ended | None:
        """Wait before the next attempt, alive on record."""
        self.ledger.beat(self.run_id, attempts=attempt)
        start = beat = self.clock.monotonic()
        while self.clock.monotonic() - start < seconds:
            if self.clock.monotonic() - beat >= HEARTBEAT_SECONDS:
                unwanted = self._beat()
                if unwanted is not None:
                    return unwanted
                beat = self.clock.monotonic()
            (self.pause or time.sleep)(_WAIT_SECONDS)
        return None

    def _beat(self) -> Ended | None:
        self.ledger.beat(self.run_id, **self._progress)
        return self.listener.unwanted()

    def _event(self, event: dict[str, Any]) -> Ended | None:
        if "cell" in event:
            self._progress = {"cell": event["cell"], "cells": event["cells"]}
            self.listener.cell(event["cell"], event["cells"])
        if "line" in event:
            self.listener.line(event["at"], event["line"])
        if "metrics" in event:
            self._logged |= {(event.get("run", ""), name): value for name, value in event["metrics"].items()}
            return self.listener.measured(event["metrics"], event.get("step", 0))
        return None

    def _metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for (_, name), value in self._logged.items():
            found[name] = value
        names = [name for _, name in self._logged]
        several = {f"{run}/{name}": v for (run, name), v in self._logged.items() if names.count(name) > 1}
        return {**found, **several}

    def _set_aside(self, attempt: int) -> None:
        """Keep what a failed attempt wrote beside the next one's."""
        for name in ("executed.ipynb", "executed.html", "events.jsonl", "runner.log"):
            path = self.output.with_name(name)
            if path.is_file():
                path.replace(path.with_name(f"attempt-{attempt}-{name}"))

    def _keep(self, made: Run, done: Done) -> None:
        """Give MLflow what there is to show."""
        made.metrics(done.metrics)
        made.tags(
            {"shopr.attempts": done.attempts, **({"shopr.reason": done.ended.reason} if done.ended.reason else {})}
        )
        for path in (self.output, self.output.with_suffix(".html")):
            if path.is_file():
                made.artifact(path)
        for path in sorted(self.output.parent.glob("attempt-*-executed.*")):
            made.artifact(path, "attempts")
