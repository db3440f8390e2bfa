"""A page of a list: pages that follow on each other, counts that hold, and ways out of nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.errors import InputError
from shopr.search import ProductSearch
from shopr.search.asking.request import PageRequest
from shopr.search.searching.listing import Listing, Wayout, list_page

BRANDS = ("Alder", "Nordlys", "Pico")
KINDS = ("Mug", "Lamp")


@pytest.fixture(scope="module")
def search() -> ProductSearch:
    """Mugs and lamps of three brands, every fifth red by its colour, p000 sold out, p001 without a price."""
    rows = [
        {
            "product_id": f"p{i:03}",
            "title": f"{BRANDS[i % 3]} {KINDS[i % 2]} M{i}",
            "brand": BRANDS[i % 3],
            "category": f"Home > {KINDS[i % 2]}s",
            "colour": "red" if i % 5 == 0 else "",
            "price": None if i == 1 else 500 + 100 * i,
            "currency": "EUR",
            "stock": 0 if i == 0 else 5,
            "attributes": f'{{"popularity": {i}}}',
        }
        for i in range(60)
    ]
    return ProductSearch.build(Catalog.from_frame(pd.DataFrame(rows)))


def ids(search: ProductSearch, request: PageRequest, size: int = 12) -> list[str]:
    """The products of all pages."""
    first = list_page(search, request, size)
    pages = [list_page(search, request.changed(page=n + 1), size) for n in range(first.pages)]
    assert [page.first for page in pages] == [1 + size * n for n in range(len(pages))]
    return [name for page in pages for name in page.found.product_ids]


@pytest.mark.parametrize("sort", ["relevance", "price_asc", "price_desc", "newest", "popularity"])
@pytest.mark.parametrize("query", ["", "mug", "red lamp"])
def test_pages_follow_on_each_other(search: ProductSearch, query: str, sort: str) -> None:
    request = PageRequest(query, sort=sort)
    whole = ids(search, request, size=1000)
    assert ids(search, request, size=7) == whole
    assert len(whole) == len(set(whole)) == list_page(search, request).total
    if not query:
        assert len(whole) == 60  # however popular: without words all are listed, in any order


def test_the_last_page_stands_for_those_beyond(search: ProductSearch) -> None:
    page = list_page(search, PageRequest("mug", page=999), 12)
    assert (page.request.page, page.pages, page.first) == (3, 3, 25)
    assert len(page.found) == 6


def narrowed(page: Listing) -> dict[str, PageRequest]:
    """Every choice that a page offers, with the count that it promises."""
    parts = {"brand": "brands", "category": "categories", "colour": "colours"}
    offered = {
        f"{facet} {choice.name} {choice.count}": page.request.changed(**{parts[facet]: (choice.name,)})
        for facet, choices in page.facets.items()
        for choice in choices
    }
    bands = {f"price {n} {n}": page.request.changed(price_min=low, price_max=high) for low, high, n in page.bands}
    return offered | bands


@pytest.mark.parametrize("query", ["", "mug", "alder lamp"])
@pytest.mark.parametrize("conditions", [{}, {"colours": ("red",)}, {"price_max": 4000}], ids=str)
def test_each_choice_leads_to_as_many_products_as_it_says(
    search: ProductSearch, query: str, conditions: dict[str, object]
) -> None:
    page = list_page(search, PageRequest(query).changed(**conditions))
    offered = narrowed(page)
    assert offered
    for words, request in offered.items():
        if page.request.colours and request.colours != page.request.colours:
            continue
        assert list_page(search, request).total == int(words.rpartition(" ")[2]), words


def test_a_second_brand_adds_to_the_first(search: ProductSearch) -> None:
    page = list_page(search, PageRequest("mug", brands=("pico",)))
    brands = {choice.name: (choice.count, choice.chosen) for choice in page.facets["brand"]}
    assert brands == {"Alder": (10, False), "Nordlys": (10, False), "Pico": (10, True)}
    assert page.total == 10
    assert list_page(search, PageRequest("mug", brands=("Pico", "Alder"))).total == 20


def test_a_choice_that_the_shop_has_not_can_be_seen_and_taken_back(search: ProductSearch) -> None:
    page = list_page(search, PageRequest("mug", brands=("<b>Nobody</b>",)))
    assert page.total == 0
    assert [(c.name, c.count) for c in page.facets["brand"] if c.chosen] == [("<b>Nobody</b>", 0)]
    assert page.wayouts == (Wayout("brands", "<b>Nobody</b>", 30),)


def test_of_several_conditions_those_are_named_that_leave_something(search: ProductSearch) -> None:
    page = list_page(search, PageRequest("mug", brands=("Alder",), colours=("red",), price_min=9_000_000))
    assert page.total == 0
    assert page.wayouts == (Wayout("price_min", "", 2),)
    assert (page.low, page.high) == (500, 3500)


def test_stock_and_prices_are_those_of_now(search: ProductSearch) -> None:
    stock, prices = np.full(60, np.nan), np.full(60, 700.0)
    stock[2], prices[4] = 0, 1.0
    page = list_page(search, PageRequest("mug", in_stock=True, sort="price_asc"), stock=stock, prices=prices)
    assert (page.total, page.available) == (29, 29)
    assert page.found.product_ids[0] == "p004"
    assert list_page(search, PageRequest("mug", price_max=10), prices=prices).total == 1
    assert (page.low, page.high) == (1, 700)
    plain = list_page(search, PageRequest("mug"))
    assert (plain.total, plain.available) == (30, 29)
    with pytest.raises(InputError, match="prices has 3 entries for 60 products"):
        list_page(search, PageRequest("mug", price_max=1), prices=np.ones(3))


def test_words_are_mended_unless_they_are_meant(search: ProductSearch) -> None:
    assert list_page(search, PageRequest("lmap")).found.corrected == "lamp"
    page = list_page(search, PageRequest("lmap", exact=True))
    assert (page.found.corrected, page.total, page.found.abstained) == (None, 0, True)
    assert page.wayouts == ()


def test_nothing_stays_nothing_under_conditions(search: ProductSearch) -> None:
    page = list_page(search, PageRequest("windscreen wiper", brands=("Pico",)))
    assert (page.total, page.found.abstained) == (0, True)


def test_a_shop_without_prices_brands_or_colours_is_listed_too() -> None:
    frame = pd.DataFrame({"product_id": ["a", "b"], "title": ["Plain mug", "Red mug"]})
    page = list_page(ProductSearch.build(Catalog.from_frame(frame)), PageRequest("mug", sort="price_asc"))
    assert (page.total, page.low, page.high, page.bands, page.available) == (2, None, None, (), 2)
    assert page.facets == {}
    red = list_page(ProductSearch.build(Catalog.from_frame(frame)), PageRequest("mug", colours=("red",)))
    assert red.found.product_ids == ("b",)
    assert [(c.name, c.count) for c in red.facets["colour"]] == [("red", 1)]
