"""A project of its own for every test of runs and sweeps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shopr.config import Settings
from shopr.storage.database import Database
from shopr.workbench.specs import spec as specs

PARAMETERS = {"k": {"type": "int", "default": 2}, "marker": {"type": "str", "default": ""}}


def notebook(*cells: str, parameters: str = "k = 2\nmarker = ''") -> str:
    """A notebook whose first cell declares the parameters."""
    code = [(parameters, ["parameters"]), *((cell, []) for cell in cells)]
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": f"c{i}",
                    "metadata": {"tags": tags},
                    "outputs": [],
                    "source": source,
                }
                for i, (source, tags) in enumerate(code)
            ],
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


@pytest.fixture
def shop(stores: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., specs.RunSpec]:
    """A project of its own; writes a notebook and its spec, and gives the spec."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    monkeypatch.chdir(root)

    def write(*cells: str, **more: object) -> specs.RunSpec:
        (root / "work.ipynb").write_text(notebook(*cells))
        content = {"name": "work", "notebook": "work.ipynb", "parameters": PARAMETERS, **more}
        (root / "work.yaml").write_text(json.dumps(content))  # JSON is YAML
        found = specs.load(root / "work.yaml")
        assert isinstance(found, specs.RunSpec)
        return found

    return write


@pytest.fixture
def database(ready_database: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite database of this test's own, at the newest revision; no MLflow store, which would take seconds."""
    path = tmp_path / "own" / "state.db"
    path.parent.mkdir()
    shutil.copy(ready_database, path)
    with Database.open(url=f"sqlite:///{path}") as opened:
        yield opened
