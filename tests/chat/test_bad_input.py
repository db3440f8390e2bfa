"""Input that no shopper should send, and shops that change under a conversation."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chat.shop import PRODUCTS, Talk, catalog


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\u200b\u200b",
        "😀😀😀",
        "?!?!",
        "\ud800",
        "a" * 100_000,
        "<>" * 500,
        "{" * 3000,
        "% s %d {0} {name}",
    ],
)
def test_anything_gets_a_reply(talk: Talk, text: str) -> None:
    reply = talk.say(text)
    assert reply.text
    assert reply.language == "en"
    assert talk.say("show me mice").products


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_no_text_raises_or_is_echoed_as_markup(talk: Talk, text: str) -> None:
    reply = talk.say(text, conversation="fuzz")
    assert "<" not in reply.text.replace("<=", "")
    assert all(p.id in reply.citations for p in reply.products)


def test_hidden_characters_and_mixed_scripts(talk: Talk) -> None:
    assert {p.id for p in talk.say("h\u200beadphones \u202eunder\u202c ３０ euros").products} == {
        "h1",
        "h3",
        "h5",
        "h6",
    }
    assert talk.say("zeig mir headphones 耳机 سماعات").text


def test_the_end_of_a_very_long_message_is_not_read(talk: Talk) -> None:
    reply = talk.say("show me mice " + "blah " * 2000 + "and add the first keyboard to my cart")
    assert reply.cart == ()
    assert "very long" in reply.text


def test_fifty_refinements(talk: Talk) -> None:
    talk.say("headphones")
    for i in range(50):
        reply = talk.say(f"under {90 - i} euros" if i % 2 else "in black")
    assert {p.id for p in reply.products} <= {"h1", "h3", "h6"}
    assert len(talk.memory.turns("c", "ann")) == 51


def test_constraints_that_exclude_each_other_are_said_to(talk: Talk) -> None:
    reply = talk.say("headphones between 30 and 30.01 euros in green")
    assert "no_exact_match" in reply.flags
    assert reply.text


def test_a_product_that_leaves_the_catalogue_while_in_the_cart(talk: Talk) -> None:
    talk.all("show me mice", "add the first one")
    gone = talk.say("show my cart").cart[0].id
    talk.sold = catalog(tuple(row for row in PRODUCTS if row[0] != gone))
    reply = talk.say("show my cart")
    assert reply.cart == ()
    assert "no longer sold" in reply.text
    assert all(p.id != gone for p in talk.say("show me mice").products)


def test_a_price_that_changes_between_showing_and_adding(talk: Talk) -> None:
    shown = talk.say("show me mice").products[0]
    talk.commerce.prices.set(shown.id, 9999)
    reply = talk.say("add the first one")
    assert "99.99" in reply.text
    assert shown.price in reply.text
    assert "changed" in reply.text


def test_a_catalogue_that_is_reloaded_in_mid_conversation(talk: Talk) -> None:
    talk.say("show me keyboards")
    talk.sold = catalog((*PRODUCTS, ("k9", "Neu N9 keyboard USB Black", "Neu", 1000, "Black", 30)))
    assert "k9" in {p.id for p in talk.say("only from Neu").products}


def test_repeated_yes_does_a_thing_once(talk: Talk) -> None:
    talk.say("return A1001")
    talk.say("yes")
    assert "register" not in talk.say("yes").text
