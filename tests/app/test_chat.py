"""The page Chat: a conversation that survives a reload, cards of the records, the cart, and nobody else's words."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from shopr.config import Settings
from shopr.shop import Shop
from tests.app.conftest import APP
from tests.app.sample import AWKWARD
from tests.waiting import PATIENCE

TALK = "0" * 32


def opened(conversation: str = TALK) -> AppTest:
    app = AppTest.from_file(str(APP / "views" / "chat.py"), default_timeout=PATIENCE)
    app.query_params["c"] = conversation
    return app.run()


def text(app: AppTest) -> str:
    assert not app.exception
    return " ".join(element.proto.body for element in app.get("html"))


def said(app: AppTest, message: str) -> str:
    return text(app.chat_input[0].set_value(message).run())


def test_a_product_is_shown_with_the_records_facts_and_put_into_the_cart(stocked: Settings) -> None:
    app = opened()
    assert "Nothing yet" in text(app)
    shown = said(app, "show me red mugs")
    assert '<div role="log" aria-live="off" aria-label="Conversation"><ol class="talk">' in shown
    assert "Red mug no." in shown
    record = Shop.open(stocked).cards.card("p020")
    assert record.price is not None
    assert record.title in shown
    assert record.price in shown
    shown = said(app, "add the second one")
    assert "<span>Total</span>" in shown
    again = text(opened())  # a reload
    assert "show me red mugs" in again
    assert "<span>Total</span>" in again


def test_quick_replies_are_messages_and_the_cart_can_be_emptied(stocked: Settings) -> None:
    app = opened()
    assert "What is trending?" in [button.label for button in app.button]
    shown = text(next(b for b in app.button if b.label == "What is trending?").click().run())
    assert "What is trending?" in shown
    said(app, "add product p005 to my cart")
    assert "<span>Total</span>" in text(app)
    assert "Nothing yet" in text(next(b for b in app.button if b.label == "Empty the cart").click().run())


def test_what_is_typed_is_text_and_stays_in_its_own_conversation(stocked: Settings) -> None:
    app = opened()
    shown = said(app, "<script>alert(1)</script> mugs please")
    assert "<script>" not in shown
    assert AWKWARD not in shown
    other = text(opened("1" * 32))
    assert "mugs please" not in other
    strange = AppTest.from_file(str(APP / "views" / "chat.py"), default_timeout=PATIENCE)
    strange.query_params["c"] = "../../etc/passwd"
    strange.run()
    assert "c" not in strange.query_params
    assert "mugs please" not in text(strange)


def test_a_new_conversation_and_another_shopper_begin_anew(stocked: Settings) -> None:
    app = opened()
    said(app, "show me lamps")
    shown = text(next(b for b in app.button if b.label == "New conversation").click().run())
    assert "show me lamps" not in shown
    user = Shop.open(stocked).shoppers(1)[0]
    app.selectbox[0].set_value(user).run()
    said(app, "hello")
    mine = app.query_params["c"][0]
    assert "hello" not in text(opened(mine))  # a visitor with the address sees nothing of it


def test_an_answer_in_another_language_has_its_direction(stocked: Settings) -> None:
    assert 'lang="ar" dir="rtl"' in said(opened(), "أريد سماعات رأس سوداء")


def test_the_guard_stops_an_attack_before_it_is_answered_or_kept(stocked: Settings) -> None:
    app = opened()
    attack = "1' UNION SELECT card, cvv FROM payments -- "
    shown = said(app, attack)
    assert "This message could not be processed" in shown
    assert "UNION SELECT" not in shown
    assert "UNION SELECT" not in text(opened())
    assert "Red mug no." in said(app, "show me red mugs")  # one refusal locks nobody out
    shop = Shop.open(stocked)
    events = shop.security.watch.events(shop.clock.now().replace(year=2020))
    assert events["decision"].tolist() == ["block"]
    for _ in range(5):
        shown = said(app, attack)
    assert "Too many requests were refused. Please try again in 5 minutes." in shown
    assert "Red mug no." in said(opened("2" * 32), "show me red mugs")  # another visitor is not locked


def test_who_talks_too_fast_is_asked_to_wait(stocked: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_RATE_TEXT", "2")
    app = opened()
    for _ in range(3):
        shown = said(app, "hello")
    assert "That was a little fast. Please try again in" in shown
