"""The shop in which the tests of the assistant talk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shopr.storage import Database
from tests.chat.shop import Talk


@pytest.fixture(scope="session")
def ready_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is ready and empty: its migrations take a second, a copy takes none."""
    folder = tmp_path_factory.mktemp("chat")
    Database.open(url=f"sqlite:///{folder / 'state.db'}").close()
    return folder


@pytest.fixture
def talk(tmp_path: Path, ready_database: Path) -> Iterator[Talk]:
    """A shop to talk in."""
    opened = Talk.start(tmp_path, ready_database)
    yield opened
    opened.database.close()
