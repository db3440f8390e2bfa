"""`shopr alerts`: from a rule to an alert to what people do about it, and rules tried out on a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.analytics.alerts.conftest import only
from tests.analytics.alerts.receiver import receiving
from tests.calling import typed

run = typed()

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    """Four hours of calls, three a minute; half of them fail between 10:00 and 10:30."""
    path = tmp_path / "events.jsonl"
    lines = []
    for second in range(0, 4 * 3600, 20):
        when = START + timedelta(seconds=second)
        bad = "10:00" <= f"{when:%H:%M}" < "10:30" and second % 40
        properties = {"name": "/x", "value": 90.0, "status": 503 if bad else 200}
        lines.append(
            {"event_id": f"e{second}", "type": "api_called", "time": when.isoformat(), "properties": properties}
        )
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_rules_are_tried_out_on_a_file(capsys, stores, file, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(only())
    incidents = tmp_path / "incidents.csv"
    incidents.write_text("kind,start,end,rules\nrelease,2026-03-02 10:00,2026-03-02 10:30,failing\n")
    common = ("alerts", "backtest", "failing", "--events", file, "--rules", rules)
    status, out, _ = run(capsys, *common, "--incidents", incidents, "--json")
    assert status == 0
    found = json.loads(out)
    (row,) = found["rules"]
    assert (row["alerts"], row["false_alarms"], row["incidents"], row["detected"]) == (1, 0, 1, 1)
    assert row["delay_worst"] == 5.0
    assert found["alerts"][0]["incident"] == "release"
    _, out, _ = run(capsys, *common, "--list")
    assert "Without --incidents nobody can say" in out
    assert "2026-03-02 10:05:00" in out
    incidents.write_text("kind,start,end,rules\nrelease,yesterday,today,failing\n")
    status, _, err = run(capsys, *common, "--incidents", incidents)
    assert (status, "line 2" in err) == (2, True)
    status, _, err = run(capsys, "alerts", "backtest", "faling", "--events", file, "--rules", rules)
    assert (status, "Did you mean 'failing'" in err) == (2, True)


def test_without_events_there_is_nothing_to_try_on(capsys, stores):
    status, _, err = run(capsys, "alerts", "backtest")
    assert (status, "shopr events load" in err) == (1, True)


def test_rules_are_checked_listed_and_shown(capsys, stores, tmp_path):
    assert "14 rules are in force, 0 channels: all is sound." in run(capsys, "alerts", "rules")[1]
    assert "objective: 0.995" in run(capsys, "alerts", "rules", "error_budget")[1]
    assert len(json.loads(run(capsys, "alerts", "rules", "--json")[1])["rules"]) == 14
    bad = tmp_path / "bad.yaml"
    bad.write_text("rules:\n  outage: {fro: 5m}\n")
    status, _, err = run(capsys, "alerts", "rules", "--rules", bad)
    assert status == 2
    assert "line 2" in err
    assert "Did you mean 'for'" in err


def test_what_people_do_about_an_alert(capsys, stores):
    run(capsys, "alerts", "raise", "payment", "provider is down", "--about", "shop")
    (row,) = json.loads(run(capsys, "alerts", "list", "--open", "--json")[1])["alerts"]
    short = row["id"][:8]
    assert run(capsys, "alerts", "ack", short, "--by", "maria")[1] == "payment is acknowledged by maria.\n"
    assert "acknowledged by maria" in run(capsys, "alerts", "list")[1]
    assert run(capsys, "alerts", "resolve", short, "--reason", "is back", "--by", "maria")[0] == 0
    assert run(capsys, "alerts", "list", "--open")[1] == "No alert is open.\n"
    assert "maria: is back" in run(capsys, "alerts", "list")[1]
    status, _, err = run(capsys, "alerts", "ack", short)
    assert (status, "not open" in err) == (2, True)


def test_silences_are_made_listed_and_ended(capsys, stores):
    assert run(capsys, "alerts", "silence")[1] == "Nothing is silenced.\n"
    made = json.loads(
        run(capsys, "alerts", "silence", "outage", "--hours", "2", "--reason", "release", "--by", "ann", "--json")[1]
    )
    assert made["silences"][0]["created_by"] == "ann"
    assert "release" in run(capsys, "alerts", "silence")[1]
    assert run(capsys, "alerts", "silence", "--end", made["silences"][0]["id"][:8])[1] == "Nothing is silenced.\n"
    status, _, err = run(capsys, "alerts", "silence", "outge", "--reason", "x")
    assert (status, "Did you mean 'outage'" in err) == (2, True)


def test_a_channel_is_tried_and_its_url_never_shown(capsys, stores, tmp_path, monkeypatch):
    rules = tmp_path / "alerts.yaml"
    rules.write_text("channels:\n  ops: {url_env: OPS_HOOK}\n")
    with receiving() as receiver:
        monkeypatch.setenv("OPS_HOOK", f"json://127.0.0.1:{receiver.port}/tok-secret")
        status, out, _ = run(capsys, "alerts", "test-channel", "ops", "--rules", rules)
        assert (status, out) == (0, "Channel ops took a test notice.\n")
        assert receiver.got[0][2]["title"] == "[TEST] Shopr"
        receiver.answers = [500]
        status, out, err = run(capsys, "alerts", "test-channel", "ops", "--rules", rules)
    assert status == 1
    assert "did not take it" in err
    assert "tok-secret" not in out + err
    status, _, err = run(capsys, "alerts", "test-channel", "opps", "--rules", rules)
    assert (status, "Did you mean 'ops'" in err) == (2, True)


def test_rules_are_evaluated_once_by_hand(capsys, stores, file):
    assert run(capsys, "events", "load", file)[0] == 0
    status, out, _ = run(capsys, "alerts", "evaluate")
    assert status == 0
    assert "14 rules evaluated: 0 alerts fired" in out
    found = json.loads(run(capsys, "alerts", "evaluate", "--json")[1])
    assert found["looked"]["led"]
    assert {row["rule"] for row in found["states"]} >= {"outage", "error_rate"}
