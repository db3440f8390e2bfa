"""What the tests of security share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.security.access_book import AccessBook
from shopr.security.crypto import Cipher
from shopr.security.crypto_datakeys import DataKeys, Tombstones
from shopr.security.crypto_keyring import Keyring
from shopr.security.state import MemoryState, SqlState, State
from shopr.security.state_redis import RedisState, connect
from shopr.security.watch import Watch
from shopr.storage import Database
from tests import redis_server


@pytest.fixture
def ready(settings: Settings, ready_database: Path) -> Settings:
    """The settings of this test, with a database that is ready and empty."""
    settings.home.mkdir(parents=True, exist_ok=True)
    for part in ready_database.parent.glob("state.db*"):
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


@pytest.fixture
def watch(database: Database, clock: ManualClock) -> Watch:
    """The watch of the shop "demo"."""
    return Watch(database, "demo", clock=clock)


@pytest.fixture
def book(database: Database, clock: ManualClock) -> AccessBook:
    """Access lists, empty."""
    return AccessBook(database, clock=clock)


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[str]:
    given = os.environ.get("SHOPR_TEST_REDIS_URL")
    if given:
        yield given
        return
    if shutil.which("redis-server") is None:
        pytest.skip(redis_server.ABSENT)
    with redis_server.server() as url:
        yield url


@pytest.fixture
def redis_url(_redis_server: str) -> str:
    """The URL of a real Redis, empty."""
    import redis

    with redis.Redis.from_url(_redis_server) as client:
        client.flushdb()
    return _redis_server


@pytest.fixture(params=["memory", "sqlite", "redis", "postgresql"])
def anywhere(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[State]:
    """Each kind of state in turn. Those in memory and SQLite go by the manual clock, servers by their own."""
    if request.param == "memory":
        yield MemoryState(clock=clock)
    elif request.param == "redis":
        yield RedisState(connect(request.getfixturevalue("redis_url")))
    elif request.param == "sqlite":
        yield SqlState(request.getfixturevalue("database"), clock=clock)
    else:
        with Database.open(url=request.getfixturevalue("postgres_url")) as opened:
            yield SqlState(opened, clock=clock)
