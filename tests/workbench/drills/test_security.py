"""The tables of the security report, counted by hand, and the played week at the doors."""

from __future__ import annotations

import pandas as pd
import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import InputError
from shopr.security.training.corpus import Row
from shopr.shop import Shop
from shopr.workbench.drills.security import detection, drift, false_alarms, judged, misses, pooled, stopped
from shopr.workbench.drills.traffic import ROLES, START, messages, play


def table() -> pd.DataFrame:
    rows = [
        ("a", True, "sql", "block", 0.99),
        ("b", True, "sql", "flag", 0.6),
        ("c", True, "xss", "allow", 0.1),
        ("d", False, "chat", "allow", 0.0),
        ("e", False, "chat", "block", 0.9),
        ("f" * 200, False, "hard", "flag", 0.5),
    ]
    return pd.DataFrame(rows, columns=["text", "attack", "kind", "decision", "score"])


def test_shares_are_counted_by_class_and_kind() -> None:
    found = detection(table()).set_index("class")
    assert found.loc["SQL injection", ["texts", "blocked", "flagged"]].tolist() == [2, 0.5, 1.0]
    assert found.loc["Script injection", ["blocked", "flagged"]].tolist() == [0.0, 0.0]
    assert found.loc["SQL injection", "low"] == pytest.approx(0.0945, abs=1e-3)  # Wilson's interval of 1 in 2
    alarms = false_alarms(table()).set_index("kind")
    assert alarms.loc["chat", ["texts", "blocked", "flagged"]].tolist() == [2, 0.5, 0.5]
    assert pooled(table())["blocked"].tolist() == [1 / 3, 1 / 3]


def test_the_worst_misses_come_first_and_long_texts_are_cut() -> None:
    found = misses(table(), 5)
    assert found["truth"].tolist() == ["attack", "attack", "harmless", "harmless"]
    assert found["score"].tolist() == [0.1, 0.6, 0.9, 0.5]
    assert found["text"].str.len().max() == 88


def test_a_change_of_texts_is_drift_and_none_is_none() -> None:
    days = pd.date_range("2026-01-05", periods=3, freq="D", tz="UTC")
    scores = [0.01 + 0.001 * (n % 40) for n in range(200)]
    reference = pd.DataFrame({"attack": False, "score": scores})
    played = pd.DataFrame(
        {
            "time": [days[0]] * 200 + [days[1]] * 200 + [days[2]] * 5,
            "kind": "message",
            "stopped_by": "",
            "decision": "allow",
            "score": [*scores, *(s + 0.3 for s in scores), *scores[:5]],
        }
    )
    found = drift(played, reference)
    assert found["messages"].tolist() == [200, 200]
    assert found["psi"][0] < 0.01
    assert found["psi"][1] > 0.25


def test_texts_are_judged_with_their_truth() -> None:
    rows = [Row("1' union select password from users --", True, "sql", "x"), Row("a blue mug", False, "chat", "x")]
    assert judged(rows)["decision"].tolist() == ["block", "allow"]
    with pytest.raises(InputError):
        messages(0, 5, seed=1)


def test_a_week_at_the_doors_stops_attackers_and_lets_shoppers_through() -> None:
    rows = messages(6, 12, seed=42)
    clock = ManualClock(START)
    doors = Shop.open(Settings.sandbox(), clock=clock).security
    played = play(doors, clock, rows, shoppers=8, others=1, days=2, seed=42)
    assert set(played["role"]) == set(ROLES)
    assert played["time"].is_monotonic_increasing
    found = stopped(played).set_index("role")
    assert found.loc["shopper", "callers_stopped"] == 0
    assert found.loc["shopper", "through"] > 0.9
    for role in ("prober", "stuffer", "scraper", "flooder"):
        assert found.loc[role, "callers_stopped"] == 1, role
    assert found.loc["prober", "through"] < 0.2
    assert found.loc["stuffer", "by access"] > 50
    assert found.loc["flooder", "by limit"] > 30
