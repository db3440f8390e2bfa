"""Repeating in another language, relative pieces, several places at once, and values that replies derive."""

from __future__ import annotations

from shopr.chat.compose import composed
from shopr.chat.facts import Money, What
from shopr.chat.need import Need
from shopr.chat.persona import Persona
from shopr.chat.state import State
from shopr.chat.turn import Turn
from shopr.chat.wording import Wording
from tests.chat.shop import Talk


def made(talk: Talk) -> Turn:
    return Turn(State(), talk.assistant.shelf, talk.commerce, None, "ann", "ann", talk.clock)


def faults(turn: Turn) -> list[str]:
    return composed(turn, Wording("en"), Persona(), intent="any", tone="neutral")[1]


def test_the_last_answer_is_repeated_in_the_language_asked_for(talk: Talk) -> None:
    first = talk.say("show me headphones")
    reply = talk.say("auf Deutsch bitte")
    assert reply.language == "de"
    assert [p.id for p in reply.products] == [p.id for p in first.products]


def test_nothing_is_put_in_twice_by_repeating_it_in_another_language(talk: Talk) -> None:
    talk.say("show me headphones")
    talk.say("add the first one")
    reply = talk.say("en español por favor")
    assert [(c.qty) for c in reply.cart] == [1]


def test_another_language_alone_does_not_hide_a_request(talk: Talk) -> None:
    talk.say("show me headphones")
    reply = talk.say("auf Deutsch bitte, unter 30 Euro")
    assert reply.language == "de"
    assert all(float(p.price) <= 30 for p in reply.products)


def test_names_in_another_language_are_said_to_be_so_once(talk: Talk) -> None:
    note = Wording("de").message("translated_note")
    assert note in talk.say("zeig mir Kopfhörer").text
    assert note not in talk.say("zeig mir Tastaturen").text


def test_pieces_change_relatively(talk: Talk) -> None:
    talk.say("show me headphones")
    talk.say("add two of the first one")
    assert [c.qty for c in talk.say("double that").cart] == [4]
    assert [c.qty for c in talk.say("one more please").cart] == [5]


def test_each_place_with_its_own_pieces(talk: Talk) -> None:
    talk.say("show me headphones")
    reply = talk.say("I'd like 2 of the first and 1 of the second")
    assert [c.qty for c in reply.cart] == [2, 1]


def test_a_slip_of_the_kind_keeps_the_bound(talk: Talk) -> None:
    talk.say("keyboards under 40")
    reply = talk.say("I meant headphones, not keyboards")
    assert reply.products
    assert all(float(p.price) <= 40 for p in reply.products)


def test_a_difference_must_be_one_of_the_records(talk: Talk) -> None:
    turn = made(talk)
    one, other = turn.product("h1"), turn.product("k3")
    turn.products, turn.compare = [one, other], [one.id, other.id]
    gap = abs((one.price or 0) - (other.price or 0))
    turn.say("compare_cheaper", title=turn.title("h1"), amount=Money(gap, "EUR"))
    assert faults(turn) == []
    turn.lines.clear()
    turn.say("compare_cheaper", title=turn.title("h1"), amount=Money(gap + 7, "EUR"))
    assert len(faults(turn)) == 1


def test_a_count_must_be_that_of_a_search_of_the_turn(talk: Talk) -> None:
    turn, need = made(talk), Need(concepts=("headphones",))
    found = len(turn.find(need))
    turn.say("found_one_of", shown=1, count=found, what=What(need, "EUR"))
    assert faults(turn) == []
    turn.lines.clear()
    turn.say("found_one_of", shown=1, count=found + 70, what=What(need, "EUR"))
    assert faults(turn) == [str(found + 70)]


def test_a_lowest_price_must_be_in_the_history(talk: Talk) -> None:
    turn = made(talk)
    turn.state.focus = ["h1"]
    turn.say("price_rise", low=Money(123, "EUR"))
    assert faults(turn) == ["1.23"]
