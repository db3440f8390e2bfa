"""Who may see and do what in the app, and the page about one's own data."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from shopr.analytics.alerts.acting import Acting
from shopr.analytics.alerts.raised import Alerts
from shopr.config import Settings
from shopr.security.passwords import Passwords
from shopr.security.principal import Principal
from shopr.security.session_records import Privilege
from shopr.shop import Shop
from tests.app.conftest import APP
from tests.waiting import PATIENCE

GOOD = "seven green lamps"
As = Callable[..., str]


def opened(page: str, **query: str) -> AppTest:
    file = "main.py" if page == "main" else f"views/{page}.py"
    app = AppTest.from_file(str(APP / file), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def text(app: AppTest) -> str:
    assert not app.exception
    return " ".join(element.proto.body for element in app.get("html"))


def ticked(app: AppTest) -> list[str]:
    """The purposes that are ticked."""
    return [str(box.key) for box in app.checkbox if box.value and str(box.key).startswith("allow-")]


@pytest.fixture
def shop(unpromoted: Settings) -> Shop:
    made = Shop.open(unpromoted)
    made.accounts._passwords = Passwords(time_cost=1, memory_kib=64, lanes=1)
    return made


@pytest.fixture
def come_as(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> As:
    """Let the pages be looked at by somebody, as the doors would tell: a visitor without a name; gives the user id."""

    def come(name: str = "", privilege: Privilege = "user", user_id: str = "") -> str:
        if name:
            made = shop.accounts.create(name, GOOD, privilege=privilege, user_id=user_id)
            user = made.user_id
            token, session = shop.security.sessions.login(None, user, privilege)
        else:
            user, (token, session) = "", shop.security.sessions.start()
        assert token
        monkeypatch.setattr("parts.account.visitor_session", lambda: session.id)
        return user or session.id

    return come


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_REQUIRE_SIGN_IN", "true")


# -- who may see what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("privilege", "sees"),
    [("", False), ("user", False), ("analyst", True), ("operator", True)],
)
def test_dashboards_take_an_analyst_where_accounts_are_required(
    shop: Shop, come_as: As, required: None, privilege: Privilege, sees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[str] = []
    real = st.Page
    monkeypatch.setattr(
        "streamlit.Page", lambda file, **given: [offered.append(given["title"]), real(file, **given)][1]
    )
    come_as("maria" if privilege else "", privilege or "user")
    shown = text(opened("main"))
    assert ("Overview" in offered and "Security" in offered and "Search" in offered) == sees
    assert {"For you", "Profile", "Chat", "Your data"} <= set(offered)
    assert (">For you</h1>" in shown) != sees  # what opens first is a page that one may see
    assert ("Signed in as <b>maria</b>" in shown) == bool(privilege)
    assert ("/account/sign-in?next=%2F" in shown) != bool(privilege)


def test_on_a_laptop_everything_opens_without_an_account(shop: Shop, come_as: As) -> None:
    come_as()
    shown = text(opened("main"))
    assert ">Demo</h1>" in shown
    assert "Sign in</a>" in shown


def test_a_session_that_was_ended_sees_nothing_more(shop: Shop, come_as: As, required: None) -> None:
    user = come_as("maria", "operator")
    app = opened("main")
    assert ">Demo</h1>" in text(app)
    shop.security.sessions.revoke_user(user, why="a stolen laptop")
    assert ">Demo</h1>" not in text(app.run())


def test_a_shopper_sees_their_own_profile_whatever_the_address_says(shop: Shop, come_as: As, required: None) -> None:
    come_as("ann", user_id="u003")
    shown = text(opened("profile", shopper="u002"))
    assert "Clothing &gt; Scarves" not in shown  # the taste of u002
    come_as("vera", "analyst")
    assert "Clothing &gt; Scarves" in text(opened("profile", shopper="u002"))


def test_a_visitor_sees_nobodys_profile_and_nobodys_products(shop: Shop, come_as: As, required: None) -> None:
    come_as()
    assert "Sign in to see what the shop knows of you." in text(opened("profile", shopper="u002"))
    assert "A new visitor: nothing is known yet" in text(opened("for_you", shopper="u002"))


def test_an_analyst_looks_but_does_not_act(shop: Shop, come_as: As, required: None) -> None:
    come_as("vera", "analyst")
    app = opened("profile", shopper="u002")
    assert not [button for button in app.button if button.key in ("remember", "really")]
    assert "acting" not in [toggle.key for toggle in opened("for_you", shopper="u002").toggle]


def test_the_chat_is_ones_own_where_accounts_are_required(shop: Shop, come_as: As, required: None) -> None:
    come_as("ann", user_id="u003")
    app = opened("chat")
    assert not app.selectbox
    assert "The assistant knows your history" in text(app)
    come_as()
    assert "You are a visitor. Sign in" in text(opened("chat"))


def test_the_chat_begins_as_who_is_signed_in_on_a_laptop_too(shop: Shop, come_as: As) -> None:
    user = come_as("ann")
    box = opened("chat").selectbox(key="shopper")
    assert (box.value, box.options[:2]) == (user, ["ann (you)", "A visitor"])


def test_lifting_a_lock_takes_an_operator_whose_name_goes_on_record(shop: Shop, come_as: As, required: None) -> None:
    for _ in range(5):
        shop.security.failures.failed(Principal.of(user="ann", address="198.51.100.66"), "wrong password")
    come_as("vera", "analyst")
    app = opened("security")
    assert "takes an operator's account" in text(app).replace("&#x27;", "'")
    assert not app.selectbox
    come_as("olga", "operator")
    app = opened("security")
    app.text_input(key="why").set_value("she called and proved who she is")
    app.button[0].click().run()
    entry = shop.security.audit.entries(1)[0]
    assert (entry.action, entry.actor) == ("lock_lifted", "olga")


def test_settling_alerts_takes_an_operator_too(shop: Shop, come_as: As, required: None) -> None:
    raised = Alerts(shop.database).raise_alert("payment", "the provider answers slowly", about="shop")
    come_as("vera", "analyst")
    app = opened("alerts")
    assert "provider answers slowly" in text(app)
    assert not [button.label for button in app.button if button.label in ("Resolve", "Silence")]
    come_as("olga", "operator")
    app = opened("alerts")
    app.text_input(key="why").set_value("it is back")
    next(button for button in app.button if button.label == "Resolve").click().run()
    assert not app.exception
    assert Acting(shop.database).find(raised)["resolution"] == "olga: it is back"


# -- one's own data ---------------------------------------------------------------------------------------------------


def test_without_a_session_the_page_says_so(shop: Shop) -> None:
    assert "Reload it to begin one" in text(opened("your_data"))


def test_a_visitor_chooses_changes_and_sees_what_was_chosen(
    shop: Shop, come_as: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPR_ASK_CONSENT", "true")
    person = come_as()
    app = opened("your_data")
    assert ticked(app) == []
    assert "You have not chosen yet." in text(app)
    app.checkbox(key="allow-analytics").check()
    app.button(key="save").click().run()
    assert "Your choice holds from now on." in text(app)
    app.button(key="refuse").click().run()
    assert ticked(app) == []
    shown = text(app)
    assert shown.index("Nothing but what is necessary") < shown.index("Allowed: Analytics")  # newest first
    assert [row["purposes"] for row in Shop.open().consent.history(person)] == ["necessary analytics", "necessary"]
    assert "Sign in to see what is kept of you" in shown
    assert "Choices of consent</span><b>2</b>" in shown
    app.checkbox(key="sure").check().run()
    app.button(key="erase").click().run()
    assert "Everything is erased." in text(app)
    assert Shop.open().consent.history(person) == []
    assert shop.security.sessions.held(person) is None


def test_privacy_control_is_followed_and_said(shop: Shop, come_as: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_ASK_CONSENT", "true")
    shop.under_gpc(come_as())
    app = opened("your_data")
    assert "Your browser sends Global Privacy Control" in text(app)
    assert app.checkbox(key="allow-marketing").disabled


def test_in_development_it_says_that_nobody_is_asked_and_ticks_nothing(shop: Shop, come_as: As) -> None:
    person = come_as()
    app = opened("your_data")
    assert "Nobody is asked in development: Analytics, Personalisation, Marketing and sale count" in text(app)
    assert ticked(app) == []
    assert shop.consent.of(person).allows("analytics")  # what counts meanwhile is another matter
    app.button(key="save").click().run()  # who saves what is shown, allows nothing
    assert shop.consent.history(person)[-1]["purposes"] == "necessary"
    assert "Nobody is asked" not in text(app)


def test_what_is_necessary_is_shown_and_cannot_be_refused(shop: Shop, come_as: As) -> None:
    come_as()
    box = opened("your_data").checkbox(key="necessary")
    assert box.value
    assert box.disabled


def test_what_is_kept_and_remembered_is_shown_and_forgotten(shop: Shop, come_as: As) -> None:
    user = come_as("ann")
    shop.assistant.reply("please remember me", conversation_id="c1", user_id=user)
    shop.assistant.reply("show me red mugs", conversation_id="c1", user_id=user)
    app = opened("your_data")
    shown = text(app)
    assert "Your account" in shown
    assert "Messages of conversations</span><b>2</b>" in shown
    assert "mug" in shown.partition('class="facts"')[2]
    app.button(key="forget-memory").click().run()
    assert shop.remembered(user) == []
    assert "Nothing across visits." in text(app)
    app.button(key="copy").click().run()
    assert not app.exception
    assert app.get("download_button")
    assert json.loads(shop.copy_of(user))["data"]["accounts"][0]["sealed"] == "ann"


def test_a_person_is_erased_only_after_a_second_step(shop: Shop, come_as: As) -> None:
    user = come_as("ann")
    app = opened("your_data")
    assert app.button(key="erase").disabled
    app.checkbox(key="sure").check().run()
    app.button(key="erase").click().run()
    assert "Everything is erased." in text(app)
    assert shop.accounts.of(user) is None
    assert shop.security.sessions.of_user(user) == []
