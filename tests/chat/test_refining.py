"""Refinements as people say them: amounts said instead, values taken back, limits lifted, kinds by their use."""

from __future__ import annotations

import pytest

from shopr.chat.understanding.heads import heads
from tests.chat.shop import Talk
from tests.chat.test_spoken import bounds, read


@pytest.mark.parametrize(
    ("language", "text", "bound"),
    [
        ("en", "max 150, ok 170 then", ("max", 170)),
        ("de", "bis 80, ach komm 100", ("max", 100)),
        ("fr", "à moins de 100, allez 120", ("max", 120)),
        ("es", "hasta 400 máximo, bueno 600", ("max", 600)),
        ("it", "massimo 100, dai 120", ("max", 120)),
        ("pt", "até 100, pronto 120", ("max", 120)),
        ("nl", "tot 100, nou vooruit 120", ("max", 120)),
        ("tr", "en fazla 100, hadi 120 olsun", ("max", 120)),
        ("hi", "100 tak, chalo 120", ("max", 120)),
        ("zh", "两百以内,算了三百也行", ("max", 300)),
        ("ja", "100ユーロ以下、いや120ユーロで", ("max", 120)),
    ],
)
def test_an_amount_said_instead_takes_the_place_of_the_one_that_bounded(
    language: str, text: str, bound: tuple[str, int]
) -> None:
    assert bounds(text, language)[-1] == bound  # the later of two bounds holds


@pytest.mark.parametrize(
    ("language", "text", "bound"),
    [
        ("en", "under 50, 20 of them please", ("max", 50)),
        ("en", "under 50, ok 2 then", ("max", 50)),
        ("de", "bis 100, ja und 30 Stück", ("max", 100)),
    ],
)
def test_pieces_behind_a_bound_are_no_amount_said_instead(language: str, text: str, bound: tuple[str, int]) -> None:
    assert bounds(text, language) == [bound]


@pytest.mark.parametrize(
    ("language", "text", "amount"),
    [
        ("de", "was unter nem zehner", 10),
        ("nl", "onder een tientje", 10),
        ("it", "sotto una cinquantina", 50),
        ("es", "hasta 25 euritos", 25),
        ("tr", "20 yi geçmeyenlerden göster", 20),
        ("ar", "آخري 500", 500),
        ("ar", "ما تفوتش 200", 200),
        ("ja", "80ユロー以下て", 80),
    ],
)
def test_amounts_as_they_are_called(language: str, text: str, amount: int) -> None:
    assert bounds(text, language) == [("max", amount)]


def values(text: str, language: str, table: str) -> list[str]:
    return [k for r in read(text, language) for k in r.keys(table)]


@pytest.mark.parametrize(
    ("language", "text", "table", "wanted"),
    [
        ("en", "a Brother keyboard, no wait, Tastwell", "brand", ["Tastwell"]),
        ("de", "einen HP Laptop, ach nein, Rechner", "brand", ["Rechner"]),
        ("fr", "un clavier noir, euh non, blanc", "colours", ["white"]),
        ("es", "un teclado negro, digo blanco", "colours", ["white"]),
        ("nl", "een zwart toetsenbord, nee, wit", "colours", ["white"]),
        ("zh", "黑色的键盘,啊不是,白色的", "colours", ["white"]),
        ("ja", "黒いキーボード、いや、白で", "colours", ["white"]),
        ("en", "headphones, sorry, a keyboard", "concepts", ["keyboard"]),
    ],
)
def test_what_is_put_right_in_mid_sentence_is_wanted_no_longer(
    language: str, text: str, table: str, wanted: list[str]
) -> None:
    assert values(text, language, table) == wanted


@pytest.mark.parametrize(
    ("language", "text", "colours"),
    [
        ("en", "a silver laptop or do you only do black", ["silver"]),
        ("de", "einen silbernen laptop oder habt ihr nur schwarze", ["silver"]),
        ("es", "un portátil gris o solo tenéis negro", ["grey"]),
        ("en", "a silver or a black laptop", ["silver", "black"]),
    ],
)
def test_what_is_only_asked_about_is_no_wish(language: str, text: str, colours: list[str]) -> None:
    assert values(text, language, "colours") == colours


