"""Rules as data: what is shipped, what an installation changes, and refusals that name the line and the nearest key."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shopr.analytics.alerts.rulebook import Maintenance, load, shipped
from shopr.analytics.alerts.rules import parse_seconds, words_of
from shopr.errors import SpecError, UnknownNameError
from tests.analytics.alerts.conftest import only, rule

ASKED = {
    "error_rate", "slow_responses", "outage", "threat_burst", "vitals", "price_mix", "query_mix", "category_mix",
    "recommendation_ctr", "event_flow", "conversion",
}  # fmt: skip


def written(tmp_path, text):
    path = tmp_path / "alerts.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_rules_hold_what_every_shop_wants_to_know():
    book = shipped()
    assert set(book.rules) >= ASKED
    assert {r.condition.kind for r in book.enabled} == {"threshold", "burn_rate", "seasonal", "change", "drift"}
    assert book.rule("error_rate").condition.above == 0.05
    assert book.rule("slow_responses").condition.above == 5000
    assert [r.name for r in book.enabled if r.about == "model"] == ["recommendation_ctr"]
    assert all(r.lookback > 0 and r.clear_for for r in book.enabled)


def test_without_a_file_the_shipped_rules_hold(tmp_path):
    assert load(None) == load(tmp_path / "none.yaml") == shipped()


def test_a_file_changes_switches_off_and_adds(tmp_path):
    text = (
        "name: ours\nrules:\n  error_rate: {condition: {above: 0.02, clear: 0.01}}\n  vitals: {enabled: false}\n"
        "  outage: {condition: {kind: burn_rate, objective: 0.99, windows: [{long: 1h, short: 5m, factor: 10}]}}\n"
        "  returns: {description: Many returns, metric: {count: {type: order_returned}},"
        " condition: {kind: threshold, window: 1h, above: 50}}\n"
    )
    book = load(written(tmp_path, text))
    before = shipped()
    assert (book.rule("error_rate").condition.above, book.rule("error_rate").condition.window) == (0.02, 900)
    assert book.rule("error_rate").severity == "critical"
    assert "vitals" not in {r.name for r in book.enabled}
    assert book.rule("outage").condition.kind == "burn_rate"
    assert book.rule("returns").metric.kind == "count"
    assert book.rule("slow_responses") == before.rule("slow_responses")
    with pytest.raises(UnknownNameError, match="Did you mean 'outage'"):
        book.rule("outgae")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules:\n  error_rate:\n    condition: {abve: 1}\n", "line 3: .*abve: unknown key. Did you mean 'above'"),
        ("rules:\n  error_rate:\n    sevrity: critical\n", r"line 3: .*sevrity: unknown key. Did you mean 'severity'"),
        ("rules:\n  error_rate: {severity: critcal}\n", "line 2: .*'critcal' is not known. Did you mean 'critical'"),
        ("rules:\n  vitals: {condition: {kind: thresold}}\n", "'thresold' is not known. Did you mean 'threshold'"),
        ("rules:\n  x: {description: a, metric: {count: {type: page_viewe}}, condition: {kind: threshold, "
         "window: 5m, above: 3}}\n", "'page_viewe' is not known. Did you mean 'page_viewed'"),
        ("rules:\n  error_rate: {condition: {window: 7q}}\n", "no length of time; write 30s, 5m"),
        ("rules:\n  error_rate: {condition: {window: 90s}}\n", "window of 90 seconds is no multiple of the step"),
        ("rules:\n  error_rate: {condition: {above: 5}}\n", "a share above 5; give 0.05 for 5 %"),
        ("rules:\n  error_rate: {condition: {clear: 0.5}}\n", "clear 0.5 lies above the bound 0.05"),
        ("rules:\n  vitals: {metric: {count: {type: vital_measured}}}\n", "change does not go with metric count"),
        ("rules:\n  vitals: {metric: {share: {type: vital_measured}}}\n", "share needs `of`"),
        ("rules:\n  error_rate: {step: 7m}\n", "a step of 7 minutes does not divide a day"),
        ("rules:\n  error_rate: {channels: ops}\n", "names channel 'ops'"),
        ("rules: [1]\n", "line 1: rules: Input should be a valid dictionary"),
        ("rules:\n  new: 3\n", "line 2: rules.new: Input should be a valid dictionary"),
        ("channels:\n  ops: {}\n", "no URL given; give one of url_env"),
        ("channels:\n  ops: {url_evn: X}\n", "Did you mean 'url_env'"),
        ('maintenance:\n  - {reason: x, start: "25:00", end: "01:00"}\n', "maintenance.0.start"),
        ('maintenance:\n  - {reason: x, start: "00:00", end: "01:00", time_zone: Mars}\n', "'Mars' is no time zone"),
        ("", "holds no keys"),
        ("rules: {a: &a [*a]}", "within itself"),
        ("rules: {}\nrules: {}\n", "occurs twice"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_file_the_line_and_the_nearest_key(tmp_path, text, told):
    with pytest.raises(SpecError, match=told) as refused:
        load(written(tmp_path, text))
    assert "alerts.yaml" in str(refused.value)


def test_a_refusal_shows_no_url(tmp_path):
    with pytest.raises(SpecError) as refused:
        load(written(tmp_path, "channels:\n  ops: {url: 'json://tok-secret', url_env: X, on_doubt: perhaps}\n"))
    assert "tok-secret" not in str(refused.value)


def test_only_what_decides_when_it_fires_makes_a_new_revision():
    same = rule(severity="warning", description="Other words", channels=())
    assert rule().revision == same.revision
    assert rule().revision != rule(clear_for="4m").revision


@pytest.mark.parametrize(("seconds", "words"), [(300, "5 minutes"), (86_400, "1 day"), (90, "90 seconds")])
def test_lengths_of_time(seconds, words):
    assert words_of(seconds) == words
    assert parse_seconds(f"{seconds}s") == seconds


def test_maintenance_hours_run_over_midnight_in_their_own_time_zone():
    window = Maintenance(reason="backup", days=("fri",), start="23:00", end="02:00", time_zone="Europe/Berlin")
    inside = [datetime(2026, 3, 6, 22, 30, tzinfo=UTC), datetime(2026, 3, 7, 0, 30, tzinfo=UTC)]
    outside = [datetime(2026, 3, 6, 0, 30, tzinfo=UTC), datetime(2026, 3, 7, 1, 30, tzinfo=UTC)]
    assert [window.covers(m) for m in (*inside, *outside)] == [True, True, False, False]


def test_the_files_of_these_tests_are_sound(tmp_path):
    assert [r.name for r in load(written(tmp_path, only())).enabled] == ["failing"]
