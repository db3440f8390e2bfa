"""The page Security: what it shows, what it lets operators do, and that it tells nobody's words."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from shopr.config import Settings
from shopr.security.guard import Decision, Request, Verdict
from shopr.security.principal import Principal
from shopr.security.reading import attempts
from shopr.shop import Shop
from tests.app.conftest import APP
from tests.waiting import PATIENCE


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(APP / "views/security.py"), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def text(app: AppTest) -> str:
    assert not app.exception
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.fixture
def attacked(stocked: Settings) -> Shop:
    """The sample shop after some traffic: verdicts of several classes, a lock, a rule, sessions."""
    shop = Shop.open(stocked)
    draw = random.Random(42)
    for number in range(30):
        threat = draw.choice(["sqli", "xss", "prompt"])
        decision = Decision.BLOCK if threat == "sqli" else Decision.FLAG
        verdict = Verdict(decision, 0.9, (f"{threat}-1",), threat=threat, reason="a rule matched")
        who = Request("secret words", session_id=f"s{number % 9}", address=f"198.51.100.{number % 9}")
        if number % 9:
            shop.security.failures.observe(who, verdict)
        else:
            shop.security.watch.record(
                "verdict", Principal(session="s"), door="text", classes=("xss",), rules=("xss-1",)
            )
    mallory = Principal.of(user="ann", address="198.51.100.66")
    for _ in range(5):
        shop.security.failures.failed(mallory, "wrong password")
    shop.security.block("203.0.113.0/24", reason="abuse <b>", actor="maria")
    shop.security.sessions.login(None, "ann", address="203.0.113.7", agent="Firefox")
    return shop


def test_without_a_shop_it_says_which_command_makes_one(settings: Settings) -> None:
    assert "There is no shop called “demo”" in text(opened())


def test_a_quiet_shop_says_that_nothing_happened(stocked: Settings) -> None:
    shown = text(opened())
    assert "Nothing in this time." in shown
    assert "Nobody is kept out now." in shown
    assert "The chain holds: 0 entries, each as it was written." in shown


def test_attempts_are_shown_by_class_rule_and_network_without_their_texts(attacked: Shop) -> None:
    shown = text(opened())
    for part in (
        "SQL injection",
        "Script injection",
        "Prompt injection",
        "sqli-1",
        "198.51.100.",
        "Blocked",
        "Flagged",
    ):
        assert part in shown
    assert "secret words" not in shown
    assert "account ann on 198.51.100.66" in shown
    assert "203.0.113.0/24 has no access" in shown
    assert "abuse &lt;b&gt; (maria)" in shown
    (chart,) = [e.proto for e in opened(period="24 hours").main if e.type == "vega_lite_chart"]
    assert chart.alt.startswith("Requests by hour: ")


def test_an_operator_lifts_a_lock_with_a_reason(attacked: Shop) -> None:
    app = opened()
    lock = next(option for option in app.selectbox(key="which").options if option.startswith("Lock: account ann"))
    app.selectbox(key="which").set_value(lock)
    app.button[0].click().run()
    assert "Say why" in text(app)
    app.selectbox(key="which").set_value(lock)
    app.text_input(key="why").set_value("she called and proved who she is")
    app.button[0].click().run()
    assert "account ann on 198.51.100.66" not in text(app)
    entry = attacked.security.audit.entries(1)[0]
    assert (entry.action, entry.reason) == ("lock_lifted", "she called and proved who she is")
    assert attacked.security.lockout.locked(Principal.of(user="ann", address="198.51.100.66")) is None


def test_a_rule_without_an_end_says_so(attacked: Shop) -> None:
    assert "until somebody ends it" in text(opened())


def test_an_operator_ends_a_rule_and_a_session(attacked: Shop) -> None:
    app = opened()
    rule = next(option for option in app.selectbox(key="which").options if "203.0.113.0/24" in option)
    app.selectbox(key="which").set_value(rule)
    app.text_input(key="why").set_value("a customer's office")
    app.button[0].click().run()
    assert attacked.security.access.rules() == []
    ann = next(option for option in app.selectbox(key="session").options if option.startswith("ann"))
    app.selectbox(key="session").set_value(ann)
    app.text_input(key="session-why").set_value("a lost phone")
    app.button[1].click().run() if len(app.button) > 1 else app.button[0].click().run()
    assert attacked.security.sessions.active() == []
    assert [e.action for e in attacked.security.audit.entries(2)] == ["session_ended", "network_unblocked"]


def test_a_broken_audit_log_is_told_at_once(attacked: Shop) -> None:
    with attacked.database.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_log SET reason = 'nothing'")
    assert "The chain is broken: entry 1 was changed" in text(opened())


def test_old_events_are_not_in_a_short_time(attacked: Shop) -> None:
    later = attacked.clock.now() + timedelta(days=3)
    assert attempts(attacked.security.watch, later, 1).counts["blocked"] == 0
    assert attempts(attacked.security.watch, later, 7).counts["blocked"] > 0
