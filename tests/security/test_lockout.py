"""Lockout: exactly at the fifth failure, longer each time, and never somebody else."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from shopr.clock import ManualClock
from shopr.security.lockout import Lockout, LockoutConfig
from shopr.security.principal import Principal
from shopr.security.state import MemoryState, State

MALLORY = Principal.of(user="ann", address="198.51.100.66")  # tries Ann's account
ANN = Principal.of(user="ann", address="203.0.113.7")


@pytest.fixture
def lockout(clock: ManualClock) -> Lockout:
    return Lockout(MemoryState(clock=clock))


def fail(lockout: Lockout, who: Principal, times: int = 5) -> list[bool]:
    return [lockout.failure(who) is not None for _ in range(times)]


def test_the_fifth_failure_locks_for_300_seconds(lockout: Lockout, clock: ManualClock) -> None:
    assert fail(lockout, MALLORY, 4) == [False] * 4
    assert lockout.locked(MALLORY) is None
    made = lockout.failure(MALLORY)
    assert made is not None
    assert (made.scope, made.seconds_left, made.level, made.retry_after) == ("user", 300.0, 1, "300")
    clock.advance(299.5)
    held = lockout.locked(MALLORY)
    assert held is not None
    assert held.retry_after == "1"
    clock.advance(0.6)
    assert lockout.locked(MALLORY) is None


def test_each_further_lock_is_twice_as_long_up_to_a_day(lockout: Lockout, clock: ManualClock) -> None:
    lengths = []
    for _ in range(12):
        fail(lockout, MALLORY)
        held = lockout.locked(MALLORY)
        assert held is not None
        lengths.append(held.seconds_left)
        clock.advance(held.seconds_left + 1)
    assert lengths[:5] == [300, 600, 1200, 2400, 4800]
    assert lengths[-1] == 86_400


def test_a_quiet_day_forgets_the_locks_before(lockout: Lockout, clock: ManualClock) -> None:
    fail(lockout, MALLORY)
    clock.advance(300 + 86_401)
    fail(lockout, MALLORY)
    held = lockout.locked(MALLORY)
    assert held is not None
    assert held.seconds_left == 300


def test_failures_while_locked_do_not_lengthen_the_lock(lockout: Lockout, clock: ManualClock) -> None:
    fail(lockout, MALLORY)
    assert fail(lockout, MALLORY, 50) == [False] * 50
    clock.advance(301)
    assert lockout.locked(MALLORY) is None
    assert fail(lockout, MALLORY) == [False] * 4 + [True]


def test_nobody_can_lock_out_the_owner_of_an_account(lockout: Lockout) -> None:
    fail(lockout, MALLORY, 500)
    assert lockout.locked(MALLORY)
    assert lockout.locked(ANN) is None


def test_an_account_tried_from_many_networks_lets_its_own_networks_in(lockout: Lockout, clock: ManualClock) -> None:
    lockout.success(ANN)
    for number in range(60):  # a botnet: one try from each address, so no pair ever fails five times
        lockout.failure(Principal.of(user="ann", address=f"198.51.100.{number}"))
    fresh = Principal.of(user="ann", address="192.0.2.1")
    held = lockout.locked(fresh)
    assert held is not None
    assert held.scope == "guarded"
    assert lockout.locked(ANN) is None
    assert lockout.locked(Principal.of(user="bob", address="192.0.2.1")) is None
    clock.advance(3601)
    assert lockout.locked(fresh) is None


def test_a_session_locks_itself_alone(lockout: Lockout) -> None:
    bad, good = (Principal.of(session=name, address="203.0.113.7") for name in ("bad", "good"))
    fail(lockout, bad)
    assert lockout.locked(bad)
    assert lockout.locked(good) is None  # the same network: a household, an office, a carrier
    assert lockout.locked(Principal.of(address="203.0.113.7")) is None
    assert lockout.locked(Principal.of(session="bad", address="192.0.2.1"))  # moving does not help


def test_a_network_without_sessions_locks_only_those_without(lockout: Lockout) -> None:
    nobody = Principal.of(address="2001:db8::1")
    fail(lockout, nobody)
    assert lockout.locked(Principal.of(address="2001:db8::2"))  # the same /64
    assert lockout.locked(Principal.of(address="2001:db8:0:1::2")) is None
    assert lockout.locked(Principal.of(session="s", address="2001:db8::1")) is None
    assert lockout.locked(Principal()) is None
    assert lockout.failure(Principal()) is None


def test_a_bad_key_locks_that_key_on_that_network(lockout: Lockout) -> None:
    guess = Principal.of(api_key="k1", address="198.51.100.66")
    fail(lockout, guess)
    assert lockout.locked(guess)
    assert lockout.locked(Principal.of(api_key="k1", address="203.0.113.7")) is None


def test_a_success_forgets_the_failures(lockout: Lockout) -> None:
    for _ in range(3):
        fail(lockout, ANN, 4)
        lockout.success(ANN)
    assert fail(lockout, ANN, 4) == [False] * 4


def test_parts_of_a_pair_cannot_flow_into_each_other(lockout: Lockout) -> None:
    fail(lockout, Principal(user="ann1", network="0.0.0.1"))
    assert lockout.locked(Principal(user="ann", network="10.0.0.1")) is None


def test_an_operator_can_lift_a_lock(lockout: Lockout) -> None:
    fail(lockout, MALLORY)
    held = lockout.locked(MALLORY)
    assert held is not None
    assert lockout.lift(held.key)
    assert lockout.locked(MALLORY) is None
    assert not lockout.lift(held.key)


def test_a_wall_clock_that_is_set_changes_nothing(lockout: Lockout, clock: ManualClock) -> None:
    fail(lockout, MALLORY)
    for year in (2020, 2040):
        clock.set_wall(datetime(year, 1, 1, tzinfo=UTC))
        held = lockout.locked(MALLORY)
        assert held is not None
        assert held.seconds_left == 300


def test_fifty_threads_on_the_fifth_failure_make_one_lock(anywhere: State) -> None:
    lockout = Lockout(anywhere, LockoutConfig(seconds=3600))
    fail(lockout, MALLORY, 4)
    barrier, made = threading.Barrier(50), []

    def run() -> None:
        barrier.wait()
        made.append(lockout.failure(MALLORY))

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 50
    assert sum(lock is not None for lock in made) == 1
    held = lockout.locked(MALLORY)
    assert held is not None
    assert held.level == 1
    assert held.seconds_left == pytest.approx(3600, abs=60)
