"""The process that executes notebooks as its parent sees it: started, kept ready, and ended with all it started."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from shopr.workbench.processes import MARK, Seen, below, end

__all__ = ["Runner", "Warm"]

_WRITING_SECONDS = 5.0
_ENDING_SECONDS = 2.0


class Runner:
    """A process that executes notebooks one after the other, kept ready between them.

    Args:
        mark: id of the run or sweep that it belongs to.
        log: what it says before and between orders.
        modules: imported beforehand, once for all notebooks.
    """

    def __init__(self, mark: str, log: Path, modules: Sequence[str] = ()) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "shopr.workbench.runner", json.dumps(list(modules))],
                stdin=subprocess.PIPE,  # it closes when this process goes, however it goes: the runner then ends itself
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**os.environ, MARK: mark},
                start_new_session=True,
            )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._buffer = b""
        self._seen = Seen(self._process.pid)
        self.worker: int | None = None
        self._number = 0

    def submit(self, order: Mapping[str, Any]) -> None:
        """Execute a notebook: see `shopr.workbench.runner` for the order's keys."""
        assert self._process.stdin is not None
        self._number += 1
        with suppress(BrokenPipeError):  # it is gone: `poll` says so
            self._process.stdin.write(json.dumps({**order, "number": self._number}).encode() + b"\n")
            self._process.stdin.flush()

    def poll(self) -> int | None:
        """The exit status of the notebook's process; None while it runs."""
        for answer in self._answers():
            if answer.get("number") != self._number:  # of a notebook that was ended before
                continue
            if "worker" in answer:
                self.worker = answer["worker"]
                self.look()
            if "status" in answer:
                self.worker = None
                return int(answer["status"])
        code = self._process.poll()
        return None if code is None else (code or -1)

    @property
    def alive(self) -> bool:
        """Whether it can take orders."""
        return self._process.poll() is None

    def wait(self, seconds: float) -> None:
        """Come back when it has something to say, or after some seconds."""
        assert self._process.stdout is not None
        select.select([self._process.stdout], [], [], seconds)

    def look(self) -> None:
        """Note which processes belong to it now, so that they are found after its end."""
        self._seen.look()

    def stop(self) -> None:
        """End what it executes, itself not: first the kernel, whose notebook is written then, in the end by force."""
        if self.worker is None:
            return
        inner = below(self.worker)
        end(inner[::-1])
        try:
            psutil.Process(self.worker).wait(_WRITING_SECONDS)
        except psutil.TimeoutExpired:
            end([*below(self.worker), psutil.Process(self.worker)], grace=0)
        except psutil.Error:
            pass

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
        self._process.stdout.close()
        self.await_end()
        end(self._seen.living(), grace=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answers(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        with suppress(OSError):
            self._buffer += self._process.stdout.read() or b""
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            with suppress(ValueError):  # a module may print when it is imported
                found = json.loads(line)
                if isinstance(found, dict):
                    yield found


class Warm:
    """A runner that is started when it is needed, and anew when it died."""

    def __init__(self, mark: str, log: Path, modules: tuple[str, ...] = ()) -> None:
        self._given = (mark, log, modules)
        self._runner: Runner | None = None

    def ready(self) -> Runner:
        """A runner that takes orders."""
        if self._runner is not None and not self._runner.alive:
            self.close()
        if self._runner is None:
            self._runner = Runner(*self._given)
        return self._runner

    def close(self) -> None:
        """End it, if it was started."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None
