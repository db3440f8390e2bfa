"""Clocks: UTC, monotonic time that no one sets back, and a manual one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shopr.clock import Clock, ManualClock, SystemClock


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()])
def test_both_are_clocks_in_utc(clock: Clock) -> None:
    assert isinstance(clock, Clock)
    assert clock.now().utcoffset() == timedelta(0)


def test_the_system_clock_never_runs_backwards() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_manual_clock_stands_until_told() -> None:
    clock = ManualClock(datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == clock.now() == datetime(2026, 1, 1, 10, tzinfo=UTC)
    clock.advance(90)
    assert clock.now() == datetime(2026, 1, 1, 10, 1, 30, tzinfo=UTC)
    assert clock.monotonic() == 90


def test_setting_the_wall_leaves_monotonic_time_alone() -> None:
    clock = ManualClock()
    clock.advance(10)
    clock.set_wall(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2020
    assert clock.monotonic() == 10


def test_a_clock_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="runs forwards: -1"):
        ManualClock().advance(-1)