@pytest.mark.parametrize(
    ("language", "text", "denied"),
    [("en", "an HP laptop, not black", ["black"]), ("de", "Laptop von HP, kein schwarzer", ["black"])],
)
def test_a_denial_behind_a_pause_takes_nothing_back(language: str, text: str, denied: list[str]) -> None:
    readings = read(text, language)
    assert [k for r in readings for k in r.keys("colours", denied=True)] == denied
    assert [k for r in readings for k in r.keys("brand")] == ["HP"]


@pytest.mark.parametrize(
    ("language", "first", "then"),
    [
        ("en", "headphones under 20", "forget the limit"),
        ("de", "kopfhörer bis 20 euro", "vergiss das limit"),
        ("fr", "casque à moins de 20 euros", "oublie le budget"),
        ("es", "auriculares hasta 20 euros", "olvida el límite"),
        ("it", "cuffie sotto i 20 euro", "lascia perdere il budget"),
        ("pt", "auscultadores até 20 euros", "esquece o limite"),
        ("nl", "koptelefoon tot 20 euro", "vergeet het budget maar"),
        ("tr", "20 euroya kadar kulaklık", "bütçeyi boşver"),
        ("zh", "20欧以内的耳机", "别管预算了"),
        ("ja", "20ユーロ以下のヘッドホン", "予算は気にしないで"),
    ],
)
def test_a_limit_that_is_let_go_of_bounds_no_longer(talk: Talk, language: str, first: str, then: str) -> None:
    bounded = talk.say(first)
    free = talk.say(then)
    assert {p.id for p in bounded.products} <= {"h1", "h5"}
    assert {"h2", "h4"} <= {p.id for p in free.products} <= {"h1", "h2", "h3", "h4", "h5", "h6"}


@pytest.mark.parametrize(
    ("language", "first", "then"),
    [
        ("en", "laptops", "no HP, the keyboard breaks every time"),
        ("de", "laptops", "bloß keinen HP, die tastatur frisst einen arm"),
        ("nl", "laptops", "geen HP, het toetsenbord is waardeloos"),
    ],
)
def test_a_complaint_behind_a_denial_names_no_wish(talk: Talk, language: str, first: str, then: str) -> None:
    talk.say(first)
    assert {p.id for p in talk.say(then).products} == {"l1", "l2"}


def test_a_price_range_is_no_bracket_and_holds_for_another_kind() -> None:
    reading = read("mice in that bracket", "en")[0]
    assert reading.keys("concepts") == ["mouse"]
    assert "same_bounds" in reading.marks


@pytest.mark.parametrize(
    ("language", "text", "kinds"),
    [
        ("en", "a cable for my lan", ["network_cable"]),
        ("de", "kabel für lan", ["network_cable"]),
        ("hi", "hdmi wali cable chahiye tv ke liye", ["hdmi_cable"]),
        ("tr", "tv için hdmi kablo", ["hdmi_cable"]),
        ("ja", "テレビにつなぐHDMIケーブル", ["hdmi_cable"]),
        ("es", "calculadora científica pal cole", ["calculator"]),
        ("en", "pink usb thingy for photos", ["usb_stick"]),
        ("en", "a printer and a scanner", ["printer", "scanner"]),
    ],
)
def test_what_a_thing_is_for_is_not_the_thing(language: str, text: str, kinds: list[str]) -> None:
    assert heads(read(text, language)[0], language) == kinds


@pytest.mark.parametrize(("language", "then"), [("de", "nei, zwei reichen"), ("en", "no, two is plenty")])
def test_pieces_that_are_enough_put_right_what_was_put_in(talk: Talk, language: str, then: str) -> None:
    talk.say({"de": "tastaturen", "en": "keyboards"}[language])
    talk.say({"de": "drei von der ersten", "en": "three of the first"}[language])
    assert [line.qty for line in talk.say(then).cart] == [2]


def test_a_question_behind_a_wish_is_no_second_wish(talk: Talk) -> None:
    shown = talk.say("a keyboard, black. or do you have only white ones?")
    assert {p.id for p in shown.products} == {"k1", "k3"}


def test_why_one_has_to_wait_is_no_wish(talk: Talk) -> None:
    talk.say("headphones from Klangwerk")
    shown = talk.say("hang on a sec, passing keyboards to my brother. anything under 40?")
    assert {p.id for p in shown.products} == {"h3"}
