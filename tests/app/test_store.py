"""The page Store: searching, narrowing down, a product's own page, the cart, and what is written down of it."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.shop import Shop
from tests.app.conftest import APP
from tests.app.sample import AWKWARD
from tests.app.test_pages import opened, text
from tests.waiting import PATIENCE


@pytest.fixture
def shop(stocked: Settings, stores: Settings, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The sample shop as the page has it open, all its behaviour kept, under a clock that stands."""
    monkeypatch.setenv("SHOPR_SAMPLE_BEHAVIOUR", "1")
    shop = Shop.open(Settings(), clock=ManualClock())
    monkeypatch.setattr("parts.source._opened", lambda *key: shop)
    return shop


def store(**query: str) -> AppTest:
    """The page as its address opens it; `page` is one of its parameters."""
    app = AppTest.from_file(str(APP / "views/store.py"), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def told(shop: Shop) -> Counter[str]:
    """How often each kind of event was recorded."""
    assert shop.collector.flush()
    with shop.events.query() as events:
        rows = events.sql("SELECT type FROM events WHERE type NOT LIKE 'api%'").fetchall()
    return Counter(str(row[0]) for row in rows)


def at(app: AppTest) -> dict[str, str]:
    """The address."""
    return {name: values[0] if isinstance(values, list) else values for name, values in app.query_params.items()}


def typed(app: AppTest, words: str) -> AppTest:
    """The page after somebody typed."""
    return app.text_input(key="q").set_value(words).run()


def test_without_a_shop_the_page_says_which_command_makes_one(settings: Settings) -> None:
    assert "There is no shop called “demo”" in text(store())


def test_all_products_can_be_browsed_without_words(shop: Shop) -> None:
    app = store()
    assert "All products" in text(app)
    assert "1 – 12 of 60" in text(app)
    assert text(app).count('<li class="card">') == 12
    assert "% match" not in text(app)
    assert told(shop) == {"product_shown": 12}


def test_an_address_opens_the_list_it_names(shop: Shop) -> None:
    app = store(q="mug", brand="Nordlys", min="10", max="120.00", sort="price_desc", stock="1")
    shown = text(app)
    assert "Found for “mug”" in shown
    assert shown.index("Red mug no. 40") < shown.index("Black mug no. 4")
    labels = [button.label for button in app.button]
    assert {r"Brand\: Nordlys", r"From £10\.00", r"Up to £120\.00", "In stock", "Clear all"} <= set(labels)
    app.button(key="without-0").click().run()
    assert at(app) == {"q": "mug", "min": "10.00", "max": "120.00", "sort": "price_desc", "stock": "1"}
    app.button(key="unfiltered").click().run()
    assert at(app) == {"q": "mug", "sort": "price_desc"}


def test_a_value_of_a_facet_leads_to_as_many_products_as_it_says(shop: Shop) -> None:
    app = store(q="mug")
    brands = app.button_group(key="facet-brand")
    assert sorted(brands.options) == [r"Alder \& Co · 5", "Nordlys · 5", "Pico · 5"]
    brands.set_value(["Pico"]).run()
    assert at(app) == {"q": "mug", "brand": "Pico"}
    assert "1 – 5 of 5" in text(app)
    app.button_group(key="facet-brand").set_value(["Pico", "Nordlys"]).run()
    assert "1 – 10 of 10" in text(app)


def test_what_is_typed_counts_once_it_has_stood_for_a_while(shop: Shop) -> None:
    app = typed(typed(store(), "mu"), "mug")
    assert at(app) == {"q": "mug"}
    assert "Found for “mug”" in text(app)
    assert told(shop)["search_performed"] == 0
    shop.clock.advance(0.5)
    app.run()
    assert told(shop)["search_performed"] == 0
    shop.clock.advance(1)
    for _ in range(2):
        app.run()
        assert told(shop) == {"product_shown": 12 + 12, "search_performed": 1}


def test_what_is_typed_counts_at_once_where_something_is_done_with_it(shop: Shop) -> None:
    app = typed(store(), "mug")
    app.button(key=f"take-found-{first(app)}").click().run()
    assert told(shop) == {"product_shown": 12 + 12, "search_performed": 1, "cart_item_added": 1}


def first(app: AppTest) -> str:
    """The first product on the page that can be bought."""
    keys = [b.key for b in app.button if b.key and b.key.startswith("take-found-") and not b.disabled]
    return str(keys[0]).removeprefix("take-found-")


def test_a_search_that_finds_nothing_reaches_the_merchandiser(shop: Shop) -> None:
    app = store(q="windscreen wiper")
    assert "Nothing is a match for “windscreen wiper”" in text(app)
    assert "of 60" not in text(app)
    assert "windscreen wiper" in text(opened("search", way="Not found"))
    app.button(key="everything").click().run()
    assert "All products" in text(app)


def test_nearest_products_are_named_as_such(shop: Shop) -> None:
    shown = text(store(q="lamp windscreen wiper"))
    assert "Nothing is a match" in shown
    assert "They are not what was asked for" in shown
    assert "% match" not in shown


def test_spelling_is_mended_and_can_be_taken_back(shop: Shop) -> None:
    app = store(q="scraf")
    assert "Searched for “scarf” instead of “scraf”" in text(app)
    app.button(key="exact").click().run()
    assert at(app) == {"q": "scraf", "exact": "1"}
    assert "Nothing is a match for “scraf”" in text(app)
    app.button(key="inexact").click().run()
    assert at(app) == {"q": "scraf"}


def test_suggestions_follow_what_is_typed(shop: Shop) -> None:
    app = typed(store(), "nord")
    words = [b.label for b in app.button if b.key and b.key.startswith("suggestion-")]
    assert words
    assert all("nordlys" in word for word in words)
    app.button(key="suggestion-0").click().run()
    assert at(app)["q"] == words[0]
    assert told(shop)["search_performed"] == 2  # what was typed, and what was chosen


def test_conditions_that_leave_nothing_name_a_way_out(shop: Shop) -> None:
    app = store(q="mug", brand="Pico", max="1")
    assert "No product meets all conditions" in text(app)
    app.button(key="wayout-0").click().run()
    assert at(app) == {"q": "mug", "brand": "Pico"}
    assert "1 – 5 of 5" in text(app)


def test_a_product_is_opened_looked_at_and_put_into_the_cart(shop: Shop) -> None:
    app = store(q="mug")
    name = first(app)
    app.button(key=f"open-found-{name}").click().run()
    assert at(app) == {"q": "mug", "product": name}
    assert "Bought together" in text(app)
    assert "Similar products" in text(app)
    app.number_input(key=f"pieces-{name}").set_value(3).run()
    app.button(key="add").click().run()
    assert "is in the cart" in text(app)
    assert "3 ×" in text(app)
    assert told(shop) == {
        "search_performed": 1, "product_shown": 12, "product_clicked": 1, "product_viewed": 1, "cart_item_added": 1,
    }  # fmt: skip
    app.button(key="back").click().run()
    assert at(app) == {"q": "mug"}
    assert "Found for “mug”" in text(app)
    assert told(shop)["product_shown"] == 12


def test_two_acts_at_once_are_both_done(shop: Shop) -> None:
    app = store(q="mug", brand="Nordlys")
    name = first(app)
    app.selectbox(key="sort").set_value("price_desc")
    app.button(key=f"open-found-{name}").click().run()
    assert at(app) == {"q": "mug", "brand": "Nordlys", "sort": "price_desc", "product": name}
    app.button(key="back").click().run()
    app.text_input(key="q").set_value("red mug")
    app.button(key="without-0").click().run()
    assert at(app) == {"q": "red mug", "sort": "price_desc"}


def test_what_is_sold_out_cannot_be_put_into_the_cart(shop: Shop) -> None:
    app = store(q="red mug no. 0")
    assert app.button(key="take-found-p000").disabled
    assert "It cannot be bought at the moment" in text(store(product="p000"))


def test_a_product_that_does_not_exist_is_said_to(shop: Shop) -> None:
    shown = text(store(product="<script>alert(1)</script>", q="mug"))
    assert "no such product" in shown
    assert "Found for “mug”" in shown


def test_pages_follow_on_each_other(shop: Shop) -> None:
    second = text(store(page="2"))
    assert "13 – 24 of 60" in second
    assert "49 – 60 of 60" in text(store(page="99999"))


@pytest.mark.parametrize(
    "address",
    [
        "q=<script>alert(1)</script>&brand=<b>x</b>",
        "q=%E2%80%AE%F0%9F%92%A5&sort=DROP&page=-1&min=NaN",
        "q=' OR 1=1 --&colour=%00&stock=yes",
        "max=1e400&category=" + "x" * 300,
        "q=" + "mug " * 3000,
    ],
    ids=["markup", "bidi", "sql", "bounds", "long"],
)
def test_whatever_is_in_an_address_a_page_opens(shop: Shop, address: str) -> None:
    app = store(**dict(parse_qsl(address)))
    shown = text(app)
    assert "<script>" not in shown
    assert "<b>x</b>" not in shown
    assert "We could not show" not in shown


def test_titles_are_shown_as_written_never_as_markup(shop: Shop) -> None:
    assert AWKWARD not in text(store(q="mug & saucer"))
    assert AWKWARD not in text(store(product="p002"))


def test_what_the_guard_stops_is_neither_answered_nor_counted(shop: Shop) -> None:
    shown = text(store(q="mug' UNION SELECT password FROM users --"))
    assert '<li class="card">' not in shown
    assert told(shop)["search_performed"] == 0


def test_a_shopper_sees_an_order_of_their_own(shop: Shop) -> None:
    app = store(q="red")
    assert "The order follows" not in text(app)
    app.selectbox(key="shopper").set_value(app.selectbox(key="shopper").options[1]).run()
    assert "The order follows what you bought before" in text(app)
