"""What reading finds in messages, of which the truth is known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shopr.chat.lexicon import lexicon, missing, spoken
from shopr.chat.reading.numerals import parse_number
from shopr.chat.reading.reader import Reader
from shopr.chat.reading.result import Reading
from shopr.chat.reading.spelling import Speller, distance
from shopr.chat.shelf import Shelf
from tests.chat.shop import catalog

SHELF = Shelf(catalog())


def read(text: str, language: str = "en") -> list[Reading]:
    return Reader(lambda: SHELF).read(text, language)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("headphones under 30 euros", None, 30),
        ("headphones, 30 euro or less", None, 30),
        ("nothing over 1,200", None, 1200),
        ("not more expensive than 99.50", None, Decimal("99.5")),
        ("with nothing costing more than 20 euros", None, 20),
        ("at least 50 euros", 50, None),
        ("between 100 and 250 euros", 100, 250),
        ("raise it to 150-400", 150, 400),
        ("chaeper thn 40", None, 40),
        ("less than thirty euros", None, 30),
    ],
)
def test_price_bounds(text: str, low: object, high: object) -> None:
    found = [(b.low, b.high) for r in read(text) for b in r.prices]
    assert found == [(low, high)]


@pytest.mark.parametrize(
    ("language", "text", "concept", "high"),
    [
        ("de", "Ich suche einen schwarzen Kopfhörer unter 50 Euro", "headphones", 50),
        ("fr", "Je cherche une souris sans fil à moins de 30 euros", "mouse", 30),
        ("es", "Busco unos auriculares por menos de 60 euros", "headphones", 60),
        ("tr", "500 euro altında bir dizüstü bilgisayar arıyorum", "laptop", 500),
        ("zh", "有没有30欧元以下的鼠标?", "mouse", 30),
        ("ar", "أريد سماعات رأس سوداء بأقل من 60 يورو", "headphones", 60),
    ],
)
def test_prices_and_products_in_other_languages(language: str, text: str, concept: str, high: int) -> None:
    if language not in spoken():
        pytest.fail(f"{language} has no lexicon")
    (reading,) = read(text, language)
    assert concept in reading.keys("concepts")
    assert [b.high for b in reading.prices] == [high]


def test_denials_reach_what_they_deny() -> None:
    (reading,) = read("white, not black")
    assert reading.keys("colours") == ["white"]
    assert reading.keys("colours", denied=True) == ["black"]
    (reading,) = read("a keyboard but neither Tastwell nor Brother")
    assert reading.keys("brand", denied=True) == ["Tastwell", "Brother"]


def test_places_counts_and_measures_are_told_apart() -> None:
    (reading,) = read("add two of the first")
    assert (reading.ordinals, [n.value for n in reading.counts]) == ([1], [2])
    (reading,) = read("compare the first two")
    assert reading.group == ("first", 2)
    (reading,) = read("a 15.6 inch laptop with 8 GB under 900")
    assert [(m.value, m.unit) for m in reading.measures] == [(Decimal("15.6"), "inch"), (8, "gb")]
    assert [b.high for b in reading.prices] == [900]


def test_typing_errors_are_mended_and_said() -> None:
    (reading,) = read("wireles hedphones pleese")
    assert reading.keys("concepts") == ["headphones"]
    assert reading.mended == [("wireles", "wireless"), ("hedphones", "headphones"), ("pleese", "please")]


def test_several_requests_become_several_clauses() -> None:
    first, second = read("show me headphones and add the first one to my cart")
    assert first.keys("concepts") == ["headphones"]
    assert (second.group, "add" in second.asks) == (("first", 1), True)
    assert len(read("the second looks good, add it")) == 1


def test_orders_products_and_models_are_told_apart() -> None:
    assert read("where is A1001?")[0].orders == ["A1001"]
    assert read("tell me about h1 please")[0].ids == ["h1"]
    (reading,) = read("do you have the Nikon D850?")
    assert (reading.orders, "d850" in reading.names) == ([], True)


def test_an_ordinary_word_is_a_brand_only_where_it_is_meant_as_one() -> None:
    assert read("only from Brother")[0].keys("brand") == ["Brother"]
    assert read("brother toner")[0].keys("brand") == ["Brother"]
    assert read("a present for my brother")[0].keys("brand") == []


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1,000", ".", "1000"),
        ("1.000", ",", "1000"),
        ("12,50", ",", "12.5"),
        ("12.5", ".", "12.5"),
        ("1.234,56", ",", "1234.56"),
    ],
)
def test_numbers_are_read_by_their_marks(text: str, mark: str, value: str) -> None:
    assert parse_number(text, mark) == Decimal(value)


def test_the_speller_mends_only_what_is_near() -> None:
    speller = Speller({"keyboard": 3, "mouse": 2, "leather": 1})
    assert speller.mend("keybord") == "keyboard"
    assert speller.mend("house") is None
    assert speller.mend("weather") is None
    assert distance("abcd", "abdc") == 1


@pytest.mark.parametrize("language", spoken())
def test_every_lexicon_is_sound_and_complete(language: str) -> None:
    assert lexicon(language).language == language
    gaps = {k: v for k, v in missing(language).items() if k in ("commands", "colours", "currencies")}
    assert not {k: v for k, v in gaps.items() if len(v) > 2}, gaps
