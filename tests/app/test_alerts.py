"""The page Alerts: what is open, its evidence, what people do about it, the rules."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from shopr.analytics.alerts.acting import Acting
from shopr.analytics.alerts.raised import Alerts
from shopr.config import Settings
from shopr.shop import Shop
from tests.app.alarming import alarming
from tests.app.conftest import APP
from tests.waiting import PATIENCE


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(APP / "views/alerts.py"), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def text(app: AppTest) -> str:
    assert not app.exception
    return " ".join(element.proto.body for element in app.get("html"))


def button(app: AppTest, label: str):
    return next(b for b in app.button if b.label == label)


@pytest.fixture
def shop(stores: Settings) -> Shop:
    """A shop with alerts."""
    return alarming(stores)


def open_alerts(shop: Shop) -> list[dict]:
    return Alerts(shop.database).table(only_open=True).to_dict("records")


def test_a_quiet_installation_says_so_and_shows_its_rules(stores):
    shown = text(opened())
    assert "Nothing is wrong, as far as the rules can tell." in shown
    assert "No alert fired in this time." in shown
    assert "Nothing is silenced." in shown
    assert "Not evaluated yet" in shown
    assert "More than 5 % of the API calls fail" in shown


def test_open_alerts_the_history_and_the_states_of_rules(shop):
    app = opened()
    shown = text(app)
    assert {a["kind"] for a in open_alerts(shop)} >= {"error_rate", "payment"}
    assert "back within bounds" in shown
    assert "answers slowly &lt;b&gt;" in shown
    assert "release 4.2 &lt;i&gt; (maria)" in shown
    assert "Firing" in shown
    assert "not enough events" in shown
    assert len(app.get("vega_lite_chart")) == 1  # the timeline


def test_an_alert_in_the_address_shows_its_evidence(shop):
    row = next(a for a in open_alerts(shop) if a["kind"] == "error_rate")
    app = opened(alert=row["id"])
    shown = text(app)
    assert "Evidence: error rate" in shown
    assert "/experience?period=Own+dates&from=" in shown.replace("&amp;", "&")
    assert len(app.get("vega_lite_chart")) == 2
    assert "FROM events" in app.code[0].value
    assert "no channel; only this page" in shown
    assert "is not known" in text(opened(alert="abc'"))


def test_a_link_to_an_alert_keeps_what_was_chosen(shop):
    shown = text(opened(period="30 days", alert="abc"))
    assert 'href="?period=30+days&amp;alert=' in shown
    assert "alert=abc" not in shown


def test_an_alert_is_acknowledged_and_resolved_with_a_reason(shop):
    row = next(a for a in open_alerts(shop) if a["kind"] == "payment")
    app = opened(alert=row["id"])
    app.text_input(key="why").set_value("calling them")
    button(app, "Acknowledge").click().run()
    assert "calling them" in text(app)
    assert Acting(shop.database).find(row["id"])["acknowledged_by"]
    app = opened(alert=row["id"])
    button(app, "Resolve").click().run()
    assert "No reason is given" in text(app)
    app.text_input(key="why").set_value("is back")
    button(app, "Resolve").click().run()
    assert "payment" not in {a["kind"] for a in open_alerts(shop)}


def test_a_rule_is_silenced_and_silences_are_ended(shop):
    app = opened()
    button(app, "Silence").click().run()
    assert "No reason is given" in text(app)
    app.selectbox(key="rule").set_value("outage")
    app.text_input(key="silence-why").set_value("we know")
    button(app, "Silence").click().run()
    assert "we know" in text(app)
    button(app, "End all silences now").click().run()
    assert Acting(shop.database).silences() == []
