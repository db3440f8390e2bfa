"""The guard's events in figures, counted by hand."""

from __future__ import annotations

from shopr.clock import ManualClock
from shopr.security.principal import Principal
from shopr.security.reading import attempts
from shopr.security.watch import Watch
from shopr.storage import Database


def test_figures_are_those_of_the_time_asked_for(database: Database, clock: ManualClock) -> None:
    watch = Watch(database, "demo", clock=clock)
    one, two = Principal(network="203.0.113.1"), Principal(network="203.0.113.2")
    clock.advance(3600)
    watch.record("verdict", one, classes=("sqli",), rules=("a", "b"))
    clock.advance(86_400)
    watch.record("verdict", one, classes=("sqli",), rules=("a",))
    watch.record("verdict", two, decision="flag", classes=("odd_class",), rules=("c",))
    watch.record("rate", two)
    watch.record("lock", two, seconds=300, lock_key="lock:session:x")
    watch.record("block", one, classes=("probing",), seconds=600)
    Watch(database, "other", clock=clock).record("verdict", one)
    clock.advance(60)
    found = attempts(watch, clock.now(), 1)
    assert found.step == "hour"
    assert len(found.over_time) == 25
    assert (found.over_time["block"].sum(), found.over_time["flag"].sum()) == (1, 1)
    assert found.by_class.to_dict("list") == {
        "class": ["Odd class", "Probing", "SQL injection"], "block": [0, 1, 1], "flag": [1, 0, 0]}  # fmt: skip
    assert found.by_rule.to_dict("list") == {"rule": ["a", "c"], "verdicts": [1, 1]}
    assert list(found.by_network["network"]) == ["203.0.113.1", "203.0.113.2"]
    assert found.counts == {"blocked": 1, "flagged": 1, "rate": 1, "access": 0, "csrf": 0, "locks": 1, "blocks": 1,
                            "sessions": 0}  # fmt: skip
    assert found.before["blocked"] == 1
    week = attempts(watch, clock.now(), 7)
    assert (week.step, len(week.over_time)) == ("day", 8)
    assert week.counts["blocked"] == 2


def test_a_time_without_events_is_all_zeros(database: Database, clock: ManualClock) -> None:
    found = attempts(Watch(database, "demo", clock=clock), clock.now(), 30)
    assert len(found.over_time) == 31
    assert found.over_time[["block", "flag"]].to_numpy().sum() == 0
    assert found.by_class.empty
    assert found.by_rule.empty
    assert found.by_network.empty
    assert set(found.counts.values()) == {0}
