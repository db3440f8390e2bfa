"""Words as thumbs type them: slips of the pen, vowels left out, kana and characters that sound alike."""

from __future__ import annotations

import pytest

from shopr.chat.listening import heard_language
from shopr.chat.reading.hearing import heard
from shopr.chat.reading.sounds import han_sounds, kana_sound, latin_sound
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.text import clean
from tests.chat.shop import Talk


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


def test_nothing_is_mended_to_a_word_that_only_gets_a_refusal() -> None:
    assert vocabulary("it").speller.mend("mandato") != "malato"


@pytest.mark.parametrize(
    "text",
    [
        "weet jij of het morgen regent in gent",
        "tu sais s'il pleut demain à lyon ?",
        "kal delhi mein baarish hogi kya",
        "明天上海会下雨吗",
    ],
)
def test_the_weather_is_refused_kindly(talk: Talk, text: str) -> None:
    reply = talk.say(text)
    assert "refuses" in reply.flags
    assert not reply.products


def test_what_stands_behind_a_mark_left_open_is_still_read() -> None:
    assert clean("レビュー <svg onload=alert(9)> それはいい、マウス見たい").text.endswith("マウス見たい")
    assert "alert" not in clean("<script>alert(1) all free").text


def test_the_order_that_is_named_anew_is_told_of(talk: Talk) -> None:
    reply = talk.all("查个单 D3007", "哦对收到了。那B2044呢,发货了没")
    assert reply.order is not None
    assert reply.order.id == "B2044"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("where is A1001?", "where's it at right now anyway"),
        ("onde está a encomenda A1001?", "digam-me ao menos uma data"),
        ("wo bleibt A1001?", "gebt mir wenigstens ein datum"),
        ("mera A1001 kahan hai", "koi date batao"),
    ],
)
def test_a_date_of_the_order_spoken_of_may_be_asked_for(talk: Talk, first: str, then: str) -> None:
    reply = talk.all(first, then)
    assert reply.order is not None
    assert reply.order.id == "A1001"
