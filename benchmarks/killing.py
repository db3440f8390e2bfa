"""Runs that are killed with signal 9 at random points: what the ledger and MLflow say afterwards, and what lives on.

A driver process imports everything once and forks each `shopr` command from there: a hundred kills take minutes.
The commands are the real ones: `shopr run` is killed, `shopr run --list` is asked what became of it.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["TARGETS", "WATCH", "Driver", "Kill", "Project", "kill_once"]

TARGETS = ("kernel", "worker", "server", "supervisor", "command")
"""The processes of a run, innermost first; `command` is `shopr run` itself."""
WATCH = "@watch"
"""Instead of a command: a process of Shopr that is at work on something else."""
AGREES = {"DONE": "FINISHED", "FAILED": "FAILED", "KILLED": "KILLED", "LOST": "KILLED"}
HEARTBEATS = 3  # a watcher looks once a heartbeat, and then has work to do
_CELLS = (
    "n = 6\nmarker = ''",
    # One process in a session of its own, and one that is orphaned, with an empty environment, in another session.
    "import os, select, subprocess, sys\n"
    "wait = 'import select; select.select([], [], [], 60)'\n"
    "lonely = f'import os\\nif os.fork(): os._exit(0)\\nos.setsid()\\n'\n"
    'lonely += f\'open({marker!r} + ".b", "w").write(str(os.getpid()))\\n{wait}\'\n'
    "a = subprocess.Popen([sys.executable, '-S', '-c', wait], start_new_session=True)\n"
    "b = subprocess.Popen([sys.executable, '-S', '-c', lonely], env={})\n"
    "_ = open(marker + '.a', 'w').write(str(a.pid))",
    "from shopr.config import Settings\nfrom shopr.tracking.runs import run\n"
    "with run('inside', settings=Settings()) as made:\n"
    "    for step in range(n):\n"
    "        made.metrics({'score': step}, step=step)\n        select.select([], [], [], 0.1)",
    "_ = select.select([], [], [], 0.2)",
)


class Project:
    """A folder with one notebook that starts processes, logs to MLflow and takes its time, and its spec."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pyproject.toml").write_text('[project]\nname = "shopr"\n', encoding="utf-8")
        cells = [
            {"cell_type": "code", "execution_count": None, "id": f"c{i}", "outputs": [], "source": source,
             "metadata": {"tags": ["parameters"] if i == 0 else []}}
            for i, source in enumerate(_CELLS)
        ]  # fmt: skip
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (folder / "work.ipynb").write_text(json.dumps(book), encoding="utf-8")
        spec = {"name": "work", "notebook": "work.ipynb", "timeout": 300, "parameters": {
            "n": {"type": "int", "default": 6}, "marker": {"type": "str", "default": ""}}}  # fmt: skip
        (folder / "work.yaml").write_text(json.dumps(spec), encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """Where its stores are."""
        return {
            "SHOPR_HOME": str(self.folder / "home"),
            "SHOPR_MLFLOW_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
            "SHOPR_ARTIFACT_ROOT": str(self.folder / "artifacts"),
        }

    def rows(self) -> dict[str, dict[str, str]]:
        """Run id -> row of the ledger, read without Shopr."""
        query = "SELECT run_id, state, mlflow_run_id, message, mlflow_pending FROM run_ledger"
        return {row["run_id"]: dict(row) for row in self._read(self.folder / "home" / "state.db", query)}

    def runs(self) -> dict[str, str]:
        """MLflow run id -> status, read without MLflow."""
        return dict(tuple(row) for row in self._read(self.folder / "mlflow.db", "SELECT run_uuid, status FROM runs"))

    @staticmethod
    def _read(path: Path, query: str) -> list[sqlite3.Row]:
        if not path.is_file():
            return []
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:  # the table is being made
                return []


class Driver:
    """Forks `shopr` commands from a process that has imported what they need."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=project.folder,
            env={**os.environ, **project.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    def start(self, *arguments: str, out: Path | None = None) -> psutil.Process:
        """Start a command; its output goes to a file, or nowhere."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(out or os.devnull), *arguments]) + "\n")
        self._process.stdin.flush()
        return psutil.Process(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@dataclass(frozen=True)
class Kill:
    """One killed run.

    Attributes:
        target: which of its processes was killed; "" if it had ended before.
        state, status: in the ledger and in MLflow, afterwards.
        orphans: processes of the run that still live.
        running: MLflow runs that still claim to run.
        by: who brought the truth about: the command itself, a watching process, or the next command.
        seconds: from the kill to the truth.
    """

    target: str
    state: str
    status: str
    orphans: tuple[int, ...]
    running: int
    by: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether both stores tell the same terminal state, and nothing is left."""
        return not self.orphans and not self.running and AGREES.get(self.state, "") == self.status


def kill_once(
    driver: Driver,
    project: Project,
    draws: random.Random,
    number: int,
    target: str,
    *,
    watched: bool,
    longest: float = 3.5,
) -> Kill:
    """Start a run, kill one of its processes at a random point, and look what is on record.

    Args:
        watched: whether another process of Shopr is at work meanwhile, so that no command has to be called.
        longest: seconds to the kill, at most, from the run's row in the ledger or the start of a worker or kernel.
    """
    marker = project.folder / f"marker-{number}"
    before = set(project.rows())
    command = driver.start("run", "work.yaml", "--force", "--param", f"marker={marker}", out=project.folder / "run.txt")
    _until(lambda: set(project.rows()) - before or not _alive(command))
    seen: set[psutil.Process] = set()
    if target in ("worker", "kernel"):  # they come late, and may be gone again
        _until(lambda: target in _chain(command) or not _alive(command))
    moment = time.monotonic() + draws.uniform(0.0, longest)
    while time.monotonic() < moment and _alive(command):
        seen |= _below(command)
        select.select([], [], [], 0.02)
    chain = _chain(command)
    victim = chain.get(target) or (chain.get("command") if target != "kernel" else None)
    struck = next((name for name, process in chain.items() if process == victim), "")
    killed = time.monotonic()
    seen |= _below(command)
    if victim is not None:
        with suppress(psutil.Error):
            victim.send_signal(signal.SIGKILL)
    by = _settled(driver, project, command, before, watched=watched)
    spent = time.monotonic() - killed
    seen |= {p for suffix in (".a", ".b") if (p := _from(marker.with_name(marker.name + suffix))) is not None}
    with suppress(AssertionError):
        _until(lambda: not any(_alive(p) for p in seen), 3.0)
    orphans = tuple(sorted(p.pid for p in seen if _alive(p)))
    runs = project.runs()
    new = list(set(project.rows()) - before)
    if not new:  # killed before it was on record
        return Kill(struck, "", "", orphans, list(runs.values()).count("RUNNING"), by, spent)
    row = project.rows()[new[0]]
    status = runs.get(row["mlflow_run_id"] or "", "none")
    if status == "none" and row["state"] in ("LOST", "FAILED"):  # killed before MLflow heard of it
        status = AGREES[row["state"]]
    return Kill(struck, row["state"], status, orphans, list(runs.values()).count("RUNNING"), by, spent)


def _settled(driver: Driver, project: Project, command: psutil.Process, before: set[str], *, watched: bool) -> str:
    """Wait until the truth must be on record: the command ended, a heartbeat passed, or another command was called."""

    def terminal() -> bool:
        rows = project.rows()
        new = [rows[run_id] for run_id in set(rows) - before]
        closed = all(row["state"] in AGREES and not row["mlflow_pending"] for row in new)
        return closed and "RUNNING" not in project.runs().values()

    if _alive(command):
        _until(lambda: not _alive(command), 120.0)
    if terminal():
        return "the command"
    if watched:
        _until(terminal, 2.0 * HEARTBEATS)
        return "a watcher"
    listing = driver.start("run", "--list", "--json", out=project.folder / "list.json")
    _until(lambda: not _alive(listing), 120.0)
    shown = json.loads((project.folder / "list.json").read_text(encoding="utf-8"))
    assert all(row["state"] in AGREES for row in shown), "a command printed a state that is not true"
    return "the next command"


def _chain(command: psutil.Process) -> dict[str, psutil.Process]:
    """The processes of a run that live now: each is the only child of the one before it that runs our module."""
    found = {"command": command} if _alive(command) else {}
    current = command
    for name in ("supervisor", "server", "worker", "kernel"):
        below = [p for p in _children(current) if _is_ours(p)]
        if not below:
            break
        current = below[0]
        found[name] = current
    return found


def _is_ours(process: psutil.Process) -> bool:
    try:
        return "shopr.workbench.running.runner" in process.cmdline()
    except psutil.Error:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return sorted((p for p in process.children() if _alive(p)), key=lambda p: p.pid)
    except psutil.Error:
        return []


def _below(process: psutil.Process) -> set[psutil.Process]:
    try:
        return set(process.children(recursive=True))
    except psutil.Error:
        return set()


def _from(path: Path) -> psutil.Process | None:
    try:
        return psutil.Process(int(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, psutil.Error):
        return None


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _until(happened: Callable[[], object], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        select.select([], [], [], 0.03)


def _serve() -> None:
    """The driver: each line is a file and a command's arguments; the answer is the process id."""
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    import shopr.cli.listening
    import shopr.cli.run
    import shopr.tracking.runs
    import shopr.workbench.running.executor  # noqa: F401
    from shopr.cli.main import main

    for line in iter(sys.stdin.readline, ""):
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        out, *arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(out, arguments, main)
        print(pid, flush=True)


def _become(out: str, arguments: Sequence[str], main: Callable[[Sequence[str]], None]) -> None:
    os.setsid()
    for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, f"{out}.err", os.O_WRONLY)):
        target = path if path != f"{os.devnull}.err" else os.devnull
        os.dup2(os.open(target, how | os.O_CREAT | (os.O_TRUNC if how else 0), 0o600), number)
    random.seed()
    status = 1
    try:
        if arguments == [WATCH]:
            from shopr.config import Settings
            from shopr.workbench.running.settling import watching

            with watching(Settings()):
                select.select([], [], [])
        main(arguments)
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
