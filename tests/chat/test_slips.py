"""Words as thumbs type them: slips of the pen, vowels left out, kana and characters that sound alike."""

from __future__ import annotations

import pytest

from shopr.chat.listening import heard_language
from shopr.chat.reading.hearing import heard
from shopr.chat.reading.sounds import han_sounds, kana_sound, latin_sound
from shopr.chat.reading.vocabulary import vocabulary


@pytest.mark.parametrize(
    ("language", "written", "meant"),
    [
        ("ja", "黒いキーボドがほしい", "黒いキーボードがほしい"),
        ("ja", "プリンタがカトーにある", "プリンタがカートにある"),
        ("ja", "ふたつめをかーとに", "ふたつめをカートに"),
        ("ja", "ワイヤレスキボード", "ワイヤレスキーボード"),
        ("zh", "有没有黑瑟的件盘", "有没有黑色的键盘"),
        ("zh", "第二各加够物车", "第二个加购物车"),
        ("zh", "我想买大印机", "我想买打印机"),
    ],
)
def test_what_sounds_like_a_word_of_the_lexicon_is_that_word(language: str, written: str, meant: str) -> None:
    text, pairs = heard(written, language)
    assert text == meant
    assert pairs


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", "ニンテンドースイッチの本体ありますか"),
        ("ja", "キーボードとマウスをカートに入れて"),
        ("ja", "シェーバー見たい"),
        ("zh", "帮我看一下这个打印机"),
        ("zh", "加个鼠标,一共几件"),
        ("zh", "A1001到哪了"),
        ("en", "a blck mouse"),
    ],
)
def test_what_is_known_or_like_nothing_stays_as_it_was_written(language: str, text: str) -> None:
    assert heard(text, language) == (text, [])


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_no_phrase_of_what_is_sold_is_taken_for_another_one(language: str) -> None:
    held = [p for forms in vocabulary(language).lexicon.concepts.values() for p in forms]
    assert [p for p in held if heard(p, language)[0] != p] == []


@pytest.mark.parametrize(
    ("language", "written", "meant"),
    [
        ("hi", "vla", "wala"),
        ("hi", "kibord", "keyboard"),
        ("hi", "rkho", "rakho"),
    ],
)
def test_hindi_in_latin_letters_is_read_by_its_consonants(language: str, written: str, meant: str) -> None:
    assert vocabulary(language).sounding(written) == meant


@pytest.mark.parametrize(
    ("language", "written", "meant"),
    [("en", "pleaaase", "please"), ("en", "blackkk", "black"), ("ar", "سوداااء", "سوداء"), ("en", "zzzz", None)],
)
def test_drawn_out_letters_are_one_or_two(language: str, written: str, meant: str | None) -> None:
    assert vocabulary(language).drawn(written) == meant


@pytest.mark.parametrize(
    ("language", "written", "meant"), [("de", "eruo", "euro"), ("hi", "erou", "euro"), ("de", "mauss", "maus")]
)
def test_a_letter_in_another_place_is_one_slip(language: str, written: str, meant: str) -> None:
    assert vocabulary(language).speller.mend(written) == meant


def test_sounds_leave_out_what_thumbs_leave_out() -> None:
    assert latin_sound("andr") == latin_sound("andar")
    assert kana_sound("キーボド") == kana_sound("キーボード") == kana_sound("きーぼーど")
    assert han_sounds("件盘") == han_sounds("键盘") != han_sounds("鼠标")


@pytest.mark.parametrize(
    ("text", "before", "first", "language"),
    [
        ("imprimente canno pas cher", "en", True, "fr"),
        ("bhai blck colr ka labtop beg chaiye", "en", True, "hi"),
        ("50 erou k andr", "hi", False, "hi"),
        ("tisra vla tokri me rkho", "hi", False, "hi"),
        ("mions de 200 eruos", "fr", False, "fr"),
        ("soto i 50 uero", "it", False, "it"),
        ("blorpf zindle quompah", "en", True, "en"),
        ("et la deuxième, elle est en stock ?", "de", False, "fr"),
        ("do you have this one in black?", "hi", False, "en"),
    ],
)
def test_a_message_full_of_slips_is_in_the_language_that_understands_it(
    text: str, before: str, first: bool, language: str
) -> None:
    assert heard_language(text, before, first=first) == language
