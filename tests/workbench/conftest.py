"""A database that is ready and empty, without the MLflow store that the fixture `stores` takes seconds to make."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopr.storage.database import Database


@pytest.fixture(scope="session")
def _ready_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "state.db"
    Database.open(url=f"sqlite:///{path}").close()
    return path


@pytest.fixture
def database(_ready_database: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite database of this test's own, at the newest revision."""
    path = tmp_path / "own" / "state.db"
    path.parent.mkdir()
    shutil.copy(_ready_database, path)
    with Database.open(url=f"sqlite:///{path}") as opened:
        yield opened
