"""Notebooks, executed: a process that waits for orders, imports once, and forks a fresh worker for each notebook.

    python -P -m shopr.workbench.running.runner '["pandas"]'        modules to import beforehand

An order is a line of JSON on standard input: notebook, output, parameters, environment, log, events. The answers are
lines on standard output: `{"ready": …}`, and for each order its `number` with `worker` (process id) and later `status`
(exit status). Standard input is a pipe that the parent holds: its end means that the parent is gone, and what it
started goes with it.

Exit status of a worker 0: every cell ran. 1: a cell raised (the output keeps the traceback). 3: the kernel died. The
executed notebook is always written, and beside it an HTML page without code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from shopr.workbench.running.preloading import Imported
from shopr.workbench.running.processes import FORKS, adopt_orphans, below, die_with_parent, end, supervised

__all__ = ["CELL_FAILED", "KERNEL_DIED", "execute"]

CELL_FAILED = 1
KERNEL_DIED = 3
_POLL_SECONDS = 0.02
_IDLE_SECONDS = 0.2
_BOOT = ("papermill", "ipykernel.kernelapp")
Role = Callable[[], Any]


def execute(notebook: Path, output: Path, parameters: Mapping[str, Any], tell: Callable[..., None]) -> int:
    """Run a notebook by Papermill; returns the exit status described above.

    Args:
        tell: called with `cell` and `cells` when a cell starts.
    """
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from shopr.workbench.running import pages

    # Making the page needs a second's worth of modules: they are read while the cells run.
    threading.Thread(target=pages.prepare, daemon=True).start()
    try:
        _execute(notebook, output, parameters, tell)
        # Papermill saves a notebook whose kernel died as completed: what did not run says otherwise.
        status = 0 if pages.every_cell_ran(output) else KERNEL_DIED
    except PapermillExecutionError as error:
        print(f"{error.ename}: {error.evalue}", file=sys.stderr)  # noqa: T201
        status = CELL_FAILED
    except DeadKernelError as error:
        told = str(error).strip()
        print("the kernel died" + (f": {told}" if told not in ("", "Kernel died") else ""), file=sys.stderr)  # noqa: T201
        status = KERNEL_DIED
    if status == KERNEL_DIED:
        pages.annotate(output, "The kernel died here.")
    if output.is_file():
        pages.render(output)
    return status


def _execute(notebook: Path, output: Path, parameters: Mapping[str, Any], tell: Callable[..., None]) -> None:
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines

    from shopr.workbench.running.kernels import ForkingManager
    from shopr.workbench.running.pages import ADDED_TAGS

    class Telling(NBClientEngine):  # type: ignore[misc]
        """Says which cell starts; cells count from 1, without those that Papermill adds."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **values: Any) -> Any:
            own = [i for i, c in enumerate(nb_man.nb.cells) if not ADDED_TAGS & set(c.metadata.get("tags", []))]
            start = nb_man.cell_start

            def told(cell: Any, cell_index: int | None = None, **more: Any) -> None:
                printed.cell = sum(i <= (cell_index or 0) for i in own)
                tell(cell=printed.cell, cells=len(own))
                start(cell, cell_index, **more)

            nb_man.cell_start = told
            return super().execute_managed_notebook(nb_man, kernel_name, **values)

    printed = _Printed(tell)
    papermill_engines.register("shopr", Telling)
    papermill.execute_notebook(
        str(notebook),
        str(output),
        parameters=dict(parameters),
        engine_name="shopr",
        kernel_name="python3",
        language="python",
        cwd=str(notebook.parent),
        progress_bar=False,
        stdout_file=printed,
        stderr_file=printed,
        **({"kernel_manager_class": ForkingManager} if FORKS else {}),
    )


