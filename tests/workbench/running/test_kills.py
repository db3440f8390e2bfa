"""Processes of runs, killed with signal 9 at random points: both stores tell the truth, and nothing lives on.

A hundred kills are `python benchmarks/workbench.py --kills 100`.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.killing import TARGETS, WATCH, Driver, Project, kill_once


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, _empty_stores: Path) -> Project:
    made = Project(tmp_path_factory.mktemp("kills"))
    shutil.copy(_empty_stores / "mlflow.db", made.folder / "mlflow.db")
    (made.folder / "home").mkdir()
    for part in _empty_stores.glob("state.db*"):
        shutil.copy(part, made.folder / "home" / part.name)
    return made


@pytest.fixture(scope="module")
def driver(project: Project) -> Iterator[Driver]:
    made = Driver(project)
    yield made
    made.close()


def test_kills_at_random_points(driver: Driver, project: Project) -> None:
    draws = random.Random(11)
    targets = [*TARGETS, "command"]
    for number, target in enumerate(targets):
        kill = kill_once(driver, project, draws, number, target, watched=False, longest=1.5)
        assert kill.ok, f"{number}: {kill}"


def test_a_process_at_work_notices_the_death_of_another_within_a_heartbeat(driver: Driver, project: Project) -> None:
    watcher = driver.start(WATCH)
    try:
        for number in (100, 101):
            kill = kill_once(driver, project, random.Random(number), number, "command", watched=True, longest=1.0)
            assert kill.ok, str(kill)
            assert kill.by != "the next command"
    finally:
        watcher.kill()
