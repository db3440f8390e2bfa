"""Commerce on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopr.clock import ManualClock
from shopr.commerce import Commerce
from shopr.storage import Database
from tests.commerce.shop import ANN, Shelf, commerce


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is ready and empty: its migrations take a second, a copy takes none."""
    folder = tmp_path_factory.mktemp("commerce")
    Database.open(url=f"sqlite:///{folder / 'state.db'}").close()
    return folder


@pytest.fixture
def database(_empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    for part in _empty_database.glob("state.db*"):
        shutil.copy(part, tmp_path / part.name)
    with Database.open(url=f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of each kind in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    with Database.open(url=request.getfixturevalue("postgres_url")) as opened:
        yield opened


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def shop(database: Database, clock: ManualClock, shelf: Shelf) -> Commerce:
    """The small shop, with Ann as its customer."""
    made = commerce(database, clock, shelf)
    made.customers.put([ANN])
    return made
