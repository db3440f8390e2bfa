"""Presents for the next occasion of the shopper's country, where the shop sells what people buy for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shopr.chat.assistant import Assistant
from tests.chat.shop import PRODUCTS, Talk, catalog

TOY = ("g1", "Spielgut wooden toy train", "Spielgut", 2495, "Red", 5)
SOLD_OUT = ("g2", "Spielgut toy car", "Spielgut", 995, "Blue", 0)


@pytest.fixture
def gifts(talk: Talk) -> Talk:
    talk.sold = catalog((*PRODUCTS, TOY, SOLD_OUT))
    return talk


def test_a_present_before_christmas_is_one_for_christmas(gifts: Talk) -> None:
    gifts.clock.set_wall(datetime(2026, 12, 18, 12, tzinfo=UTC))
    made = gifts.say("I need a gift for my son")
    assert made.text.startswith("For Christmas:")
    assert [product.id for product in made.products] == ["g1"]
    assert gifts.say("put the first one in my cart").cart[0].id == "g1"
    assert gifts.say("ein Geschenk für meinen Sohn", conversation="d").text.startswith("Zum Anlass Weihnachten:")


def test_of_several_that_are_near_none_is_taken_for_granted(gifts: Talk) -> None:
    gifts.clock.set_wall(datetime(2026, 12, 8, 12, tzinfo=UTC))
    assert gifts.say("I need a gift for my son").text.startswith("For Hanukkah and Christmas:")


def test_without_an_occasion_or_anything_for_it_ideas_are_as_ever(gifts: Talk, talk: Talk) -> None:
    gifts.clock.set_wall(datetime(2026, 7, 20, 12, tzinfo=UTC))
    assert not gifts.say("I need a gift for my son").text.startswith("For ")
    gifts.clock.set_wall(datetime(2026, 12, 18, 12, tzinfo=UTC))
    gifts.sold = catalog()
    assert not gifts.say("I need a gift for my son", conversation="e").text.startswith("For Christmas")


def test_whoever_is_known_is_recommended_to_by_what_is_known(gifts: Talk) -> None:
    gifts.clock.set_wall(datetime(2026, 12, 18, 12, tzinfo=UTC))
    known = Assistant(
        lambda: None, gifts.commerce, memory=gifts.memory, clock=gifts.clock,
        suggest=lambda user, n: [("h1", "history"), ("k1", "history")][:n],
    )  # fmt: skip
    assert [p.id for p in known.reply("what do you recommend?", conversation_id="f", user_id="ann").products] == [
        "h1",
        "k1",
    ]
    assert known.reply("a gift idea please", conversation_id="g", user_id="ann").text.startswith("For Christmas:")
