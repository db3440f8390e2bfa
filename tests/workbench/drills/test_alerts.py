"""The drill that alert rules are tried on: the same for the same seed, with what it says it has in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopr.analytics.alerts.backtest import backtest
from shopr.analytics.alerts.rulebook import shipped
from shopr.errors import InputError
from shopr.workbench.drills.alerts import drill
from shopr.workbench.drills.incidents import KINDS

LOUD = ("outage", "latency step", "threat burst")


def test_incidents_are_laid_where_it_says_and_rules_notice_them():
    played = drill(3, weeks=2, warm_up=5, visits_a_day=150, kinds=LOUD)
    assert sorted(i.kind for i in played.incidents) == sorted(LOUD)
    assert all(played.start < i.start < i.end < played.end for i in played.incidents)
    names = {name for kind in LOUD for name in (*KINDS[kind].rules, *KINDS[kind].may)}
    rules = [rule for rule in shipped().enabled if rule.name in names]
    found = backtest(rules, played.events, played.start, played.end, incidents=played.incidents)
    noticed = found.detections().dropna()
    assert set(noticed["rule"]) >= {"slow_responses", "threat_burst"}
    assert found.table()["false_alarms"].sum() <= 1


def test_the_same_seed_gives_the_same_weeks_and_none_gives_quiet_ones():
    one, two = (drill(4, weeks=1, warm_up=1, visits_a_day=60, kinds=()) for _ in range(2))
    assert one.events.table.equals(two.events.table)
    assert one.incidents == ()
    assert one.end - one.start == timedelta(days=6)


def test_more_incidents_than_fit_are_refused():
    with pytest.raises(InputError, match="13 incidents do not fit into 20 days"):
        drill(4, weeks=3, warm_up=1, visits_a_day=60)


def test_every_kind_names_rules_that_are_shipped():
    known = shipped().rules
    assert {name for kind in KINDS.values() for name in (*kind.rules, *kind.may)} <= set(known)
    assert {name for kind in KINDS.values() for name in kind.rules} == set(known)
