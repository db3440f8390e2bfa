"""State that threads and processes share: nothing is lost, nothing outlives its time."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from shopr.clock import ManualClock
from shopr.errors import StorageError
from shopr.security.state import MemoryState, SqlState, State, Values
from shopr.security.state_redis import RedisState, connect
from shopr.storage import Database


def add_one(values: Values, now: float) -> tuple[Values, int]:
    after = [str(int(value or b"0") + 1).encode() for value in values]
    return list(after), int(after[0])


def test_values_are_kept_changed_and_removed(anywhere: State) -> None:
    assert anywhere.update(["a", "b"], add_one, ttl=60) == 1
    assert anywhere.update(["a"], add_one, ttl=60) == 2
    assert anywhere.read(["a", "b", "c"])[0] == [b"2", b"1", None]
    assert anywhere.update(["a"], lambda values, now: ([None], values[0]), ttl=60) == b"2"
    assert anywhere.read(["a"])[0] == [None]


def test_fifty_threads_lose_no_step(anywhere: State) -> None:
    barrier, seen = threading.Barrier(50), []

    def step() -> None:
        barrier.wait()
        seen.append(anywhere.update(["n"], add_one, ttl=60))

    threads = [threading.Thread(target=step) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 51))


def test_a_value_ends_with_its_time(clock: ManualClock, database: Database) -> None:
    for state in (MemoryState(clock=clock), SqlState(database, clock=clock)):
        state.update(["a"], add_one, ttl=10)
        clock.advance(9.9)
        assert state.read(["a"])[0] == [b"1"]
        clock.advance(0.2)
        assert state.read(["a"])[0] == [None]
        assert state.update(["a"], add_one, ttl=10) == 1


def test_a_restart_of_the_machine_drops_what_its_old_clock_dated(database: Database) -> None:
    before, after = ManualClock(), ManualClock()
    before.advance(1e6)
    SqlState(database, clock=before, boot="one").update(["a"], add_one, ttl=3600)
    assert SqlState(database, clock=after, boot="two").read(["a"])[0] == [None]


def test_a_flood_of_keys_does_not_fill_the_memory(clock: ManualClock) -> None:
    state = MemoryState(clock=clock, most=1000)
    for number in range(5000):
        clock.advance(0.001)
        state.update([f"k{number}"], add_one, ttl=60)
    assert len(state) <= 1001
    assert state.read(["k4999"])[0] == [b"1"]


def test_two_processes_share_one_sqlite_file(database: Database) -> None:
    script = (
        "import sys; from shopr.storage import Database; from shopr.security.state import SqlState\n"
        "s = SqlState(Database.open(url=sys.argv[1]))\n"
        "step = lambda v, now: ([str(int(v[0] or b'0') + 1).encode()], None)\n"
        "for _ in range(40): s.update(['n'], step, ttl=600)"
    )
    url = database.engine.url.render_as_string(hide_password=False)
    processes = [subprocess.Popen([sys.executable, "-c", script, url]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert SqlState(database).read(["n"])[0] == [b"80"]


def test_a_redis_that_is_not_there_is_a_storage_error() -> None:
    state = RedisState(connect("unix:///nowhere/redis.sock"))
    with pytest.raises(StorageError, match="SHOPR_REDIS_URL"):
        state.update(["a"], add_one, ttl=1)
