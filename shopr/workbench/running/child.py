"""One execution of a notebook as its parent sees it: watched with a heartbeat, ended where it must, and judged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from shopr.clock import Clock
from shopr.config import Settings
from shopr.redaction import redact
from shopr.tracking.runs import PARENT_VARIABLE, REPORTS_VARIABLE
from shopr.workbench.running import pages
from shopr.workbench.running.ledger import HEARTBEAT_SECONDS, State
from shopr.workbench.running.processes import MARK, end_marked
from shopr.workbench.running.runner import KERNEL_DIED
from shopr.workbench.running.warm import Runner, Task

__all__ = ["Child", "Ended", "Reason"]

_POLL_SECONDS = 0.1


class Reason(StrEnum):
    """Why a run ended as it did."""

    ERROR = "error"
    DIED = "died"
    TIMEOUT = "timeout"
    PRUNED = "pruned"
    BUDGET = "budget"
    ORPHANED = "orphaned"
    INTERRUPTED = "interrupted"
    VANISHED = "vanished"


@dataclass(frozen=True)
class Ended:
    """How an execution ended.

    Attributes:
        state: DONE, FAILED or KILLED.
        status: exit status of the process; None where it was never started.
        reason: why it did not succeed; None if it did.
        message: the same for people.
    """

    state: State
    status: int | None
    reason: Reason | None = None
    message: str = ""


class _Tail:
    """The whole lines that were added to a file since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole.decode("utf-8", errors="replace").splitlines()


@dataclass
class Child:
    """One execution of a notebook by a runner.

    Attributes:
        notebook, output: what is executed, and where the executed notebook goes.
        values: of its parameters.
        seed: of everything random in it.
        timeout: seconds after which it is ended.
        run_id, mlflow_run_id: in the ledger, and in MLflow; the notebook's own runs become children of the latter.
        beat: called while it runs, every `HEARTBEAT_SECONDS`; may say why it should end now.
        event: called with what the notebook's process tells: cells that start, measures; may say why it should end.
        pause: waits some seconds; by default until the runner has something to say.
    """

    settings: Settings
    notebook: Path
    output: Path
    values: Mapping[str, Any]
    seed: int
    timeout: float
    run_id: str
    mlflow_run_id: str
    clock: Clock
    beat: Callable[[], Ended | None]
    event: Callable[[dict[str, Any]], Ended | None] = lambda _: None
    pause: Callable[[float], None] | None = None
    _told: _Tail = field(default_factory=lambda: _Tail(Path(os.devnull)))

    def execute(self, runner: Runner) -> Ended:
        """Hand the notebook to the runner, watch it, and say how it ended."""
        log, events = self.output.with_name("runner.log"), self.output.with_name("events.jsonl")
        self._told = _Tail(events)
        task = runner.submit(
            {
                "notebook": str(self.notebook),
                "output": str(self.output),
                "parameters": dict(self.values),
                "environment": self._environment(events),
                "log": str(log),
                "events": str(events),
            }
        )
        try:
            ended, code = self._watch(task)
        finally:
            task.stop()
            runner.await_end()
            end_marked([self.run_id])
        self._read()
        return ended or self._judged(code, log, runner)

    def _environment(self, events: Path) -> dict[str, str]:
        return {
            MARK: self.run_id,
            PARENT_VARIABLE: self.mlflow_run_id,
            REPORTS_VARIABLE: str(events),
            "SHOPR_HOME": str(self.settings.home),
            "SHOPR_DATABASE_URL": self.settings.database_url,
            "SHOPR_MLFLOW_URI": self.settings.mlflow_uri,
            "SHOPR_ARTIFACT_ROOT": str(self.settings.artifact_root),
            "SHOPR_SEED": str(self.seed),
        }

    def _watch(self, task: Task) -> tuple[Ended | None, int | None]:
        """Wait for the notebook's process: its exit status, or why it has to end."""
        start = beat = self.clock.monotonic()
        while True:
            code = task.poll()
            if code is not None:
                return None, code
            now = self.clock.monotonic()
            if now - start > self.timeout:
                text = f"it ran longer than its time-out of {self.timeout:g} s"
                return Ended(State.KILLED, None, Reason.TIMEOUT, text), None
            unwanted = self._read()
            if unwanted is not None:
                return unwanted, None
            if now - beat >= HEARTBEAT_SECONDS:
                task.look()
                unwanted = self.beat()
                if unwanted is not None:
                    return unwanted, None
                beat = now
            (self.pause or task.wait)(_POLL_SECONDS)

    def _read(self) -> Ended | None:
        """Pass on what was told since the last look; what is returned is why the run should end."""
        unwanted = None
        for text in self._told.read():
            with suppress(ValueError):
                unwanted = self.event(json.loads(text)) or unwanted
        return unwanted

    def _judged(self, code: int | None, log: Path, runner: Runner) -> Ended:
        if code == 0 and self.output.is_file():
            return Ended(State.DONE, 0)
        if code == KERNEL_DIED:
            return Ended(State.FAILED, code, Reason.DIED, redact(_last_line(log, "the kernel died")))
        if code is not None and code < 0:
            by = f"its process was ended by signal {-code}"
            return Ended(State.KILLED, code, Reason.DIED, by if runner.alive else f"{by}; {_last_line(runner.log)}")
        found = pages.failure(self.output)
        return Ended(
            State.FAILED, code, Reason.ERROR, redact(f"cell {found.cell}: {found.error}" if found else _last_line(log))
        )


def _last_line(log: Path, why: str = "") -> str:
    """The last line that it wrote, after why it ended, where that line does not say so itself."""
    try:
        lines = [x for x in log.read_text(encoding="utf-8", errors="replace").splitlines() if x.strip()]
    except OSError:
        return why
    last = lines[-1] if lines else "it said nothing"
    return last if not why or last.lower().startswith(why) else f"{why}; {last}"
