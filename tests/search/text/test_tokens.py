"""Units, part numbers, folding and plurals as terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.search import ProductSearch
from shopr.search.text.stemming import stem
from shopr.search.text.tokens import AFTER, BREAK, JOINED, LOWER, MEASURE, fold, tokenise
from tests.search.shelf import catalog


def terms(text: str, language: str | None = "en") -> list[str]:
    return [token.term for token in tokenise(text, language)]


@pytest.mark.parametrize("text", ['15.6"', "15.6 in", "15.6-inch", "15,6 inches", "15.6in", "15.6 Zoll"])
def test_every_spelling_of_a_size_is_one_term(text):
    assert terms(text)[0] == "15.6in"


@pytest.mark.parametrize("text", ["500gb", "500 GB", "500-GB", "500 gigabytes"])
def test_a_number_and_its_unit_are_one_term(text):
    (first, *_) = tokenise(text)
    assert first.term == "500gb"
    assert first.flags & MEASURE


def test_a_part_number_is_found_joined_and_in_parts():
    assert terms("brother TN-2110 toner") == ["brother", "tn", "2110", "tn2110", "toner"]
    assert [t.term for t in tokenise("Wi-Fi") if t.flags & JOINED] == ["wifi"]
    assert "spz650000" in terms("SPZ6500/00")
    assert not any(t.flags & JOINED for t in tokenise("Black/White"))


@pytest.mark.parametrize(
    ("many", "one"),
    [("mice", "mouse"), ("batteries", "battery"), ("watches", "watch"), ("boxes", "box"), ("shoes", "shoe"),
     ("tvs", "tv"),     ("lens", "lens"), ("gas", "gas"), ("headphones", "headphone"),
     ("women", "woman"), ("glass", "glass"), ("bus", "bus")],
)  # fmt: skip
def test_plurals_meet_their_singular_and_nothing_else_changes(many, one):
    assert stem(many) == stem(one) == one


def test_other_languages_are_stemmed_by_their_own_rules():
    assert stem("ordinateurs", "fr") == stem("ordinateur", "fr")
    assert stem("kopfhorern", "de") == stem("kopfhorer", "de")


def test_flags_tell_lower_case_breaks_and_what_stands_behind_a_preposition():
    by_term = {t.term: t.flags for t in tokenise("HP Case, red for Notebook bags")}
    assert by_term["red"] & BREAK
    assert by_term["red"] & LOWER
    assert by_term["notebook"] & AFTER
    assert not by_term["case"] & LOWER


def test_accents_case_and_invisible_characters_do_not_matter():
    assert fold("Straße ÉTÉ") == "strasse ete"
    assert terms("Lap\u00adtop\u200b") != []
    assert terms("ＵＳＢ") == ["usb"]


def test_scripts_without_spaces_become_pairs():
    assert terms("无线鼠标") == ["无线", "线鼠", "鼠标"]


@given(st.text(max_size=80))
def test_no_text_breaks_the_tokeniser(text):
    for token in tokenise(text):
        assert token.term
        assert " " not in token.term
        assert "\n" not in token.term


@given(st.text(alphabet="abcXYZ0123456789.,-/\"' ", max_size=60))
def test_terms_do_not_depend_on_case(text):
    assert terms(text.upper()) == terms(text.lower())


def test_little_words_of_other_languages_are_names_in_a_text_and_nothing_in_a_query():
    assert "van" in terms("Jan van Haasteren puzzle", "en")
    assert "van" not in terms("puzzel van hout", "nl")
    assert terms("puzzel van hout", None) == terms("puzzel hout", None)
    assert "the" not in terms("Over the hills", "de")


def test_arabic_is_found_with_and_without_hamzas_and_vowels() -> None:
    assert fold("كُوب أحمر") == fold("كوب احمر")
    assert fold("مسؤول") == "مسوول"
    shop = catalog([{"product_id": "1", "title": "كوب أحمر"}, {"product_id": "2", "title": "مصباح أزرق"}])
    assert ProductSearch.build(shop).search("كوب احمر").product_ids[:1] == ("1",)
