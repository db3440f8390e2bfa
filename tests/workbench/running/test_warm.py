"""A runner that executes several notebooks at a time, and hands on what their kernels imported."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shopr.workbench.running.processes import FORKS
from shopr.workbench.running.warm import Runner, Task
from tests.waiting import until
from tests.workbench.conftest import notebook

WAITS = "import pathlib, time\nwhile not pathlib.Path(marker, 'go').exists(): time.sleep(0.01)"
LEAVES = """\
import pathlib, subprocess
left = subprocess.Popen(["sleep", "1000"], env={}, start_new_session=True)
pathlib.Path(marker, "left.part").write_text(str(left.pid))
pathlib.Path(marker, "left.part").rename(pathlib.Path(marker, "left"))
"""
ASKS = """\
import json, pathlib, sys
found = {name: name in sys.modules for name in ("shopr.money", "debugpy")}
pathlib.Path(marker, f"found{k}").write_text(json.dumps(found))
def later():
    import shopr.money
later()
import debugpy
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("runner")
    with Runner("runner-of-tests", folder / "start.log") as made:
        yield made


def begin(runner: Runner, folder: Path, name: str, source: str, k: int = 1) -> Task:
    path = folder / f"{name}.ipynb"
    path.write_text(notebook(source))
    given = {"environment": {}, "log": str(folder / f"{name}.log"), "events": str(folder / f"{name}.jsonl")}
    parameters = {"marker": str(folder), "k": k}
    return runner.submit(
        {"notebook": str(path), "output": str(folder / f"{name}.out.ipynb"), "parameters": parameters, **given}
    )


def status(task: Task) -> int:
    until(lambda: task.poll() is not None, lambda: "the notebook did not end")
    found = task.poll()
    assert found is not None
    return found


def test_two_at_a_time_and_what_one_leaves_behind_is_ended_while_the_other_goes_on(runner, tmp_path):
    waiting = begin(runner, tmp_path, "waits", WAITS)
    leaving = begin(runner, tmp_path, "leaves", LEAVES)
    assert status(leaving) == 0
    assert waiting.poll() is None
    assert waiting.worker is not None
    if FORKS:  # the runner adopts what is orphaned, whatever session and environment it moved to
        left = int((tmp_path / "left").read_text())
        assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE
    assert psutil.pid_exists(waiting.worker)
    (tmp_path / "go").write_text("")
    assert status(waiting) == 0
    assert waiting.worker is None


def test_one_is_stopped_and_the_other_goes_on(runner, tmp_path):
    first, second = (begin(runner, tmp_path, name, WAITS) for name in ("first", "second"))
    until(lambda: first.worker is not None and (tmp_path / "first.jsonl").exists())
    first.stop()
    assert status(first) != 0
    assert second.poll() is None
    (tmp_path / "go").write_text("")
    assert status(second) == 0
    assert runner.alive


@pytest.mark.skipif(not FORKS, reason="kernels are forked on Linux only")
def test_what_a_kernel_imports_is_there_in_the_next_one_and_no_debugger_is_loaded(runner, tmp_path):
    assert status(begin(runner, tmp_path, "one", ASKS, 1)) == 0
    assert status(begin(runner, tmp_path, "two", ASKS, 2)) == 0
    one, two = (json.loads((tmp_path / f"found{k}").read_text()) for k in (1, 2))
    assert (one["shopr.money"], two["shopr.money"]) == (False, True)
    assert (one["debugpy"], two["debugpy"]) == (False, False)  # though a notebook may import it


def test_all_end_with_the_runner(tmp_path):
    with Runner("runner-of-this-test", tmp_path / "start.log") as runner:
        tasks = [begin(runner, tmp_path, name, WAITS) for name in ("first", "second")]
        until(lambda: all(task.worker is not None for task in tasks))
        workers = [task.worker for task in tasks]
    assert all(task.poll() not in (None, 0) for task in tasks)
    for pid in workers:
        assert pid is not None
        assert pid != os.getpid()
        assert not psutil.pid_exists(pid)
