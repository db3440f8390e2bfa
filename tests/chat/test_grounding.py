"""The check that refuses replies which say what no record holds."""

from __future__ import annotations

from decimal import Decimal

from shopr.chat.compose import composed
from shopr.chat.grounding import Evidence, ungrounded
from shopr.chat.persona import Persona
from shopr.chat.state import State
from shopr.chat.turn import Turn
from shopr.chat.wording import Wording
from tests.chat.shop import Talk


def turn(talk: Talk) -> Turn:
    return Turn(State(), talk.assistant.shelf, talk.commerce, None, "ann", "ann", talk.clock)


def test_numbers_must_be_in_the_sources() -> None:
    held = Evidence()
    held.number(Decimal("19.99"))
    held.text("Sonora A1 headphones")
    assert ungrounded("Sonora A1: €19.99", held) == []
    assert ungrounded("19,99 €", held) == []
    assert ungrounded("now only €9.99", held) == ["9.99"]
    assert ungrounded("order X1234", held) == ["1234", "X1234"]


def test_a_reply_with_an_invented_price_is_not_sent(talk: Talk) -> None:
    made = turn(talk)
    made.say("price_of", title=made.title("h1"), price="€3.33")
    reply, faults = composed(made, Wording("en"), Persona(), intent="price", tone="neutral")
    assert faults == ["3.33"]
    assert "3.33" not in reply.text


def test_the_price_of_another_product_is_no_source(talk: Talk) -> None:
    made = turn(talk)
    made.say("price_of", title=made.title("h1"), price="€49.99")
    assert composed(made, Wording("en"), Persona(), intent="price", tone="neutral")[1] == ["49.99"]


def test_the_price_on_record_passes_in_every_language(talk: Talk) -> None:
    for language in ("en", "de", "fr", "ar", "zh", "tr"):
        made = turn(talk)
        made.say("price_of", title=made.title("h1"), price=made.price("h1"))
        assert composed(made, Wording(language), Persona(), intent="price", tone="neutral")[1] == []
