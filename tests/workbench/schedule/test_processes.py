"""Schedulers as real processes: a year with changes of clocks, down time and kills.

Each day of it, in all zones, is `python benchmarks/schedule.py --year`.
"""

from __future__ import annotations

import os
from datetime import UTC, timedelta
from itertools import pairwise

import pytest

from benchmarks.schedule_year import SPRING, YEAR, Machine, at, expected, jobs
from shopr.storage.database import Database


@pytest.mark.parametrize(("kind", "up"), [("sqlite", YEAR), ("postgresql", SPRING)])
def test_two_schedulers_with_down_time_and_kills_run_exactly_what_is_due(kind, up, database, tmp_path, request):
    url = str(database.engine.url) if kind == "sqlite" else request.getfixturevalue("postgres_url")
    Database.open(url=url).close()
    machine = Machine(tmp_path, url)
    deaths = [4, 4]  # of the first two that lead; those who follow take over what they left
    killed = sum(machine.play(start, end, deaths) for start, end in up)
    assert killed == 2
    assert machine.problems(up) == []
    assert machine.runs > (400 if up is YEAR else 20)


def test_the_expectation_covers_the_changes_of_clocks():
    due = expected(jobs()["berlin"], jobs(), YEAR)
    assert len(due) == 104
    assert at("2026-03-29 01:00") in due  # 02:30 does not exist in Berlin then
    assert at("2026-10-25 00:30") in due  # while nobody ran
    assert at("2026-10-25 01:30") not in due
    gaps = [b - a for a, b in pairwise(expected(jobs()["york"], jobs(), YEAR))]
    week = timedelta(days=7)
    assert {week - timedelta(minutes=30), week, week + timedelta(hours=1)} <= set(gaps)
    assert os.environ.get("TZ") is None
    assert all(t.tzinfo == UTC for t in due)
