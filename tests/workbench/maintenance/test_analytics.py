"""The reports' sections on what shoppers did and met, against figures counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.workbench.maintenance.analytics import calls, engagement, errors, speed
from shopr.workbench.maintenance.parts import Context, Level, Period
from shopr.workbench.maintenance.sections import SECTIONS
from tests.app.happenings import happened


@pytest.fixture
def house(settings: Settings) -> Settings:
    happened(settings)
    return settings


def about(settings: Settings, cadence: str, day: date) -> Context:
    clock = ManualClock(datetime(2026, 3, 16, tzinfo=UTC))
    return Context(settings, "demo", Period.containing(cadence, day, "UTC"), clock)


def test_a_week_beside_the_week_before(house: Settings) -> None:
    week = about(house, "weekly", date(2026, 3, 12))
    part = engagement(week)
    assert part.table is not None
    table = part.table.set_index("measure")
    assert table.loc["sessions", ["period", "before"]].tolist() == [140, 140]
    assert table.loc["average order", "period"] == 25.0
    assert part.level is Level.OK
    assert part.metrics["sessions"] == 140
    failed = errors(week)
    assert failed.table is not None
    (row,) = failed.table.to_dict("records")
    assert (row["name"], row["state"]) == ("TypeError", "known")
    assert row["errors"] > 0
    assert "1 group" in failed.finding
    fast = speed(week)
    assert fast.table is not None
    assert set(fast.table["measure"]) == {"LCP (ms)", "CLS"}
    routes = calls(week)
    assert routes.metrics["calls"] == 140
    assert routes.level is Level.ATTENTION  # one call of ten fails
    assert "/v1/recommend" in routes.finding


def test_a_day_in_which_few_came_is_pointed_out(house: Settings) -> None:
    part = engagement(about(house, "weekly", date(2026, 3, 17)))
    assert part.level is Level.ATTENTION
    assert part.finding.startswith("only 0 shoppers")


def test_an_empty_store_says_so(settings: Settings) -> None:
    day = about(settings, "daily", date(2026, 3, 12))
    for section in (engagement, errors, speed, calls):
        assert section(day).level is Level.EMPTY


def test_every_report_that_should_has_them() -> None:
    for name in ("engagement", "errors", "speed", "calls"):
        assert "daily" in SECTIONS[name].cadences
