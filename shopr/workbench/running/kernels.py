"""Kernels that are forked instead of started: a new Python with IPython costs a second, a fork some milliseconds.

Each kernel is a process of its own, in a session of its own, as Jupyter's are; it only inherits the modules that its
parent has imported. Draws are seeded anew: no two kernels share the state of a generator. Linux only, since forking is
not safe with the system libraries of macOS; elsewhere kernels are started as ever.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from shopr.workbench.running.preloading import Imported
from shopr.workbench.running.processes import die_with_parent

__all__ = ["Forked", "ForkingManager", "Spare", "become_kernel", "leave"]

_ENTRY = "ipykernel_launcher"


class Spare:
    """A process that was forked before anything was started in it, and becomes a kernel when it is told how."""

    waiting: Spare | None = None
    """The one that the next kernel is made of."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self.pid = os.fork()

    def launch(self, command: Sequence[str], environment: Mapping[str, str], folder: str) -> Forked:
        """Tell it what to be; returns a handle such as `subprocess.Popen` gives."""
        os.close(self.read)
        order = {"argv": list(command), "environment": dict(environment), "folder": folder}
        with os.fdopen(self.write, "w", encoding="utf-8") as pipe:
            json.dump(order, pipe)
        return Forked(self.pid)


def become_kernel(spare: Spare, parent: int, imported: Imported | None = None) -> Callable[[], None] | None:
    """In the forked process: wait for the order, then take its surroundings; returns what is left to call.

    None if the parent ends without needing a kernel. What it will import is told to `imported` at its end.
    """
    die_with_parent(parent)
    os.close(spare.write)
    with os.fdopen(spare.read, encoding="utf-8") as pipe:
        text = pipe.read()
    if not text:
        return None
    order = json.loads(text)
    os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = order["argv"]
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "numpy" in sys.modules:  # the random module does so by itself
        sys.modules["numpy"].random.seed()
    return partial(_serve, imported)


def _serve(imported: Imported | None) -> None:
    from ipykernel.kernelapp import IPKernelApp

    before, status = frozenset(sys.modules), 0
    try:
        # Nobody attaches a debugger to a notebook that runs by itself, and loading one takes as long as all the rest.
        sys.modules.setdefault("debugpy", None)  # type: ignore[arg-type]
        app = IPKernelApp.instance()
        app.initialize()  # type: ignore[no-untyped-call]
        if sys.modules["debugpy"] is None:
            del sys.modules["debugpy"]
        app.start()  # type: ignore[no-untyped-call]
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 0
    finally:
        if imported is not None:
            imported.tell(before)
        leave(status)


def leave(status: int) -> NoReturn:
    """End a forked process: what is registered for the exit is called, the modules of the parent are not taken down.

    Taking down a thousand inherited modules takes a second and serves nobody.
    """
    with suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)


class Forked:
    """A child process of ours, with the methods of `subprocess.Popen` that Jupyter calls."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status; minus the signal's number; None while it runs."""
        return self._wait(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, once it has ended."""
        return self._wait(0)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _wait(self, how: int) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, how)
            except ChildProcessError:
                self.returncode = -signal.SIGKILL
            else:
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class _Provisioner(LocalProvisioner):
    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        spare = Spare.waiting
        if spare is None or _ENTRY not in cmd:  # another language's kernel, or a second one
            return await super().launch_kernel(cmd, **kwargs)
        Spare.waiting = None
        environment = {**(kwargs.get("env") or os.environ), "JPY_PARENT_PID": str(os.getpid())}
        folder = str(kwargs.get("cwd") or Path.cwd())
        # Both are read when the module is imported, which here was before there was a kernel.
        told = [f"--IPKernelApp.parent_handle={os.getpid()}", "--IPKernelApp.log_level=ERROR"]
        started: Any = spare.launch([*cmd[cmd.index(_ENTRY) :], *told], environment, folder)
        self.process = started
        self.pid = self.pgid = spare.pid  # it leads a group of its own
        self.cwd = folder
        return self.connection_info


class ForkingManager(AsyncKernelManager):
    """Starts kernels from the waiting spare, where there is one."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.provisioner = _Provisioner(kernel_id=str(uuid4()), kernel_spec=self.kernel_spec, parent=self)
