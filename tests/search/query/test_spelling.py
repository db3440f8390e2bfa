"""The speller's table, its prices, and what it does to queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.search import ProductSearch
from shopr.search.query.spelling import edit_cost
from shopr.search.text.deletes import LONG, Deletes
from tests.search.shelf import catalog

LETTERS = "abcdefghij"
words = st.text(alphabet=LETTERS, min_size=3, max_size=12)


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """A word, and the same with one letter left out, put in, changed or swapped with its neighbour."""
    word = draw(words)
    i = draw(st.integers(0, len(word) - 1))
    kind = draw(st.sampled_from(["out", "in", "change", "swap"]))
    letter = draw(st.sampled_from(LETTERS))
    if kind == "out":
        return word, word[:i] + word[i + 1 :]
    if kind == "in":
        return word, word[:i] + letter + word[i:]
    if kind == "change":
        return word, word[:i] + letter + word[i + 1 :]
    j = min(i, len(word) - 2)
    return word, word[:j] + word[j + 1] + word[j] + word[j + 2 :]


@given(slips(), st.lists(words, max_size=5))
def test_a_word_one_slip_away_is_always_found(slip, others):
    word, typed = slip
    known = sorted({word, *others})
    assert known.index(word) in Deletes.build(known).near(typed, 1).tolist()
    assert edit_cost(typed, word, 1) < float("inf")


@given(st.text(alphabet=LETTERS, min_size=LONG, max_size=11), st.integers(0, 5), st.integers(0, 5))
def test_two_letters_left_out_of_a_long_word_are_found(word, i, j):
    typed = word[:i] + word[i + 1 :]
    typed = typed[:j] + typed[j + 1 :]
    assert 0 in Deletes.build([word]).near(typed, 2).tolist()


@given(words, words)
def test_prices_are_zero_for_the_same_word_only(a, b):
    assert (edit_cost(a, b, 2) == 0) == (a == b)


def test_cheap_and_dear_slips():
    assert edit_cost("mpuse", "mouse", 1) < edit_cost("mquse", "mouse", 1)  # p lies beside o
    assert edit_cost("tonner", "toner", 1) < edit_cost("tozner", "toner", 1)  # a doubled letter
    assert edit_cost("toenr", "toner", 1) < edit_cost("toker", "toner", 1) + 0.5  # swapped
    assert edit_cost("nouse", "mouse", 1) > edit_cost("mouae", "mouse", 1)  # the first letter
    assert edit_cost("abc", "xyz", 2) == float("inf")


@pytest.mark.parametrize("query", ["zzzzqqq", "xq", "123456", "qwertzuiop"])
def test_what_resembles_nothing_is_left_as_it_is(query):
    assert ProductSearch.build(catalog()).search(query).corrected is None


def test_spelling_can_be_switched_off():
    from shopr.search import SearchConfig

    off = ProductSearch.build(catalog(), SearchConfig(spelling=False))
    assert off.search("hedset").corrected is None


def test_a_rare_word_beside_a_far_commoner_one_is_offered_not_forced():
    rows = [{"product_id": f"p{i}", "title": f"Acme P{i} printer Black"} for i in range(80)]
    rows.append({"product_id": "odd", "title": "Acme Prixter thing"})
    found = ProductSearch.build(catalog(rows)).search("prixter")
    assert found.corrected is None
    assert found.did_you_mean == "printer"


def test_a_known_word_gives_way_where_its_neighbour_and_another_name_a_kind():
    rows = [{"product_id": f"c{i}", "title": f"Acme C{i} memory card Black"} for i in range(5)]
    rows += [{"product_id": f"t{i}", "title": f"Borg T{i} toy car Red"} for i in range(5)]
    shop = ProductSearch.build(catalog(rows))
    assert shop.search("memory car").corrected == "memory card"
    assert shop.search("toy car").corrected is None


def test_a_word_seen_once_beside_hundreds_of_another_is_a_slip_of_the_catalogue():
    rows = [{"product_id": f"p{i}", "title": f"Acme P{i} desktop Black"} for i in range(200)]
    rows.append({"product_id": "odd", "title": "Acme deskto thing"})
    found = ProductSearch.build(catalog(rows)).search("deskto")
    assert found.corrected == "desktop"


def test_names_of_kinds_are_likelier_than_other_words():
    rows = [{"product_id": f"d{i}", "title": f"Acme D{i} radio Black", "description": "silent"} for i in range(4)]
    rows += [{"product_id": f"x{i}", "title": f"Acme X{i} thing", "description": "has raids"} for i in range(6)]
    assert ProductSearch.build(catalog(rows)).search("radi").corrected == "radio"


def test_a_letter_left_out_is_likelier_than_any_one_letter_in_its_place():
    assert edit_cost("rotr", "rotor", 1) < edit_cost("rotr", "rota", 1)
    assert edit_cost("hdset", "headset", 2) == 2 * edit_cost("hadset", "headset", 1)
    assert edit_cost("butt", "but", 1) < edit_cost("buty", "but", 1) < edit_cost("butm", "but", 1)  # y lies beside t


def _many(title: str, count: int, key: str) -> list[dict[str, str]]:
    return [{"product_id": f"{key}{i}", "title": title.format(i=i)} for i in range(count)]


def test_a_word_of_which_the_catalogue_has_the_stem_alone_may_be_a_slip():
    rows = [{**row, "brand": "Vans"} for row in _many("Vans V{i} shoe Black", 12, "v")]
    rows += [{"product_id": "odd", "title": "Zed vna station"}]
    shop = ProductSearch.build(catalog(rows))
    assert shop.search("vnas").corrected == "vans"
    assert shop.search("vna").corrected is None
    assert shop.search("shoes").corrected is None  # a form of what the catalogue has


def test_two_letters_are_mended_where_the_neighbour_tells():
    rows = _many("Acme F{i} usb fan Black", 9, "f") + _many("Borg S{i} SB socket White", 2, "s")
    shop = ProductSearch.build(catalog(rows))
    assert shop.search("sb fan").corrected == "usb fan"
    assert shop.search("sb socket").corrected is None


def test_a_word_that_the_shop_lacks_is_not_taken_for_a_rare_one():
    rows = [*_many("Acme L{i} lamp Black", 20, "l"), {"product_id": "odd", "title": "Zed sofar sonar"}]
    found = ProductSearch.build(catalog(rows)).search("sogal")
    assert found.corrected is None
    assert found.abstained
