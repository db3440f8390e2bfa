"""The watch of a running installation: fires once, survives restarts, tells people, keeps quiet when asked to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from shopr.analytics.alerts.acting import Acting
from shopr.analytics.alerts.book import AlertBook
from shopr.analytics.alerts.raised import Alerts
from shopr.errors import InputError, UnknownNameError
from shopr.storage import Database
from shopr.storage.lease import LeaseLostError
from shopr.storage.tables import alert_rules
from tests.analytics.alerts.conftest import Shop, only

FIRED, ESCALATED, RESOLVED = (
    "ops: [CRITICAL] failing",
    "[CRITICAL, nobody has acknowledged it] failing",
    "ops: [RESOLVED] failing",
)


def rows(shop: Shop) -> list[dict]:
    return Alerts(Database.open(shop.settings)).table().to_dict("records")


def acting(shop: Shop) -> Acting:
    return Acting(Database.open(shop.settings), clock=shop.clock)


def broken(shop: Shop) -> None:
    """Ten good minutes, then failures until the alert fires."""
    shop.minutes(6, good=6, every=6)
    shop.minutes(6, good=3, bad=3, every=2)


def test_an_alert_fires_once_is_told_once_and_resolved(shop):
    broken(shop)
    assert shop.said == [FIRED]
    shop.minutes(5, good=3, bad=3, every=5)
    shop.minutes(14, good=9, every=7)
    assert shop.said == [FIRED, RESOLVED]
    (row,) = rows(shop)
    assert row["kind"] == "failing"
    assert row["about"] == "shop"
    assert row["source"] == "rule"
    assert row["resolution"] == "back within bounds"
    assert row["began_at"] < row["time"] < row["resolved_at"]
    assert "bound 20.0 %" in row["message"]
    assert row["evidence"]["value"] > 0.2
    assert row["evidence"]["worst"] == pytest.approx(0.5)
    assert row["evidence"]["page"] == "experience"
    assert "FROM events" in row["evidence"]["query"]
    body = shop.sent[0][1].body
    assert f"https://shop.example/app/alerts?alert={row['id']}" in body


def test_a_restart_at_any_moment_neither_repeats_nor_loses(shop):
    shop.minutes(6, good=6, every=6)
    for _ in range(6):
        shop.restart()
        shop.minutes(1, good=3, bad=3)
    for _ in range(5):
        shop.restart()
        shop.minutes(3, good=9, every=3)
    assert shop.said == [FIRED, RESOLVED]
    assert len(rows(shop)) == 1


def test_what_happened_while_no_process_ran_is_found_afterwards(shop):
    shop.minutes(6, good=6, every=6)
    shop.watch.close()
    shop.minutes(10, good=3, bad=3, every=0)
    shop.minutes(20, good=9, every=0)
    shop.restart()
    looked = shop.watch.look()
    assert (looked.fired, looked.resolved, looked.notices) == (1, 1, 2)
    assert shop.said == [FIRED, RESOLVED]
    assert shop.watch.look().rules == 0
    shop.minutes(3, good=9)
    assert shop.said == [FIRED, RESOLVED]


def test_a_process_that_ends_leaves_the_rest_to_the_next_look(shop):
    shop.minutes(6, good=6, every=6)
    shop.minutes(10, good=3, bad=3, every=0)
    cut = shop.watch.look(lambda: True)
    assert (cut.led, cut.rules, cut.fired, shop.said) == (True, 0, 0, [])
    assert shop.watch.look().fired == 1
    assert shop.said == [FIRED]


def test_one_evaluates_among_several(shop):
    shop.minutes(1, good=6)
    other = shop.another()
    assert not other.look().led
    shop.watch.close()
    assert other.look().led
    other.close()
    shop.watch = shop.another()


def test_a_leader_that_slept_changes_nothing(shop, monkeypatch):
    shop.minutes(6, good=6, every=6)
    shop.minutes(7, good=3, bad=3, every=0)
    sleeper, real = shop.watch, shop.watch._measure

    def asleep(*given):
        found = real(*given)
        sleeper._lease.release()  # it expired, and another one took over
        shop.watch = shop.another()
        shop.watch.look()
        return found

    monkeypatch.setattr(sleeper, "_measure", asleep)
    assert not sleeper.look().led
    assert len(rows(shop)) == 1
    assert shop.said == [FIRED]


def test_a_step_is_kept_once_even_without_a_lease(shop):
    from shopr.analytics.alerts.evaluating import evaluate, last_step

    shop.minutes(6, good=6, every=6)
    shop.minutes(7, good=3, bad=3, every=0)
    book = AlertBook(Database.open(shop.settings), clock=shop.clock)
    rule = shop.watch.rules.rule("failing")
    step = evaluate(
        rule, book.standings()["failing"], last_step(rule, shop.clock.now().timestamp()), shop.watch._measure
    )
    assert step is not None
    assert book.keep(step)
    assert not book.keep(step)
    assert len(rows(shop)) == 1
    with pytest.raises(LeaseLostError):
        book.keep(step, shop.another()._lease)


def test_late_events_count_in_what_is_judged_afterwards(shop):
    shop.minutes(6, good=6, every=6)
    shop.minutes(4)  # nothing arrives: the spool of another process waits
    shop.calls(1, 9, ago=100)
    shop.calls(1, 9, ago=160)
    shop.minutes(3, good=1, bad=5)
    assert shop.said == [FIRED]
    assert len(rows(shop)) == 1


def test_an_alert_that_nobody_acknowledges_is_escalated_once(shop):
    broken(shop)
    shop.minutes(22, good=3, bad=3, every=11)
    assert shop.said[0] == FIRED
    assert sorted(shop.said[1:]) == [f"boss: {ESCALATED}", f"ops: {ESCALATED}"]
    shop.minutes(14, good=9, every=7)
    assert sorted(shop.said[3:]) == ["boss: [RESOLVED] failing", RESOLVED]


def test_an_acknowledged_alert_is_not_escalated(shop):
    broken(shop)
    (row,) = rows(shop)
    done = acting(shop).acknowledge(row["id"][:8], by="maria", note="rolling back")
    assert (done["acknowledged_by"], done["note"]) == ("maria", "rolling back")
    with pytest.raises(InputError, match="was acknowledged"):
        acting(shop).acknowledge(row["id"], by="tom")
    shop.minutes(25, good=3, bad=3, every=25)
    assert shop.said == [FIRED]


def test_a_silence_tells_nobody_and_what_outlasts_it_is_told_then(shop):
    silence = acting(shop).silence("failing", by="maria", reason="release", lasts=timedelta(minutes=30))
    broken(shop)
    assert shop.said == []
    assert len(rows(shop)) == 1
    shop.minutes(4, good=3, bad=3)
    acting(shop).end_silence(silence[:8], by="maria")
    shop.minutes(1, good=3, bad=3)
    assert shop.said == [FIRED]
    assert acting(shop).silences() == []
    assert acting(shop).silences(past=True)[0]["ended_by"] == "maria"


def test_what_begins_and_ends_in_a_silence_is_never_told(shop):
    acting(shop).silence(None, by="maria", reason="move", lasts=timedelta(minutes=60))
    broken(shop)
    shop.minutes(14, good=9, every=7)
    (row,) = rows(shop)
    assert row["resolution"] == "back within bounds"
    shop.minutes(60, good=1, every=30)
    assert shop.said == []


def test_a_maintenance_window_is_quiet_and_ends(shop):
    window = 'maintenance:\n  - {reason: backup, days: [mon], start: "12:00", end: "12:25"}'
    shop.path.write_text(only(window), encoding="utf-8")
    broken(shop)
    assert shop.said == []
    shop.minutes(14, good=3, bad=3, every=14)
    assert shop.said == [FIRED]


def test_resolving_by_hand_starts_the_rule_anew(shop):
    broken(shop)
    (row,) = rows(shop)
    with pytest.raises(InputError, match="no reason"):
        acting(shop).resolve(row["id"], by="maria", reason=" ")
    acting(shop).resolve(row["id"], by="maria", reason="known")
    shop.minutes(1, good=3, bad=3)
    assert shop.said == [FIRED, RESOLVED]
    shop.minutes(4, good=3, bad=3)
    assert shop.said == [FIRED, RESOLVED, FIRED]
    assert [r["resolution"] for r in rows(shop) if r["resolved_at"] == r["resolved_at"]] == ["maria: known"]


def test_a_changed_or_removed_rule_ends_its_alerts(shop):
    broken(shop)
    shop.path.write_text(only().replace("above: 0.2,", "above: 0.9,"), encoding="utf-8")
    shop.minutes(2, good=3, bad=3)
    assert rows(shop)[0]["resolution"] == "the rule was changed"
    shop.path.write_text(only(), encoding="utf-8")
    shop.minutes(4, good=3, bad=3)
    assert len(rows(shop)) == 2
    shop.path.write_text(only().replace("  failing:", "  other:"), encoding="utf-8")
    shop.minutes(1, good=3, bad=3)
    assert {row["resolution"] for row in rows(shop)} == {"the rule was changed", "the rule was switched off"}


def test_a_rules_file_that_is_not_sound_leaves_the_old_rules_in_force(shop, caplog):
    shop.minutes(6, good=6, every=6)
    shop.path.write_text("rules: {failing: {sevrity: critical}}", encoding="utf-8")
    shop.minutes(6, good=3, bad=3, every=2)
    assert shop.said == [FIRED]
    assert "alert rules stay as they were" in caplog.text


def test_a_rule_that_cannot_be_evaluated_stops_no_other(shop, monkeypatch):
    from shopr.errors import StorageError

    shop.minutes(2, good=6)
    real = shop.watch._measure

    def measure(rule, start, end):
        if rule.name == "error_rate":
            raise StorageError("a part is gone")
        return real(rule, start, end)

    monkeypatch.setattr(shop.watch, "_measure", measure)
    shop.path.write_text(only().replace("  error_rate: {enabled: false}\n", ""), encoding="utf-8")
    shop.minutes(6, good=3, bad=3, every=2)
    assert shop.said == [FIRED]


def test_an_alert_about_the_model_is_left_to_the_models_watcher(shop):
    shop.path.write_text(only().replace("    page: experience", "    page: experience\n    about: model"), "utf-8")
    broken(shop)
    database = Database.open(shop.settings)
    assert [a["kind"] for a in Alerts(database).open()] == ["failing"]
    assert Alerts(database).close(rows(shop)[0]["id"], "rolled back")
    shop.minutes(14, good=9, every=7)
    assert shop.said == [FIRED, RESOLVED]


def test_an_alert_about_the_shop_never_reaches_the_models_watcher(shop):
    broken(shop)
    assert Alerts(Database.open(shop.settings)).open() == []


def test_alerts_raised_by_hand_are_told_once(shop):
    Alerts(Database.open(shop.settings), clock=shop.clock).raise_alert("trial", "version 4 is slow", version="4")
    shop.minutes(3, good=6)
    assert shop.said == ["ops: [CRITICAL] trial"]


def test_a_silence_needs_a_reason_a_rule_and_an_end(shop):
    act = acting(shop)
    with pytest.raises(UnknownNameError, match="Did you mean 'failing'"):
        act.silence("faling", by="m", reason="x", lasts=timedelta(hours=1), known=shop.watch.rules.rules)
    with pytest.raises(InputError, match="90 days"):
        act.silence("failing", by="m", reason="x", lasts=timedelta(days=91))
    with pytest.raises(InputError, match="no reason"):
        act.silence("failing", by="m", reason="", lasts=timedelta(days=1))
    with pytest.raises(InputError, match="no id of an alert"):
        act.find("%")
    with pytest.raises(InputError, match="no alert begins"):
        act.find("abc")


def test_an_empty_store_is_no_outage(installed):
    made = Shop(installed)
    assert made.watch.look().rules == 0
    with Database.open(installed).read() as connection:
        assert connection.execute(select(alert_rules)).all() == []
    made.watch.close()
