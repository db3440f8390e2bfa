"""Shops unlike the one that search was tuned on: books, German compounds, a handful of products."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.search import ProductSearch
from shopr.search.query.heads import Heads

KINDS = ("Regenjacke", "Winterjacke", "Damenschuhe", "Kopfhörer", "Ladekabel", "Kaffeemaschine")


def shop(*rows: dict[str, Any]) -> ProductSearch:
    frame = pd.DataFrame([{"product_id": f"p{i}", **row} for i, row in enumerate(rows)])
    return ProductSearch.build(Catalog.from_frame(frame))


@pytest.fixture(scope="module")
def books() -> ProductSearch:
    written = [("Franz Kafka", "Der Prozess"), ("Agatha Christie", "Without Remorse"), ("Jane Austen", "Emma")]
    return shop(
        *(
            {"title": title, "brand": author, "category": f"Books > {shelf}"}
            for author, title in written
            for shelf in ("Fiction", "Crime")
            for _ in range(20)
        )
    )


@pytest.fixture(scope="module")
def german() -> ProductSearch:
    return shop(
        *(
            {
                "title": f"Esprit {kind} {colour}",
                "brand": "Esprit",
                "colour": colour,
                "language": "de",
                "category": kind,
            }
            for kind in KINDS
            for colour in ("rot", "blau", "schwarz")
            for _ in range(5)
        )
    )


def test_the_name_of_a_wide_category_lists_it(books: ProductSearch) -> None:
    for query in ("books", "Book"):
        found = books.search(query, 200)
        assert (found.total, found.abstained, found.query) == (120, False, query)
    assert books.search("books no kafka", 200).total == 80
    assert books.search("cars").abstained


def test_a_brand_is_called_by_its_last_word(books: ProductSearch) -> None:
    (refused,) = books.understand("books not by kafka").refused
    assert (refused.part, refused.name) == ("not_brands", "Franz Kafka")
    assert books.understand("without remorse").refused == ()
    assert len(books.search("without remorse", 50)) == 40


def test_a_spelling_that_finds_nothing_is_not_told(books: ProductSearch) -> None:
    found = books.search("harry potter")
    assert (found.abstained, found.corrected, found.alternatives) == (True, None, ())


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("jacke", {"Regenjacke", "Winterjacke"}),
        ("Jacken", {"Regenjacke", "Winterjacke"}),
        ("schuhe", {"Damenschuhe"}),
        ("rote Schuhe", {"Damenschuhe"}),
        ("maschine", {"Kaffeemaschine"}),
        ("kopfhörer ohne kabel", {"Kopfhörer"}),
    ],
)
def test_compounds_are_found_by_what_they_end_in(german: ProductSearch, query: str, kinds: set[str]) -> None:
    found = german.search(query, 100, whole=True)
    assert not found.abstained
    assert {KINDS[int(name[1:]) // 15] for name in found.product_ids} == kinds


def test_english_has_no_such_compounds() -> None:
    small = shop(*({"title": f"Raincoat {i}"} for i in range(9)))
    assert small.search("coat").abstained
    assert small.index.reader.heads.ending("coat") == []


def test_what_compounds_end_in_is_long_enough_and_not_all() -> None:
    terms = ["regenjack", "jack", "xyjack", "sommer", "kabel"]
    heads = Heads(terms, pd.Series([1, 2, 3, 0, 1]).to_numpy(), ("en", "de"))
    assert heads.ending("jacke") == [0]
    assert heads.ending("mer") == heads.ending("sommer") == heads.ending("kabel") == []


def test_a_handful_of_products_is_found_however_written() -> None:
    few = shop({"title": "Red mug"}, {"title": "Teapot 1 l"}, {"title": "Kettle"})
    assert few.search("tea pot").product_ids == ("p1",)
    assert few.search("muug").product_ids == ("p0",)
    assert few.search("mug not red").product_ids == ()
    assert shop({"title": "Thing"}).search("not thing").abstained
