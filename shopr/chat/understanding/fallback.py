"""Where the rules read nothing in a message, or what they often read wrongly: the trained guess of it.

The guess is read by the rules once more as if it had been said, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shopr.chat.commands import Command
from shopr.chat.guessing import RequestGuess
from shopr.chat.need import Need
from shopr.chat.reading.result import Reading
from shopr.chat.state import State

__all__ = ["Guesser", "guessed"]

Guesser = Callable[[Sequence[Reading], str], RequestGuess]

_NOTHING = frozenset({"not_understood", "clarify", "acknowledge"})
"""Commands of messages in which the rules read nothing to do."""
_WEIGHTY = frozenset("add remove set_quantity correct_item checkout order_status cancel_order return".split())
"""Requests that change something, or end in doing so, or tell of an order."""


@dataclass(frozen=True)
class Bar:
    """What a guess needs to be believed against one kind of reading.

    Attributes:
        chance: the least chance.
        odds: how many times as likely as what the rules say it must be.
        weighty: the least chance of a request that weighs.
    """

    chance: float
    odds: float = 1.0
    weighty: float = 0.8


_BARS = {
    "nothing": Bar(0.3, weighty=0.6),
    "vague": Bar(0.4, 3.0, weighty=0.8),
    "gift": Bar(0.5, 3.0, weighty=0.5),
    "known": Bar(0.85, 50.0),
    "word": Bar(0.5, 4.0, weighty=0.7),
    "phrase": Bar(0.75, 10.0, weighty=0.9),
}
"""By kind of reading: nothing read; a search of unknown words; one of nothing but for whom; one of things that the shop
knows (only to go back to a search); a command read from one word of its own, or from none; one from several words.

Chosen by cross-validation on examples that neither the guess nor the lexicons had seen, then raised until no dialogue
of the benchmark lost a turn: most of what shoppers write are searches and changes of them, where a guess of words that
stand alone knows less than the rules. A request that weighs needs up to twice the chance."""
_SAID = frozenset(
    "greet how_are_you thanks bye who_are_you help praise repeat cancel reset handoff off_topic refuse_discount".split()
)
"""Requests that need nothing but their name."""
_NEVER = frozenset("confirm clear_cart search other".split())
"""Requests that no guess may decide: what cannot be undone, and what is no request."""
_STANDING = frozenset(
    "confirm deny refuse_orders refuse_discount handoff switch memory_show memory_forget memory_allow "
    "set_quantity off_topic".split()
)
"""Commands that stand whatever is guessed: answers to a question, what is asked for in few ways, a number said, and
what no shop has ("recommend me a good restaurant")."""
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
    kind = _kind(commands, readings)
    if kind is None:
        return None
    found = guess(readings, state.language)
    own = _named(commands[0].name) if commands else ""
    if found.request in (own, *_NEVER) or not _believed(found, own, kind):
        return None
    if found.request in _SAID:
        return Command(found.request)
    if found.request == "deny":
        return Command("deny") if state.pending else None
    return _reread(readings, found.request, again)


def _believed(found: RequestGuess, own: str, kind: str) -> bool:
    """Whether a guess is likely enough, in itself and beside what the rules say."""
    bar = _BARS[kind]
    if kind == "known" and found.request != "resume":
        return False
    least = max(bar.chance, bar.weighty) if found.request in _WEIGHTY else bar.chance
    return found.chance >= max(least, bar.odds * found.chances.get(own, 0.0))


def _named(command: str) -> str:
    """The request that a command answers."""
    return {"total": "show_cart", "orders": "order_status"}.get(command, command)


def _kind(commands: Sequence[Command], readings: Sequence[Reading]) -> str | None:
    """The kind of what the rules read, of which a guess is believed against it; None where it is none."""
    if not commands:
        return "nothing"
    command = commands[0]
    if len(commands) > 1 or command.order or command.name in _STANDING:
        return None
    if command.name in _NOTHING:
        return "nothing"
    if command.name == "search":
        return None if command.value else _kind_of_search(command.need)
    if any(r.placed or r.ids for r in readings):
        return None  # a place or a product that is named is meant
    words = max((n for r in readings for n in r.asks.values()), default=0)
    return "phrase" if words > 1 else "word"


def _kind_of_search(need: Need) -> str:
    if not need.without("words", "sort"):  # "sorry, black ones" and "just what's in stock" narrow down
        return "vague"
    return "known" if need.without("words", "sort", "gift_for") else "gift"


def _reread(readings: Sequence[Reading], request: str, again: Callable[[Reading], Command | None]) -> Command | None:
    """What the rules make of the clauses where they ask for this alone: as they stand, then without unknown words."""
    only = [replace(reading, asks={_ASKS.get(request, request): _STRONG}) for reading in readings]
    for reading in (*only, *(replace(o, words=[]) for o in only if o.words)):
        command = again(reading)
        if command is not None and command.name == request:
            return command
    return None