class _Printed:
    """Takes what the notebook prints: into the log, and line by line, with the cell's number, to whoever listens."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self.cell = 0
        self._tell = tell
        self._rest = ""

    def write(self, text: str) -> None:
        sys.stdout.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(line=line, at=self.cell)

    def flush(self) -> None:
        sys.stdout.flush()


class _Server:
    """Takes orders and forks a worker for each; whatever a worker leaves behind is ended."""

    def __init__(self, supervisor: int | None) -> None:
        self.supervisor = supervisor
        self.workers: dict[int, int] = {}  # process id: number of the order
        self.started: list[subprocess.Popen[bytes]] = []  # where nothing is forked
        self.buffer = b""
        self.imported = Imported()

    def serve(self) -> Role | None:
        """Until the parent closes the pipe; in a forked worker it returns what that one does."""
        while True:
            readable, _, _ = select.select([0], [], [], _POLL_SECONDS if self.workers else _IDLE_SECONDS)
            if self.supervisor is not None and os.getppid() != self.supervisor:
                _end_everything()
            if readable:
                data = os.read(0, 1 << 16)
                if not data:
                    _end_everything()
                self.buffer += data
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                role = self._begin(json.loads(line))
                if role is not None:
                    return role
            self._collect()

    def _begin(self, order: dict[str, Any]) -> Role | None:
        if FORKS and threading.active_count() == 1:
            parent = os.getpid()
            worker = os.fork()
            if worker == 0:
                return partial(_work, order, parent, self.imported)
        else:
            with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
                json.dump(order, file)
            command = [sys.executable, "-P", "-m", "shopr.workbench.running.runner", "--once", file.name]
            self.started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
            worker = self.started[-1].pid
        self.workers[worker] = order["number"]
        _answer(number=order["number"], worker=worker)
        return None

    def _collect(self) -> None:
        """Take leave of every child that ended, the adopted ones included."""
        while self.workers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            number = self.workers.pop(pid, None)
            if number is not None:
                # A worker adopts what is orphaned below it: what came here instead is of workers that are gone.
                end([p for p in below(os.getpid()) if not self._working(p)], grace=0)
                _answer(number=number, status=os.waitstatus_to_exitcode(status))
                self.imported.follow()

    def _working(self, process: psutil.Process) -> bool:
        """Whether a process is a worker, or descends from one."""
        try:
            return any(p.pid in self.workers for p in (process, *process.parents()))
        except psutil.Error:
            return False


def _work(order: dict[str, Any], parent: int | None = None, imported: Imported | None = None) -> Role | None:  # noqa: RET503 - `leave` never returns
    """One notebook, in a process that was forked for it."""
    from shopr.workbench.running.kernels import Spare, become_kernel, leave

    if parent is not None:
        die_with_parent(parent)
        os.setsid()
    adopt_orphans()
    os.environ.update(order["environment"])
    for number, path, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, order["log"], os.O_WRONLY),
        (2, order["log"], os.O_WRONLY),
    ):
        file = os.open(path, how | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    if FORKS:
        me = os.getpid()
        Spare.waiting = Spare()
        if Spare.waiting.pid == 0:
            return become_kernel(Spare.waiting, me, imported)

    def tell(**values: Any) -> None:
        with suppress(OSError), Path(order["events"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    leave(execute(Path(order["notebook"]), Path(order["output"]), order["parameters"], tell))


def _end_everything() -> None:
    """The parent is gone: nothing that it started goes on."""
    while end(below(os.getpid()), grace=0):
        pass
    os._exit(0)


def _answer(**values: Any) -> None:
    with suppress(OSError):
        os.write(1, json.dumps(values).encode() + b"\n")


def _boot(modules: list[str]) -> None:
    """Import what every worker and kernel would import anew."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as a kernel would set it
    # Validating notebooks asks for no IRIs, but this module compiles their grammar for a second when it is imported.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    for name in (*_BOOT, *modules):
        with suppress(ImportError):
            importlib.import_module(name)
    if sys.modules.get("rfc3987_syntax", 0) is None:
        del sys.modules["rfc3987_syntax"]


def main() -> None:
    """The entry: each role ends with the next one, so that a forked process leaves by this same door."""
    adopt_orphans()
    role: Role | None
    if sys.argv[1] == "--once":
        path = Path(sys.argv[2])
        order = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        _boot([])
        role = partial(_work, order)
    else:
        supervisor = supervised() if FORKS else None
        _boot(json.loads(sys.argv[1]))
        gc.freeze()
        _answer(ready=os.getpid())
        role = _Server(supervisor).serve
    while role is not None:
        role = role()


if __name__ == "__main__":
    main()
