"""What a query rules out, in every language, and what only sounds as if."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data.catalog import Catalog
from shopr.search import Filters, ProductSearch
from shopr.search.text.lexicon import colours, materials, table

LANGUAGES = "en de fr es it nl pt tr ar hi ja zh".split()


def _item(name: str, title: str, kind: str, **more: Any) -> dict[str, Any]:
    material = more.pop("material", None)
    attributes = {"product_type": kind} | ({"material": material} if material else {})
    return {"product_id": name, "title": title, "attributes": attributes, "price": 1000, "currency": "EUR", **more}


@pytest.fixture(scope="module")
def search() -> ProductSearch:
    rows = [
        _item(f"{kind}-{brand}-{colour}-{material}".lower(), f"{brand} {kind} {colour}", kind, brand=brand,
              colour=colour, material=material)
        for kind, brand, colour, material in product(
            ("jacket", "mouse"), ("Nike", "Acme"), ("Red", "Black", "Blue"), ("Leather", "Cotton")
        )
    ]  # fmt: skip
    rows += [
        _item("cable", "Acme cable 2 m", "cable", brand="Acme"),
        _item("stick", "Tefal memory stick", "stick", brand="Tefal"),
        _item("shirt", "Olymp No Leather shirt Black", "shirt", brand="Olymp", colour="Black"),
        _item("noname", "No Name mouse Black", "mouse", brand="No Name", colour="Black"),
        _item("perfume", "Chanel No. 8 perfume", "perfume", brand="Chanel"),
        _item("pan", "Tefal non-stick pan", "pan", brand="Tefal", material="Iron"),
    ]
    return ProductSearch.build(Catalog.from_frame(pd.DataFrame(rows)))


def said(search: ProductSearch, query: str) -> tuple[str, list[tuple[str, str]]]:
    read = search.understand(query)
    return " ".join(term.word for term in read.terms), [(each.part, each.name) for each in read.refused]


@pytest.mark.parametrize(
    ("query", "rest", "refused"),
    [
        ("jacket not red", "jacket", [("not_colours", "red")]),
        ("jacket without leather", "jacket", [("not_materials", "leather")]),
        ("no nike", "", [("not_brands", "Nike")]),
        ("no Nike jacket", "jacket", [("not_brands", "Nike")]),
        ("mouse ohne cable", "mouse", [("not_types", "cable")]),
        ("jacket -nike -red", "jacket", [("not_brands", "Nike"), ("not_colours", "red")]),
        ("jacket not red or blue", "jacket", [("not_colours", "red"), ("not_colours", "blue")]),
        ("jacket but not from Nike please", "jacket", [("not_brands", "Nike")]),
        ("leather-free jacket", "jacket", [("not_materials", "leather")]),
        ("non-leather jacket", "jacket", [("not_materials", "leather")]),
        ("keine roten jacket", "jacket", [("not_colours", "red")]),
        ("jacket nicht aus Leder", "jacket", [("not_materials", "leather")]),
        ("jacket pas de cuir", "jacket", [("not_materials", "leather")]),
        ("jacket que no sean de cuero", "jacket", [("not_materials", "leather")]),
        ("jacket non rosse", "jacket", [("not_colours", "red")]),
        ("jacket zonder leer", "jacket", [("not_materials", "leather")]),
        ("jacket sem couro", "jacket", [("not_materials", "leather")]),
        ("kırmızı olmayan jacket", "jacket", [("not_colours", "red")]),
        ("jacket بدون جلد", "jacket", [("not_materials", "leather")]),
        ("jacket غير الأحمر", "jacket", [("not_colours", "red")]),
        ("चमड़े के बिना jacket", "jacket", [("not_materials", "leather")]),
        ("赤以外の jacket", "jacket", [("not_colours", "red")]),
        ("黒じゃない jacket", "jacket", [("not_colours", "black")]),
        ("不要红色的 jacket", "jacket", [("not_colours", "red")]),
    ],
)
def test_what_is_ruled_out(search: ProductSearch, query: str, rest: str, refused: list[tuple[str, str]]) -> None:
    assert said(search, query) == (rest, refused)


@pytest.mark.parametrize(
    "query",
    [
        *("no. 8 perfume", "no 8 perfume", "no name mouse", "non stick pan", "non-stick pan", "no iron jacket"),
        *("jacket - red", "with or without cable", "nike free jacket", "no leather shirt", "jacket no purple"),
        *("no", "-", "not", "jacket no", "no, red jacket", "jacket without zip", "red jacket"),
    ],
)
def test_what_only_sounds_as_if(search: ProductSearch, query: str) -> None:
    assert said(search, query)[1] == []


def test_nothing_found_is_what_was_ruled_out_and_all_else_is(search: ProductSearch) -> None:
    found = search.search("jacket not red, no nike", 50, whole=True)
    assert set(found.product_ids) == {f"jacket-acme-{c}-{m}" for c in ("black", "blue") for m in ("leather", "cotton")}
    assert found.query == "jacket not red, no nike"
    same = search.search("jacket", 50, whole=True, filters=Filters(not_colours=("red",), not_brands=("Nike",)))
    assert np.array_equal(found.rows, same.rows)
    assert np.array_equal(found.scores, same.scores)


def test_a_query_that_only_rules_out_browses_the_rest(search: ProductSearch) -> None:
    found = search.search("not red", 50)
    assert len(found) == found.total == len(search) - 8
    assert not found.abstained
    assert not any("-red-" in name for name in found.product_ids)


def test_each_can_be_taken_back_alone(search: ProductSearch) -> None:
    refused = search.understand("jacket no nike not red or blue").refused
    assert [each.said for each in refused] == ["nike", "red", "blue"]
    for each in refused:
        left = search.understand(each.without)
        assert [(r.part, r.name) for r in left.refused] == [(r.part, r.name) for r in refused if r != each]
        assert [term.word for term in left.terms] == ["jacket"]


def test_conditions_of_the_caller_hold_beside_it(search: ProductSearch) -> None:
    found = search.search("jacket not red", 50, filters=Filters(brands=("Nike",), not_colours=("blue",)))
    assert {name.rpartition("-")[0] for name in found.product_ids} == {"jacket-nike-black"}


def test_words_as_typed_rule_out_nothing(search: ProductSearch) -> None:
    assert search.search("jacket not red", exact=True).refused == ()


def test_a_spelling_rules_out_the_same(search: ProductSearch) -> None:
    found = search.search("jackett not red")
    assert found.corrected == "jacket -red"
    assert said(search, found.corrected) == ("jacket", [("not_colours", "red")])


def test_every_language_has_words_and_every_colour_of_theirs_can_be_ruled_out() -> None:
    tables = table("refusing")
    for language in LANGUAGES:
        assert tables["before"][language] or tables["after"][language], language
    for word in ("rot", "rouge", "rojo", "rosso", "rood", "vermelho", "kırmızı", "أحمر", "लाल", "赤", "红色"):
        assert colours().named(word) == ["red"], word
    for word in ("leder", "cuir", "cuero", "pelle", "leer", "couro", "deri", "جلد", "चमड़े", "革", "皮革"):
        assert materials().named(word) == ["leather"], word


@given(
    words=st.lists(
        st.sampled_from(
            "not no - without or and red nike leather jacket , のない 以外 赤 不要 d' -red non- -free".split()
        ),
        max_size=9,
    )
)
def test_any_order_of_such_words_is_read(search: ProductSearch, words: list[str]) -> None:
    read = search.understand(" ".join(words))
    for each in read.refused:
        assert len(search.understand(each.without).refused) < len(read.refused)
    assert "\ue000" not in str(read)
    assert "\ue001" not in str(read)
