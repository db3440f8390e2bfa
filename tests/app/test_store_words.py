"""The store's search box: what words rule out can be taken back, and brands and categories are offered as such."""

from __future__ import annotations

from shopr.shop import Shop
from tests.app.test_pages import text
from tests.app.test_store import at, shop, store

__all__ = ["shop"]


def test_what_words_rule_out_is_a_condition_that_can_be_removed(shop: Shop) -> None:
    app = store(q="mug not red no pico")
    shown = text(app)
    assert "Red mug" not in shown
    assert app.button(key="without-0").label == "Not red"
    assert app.button(key="without-1").label == "Not Pico"
    app.button(key="without-0").click().run()
    assert at(app) == {"q": "mug -pico"}
    assert "Red mug" in text(app)


def test_nothing_left_still_says_what_was_ruled_out(shop: Shop) -> None:
    app = store(q="red mug not red")
    app.button(key="without-0").click().run()
    assert at(app) == {"q": "red mug"}


def test_a_brand_is_offered_as_one(shop: Shop) -> None:
    app = store(q="nord")
    (offer,) = [button for button in app.button if button.label == "Nordlys · brand"]
    offer.click().run()
    assert at(app) == {"brand": "Nordlys"}
