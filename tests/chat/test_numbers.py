"""Numbers made of parts, price bounds that are written loosely, and which kind of several is wanted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.chat.reading.numerals import compound
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.understanding.heads import heads
from tests.chat.test_reading import read

_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def bounds(text: str, language: str = "en") -> tuple[float | None, float | None]:
    """The lowest and the highest price that a message names."""
    low = high = None
    for reading in read(text, language):
        for bound in reading.prices:
            low = float(bound.low) if bound.low is not None else low
            high = float(bound.high) if bound.high is not None else high
    return low, high


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("keyboards for 40 up to 90", "en", (40, 90)),
        ("something between 3 and 5 hundred", "en", (300, 500)),
        ("1k to 1.5k", "en", (1000, 1500)),
        ("no more than about 80 euros", "en", (None, 80)),
        ("my limit would be 60", "en", (None, 60)),
        ("150 is my limit", "en", (None, 150)),
        ("it mustn't cost more than three hundred and fifty", "en", (None, 350)),
        ("without HP please and not pricier than 300", "en", (None, 300)),
        ("les then 200", "en", (None, 200)),
        ("höchstens 2,5k Euro", "de", (None, 2500)),
        ("zwischen zweihundert und dreihundertfünfzig Euro", "de", (200, 350)),
        ("de 100 jusqu'à 250 euros", "fr", (100, 250)),
        ("no quiero gastar más de 50 euros", "es", (None, 50)),
        ("tussen de 100 en 250 euro uitgeven aan een monitor", "nl", (100, 250)),
        ("三百五十欧元以下", "zh", (None, 350)),
        ("3千から5千ユーロ", "ja", (3000, 5000)),
    ],
)
def test_bounds_that_are_written_loosely(text: str, language: str, expected: tuple[float | None, float | None]) -> None:
    assert bounds(text, language) == expected


@given(st.sampled_from(sorted(_TENS)), st.sampled_from(_UNITS), st.sampled_from(_UNITS[1:]))
def test_english_number_words_are_put_together(tens: str, unit: str, hundreds: str) -> None:
    value = (_UNITS.index(hundreds) + 1) * 100 + _TENS[tens] + _UNITS.index(unit) + 1
    (reading,) = read(f"under {hundreds} hundred and {tens} {unit} euros")
    assert [b.high for b in reading.prices] == [Decimal(value)]


@pytest.mark.parametrize(
    ("word", "language", "value"),
    [
        ("zweihundertdreißig", "de", 230),
        ("siebenundvierzig", "de", 47),
        ("tweehonderdvijftig", "nl", 250),
        ("trecentoquaranta", "it", 340),
        ("wunderbar", "de", None),
    ],
)
def test_long_number_words(word: str, language: str, value: int | None) -> None:
    from shopr.chat.reading.tokens import fold

    assert compound(fold(word), vocabulary(language)) == value


def test_two_thousands_of_a_television_are_no_price() -> None:
    (reading,) = read("a 4k monitor under 300")
    assert [b.high for b in reading.prices] == [Decimal(300)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("toner for my printer", "en", ["toner"]),
        ("mouse and keyboard under 50", "en", ["keyboard_mouse_set"]),
        ("电脑显示器", "zh", ["monitor"]),
        ("bilgisayar monitörü", "tr", ["monitor"]),
        ("プリンターのトナー", "ja", ["toner"]),
        ("tóner para mi impresora", "es", ["toner"]),
        ("headphones or speakers", "en", ["headphones", "speaker"]),
    ],
)
def test_what_describes_a_kind_is_not_the_kind_wanted(text: str, language: str, expected: list[str]) -> None:
    (reading,) = read(text, language)
    found = heads(reading, language)
    assert [f for f in found if f in expected] == expected
    assert not {"printer", "desktop_pc"} & set(found)


def test_small_numbers_that_are_compared_are_places() -> None:
    (reading,) = read("what's the difference between 1 and 3?")
    assert reading.prices == []
    assert [int(n.value) for n in reading.counts] == [1, 3]


def test_places_named_by_a_word_and_pieces() -> None:
    (reading,) = read("add number 1 and number 3")
    assert reading.ordinals == [1, 3]
    (reading,) = read("add the first one x2")
    assert [int(n.value) for n in reading.counts][-1] == 2


def test_a_second_thought_is_no_second_place() -> None:
    (reading,) = read("on second thought just one")
    assert reading.ordinals == []
