"""The page Search: words, a picture, and what was not found."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from shopr.config import Settings
from shopr.search.learnt.click_synonyms import LearntRule
from shopr.search.learnt.learning import FILE, LearntSearch
from shopr.search.merchant.desk import SearchDesk
from shopr.search.merchant.querylog import QueryLog
from shopr.shop import Shop
from shopr.storage.database import Database
from tests.app.sample import AWKWARD
from tests.app.test_pages import opened, text


@pytest.fixture
def shop(stocked: Settings, stores: Settings) -> Shop:
    """The sample shop, with a database that is ready."""
    return Shop.open(stocked)


def counted(shop: Shop, *queries: str) -> None:
    """Searches of shoppers, on record."""
    database = Database.open(shop.settings)
    log = QueryLog(database, shop.name, clock=shop.clock)
    desk = SearchDesk(shop.catalog, shop.folder, log)
    for query in queries:
        desk.search(query)
    log.flush()
    database.close()


def test_without_a_shop_the_page_says_which_command_makes_one(settings: Settings) -> None:
    assert "There is no shop called “demo”" in text(opened("search"))


def test_a_query_shows_cards_and_how_sure_search_is(shop: Shop) -> None:
    assert "60 products are searched" in text(opened("search"))
    shown = text(opened("search", query="red lamp"))
    assert "Found for “red lamp”" in shown
    assert shown.count('<li class="card">') >= 1
    assert "sure to be a match" in shown
    assert "Red lamp no." in shown


def test_a_typing_error_is_corrected_and_said(shop: Shop) -> None:
    shown = text(opened("search", query="scraf"))
    assert "Searched for “scarf”" in shown
    assert "scarf no." in shown


def test_nothing_is_shown_rather_than_something_wrong(shop: Shop) -> None:
    shown = text(opened("search", query="windscreen wiper"))
    assert "Nothing is a match" in shown
    assert "sure to be a match" not in shown


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", "\u202e💥", "' OR 1=1 --", "x" * 5000])
def test_hostile_queries_are_shown_as_written(shop: Shop, typed: str) -> None:
    assert "<script>" not in text(opened("search", query=typed))


def test_titles_are_shown_as_written_never_as_markup(shop: Shop) -> None:
    assert AWKWARD not in text(opened("search", query="mug & saucer"))


def test_what_is_tried_here_is_not_counted(shop: Shop) -> None:
    opened("search", query="windscreen wiper")
    assert "No searches are on record" in text(opened("search", way="Not found"))


def test_failing_queries_are_listed_and_a_synonym_mends_one(shop: Shop) -> None:
    counted(shop, "muffler", "muffler", "lamp", "mail ann@example.org", "<b>settee</b>")
    assert "Nearest products:" in text(opened("search", way="Not found"))
    app = opened("search", way="Not found")
    shown = text(app)
    assert "muffler" in shown
    assert "ann@example.org" not in shown
    assert "<b>settee" not in shown
    app.text_input(key="said").set_value("muffler")
    app.text_input(key="stands").set_value("scarf").run()
    app.button(key="add").click().run()
    assert "Mended" in text(app)
    assert "scarf no." in text(opened("search", query="muffler"))


def test_a_bad_rule_is_refused_in_words(shop: Shop) -> None:
    counted(shop, "muffler")
    app = opened("search", way="Not found")
    app.text_input(key="said").set_value("scarves")
    app.text_input(key="stands").set_value("scarf").run()
    app.button(key="add").click().run()
    assert "stands for itself" in text(app)


def uploaded(content: bytes) -> AppTest:
    """The page after a picture was given."""
    app = opened("search", way="Picture")
    if app.button:
        app.button(key="read").click().run()
    app.file_uploader(key="picture").upload("photo.png", content, "image/png").run()
    return app


def test_a_picture_finds_products_that_look_like_it(shop: Shop) -> None:
    first = opened("search", way="Picture")
    assert "have not been read yet" in text(first)
    image = shop.catalog.frame.set_index("product_id")["image"]["p004"]
    shown = text(uploaded((shop.folder / image).read_bytes()))
    assert "These look most like it" in shown
    assert "Mugs (" in shown
    assert shown.count('<li class="card">') == 12


def test_what_is_no_picture_is_refused_in_words(shop: Shop) -> None:
    shown = text(uploaded(b"%PDF-1.7 not a picture"))
    assert "no picture that can be read" in shown
    assert '<li class="card">' not in shown


def test_a_picture_with_a_script_or_a_path_for_a_name_is_refused(shop: Shop) -> None:
    shown = text(uploaded(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"))
    assert "SVG files may hold scripts" in shown
    assert '<li class="card">' not in shown


def test_what_clicks_taught_is_listed_with_its_proof(shop: Shop) -> None:
    counted(shop, "lamp")
    assert "Learnt from clicks" not in text(opened("search", way="Not found"))
    on = LearntRule("settee", "sofa", 20, 0.9, 50.0, 1e-9, 18, 0.4, 0.2, 0.6, True)
    off = LearntRule("<b>pouf</b>", "stool", 12, 0.7, 9.0, 1e-6, 3, 0.1, -0.4, 0.6, False)
    LearntSearch(rules=(on, off), searches=1200, clicks=300, why="no gain over 40 held-out queries").save(
        shop.folder / FILE
    )
    shown = text(opened("search", way="Not found"))
    assert "From 1,200 searches" in shown
    assert "The order of results is the default one: no gain over 40 held-out queries." in shown
    assert "settee" in shown
    assert "3 other people clicked" in shown
    assert "&lt;b&gt;pouf" in shown
