"""Every long-lived process watches for alerts; one of them answers."""

from __future__ import annotations

import sys

import pytest

from shopr.analytics.alerts.raised import Alerts
from shopr.storage.database import Database
from shopr.tracking import watcher
from shopr.tracking.watcher import Response
from shopr.workbench.running import settling
from shopr.workbench.running.settling import ModelWatch, watching
from tests.waiting import PATIENCE


@pytest.fixture
def answers(monkeypatch):
    """How often the alerts were answered; each time all of them."""
    calls = []

    def respond(settings, *, clock):
        alerts = Alerts(Database.open(settings))
        found = [Response(a["id"], "none", "seen") for a in alerts.open()]
        for one in found:
            alerts.close(one.alert_id, one.outcome)
        calls.append(len(found))
        return found

    monkeypatch.setattr(watcher, "respond", respond)
    return calls


def test_one_of_two_processes_answers_and_the_other_follows(stores, answers, caplog):
    alerts = Alerts(Database.open(stores))
    first, second = ModelWatch(stores), ModelWatch(stores)
    assert (first.look(), second.look(), answers) == (0, 0, [])
    alerts.raise_alert("errors", "many")
    assert (second.look(), first.look(), answers) == (0, 1, [1])
    assert "seen" in caplog.text
    alerts.raise_alert("errors", "again")
    first.close()
    assert (second.look(), answers) == (1, [1, 1])
    second.close()


def test_the_watch_of_a_process_answers_alerts_and_gives_its_lease_back(stores, answers, monkeypatch):
    monkeypatch.setattr(settling, "HEARTBEAT_SECONDS", 0.001)
    monkeypatch.setattr(settling, "_ALERT_BEATS", 1)
    answered = settling.threading.Event()
    real = ModelWatch.look

    def look(self):
        found = real(self)
        if found:
            answered.set()
        return found

    monkeypatch.setattr(ModelWatch, "look", look)
    Alerts(Database.open(stores)).raise_alert("errors", "many")
    with watching(stores):
        assert answered.wait(PATIENCE)
    for thread in settling.threading.enumerate():
        if thread.name == "shopr-watch":
            thread.join(PATIENCE)
    other = ModelWatch(stores)
    assert other._lease.hold()
    other.close()


def test_without_alerts_mlflow_is_not_imported(stores, monkeypatch):
    monkeypatch.delitem(sys.modules, "shopr.tracking.watcher", raising=False)
    watch = ModelWatch(stores)
    assert watch.look() == 0
    assert "shopr.tracking.watcher" not in sys.modules
    watch.close()


def test_a_process_that_stays_evaluates_the_alert_rules_and_gives_their_lease_back(stores, monkeypatch):
    from shopr.analytics.alerts.watch import AlertWatch

    monkeypatch.setattr(settling, "_RULE_SECONDS", 0.001)
    looked, real = settling.threading.Event(), AlertWatch.look

    def look(self, ending=bool):
        found = real(self, ending)
        if found.led:
            looked.set()
        return found

    monkeypatch.setattr(AlertWatch, "look", look)
    with watching(stores):
        assert looked.wait(PATIENCE)
    for thread in settling.threading.enumerate():
        if thread.name == "shopr-alerts":
            thread.join(PATIENCE)
    assert not (stores.home / "events.db").exists()  # to look for events makes no store
    other = AlertWatch(stores)
    assert other.look().led
    other.close()


def test_the_watch_has_ended_when_the_block_has(stores, monkeypatch):
    """A thread that is in compiled code when the interpreter ends aborts the process, whatever its exit status was."""
    from shopr.analytics.alerts.watch import AlertWatch, Looked

    monkeypatch.setattr(settling, "_RULE_SECONDS", 0.001)
    looking, ended = settling.threading.Event(), []

    def look(self, ending=bool):
        looking.set()
        settling._Watch.end.wait(PATIENCE)
        ended.append(ending())
        return Looked(False)

    monkeypatch.setattr(AlertWatch, "look", look)
    with watching(stores):
        assert looking.wait(PATIENCE)
    assert ended == [True]
    assert not {"shopr-alerts", "shopr-watch"} & {thread.name for thread in settling.threading.enumerate()}
