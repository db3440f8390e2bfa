"""Runs of experiment specs: checked, cached, executed in a child process, on record in the ledger and in MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.errors import RunError, SpecError
from shopr.storage.database import Database
from shopr.tracking.runs import PARENT_VARIABLE, end_run, run
from shopr.workbench.cachekey import cache_key, ingredients
from shopr.workbench.ledger import HEARTBEAT_SECONDS, Ledger, State
from shopr.workbench.runner import KERNEL_DIED
from shopr.workbench.spec import RunSpec, resolve

__all__ = ["Outcome", "Plan", "plan", "reconcile", "run_spec"]

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """What a spec would do: its values, its cache key, and the finished run that would serve instead."""

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
        message: why it failed; "" if it did not.
    """

    run_id: str
    state: State
    output: Path
    mlflow_run_id: str | None
    seconds: float
    message: str = ""

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
    before = [row for row in ledger.recent(20, spec.name) if row["state"] == State.DONE]
    seconds = (before[0]["ended_at"] - before[0]["started_at"]).total_seconds() if before else None
    old = before[0]["ingredients"] or {} if before else {}
    changed = tuple(name for name, value in parts.items() if old.get(name) != value) if before else ()
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
    todo = plan(settings, spec, given)
    reconcile(settings)
    if todo.cached is not None and not force:
        row = todo.cached
        return Outcome(row["run_id"], State.CACHED, _output(settings, row["run_id"]), row["mlflow_run_id"], 0.0)
    ledger = Ledger(Database.open(settings), clock)
    run_id = ledger.open(spec.name, spec.notebook, todo.values, key=todo.key, ingredients=todo.ingredients)
    output = _output(settings, run_id)
    started = clock.monotonic()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with run(
            f"run {spec.name}", settings=settings, experiment=spec.experiment, params=todo.values, seed=spec.seed,
            tags={"shopr.spec": spec.name, "shopr.ledger": run_id, "shopr.cache_key": todo.key},
            data=todo.ingredients["data"],
        ) as made:  # fmt: skip
            state, code, message = _Child(settings, todo, run_id, made.run_id, ledger, clock, pause).execute()
            for path in (output, output.with_suffix(".html")):
                if path.is_file():
                    made.artifact(path)
            if state is not State.DONE:
                raise _EndedError(state, code, message)
    except _EndedError as end:
        ledger.close(run_id, end.state, exit_status=end.status, message=end.message)
        if end.state is State.KILLED:
            end_run(settings, made.run_id, "KILLED")
        return Outcome(run_id, end.state, output, made.run_id, clock.monotonic() - started, end.message)
    except (KeyboardInterrupt, SystemExit):
        ledger.close(run_id, State.KILLED, message="interrupted")
        raise
    except BaseException as error:
        ledger.close(run_id, State.FAILED, message=f"{type(error).__name__}: {error}")
        raise
    ledger.close(run_id, State.DONE, exit_status=0)
    return Outcome(run_id, State.DONE, output, made.run_id, clock.monotonic() - started)


class _EndedError(RunError):
    """The child ended without success."""

    def __init__(self, state: State, code: int | None, message: str) -> None:
        super().__init__(message)
        self.state = state
        self.status = code


def reconcile(settings: Settings) -> int:
    """End what a vanished runner left open, in the ledger and in MLflow; returns how many runs were found so."""
    lost = Ledger(Database.open(settings)).reconcile()
    for row in lost:
        if row["mlflow_run_id"]:
            end_run(settings, row["mlflow_run_id"], "KILLED")
    return len(lost)


@dataclass
class _Child:
    """The child process of one run."""

    settings: Settings
    todo: Plan
    run_id: str
    mlflow_run_id: str
    ledger: Ledger
    clock: Clock
    pause: Callable[[float], None]

    def execute(self) -> tuple[State, int | None, str]:
        """Start the child, watch it, and say how it ended: state, exit status, and why."""
        output = _output(self.settings, self.run_id)
        log = output.with_name("runner.log")
        with log.open("wb") as sink:
            child = self._start(output, sink)
            self.ledger.running(self.run_id, os.getpid(), self.mlflow_run_id)
            try:
                overdue = self._watch(child)
            finally:
                _kill_tree(child)
        code = child.returncode
        if overdue:
            return State.KILLED, code, f"it ran longer than its time-out of {self.todo.spec.timeout:g} s"
        if code == 0:
            return State.DONE, 0, ""
        if code == KERNEL_DIED:
            return State.FAILED, code, f"the kernel died; {_last_line(log)}"
        if code < 0:
            return State.KILLED, code, f"its process was ended by signal {-code}"
        return State.FAILED, code, _failure(output) or _last_line(log)

    def _start(self, output: Path, sink: BinaryIO) -> subprocess.Popen[bytes]:
        parameters = output.with_name("parameters.json")
        parameters.write_text(json.dumps(dict(self.todo.values)), encoding="utf-8")
        environment = {
            **os.environ,
            PARENT_VARIABLE: self.mlflow_run_id,
            "SHOPR_HOME": str(self.settings.home),
            "SHOPR_MLFLOW_URI": self.settings.mlflow_uri,
            "SHOPR_ARTIFACT_ROOT": str(self.settings.artifact_root),
            "SHOPR_SEED": str(self.todo.spec.seed),
        }
        arguments = [str(self.todo.notebook), str(output), str(parameters), str(self.todo.spec.timeout)]
        return subprocess.Popen(
            [sys.executable, "-m", "shopr.workbench.runner", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=None if sys.stderr.isatty() else sink,  # the bar of cells belongs on a terminal
            env=environment,
            start_new_session=True,
        )

    def _watch(self, child: subprocess.Popen[bytes]) -> bool:
        """Wait for the child with a heartbeat; True if its time was over before it ended."""
        start = beat = self.clock.monotonic()
        while child.poll() is None:
            now = self.clock.monotonic()
            if now - start > self.todo.spec.timeout:
                return True
            if now - beat >= HEARTBEAT_SECONDS:
                self.ledger.beat(self.run_id)
                beat = now
            self.pause(_POLL_SECONDS)
        return False


def _kill_tree(child: subprocess.Popen[bytes]) -> None:
    """End the child and everything it started, kernels included."""
    tree: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(child.pid)
        tree = [*parent.children(recursive=True), parent]
    if child.poll() is None:
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(tree, timeout=_GRACE_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    child.wait()


def _output(settings: Settings, run_id: str) -> Path:
    return settings.home / "runs" / run_id / "executed.ipynb"


def _failure(output: Path) -> str:
    """The error of the cell that failed, in one line."""
    try:
        cells = json.loads(output.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return ""
    for number, cell in enumerate(cells):
        for shown in cell.get("outputs", []):
            if shown.get("output_type") == "error":
                return f"cell {number}: {shown.get('ename')}: {shown.get('evalue')}"
    return ""


def _last_line(log: Path) -> str:
    try:
        lines = [x for x in log.read_text(encoding="utf-8", errors="replace").splitlines() if x.strip()]
    except OSError:
        return ""
    return lines[-1] if lines else "it said nothing"
