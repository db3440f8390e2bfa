"""Processes that must not outlive a run: marked, adopted where they are orphaned, and ended with all they started.

Three nets, as each has a hole. Every process of a run inherits a mark in its environment, which finds kernels whose
parents were killed, but no process that was started with an empty environment. On Linux a run's own process adopts what
is orphaned below it, whatever group or session that moved to, but only as long as it lives itself; and the processes
that make up a run ask the system to end them with their parent.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress

import psutil

__all__ = ["FORKS", "MARK", "Seen", "adopt_orphans", "below", "die_with_parent", "end", "end_marked"]
__all__ += ["supervised"]

MARK = "SHOPR_RUN"
"""Environment variable that carries the ledger's id of the run (or the sweep) that a process belongs to."""
FORKS = sys.platform == "linux"
"""Whether workers and kernels are forked here; elsewhere that is not safe with the system's libraries."""
_GRACE_SECONDS = 3.0
_SUPERVISE_MS = 200
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>


def adopt_orphans() -> None:
    """Become the parent of whatever is orphaned below this process (Linux; elsewhere nothing happens)."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Ask the system to kill this process when its parent goes (Linux; elsewhere nothing happens).

    Args:
        parent: its process id, which tells whether it went before the question was put.
    """
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if sys.platform == "linux" and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def below(pid: int) -> list[psutil.Process]:
    """Every living process that descends from `pid`, itself left out."""
    try:
        return [p for p in psutil.Process(pid).children(recursive=True) if _lives(p)]
    except psutil.Error:
        return []


class Seen:
    """Remembers what a process started, so that it can be ended after its own end broke the family tree."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: set[psutil.Process] = set()

    def look(self) -> None:
        """Note what lives below the process now."""
        self._known.update(below(self._pid))

    def living(self) -> list[psutil.Process]:
        """What was seen and still lives; a process id that was given to another process since does not count."""
        return [p for p in list(self._known) if p.is_running() and _lives(p)]


def end(processes: Iterable[psutil.Process], *, grace: float = _GRACE_SECONDS) -> int:
    """End processes: politely, and by force after `grace` seconds (at once if 0). Returns how many there were."""
    found = list(processes)
    for process in found:
        with suppress(psutil.Error):
            if grace > 0:
                process.terminate()
            else:
                process.kill()
    _, alive = psutil.wait_procs(found, timeout=grace or _GRACE_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)
    return len(found)


def end_marked(run_ids: Collection[str]) -> int:
    """End every process that carries the mark of one of these runs. Returns how many."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) in run_ids:
                found.append(process)
    return end(found, grace=0)


def supervised() -> int:
    """Go on in a child, which hears who watches over it; this process ends what the child leaves behind.

    It imports nothing, so that it is not the one that is chosen where memory runs out, and it adopts even what was
    started with an empty environment in a session of its own. The child watches over it in turn.
    """
    parent = os.getpid()
    server = os.fork()
    if server == 0:
        adopt_orphans()
        return parent
    pipe = select.poll()
    pipe.register(0, 0)  # tells nothing but that the other end is gone
    status: int | None = None
    while status is None and not pipe.poll(_SUPERVISE_MS):
        status = _ended(server)
    while end(below(parent), grace=0):
        _ended(server)
    if status is not None and status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(parent, -status)  # end as it did
    os._exit(status or 0)


def _ended(server: int) -> int | None:
    """The exit status of the server, if it ended; whatever else ended is taken leave of."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return -signal.SIGKILL
        if not pid:
            return None
        if pid == server:
            return os.waitstatus_to_exitcode(status)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
