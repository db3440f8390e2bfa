"""The process that executes notebooks as its parent sees it: started, kept ready, and ended with all it started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from shopr.workbench.running.processes import MARK, Seen, below, end

__all__ = ["Runner", "Task", "Warm"]

_WRITING_SECONDS = 5.0
_ENDING_SECONDS = 2.0


class Task:
    """A notebook that a runner executes.

    Attributes:
        runner: which executes it.
        worker: process id of the notebook's own process; None before it started and after it ended.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.worker: int | None = None
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status of the notebook's process; None while it runs."""
        if self._status is not None:
            return self._status
        code = self.runner.gone()
        if code is None:
            return None
        self.runner.hear_out()
        return (code or -1) if self._status is None else self._status

    def wait(self, seconds: float) -> None:
        """Come back when the runner has said something, or after some seconds."""
        with self.runner.said:
            if self._status is None:
                self.runner.said.wait(seconds)

    def look(self) -> None:
        """Note which processes belong to the runner now, so that they are found after its end."""
        self.runner.look()

    def stop(self) -> None:
        """End the notebook, the runner not: first the kernel, whose notebook is written then, in the end by force."""
        worker = self.worker
        if worker is None:
            return
        inner = below(worker)
        end(inner[::-1])
        try:
            psutil.Process(worker).wait(_WRITING_SECONDS)
        except psutil.TimeoutExpired:
            end([*below(worker), psutil.Process(worker)], grace=0)
        except psutil.Error:
            pass

    def told(self, answer: Mapping[str, Any]) -> None:
        """Take what the runner says of it."""
        if "worker" in answer:
            self.worker = answer["worker"]
            self.look()
        if "status" in answer:
            self.worker = None
            self._status = int(answer["status"])


class Runner:
    """A process that executes notebooks, several at a time if need be, kept ready between them.

    Args:
        mark: id of the run or sweep that it belongs to.
        log: what it says before and between orders.
        modules: imported beforehand, once for all notebooks.
    """

    def __init__(self, mark: str, log: Path, modules: Sequence[str] = ()) -> None:
        self.log = log
        self.said = threading.Condition()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "shopr.workbench.running.runner", json.dumps(list(modules))],
                stdin=subprocess.PIPE,  # it closes when this process goes, however it goes: the runner then ends itself
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**os.environ, MARK: mark},
                start_new_session=True,
            )
        self._seen = Seen(self._process.pid)
        self._tasks: list[Task] = []
        self._reader = threading.Thread(target=self._listen, name="shopr-runner", daemon=True)
        self._reader.start()

    def submit(self, order: Mapping[str, Any]) -> Task:
        """Execute a notebook: see `shopr.workbench.running.runner` for the order's keys."""
        assert self._process.stdin is not None
        task = Task(self)
        with self.said:
            self._tasks.append(task)
            line = json.dumps({**order, "number": len(self._tasks) - 1}).encode() + b"\n"
            with suppress(BrokenPipeError):  # it is gone: `poll` says so
                self._process.stdin.write(line)
                self._process.stdin.flush()
        return task

    def gone(self) -> int | None:
        """The exit status of the runner itself; None while it lives."""
        return self._process.poll()

    def hear_out(self) -> None:
        """Where it is gone, take in what it said last."""
        self._reader.join(_ENDING_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether it can take orders."""
        return self.gone() is None

    def look(self) -> None:
        """Note which processes belong to it now, so that they are found after its end."""
        self._seen.look()

    def await_end(self) -> None:
        """Where it was killed, give the others of its processes the time to end what they started, and themselves."""
        if not self.alive:
            psutil.wait_procs(self._seen.living(), timeout=_ENDING_SECONDS)

    def close(self) -> None:
        """End it with everything that it started."""
        self.look()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_WRITING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.await_end()
        end(self._seen.living(), grace=0)
        self.hear_out()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        """Pass on what it says, until it is gone."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                found = json.loads(line)
                task = self._tasks[found["number"]]
            except (ValueError, LookupError, TypeError):  # a module may print when it is imported
                continue
            with self.said:
                task.told(found)
                self.said.notify_all()
        with self.said:
            self.said.notify_all()


class Warm:
    """A runner that is started when it is needed, and anew when it died; several threads may share it."""

    def __init__(self, mark: str, log: Path, modules: tuple[str, ...] = ()) -> None:
        self._given = (mark, log, modules)
        self._runner: Runner | None = None
        self._lock = threading.Lock()

    def ready(self) -> Runner:
        """A runner that takes orders."""
        with self._lock:
            if self._runner is not None and not self._runner.alive:
                self._runner.close()
                self._runner = None
            if self._runner is None:
                self._runner = Runner(*self._given)
            return self._runner

    def close(self) -> None:
        """End it, if it was started."""
        with self._lock:
            if self._runner is not None:
                self._runner.close()
                self._runner = None
