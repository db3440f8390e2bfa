"""The child process of one run: started, watched with a heartbeat, and ended with everything that it started."""

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

from shopr.clock import Clock
from shopr.config import Settings
from shopr.tracking.runs import PARENT_VARIABLE
from shopr.workbench.ledger import HEARTBEAT_SECONDS, State
from shopr.workbench.runner import KERNEL_DIED

__all__ = ["Child", "end_marked"]

_ADDED_TAGS = {"injected-parameters", "papermill-error-cell-tag"}
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 3.0


@dataclass
class Child:
    """One execution of a notebook.

    Attributes:
        notebook, output: what is executed, and where the executed notebook goes.
        values: of its parameters.
        seed: of everything random in it.
        timeout: seconds after which it is ended.
        mlflow_run_id: the run that its own runs become children of.
        beat: called while it runs, every `HEARTBEAT_SECONDS`.
    """

    settings: Settings
    notebook: Path
    output: Path
    values: Mapping[str, Any]
    seed: int
    timeout: float
    mlflow_run_id: str
    beat: Callable[[], None]
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def execute(self) -> tuple[State, int | None, str]:
        """Start the child, watch it, and say how it ended: state, exit status, and why."""
        log = self.output.with_name("runner.log")
        with log.open("wb") as sink:
            child = self._start(sink)
            try:
                overdue = self._watch(child)
            finally:
                _kill_tree(child)
                end_marked(self.mlflow_run_id)
        code = child.returncode
        if overdue:
            return State.KILLED, code, f"it ran longer than its time-out of {self.timeout:g} s"
        if code == 0:
            return State.DONE, 0, ""
        if code == KERNEL_DIED:
            return State.FAILED, code, f"the kernel died; {_last_line(log)}"
        if code < 0:
            return State.KILLED, code, f"its process was ended by signal {-code}"
        return State.FAILED, code, _failure(self.output) or _last_line(log)

    def _start(self, sink: BinaryIO) -> subprocess.Popen[bytes]:
        parameters = self.output.with_name("parameters.json")
        parameters.write_text(json.dumps(dict(self.values)), encoding="utf-8")
        environment = {
            **os.environ,
            PARENT_VARIABLE: self.mlflow_run_id,
            "SHOPR_HOME": str(self.settings.home),
            "SHOPR_DATABASE_URL": self.settings.database_url,
            "SHOPR_MLFLOW_URI": self.settings.mlflow_uri,
            "SHOPR_ARTIFACT_ROOT": str(self.settings.artifact_root),
            "SHOPR_SEED": str(self.seed),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "shopr.workbench.runner", str(self.notebook), str(self.output), str(parameters)],
            stdin=subprocess.PIPE,  # it closes when this process goes, however it goes: the child then ends itself
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
            if now - start > self.timeout:
                return True
            if now - beat >= HEARTBEAT_SECONDS:
                self.beat()
                beat = now
            self.pause(_POLL_SECONDS)
        return False


def end_marked(mlflow_run_id: str) -> int:
    """End every process that carries the mark of a run: kernels outlive a runner that was killed. Returns how many."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(PARENT_VARIABLE) == mlflow_run_id:
                process.kill()
                found.append(process)
    psutil.wait_procs(found, timeout=_GRACE_SECONDS)
    return len(found)


def _kill_tree(child: subprocess.Popen[bytes]) -> None:
    """End the child and everything it started, kernels included."""
    if child.poll() is None:
        tree: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(child.pid)
            tree = [*parent.children(recursive=True), parent]
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(tree, timeout=_GRACE_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    if child.stdin is not None:
        child.stdin.close()
    child.wait()


def _failure(output: Path) -> str:
    """The error of the cell that failed, in one line; cells count from 1, without those that Papermill adds."""
    try:
        cells = json.loads(output.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return ""
    own = [c for c in cells if not _ADDED_TAGS & set(c.get("metadata", {}).get("tags", []))]
    for number, cell in enumerate(own, start=1):
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
