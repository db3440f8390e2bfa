"""Rate limits: exact moving windows, by every clock trick and from many threads and processes at once."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import UnknownNameError
from shopr.security.limits import LimitConfig, Limits, RedisWindows, StateWindows, Windows
from shopr.security.principal import Principal
from shopr.security.state import MemoryState, SqlState, State
from shopr.security.state_redis import RedisState, connect
from shopr.storage import Database

ANN = Principal.of(user="ann", session="s1", address="203.0.113.7")


def windows_of(state: State) -> Windows:
    return RedisWindows(state) if isinstance(state, RedisState) else StateWindows(state)


@pytest.fixture
def limits(clock: ManualClock) -> Limits:
    return Limits(StateWindows(MemoryState(clock=clock)))


@pytest.mark.parametrize(("kind", "most"), [("text", 30), ("image", 10), ("voice", 20)])
def test_the_usual_limits_hold_by_kind(limits: Limits, kind: str, most: int) -> None:
    answers = [limits.hit(kind, ANN) for _ in range(most + 5)]
    assert [a.allowed for a in answers] == [True] * most + [False] * 5
    assert [a.remaining for a in answers[:3]] == [most - 1, most - 2, most - 3]
    assert limits.hit("text" if kind != "text" else "image", ANN).allowed


def test_the_settings_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_RATE_IMAGE", "2")
    config = LimitConfig.of(Settings())
    assert (config.per_window["text"], config.per_window["image"], config.per_window["voice"]) == (30, 2, 20)


def test_an_unknown_kind_is_refused(limits: Limits) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'text'"):
        limits.hit("texts", ANN)


def test_a_place_is_free_the_moment_its_hit_leaves_the_window(limits: Limits, clock: ManualClock) -> None:
    for _ in range(10):
        assert limits.hit("image", ANN).allowed
        clock.advance(2)
    refused = limits.hit("image", ANN)
    assert not refused.allowed
    assert refused.reset_after == pytest.approx(40)
    clock.advance(39.99)
    assert not limits.hit("image", ANN).allowed
    clock.advance(0.02)
    assert limits.hit("image", ANN).allowed
    assert not limits.hit("image", ANN).allowed
    clock.advance(60)
    assert limits.look("image", ANN).remaining == 10


@given(gaps=st.lists(st.floats(0, 30), min_size=1, max_size=120))
def test_no_window_holds_more_than_the_limit_and_no_hit_is_refused_without_need(gaps: list[float]) -> None:
    clock = ManualClock()
    limits = Limits(StateWindows(MemoryState(clock=clock)), LimitConfig(per_window={"text": 5}))
    taken: list[float] = []
    for gap in gaps:
        clock.advance(gap)
        now = clock.monotonic()
        held = sum(now - 60 < time for time in taken)
        allowed = limits.hit("text", ANN).allowed
        assert allowed is (held < 5)
        if allowed:
            taken.append(now)


def test_a_wall_clock_that_is_set_back_and_forth_changes_nothing(limits: Limits, clock: ManualClock) -> None:
    for number in range(30):
        clock.set_wall(datetime(2026 + number % 3, 1, 1, tzinfo=UTC))
        assert limits.hit("text", ANN).allowed
    for year in (2020, 2030, 2025):
        clock.set_wall(datetime(year, 1, 1, tzinfo=UTC))
        refused = limits.hit("text", ANN)
        assert not refused.allowed
        assert refused.reset_after == pytest.approx(60)


def test_each_dimension_is_limited_by_itself(limits: Limits) -> None:
    assert all(limits.hit("image", Principal(user="ann", session=f"s{n}")).allowed for n in range(10))
    refused = limits.hit("image", Principal(user="ann", session="new"))
    assert (refused.allowed, refused.dimension) == (False, "user")
    assert limits.hit("image", Principal(user="bob", session="new")).allowed  # the refused hit did not count for "new"
    assert limits.hit("image", Principal(api_key="k")).allowed


def test_a_network_has_room_for_several_people_but_not_for_any_number(limits: Limits) -> None:
    people = [Principal.of(session=f"s{n}", address="203.0.113.7") for n in range(200)]
    answers = [limits.hit("image", who) for who in people]
    assert sum(a.allowed for a in answers) == 40
    assert answers[-1].dimension == "network"
    nobody = Principal.of(address="203.0.113.8")
    assert sum(limits.hit("image", nobody).allowed for _ in range(20)) == 10


def test_an_ipv6_network_counts_as_one_by_its_first_64_bits(limits: Limits) -> None:
    answers = [limits.hit("image", Principal.of(address=f"2001:db8:1:2::{n:x}")).allowed for n in range(1, 21)]
    assert answers == [True] * 10 + [False] * 10
    assert limits.hit("image", Principal.of(address="2001:db8:1:3::1")).allowed
    for address in ("198.51.100.9", "::ffff:198.51.100.9"):  # one client, written in two ways
        assert sum(limits.hit("image", Principal.of(address=address)).allowed for _ in range(5)) == 5
    assert not limits.hit("image", Principal.of(address="198.51.100.9")).allowed


def test_nobody_is_not_limited(limits: Limits) -> None:
    answer = limits.hit("text", Principal())
    assert answer.allowed
    assert answer.headers() == {}


def test_the_headers_tell_what_is_left_and_when_to_come_back(limits: Limits, clock: ManualClock) -> None:
    first = limits.hit("image", ANN).headers()
    assert first == {"RateLimit-Policy": '"image";q=10;w=60', "RateLimit": '"image";r=9;t=0'}
    for _ in range(9):
        last = limits.hit("image", ANN)
    clock.advance(12.5)
    refused = limits.hit("image", ANN).headers()
    assert last.headers()["RateLimit"].startswith('"image";r=0;t=')
    assert refused == {"RateLimit-Policy": '"image";q=10;w=60', "RateLimit": '"image";r=0;t=48', "Retry-After": "48"}
    assert re.fullmatch(r"[1-9]\d*", refused["Retry-After"])


def test_fifty_threads_on_the_last_slot_get_it_once(anywhere: State) -> None:
    limits = Limits(windows_of(anywhere), LimitConfig(per_window={"text": 10}, window_seconds=3600))
    for _ in range(9):
        assert limits.hit("text", ANN).allowed
    assert sum(_at_once(50, lambda: limits.hit("text", ANN).allowed)) == 1
    assert sum(_at_once(50, lambda: limits.hit("text", Principal(user="bob")).allowed)) == 10


def test_every_store_gives_the_same_answers(anywhere: State) -> None:
    limits = Limits(windows_of(anywhere), LimitConfig(per_window={"text": 3}, window_seconds=3600))
    answers = [limits.hit("text", ANN) for _ in range(5)]
    assert [(a.allowed, a.remaining, a.limit) for a in answers] == [
        (True, 2, 3), (True, 1, 3), (True, 0, 3), (False, 0, 3), (False, 0, 3)]  # fmt: skip
    assert answers[-1].reset_after == pytest.approx(3600, abs=60)
    assert limits.look("text", ANN).allowed is False
    assert limits.look("text", Principal(user="bob")).remaining == 3


PROCESS = """
import sys
from shopr.security.limits import *; from shopr.security.principal import Principal; from shopr.security.state import *
from shopr.security.state_redis import *; from shopr.storage import Database
where = sys.argv[1]
redis = "redis" in where
windows = RedisWindows(RedisState(connect(where))) if redis else StateWindows(SqlState(Database.open(url=where)))
limits = Limits(windows, LimitConfig(per_window={"text": 30}, window_seconds=3600))
print(sum(limits.hit("text", Principal(user="ann", network="203.0.113.7")).allowed for _ in range(40)))
"""


@pytest.mark.parametrize("where", ["redis", "sqlite"])
def test_two_processes_never_double_a_limit(where: str, request: pytest.FixtureRequest) -> None:
    if where == "redis":
        url = request.getfixturevalue("redis_url")
    else:
        url = request.getfixturevalue("database").engine.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS, url], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert sum(int(process.communicate()[0]) for process in processes) == 30


def test_redis_counts_by_its_own_time(redis_url: str) -> None:
    client = connect(redis_url)
    limits = Limits(RedisWindows(RedisState(client)), LimitConfig(per_window={"text": 1}, window_seconds=3600))
    assert limits.hit("text", ANN).allowed
    seconds, _ = client.time()
    (key,) = [k for k in client.keys("*") if b":user:" in k]
    ((_, score),) = client.zrange(key, 0, -1, withscores=True)
    assert score / 1e6 == pytest.approx(seconds, abs=5)
    assert 3500 < client.ttl(key) <= 3601
    assert all(b"ann" not in k and b"203.0" not in k for k in client.keys("*"))
    client.zadd(
        key, {m: score - 3_600_000_000 for m, score in client.zrange(key, 0, -1, withscores=True)}
    )  # an hour on
    for other in [k for k in client.keys("*") if k != key]:
        client.delete(other)
    assert limits.hit("text", ANN).allowed


def test_without_redis_the_process_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(RedisWindows(RedisState(connect("unix:///nowhere/redis.sock"))))
    assert sum(limits.hit("image", ANN).allowed for _ in range(15)) == 10
    assert "counted in this process alone" in caplog.text


def test_a_store_holds_neither_names_nor_addresses(database: Database, clock: ManualClock) -> None:
    Limits(StateWindows(SqlState(database, clock=clock)), pepper=b"p").hit("text", ANN)
    with database.read() as connection:
        keys = [key for (key,) in connection.exec_driver_sql("SELECT key FROM guard_state")]
    assert len(keys) == 3
    assert not any("ann" in key or "203.0" in key for key in keys)


def _at_once(count: int, call: Callable[[], bool]) -> list[bool]:
    barrier, found = threading.Barrier(count), []

    def run() -> None:
        barrier.wait()
        found.append(call())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == count
    return found
