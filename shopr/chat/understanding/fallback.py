"""Where the rules read nothing in a message: the trained guess, read by the rules once more as if it had been said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from shopr.chat.commands import Command
from shopr.chat.guessing import RequestGuess
from shopr.chat.reading.result import Reading
from shopr.chat.state import State

__all__ = ["Guesser", "guessed"]

Guesser = Callable[[Sequence[Reading], str], RequestGuess]

_NOTHING = frozenset({"not_understood", "clarify", "acknowledge"})
"""Commands of messages in which the rules read nothing to do."""
_LEAST, _LEAST_OF_SEARCH, _LEAST_OF_CONFUSED, _LEAST_OF_WEIGHT = -0.35, 0.0, 0.0, 0.1
"""Margins from which a guess is believed: where nothing was read; where a search was that names nothing known; where
the rules take one thing for another; and where a wrong guess would cost the shopper something. Chosen by
cross-validation on the examples that are not held out."""
_WEIGHTY = frozenset(
    "add remove set_quantity correct_item order_status cancel_order return handoff off_topic show_cart compare".split()
)
_SAID = frozenset(
    "greet how_are_you thanks bye who_are_you help praise repeat cancel reset handoff off_topic refuse_discount".split()
)
"""Requests that need nothing but their name."""
_CONFUSED = {"return": "return_policy", "handoff": "who_are_you"}
"""What rules make of "how do returns work" and "are you a person", and what it is where a guess is sure."""
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
    least = _bar(commands)
    if least is None:
        return None
    found = guess(readings, state.language)
    confused = _CONFUSED.get(commands[0].name) if commands else None
    if confused is not None and found.request != confused:
        return None
    if found.request in _NEVER or found.score < max(least, _LEAST_OF_WEIGHT if found.request in _WEIGHTY else least):
        return None
    if found.request in _SAID:
        return Command(found.request)
    if found.request == "deny":
        return Command("deny") if state.pending else None
    name = _ASKS.get(found.request, found.request)
    for reading in readings:
        command = again(replace(reading, asks={**reading.asks, name: _STRONG}))
        if command is not None and command.name == found.request:
            return command
    return None


def _bar(commands: Sequence[Command]) -> float | None:
    """The margin from which a guess is believed against what the rules say; None for never."""
    if len(commands) != 1:
        return None if commands else _LEAST
    command = commands[0]
    if command.name in _NOTHING:
        return _LEAST
    if command.name in _CONFUSED:
        return None if command.order or command.ids else _LEAST_OF_CONFUSED
    told = command.value or command.need.without("words", "in_stock", "sort")  # "sorry, black ones" narrows down
    return _LEAST_OF_SEARCH if command.name == "search" and not told else None
