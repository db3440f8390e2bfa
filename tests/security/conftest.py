"""What the tests of security share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.security.crypto import Cipher
from shopr.security.crypto_datakeys import DataKeys, Tombstones
from shopr.security.crypto_keyring import Keyring
from shopr.storage import Database


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is ready and empty, to be copied: without MLflow's store, which takes seconds."""
    path = tmp_path_factory.mktemp("security") / "state.db"
    Database.open(url=f"sqlite:///{path}").close()
    return path


@pytest.fixture
def ready(settings: Settings, _empty_database: Path) -> Settings:
    """The settings of this test, with a database that is ready and empty."""
    settings.home.mkdir(parents=True, exist_ok=True)
    for part in _empty_database.parent.glob("state.db*"):
        shutil.copy(part, settings.home / part.name)
    return settings


@pytest.fixture
def database(ready: Settings) -> Iterator[Database]:
    """An empty database, ready."""
    with Database.open(ready) as opened:
        yield opened


@pytest.fixture
def cipher(database: Database, clock: ManualClock, tmp_path: Path) -> Cipher:
    """A cipher with a keyring in memory."""
    keys = DataKeys(database, Keyring.generate(clock=clock), Tombstones(tmp_path / "keys" / "erased.txt"), clock=clock)
    return Cipher(keys)
