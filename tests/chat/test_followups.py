"""Short follow-ups, denied bounds and typing errors: what an independent set of dialogues showed, as classes."""

from __future__ import annotations

import pytest

from shopr.chat.language import identify
from shopr.chat.reading.reader import Reader
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.shelf import Shelf
from tests.chat.shop import Talk, catalog

SHELF = Shelf(catalog())


def bounds(text: str, language: str) -> list[tuple[str, int]]:
    found = [b for r in Reader(lambda: SHELF).read(text, language) for b in r.prices]
    return [(b.kind, int(b.low or b.high or 0)) for b in found]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "it mustn't cost more than 60"),
        ("en", "they shouldn't set me back more than 60"),
        ("en", "must not exceed 60 euros"),
        ("de", "darf nicht mehr als 60 Euro kosten"),
        ("fr", "le prix ne doit pas dépasser 60 euros"),
        ("es", "no debe superar los 60 euros"),
        ("it", "non deve superare i 60 euro"),
        ("pt", "não deve ultrapassar os 60 euros"),
        ("nl", "mag niet meer kosten dan 60 euro"),
        ("nl", "het mag de 60 euro niet overschrijden"),
        ("tr", "60 eurodan pahalı olmamalı"),
        ("hi", "60 यूरो से ज्यादा का न हो"),
        ("ar", "لا يزيد سعره عن 60 يورو"),
        ("ar", "يجب ألا يتجاوز 60 يورو"),
        ("zh", "不要超过60欧元"),
        ("ja", "60ユーロを超えない"),
        ("ja", "60ユーロ以上にならない"),
    ],
)
def test_a_denied_bound_is_the_other_bound(language: str, text: str) -> None:
    assert bounds(text, language) == [("max", 60)]


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "not black, more than 60 euros"), ("de", "nicht schwarz und über 60 Euro"), ("en", "over 60, not black")],
)
def test_a_denial_of_something_else_leaves_the_bound(language: str, text: str) -> None:
    assert bounds(text, language) == [("min", 60)]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("blak", "black"), ("wite", "white"), ("blck", "black"), ("headfones", "headphones"), ("les", "less")],
)
def test_colours_kinds_and_prices_are_likelier_than_other_words(word: str, meant: str) -> None:
    assert vocabulary("en").speller.mend(word) == meant


def test_a_message_of_unknown_words_is_not_guessed_at(talk: Talk) -> None:
    reply = talk.say("whither doth one procure vittles")
    assert reply.products == ()


@pytest.mark.parametrize("text", ["undr 30 euro", "les than 60 euros", "onyl 30"])
def test_a_short_follow_up_keeps_the_language(text: str) -> None:
    assert identify(text, previous="en").language == "en"


def test_a_plain_change_of_language_is_still_followed() -> None:
    assert identify("moins de 30 euros", previous="en").language == "fr"


def test_pieces_of_a_place_are_added_and_a_bare_number_corrects_them(talk: Talk) -> None:
    first = talk.say("headphones under 60 euros").products[0]
    reply = talk.say("three of the first one please")
    assert [(c.id, c.qty) for c in reply.cart] == [(first.id, 3)]
    reply = talk.say("no wait, only one")
    assert [(c.id, c.qty) for c in reply.cart] == [(first.id, 1)]


@pytest.mark.parametrize(
    ("language", "first", "other"),
    [
        ("en", "headphones", "another one please"),
        ("ar", "أريد سماعات رأس", "أريد شيئا آخر"),
        ("es", "auriculares", "quiero otra cosa"),
    ],
)
def test_another_one_is_no_place_of_the_list(talk: Talk, language: str, first: str, other: str) -> None:
    assert talk.say(first).language == language
    assert talk.say(other).cart == ()


def test_two_kinds_are_both_named(talk: Talk) -> None:
    reply = talk.say("headphones or keyboards")
    assert "headphones or keyboards" in reply.text


def test_a_payment_worry_with_an_order_is_about_the_order(talk: Talk) -> None:
    reply = talk.say("I'm scared my card was charged two times for A1001")
    assert reply.order is not None
    assert reply.order.id == "A1001"


@pytest.mark.parametrize(
    ("message", "pieces"),
    [
        ("I'd like 3 of the first one", {"h6": 3}),
        ("I want the second one", {"h1": 1}),
        ("both of the first two please", {"h6": 1, "h1": 1}),
    ],
)
def test_wanting_places_of_a_list_puts_so_many_into_the_cart(talk: Talk, message: str, pieces: dict[str, int]) -> None:
    talk.say("headphones")
    assert {item.id: item.qty for item in talk.say(message).cart} == pieces


def test_any_left_is_about_the_product_that_was_just_spoken_of(talk: Talk) -> None:
    reply = talk.all("headphones", "tell me more about the second one", "any left?", "still available?")
    assert reply.intent == "stock"
    assert len(reply.products) == 1
    assert talk.say("do you have keyboards in stock").intent == "search"
