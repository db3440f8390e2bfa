from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from shopr.config import Settings
from shopr.errors import StorageError
from shopr.shop import Shop
from tests.app.conftest import APP
from tests.app.sample import AWKWARD, sample_dataset
from tests.waiting import PATIENCE


def opened(page: str = "main", **query: str) -> AppTest:
    """The app at a page, as its address with these query parameters opens it."""
    app = AppTest.from_file(str(APP / ("main.py" if page == "main" else f"views/{page}.py")), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def chart(app: AppTest) -> Any:
    """The sales chart as it goes to the browser."""
    (found,) = [e.proto for e in app.main if e.type == "vega_lite_chart"]
    return found


def text(app: AppTest) -> str:
    assert not app.exception
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("page", ["main", "for_you", "profile", "chat"])
def test_without_a_shop_a_page_says_which_command_makes_one(settings: Settings, page: str) -> None:
    shown = text(opened(page))
    assert "There is no shop called “demo”" in shown
    assert "<code>make demo</code>" in shown
    assert "<code>shopr data simulate</code>" in shown


def test_without_a_champion_the_shop_is_shown_and_promote_is_named(unpromoted: Settings) -> None:
    shown = text(opened())
    assert ">Demo</h1>" in shown
    assert "A simulated shop from 6 Jan 2025" in shown
    assert "<code>shopr promote</code>" in shown
    assert "How good is it?" not in shown


def test_without_a_champion_a_shopper_still_sees_purchases(unpromoted: Settings) -> None:
    shown = text(opened("for_you"))
    assert "Bought lately by" in shown
    assert "No model serves yet" in shown


def test_overview_shows_figures_champion_comparison_and_history(served: Settings) -> None:
    shown = text(opened())
    for part in ("Products", ">60<", "Shoppers", ">40<", "Orders", ">450<", "Revenue", "Rows set aside"):
        assert part in shown
    assert '<p class="name">Item neighbours</p>' in shown
    assert "<dd>20 Nov 2026, 09:12</dd>" in shown
    assert "0.1873 against 0.1670 of ials" in shown
    assert "0.1801 – 0.1945" in shown
    assert "Promoted version 2, in place of version 1" in shown
    assert "maria &lt;m@example.org&gt;" in shown


def test_sales_can_be_shown_as_orders(served: Settings) -> None:
    assert chart(opened()).alt.startswith("Revenue (GBP) by week, from 06 Jan 2025")
    assert chart(opened(measure="Orders")).alt.startswith("Orders by week, from 06 Jan 2025")


def test_a_known_shopper_gets_cards_with_reasons(served: Settings) -> None:
    app = opened("for_you")
    shown = text(app)
    user = app.selectbox[0].value
    assert f"For {user}" in shown
    assert f"Bought lately by {user}" in shown
    assert shown.count('<li class="card">') == 10
    assert "Because you bought" in shown
    assert "chosen by Item neighbours, version 2" in shown
    assert "Goes with what was bought last" in shown


def test_titles_are_shown_as_written_never_as_markup(served: Settings) -> None:
    app = opened("for_you", visitor="true")
    shown = text(app)
    assert AWKWARD not in shown
    assert "&lt;b onmouseover=&quot;alert(1)&quot;&gt;" in shown


@pytest.mark.parametrize("typed", ["nobody", "<script>alert(1)</script>", "u" * 5000, "💥\u202e"])
def test_an_unknown_shopper_gets_what_is_popular_and_is_told_so(served: Settings, typed: str) -> None:
    shown = text(opened("for_you", shopper=typed))
    assert "Popular now" in shown
    assert "<script>" not in shown
    assert "No purchases are known for" in shown


def test_a_new_visitor_gets_what_is_popular(served: Settings) -> None:
    app = opened("for_you", visitor="true")
    shown = text(app)
    assert "nothing is known yet" in shown
    assert "chosen by what most shoppers buy" in shown
    assert app.selectbox[0].disabled


def test_number_and_stock_are_obeyed(served: Settings) -> None:
    app = opened("for_you", visitor="true")
    app.slider(key="k").set_value(20).run()
    assert text(app).count('<li class="card">') == 20
    assert "Out of stock" not in text(app)
    app.toggle(key="in_stock").set_value(False).run()
    assert "Out of stock" in text(app)


def test_bought_products_are_left_out_unless_asked_for(served: Settings) -> None:
    app = opened("for_you")
    app.slider(key="k").set_value(20).run()
    shop = Shop.open()
    user = app.selectbox[0].value
    bought = {card.product_id for card in shop.history(user, 60)}
    assert not bought & {card.product_id for card in shop.recommend(user, 20)}
    fresh = text(app)
    app.toggle(key="fresh").set_value(False).run()
    assert text(app) != fresh


def test_the_choice_is_in_the_address_and_so_survives_a_reload(served: Settings) -> None:
    app = opened("for_you", shopper="u007", k="3")
    assert app.selectbox[0].value == "u007"
    assert text(app).count('<li class="card">') == 3


def test_a_failure_of_ours_is_one_friendly_line_and_a_traceback_in_the_log(
    served: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Shop, "answer", broken)
    with caplog.at_level(logging.WARNING, "shopr.app"):
        shown = text(opened("for_you"))
    assert "We could not show the recommendations" in shown
    assert "secret detail" not in shown
    assert "Bought lately by" in shown
    assert any(record.exc_info for record in caplog.records)


def test_an_error_of_the_house_is_shown_with_its_fix(served: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*args: object, **kwargs: object) -> None:
        raise StorageError("the store is locked", hint="Close the other program")

    monkeypatch.setattr(Shop, "promotions", locked)
    assert "The store is locked. Close the other program." in text(opened())


def test_new_data_on_disk_are_seen_without_a_restart(served: Settings) -> None:
    assert ">60<" in text(opened())
    data = sample_dataset()
    replace(data, catalog=data.catalog.take(np.arange(30))).save(served.shop_folder())
    assert ">30<" in text(opened())


def cards(app: AppTest) -> list[str]:
    """Titles of the products shown, in their order."""
    return re.findall(r"<article>.*?<h3>(.*?)</h3>", text(app))


def test_who_acts_as_a_shopper_changes_what_comes_next(served: Settings) -> None:
    app = opened("for_you", shopper="u005")
    assert not app.button
    before = cards(app)
    app.toggle(key="acting").set_value(True).run()
    assert len(app.button) == 3 * len(before)
    app.button[2].click().run()  # buy the first product
    assert f"u005 bought “{before[0]}”" in text(app).replace("&quot;", '"')
    assert before[0] not in cards(app)
    assert cards(opened("for_you", shopper="u005")) == cards(app)  # and it is remembered
    app.button[1].click().run()
    assert "put into the cart" in text(app)


def test_titles_on_buttons_are_no_markdown(served: Settings) -> None:
    app = opened("for_you", shopper="u002", k="20", fresh="false")
    app.toggle(key="acting").set_value(True).run()
    told = [button.help for button in app.button if "onmouseover" in button.help]
    assert len(told) == 3
    assert all(r": \<b onmouseover=" in words for words in told)


def test_a_visitor_cannot_be_acted_for(served: Settings) -> None:
    app = opened("for_you", visitor="true")
    assert app.toggle(key="acting").disabled


def test_a_paid_place_is_marked(served: Settings) -> None:
    rules = "name: front\nkind: rules\nsponsored: [{position: 1, product: p009, label: Sponsored}]\n"
    (served.shop_folder() / "rules.yaml").write_text(rules, encoding="utf-8")
    assert '<span class="tag">Sponsored</span>' in text(opened("for_you"))


def test_a_list_that_rules_empty_says_which_rule(served: Settings) -> None:
    rules = "name: front\nkind: rules\nbrands: {include: [Nobody]}\n"
    (served.shop_folder() / "rules.yaml").write_text(rules, encoding="utf-8")
    shown = text(opened("for_you"))
    assert "Nothing is left to show." in shown
    assert "brands.include removed 60" in shown


def test_a_profile_is_shown_corrected_and_taken_back(served: Settings) -> None:
    app = opened("profile", shopper="u002")
    shown = text(app)
    assert "Clothing &gt; Scarves" in shown
    assert "Usual prices" in shown
    assert "Likely to buy again" in shown
    assert "Nothing yet." in shown
    app.selectbox(key="about").set_value("Brand").run()
    app.selectbox(key="which-brand").set_value("Pico").run()
    app.radio(key="wish").set_value("less").run()
    app.button(key="remember").click().run()
    assert "You asked for less of Pico." in text(app)
    assert "Less of the brand Pico" in [m.value for m in app.markdown]
    assert "Pico" not in {card.brand for card in Shop.open().recommend("u002", 5)}
    app.button(key="take-brand-Pico").click().run()
    assert "Nothing yet." in text(app)


def test_a_price_band_is_checked_and_kept(served: Settings) -> None:
    app = opened("profile", shopper="u002")
    app.selectbox(key="about").set_value("Price range").run()
    app.number_input(key="least").set_value(80.0).run()
    app.button(key="remember").click().run()
    assert "Price band 8000 to 5000" in text(app)
    app.number_input(key="most").set_value(90.0).run()
    app.button(key="remember").click().run()
    assert "You said you pay £80.00 to £90.00" in text(app)


def test_a_deleted_profile_is_unknown_from_then_on(served: Settings) -> None:
    app = opened("profile", shopper="u002")
    app.button(key="really").click().run()
    assert "Nothing is known of “u002” yet." in text(app)
    assert not Shop.open().profiles.card("u002").known


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", "u" * 5000, "💥\u202e"])
def test_the_profile_of_anybody_typed_is_empty_and_harmless(served: Settings, typed: str) -> None:
    shown = text(opened("profile", shopper=typed))
    assert "Nothing is known of" in shown
    assert "<script>" not in shown


@pytest.mark.parametrize("page", ["main", "for_you", "profile", "chat"])
def test_a_page_shows_no_stray_text(served: Settings, page: str) -> None:
    # Streamlit writes out any bare expression of a script, a docstring of a constant too.
    meant = ("Everything the shop learnt",)
    assert [m.value for m in opened(page).markdown if not m.value.startswith(meant)] == []
