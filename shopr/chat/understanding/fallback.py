"""Where the rules read nothing in a message, or what they often read wrongly: the trained guess of it.

The guess is read by the rules once more as if it had been said, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from shopr.chat.commands import Command
from shopr.chat.guessing import RequestGuess
from shopr.chat.need import Need
from shopr.chat.reading.result import Reading
from shopr.chat.state import State

__all__ = ["Guesser", "guessed"]

Guesser = Callable[[Sequence[Reading], str], RequestGuess]

_LEAST = {"not_understood": -0.4, "clarify": -0.4, "acknowledge": -0.4}
"""Commands of messages in which the rules read nothing to do, and the margin from which a guess is believed there.

Every margin of this module was chosen by cross-validation on the examples that are not held out, so that where only one
of the two is right it is the guess at least five times as often as the rules (of returning and how to return, four)."""
_LEAST_OF_WEIGHT, _LEAST_OF_VAGUE, _LEAST_OF_GIFT, _LEAST_OF_KIND = 0.1, -0.2, -0.1, 0.0
"""Margins where a wrong guess would cost the shopper something; where a search names nothing known; where it names
nothing but for whom; and where it names more, which only a search gone back to does as well."""
_WEIGHTY = frozenset("add remove set_quantity correct_item order_status cancel_order return".split())
_MISTAKEN: dict[str, tuple[float, frozenset[str]]] = {
    name: (least, frozenset(guesses.split()))
    for name, least, guesses in (
        ("add", 0.1, ""),
        ("cheaper", 0.0, ""),
        ("checkout", -0.2, "payment_problem"),
        ("clear_cart", -0.1, "reset"),
        ("details", -0.2, ""),
        ("greet", -0.2, "how_are_you"),
        ("handoff", -0.1, "who_are_you off_topic"),
        ("more", 0.0, ""),
        ("off_topic", 0.0, "recommend"),
        ("order_status", -0.1, "how_are_you checkout cancel_order more new resume thanks who_are_you"),
        ("praise", -0.1, ""),
        ("price", -0.1, ""),
        ("refuse_discount", -0.1, ""),
        ("repeat", 0.0, "checkout show_cart more compare new resume search"),
        ("return", 0.0, "return_policy payment_problem cancel_order recommend more"),
    )
}
"""Commands that the rules read too much into, the margin from which a guess is believed against them, and which guesses
("" for any): "how do returns work" is no return, "are you a person" no wish for one."""
_DOUBTFUL = frozenset({"search", *_LEAST, *_MISTAKEN})
_SAID = frozenset(
    "greet how_are_you thanks bye who_are_you help praise repeat cancel reset handoff off_topic refuse_discount".split()
)
"""Requests that need nothing but their name."""
_NEVER = frozenset("confirm clear_cart search other".split())
"""Requests that no guess may decide: what cannot be undone, and what is no request."""
_ASKS = {"price": "price_of"}
"""Commands of the lexicons that mean a request, where the names differ."""
_STRONG = 3
"""Words that a guess counts for."""


def guessed(
    commands: Sequence[Command],
    readings: Sequence[Reading],
    state: State,
    guess: Guesser,
    again: Callable[[Reading], Command | None],
) -> Command | None:
    """The command that a message means by the guess; None where the rules stand.

    Args:
        commands: what the rules made of it.
        again: the rules, for one clause.
    """
    if commands and (len(commands) > 1 or commands[0].name not in _DOUBTFUL):
        return None
    found = guess(readings, state.language)
    least = _bar(commands, readings, found.request)
    same = bool(commands) and found.request == commands[0].name
    if least is None or same or found.request in _NEVER:
        return None
    if found.score < max(least, _LEAST_OF_WEIGHT if found.request in _WEIGHTY else least):
        return None
    if found.request in _SAID:
        return Command(found.request)
    if found.request == "deny":
        return Command("deny") if state.pending else None
    return _reread(readings, found.request, again)


def _reread(readings: Sequence[Reading], request: str, again: Callable[[Reading], Command | None]) -> Command | None:
    """What the rules make of the clauses where they ask for this alone: as they stand, then without unknown words."""
    only = [replace(reading, asks={_ASKS.get(request, request): _STRONG}) for reading in readings]
    for reading in (*only, *(replace(o, words=[]) for o in only if o.words)):
        command = again(reading)
        if command is not None and command.name == request:
            return command
    return None


def _bar(commands: Sequence[Command], readings: Sequence[Reading], request: str) -> float | None:
    """The margin from which a guess is believed against what the rules say; None for never."""
    if not commands:
        return _LEAST["not_understood"]
    command = commands[0]
    if command.order:
        return None
    if command.name in _LEAST:
        return _LEAST[command.name]
    if command.name == "search":
        return None if command.value else _bar_of_search(command.need, request)
    if any(r.placed or r.ids for r in readings):
        return None  # a place or a product that is named is meant
    least, guesses = _MISTAKEN[command.name]
    return least if not guesses or request in guesses else None


def _bar_of_search(need: Need, request: str) -> float | None:
    """The same against a search."""
    if not need.without("words", "in_stock", "sort"):  # "sorry, black ones" narrows down
        return _LEAST_OF_VAGUE
    if not need.without("words", "in_stock", "sort", "gift_for"):
        return _LEAST_OF_GIFT
    return _LEAST_OF_KIND if request == "resume" else None
