"""Decides what each clause asks for: an ordered set of rules over what was read and the state of the conversation.

Where the rules read nothing in a message, a trained guess of what it asks for is read by them once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from shopr.chat.commands import Command
from shopr.chat.guessing import guess_request
from shopr.chat.reading.result import Reading
from shopr.chat.shelf import Shelf
from shopr.chat.state import State
from shopr.chat.understanding.cart import cart_command
from shopr.chat.understanding.exchange import exchange_command
from shopr.chat.understanding.fallback import Guesser, guessed
from shopr.chat.understanding.needs import corrected, need_of
from shopr.chat.understanding.orders import order_command
from shopr.chat.understanding.products import product_command
from shopr.chat.understanding.scene import Scene
from shopr.chat.understanding.talk import last_resort, talk_command

__all__ = ["Interpreter"]

_SENTENCE = 4
"""Words from which a clause can be a sentence that tells something."""
Rule = Callable[[Scene], Command | None]
_RULES: tuple[Rule, ...] = (talk_command, exchange_command, order_command, cart_command, product_command, last_resort)
"""Asked in this order; the first that answers decides."""
_CLOSING = frozenset({"checkout", "total"})
_COURTESY = frozenset({"greet", "thanks", "praise", "acknowledge", "not_understood", "help", "bye", "how_are_you"})


@dataclass(frozen=True)
class Interpreter:
    """Turns readings into commands.

    Attributes:
        shelf: what is sold.
        currency: of the prices that shoppers name.
        guess: what a message asks for where the rules read nothing; None for rules alone.
    """

    shelf: Shelf
    currency: str
    guess: Guesser | None = guess_request

    def commands(
        self, readings: Sequence[Reading], state: State, *, cart: Sequence[str], prices: Mapping[str, int]
    ) -> list[Command]:
        """The commands of a message, in order; courtesies only where there is nothing else."""
        tainted = any(r.injection for r in readings)

        def ruled(reading: Reading, before: Sequence[Command] = ()) -> Command | None:
            need = need_of(reading, self.shelf, self.currency, state.language)
            need = corrected(need, reading, _bounded(state, before), self.currency)
            then = _carried(state, before, reading)
            scene = Scene(reading, need, then, self.shelf, list(cart), dict(prices), tuple(before))
            return next((c for rule in _RULES if (c := rule(scene)) is not None), None)

        out: list[Command] = []
        for reading in readings:
            aside = _aside(reading) and reading is not readings[-1]
            command = None if reading.injection or aside else ruled(reading, out)
            if command is not None and command.name in _CLOSING and out:
                out[-1] = _taken(out[-1], readings)
            if command is not None and out and _puts_right(out[-1], command, reading):
                given_up = out[-1].ids  # named by the clause before, too: "the second, into the cart… no, the first"
                out = [*(c for c in out[:-1] if c.ids != given_up), replace(out[-1], ids=command.ids)]
            elif command is not None and not (
                _by_the_way(command, out, tainted=tainted) or _complains(command, out, reading, state)
            ):
                out.append(_harmless(command) if tainted else command)
        out = _merged(out, state.order)
        if tainted:
            out.insert(0, Command("refuse_orders"))
        serious = [c for c in out if c.name not in _COURTESY] or out[:1]
        meant = None if tainted or self.guess is None else guessed(serious, readings, state, self.guess, ruled)
        return serious if meant is None else [meant]


def _bounded(state: State, before: Sequence[Command]) -> State:
    """The state with the price bounds of the clause before, which a bare number puts right: "max 80. no, 100"."""
    last = before[-1] if before else None
    if last is None or last.name != "search" or (last.need.price_min is None and last.need.price_max is None):
        return state
    need = replace(state.need, price_min=last.need.price_min, price_max=last.need.price_max)
    return replace(state, topic="search", need=need)


def _puts_right(last: Command, command: Command, reading: Reading) -> bool:
    """Whether a clause only puts another product in place of the one before: "the second… wait, rather the first"."""
    named = command.name in ("details", "add", "correct_item") and bool(command.ids and reading.placed)
    return last.name == "add" and bool(last.ids) and named and bool(reading.marks & {"correction", "slip"})


def _taken(last: Command, readings: Sequence[Reading]) -> Command:
    """What only a place named, as taken, where the bill is asked for right after it: "the first one. ring it up"."""
    placed = next((r for r in readings if r.placed), None)
    plain = placed is not None and not set(placed.asks) - {"which"} and not placed.question
    plain = plain and not placed.marks & {"what_about", "or"} if placed is not None else False
    return replace(last, name="add") if last.name == "details" and plain else last


def _aside(reading: Reading) -> bool:
    """Whether a sentence only tells why one has to wait: "hang on, I'm passing my phone to my brother"."""
    return "hold_on" in reading.marks and not reading.asks and bool(reading.words) and not reading.points


def _complains(command: Command, before: Sequence[Command], reading: Reading, state: State) -> bool:
    """Whether a sentence only says why something is not wanted, while a kind is looked for: "no HP. ink is dear"."""
    last = before[-1].need if before and before[-1].name == command.name == "search" else None
    if last is None or last.has_subject or last.brands or not (last.not_brands or last.not_colours):
        return False
    asked = set(reading.asks) & {"find", "want", "add"} or reading.marks & {"please", "also", "only"} or reading.prices
    other = command.need.concepts and state.need.concepts and not set(command.need.concepts) & set(state.need.concepts)
    return bool(other and not asked and not command.need.brands and len(reading.tokens) >= _SENTENCE)


def _by_the_way(command: Command, before: Sequence[Command], *, tainted: bool) -> bool:
    """Whether a clause asks for nothing: a reason ("not Cherry, I had one and didn't like it"), or a code."""
    need = command.need
    if tainted and command.name == "search" and not (need.concepts or need.brands or need.words):
        return bool(need.names)
    last = before[-1].name if before else ""
    if command.name in ("off_topic", "clarify") and last in _ABOUT_ORDERS:
        return True  # "I'd like to return A1001, you sent me something I don't use"
    if command.name in ("cheaper", "dearer") and last == "compare" and not command.need:
        return True  # "1 vs 2, which is cheaper?"
    returns = command.name == "return" and not command.order and not command.ids
    return returns and any(c.name == "search" and c.need.has_subject for c in before)


def _harmless(command: Command) -> Command:
    """A command of a message that also gave orders to the assistant: it may show, not change."""
    if command.name in ("add", "set_quantity", "correct_item", "checkout", "confirm"):
        need = command.need
        plain = replace(need, sort="relevance", price_min=None, price_max=None)
        return Command("search", plain) if need.has_subject else Command("refuse_discount")
    return command


def _carried(state: State, before: Sequence[Command], reading: Reading) -> State:
    """The state with what the clause before spoke of in focus: "I want the third one, put it in the cart"."""
    bare = "add" in reading.asks and not reading.has_need and not reading.points  # "the third. into the cart with it"
    if not before or not before[-1].ids or not (reading.references or bare) or reading.placed:
        return state
    ids = list(before[-1].ids)
    topic = "product" if bare else state.topic
    return replace(state, topic=topic, focus=ids, shown=ids if "these" in reading.references else state.shown)


def _merged(commands: list[Command], spoken_of: str) -> list[Command]:
    """Neighbours about the same thing as one: what several sentences say of one order or one search."""
    out: list[Command] = []
    for command in commands:
        last = out[-1] if out else None
        if last is None:
            out.append(command)
        elif last.name == command.name == "search" and not (last.need.has_subject and command.need.has_subject):
            later = command.need.has_subject and not last.need.has_subject
            first, second = (command.need, last.need) if later else (last.need, command.need)
            out[-1] = replace(last, need=first.refined(second))
        elif last.name == "search" and command.name == "add" and command.need == last.need:
            out[-1] = command  # "my mate's got those HA-L50W headphones, one of those for me"
        elif last.name in _ABOUT_ORDERS and command.name in _ABOUT_ORDERS:
            keep = last if _ABOUT_ORDERS.index(last.name) >= _ABOUT_ORDERS.index(command.name) else command
            named = [o for o in (last.order, command.order) if o not in ("", spoken_of)]  # "it came. and B2044?"
            out[-1] = replace(keep, order=named[0] if named else last.order or command.order)
        elif last.name == command.name == "set_quantity" and last.ids == command.ids:
            out[-1] = command  # "twelve is too many, four will do"
        elif last.name == command.name == "add" and last.ids and last.ids == command.ids:
            out[-1] = last if command.quantity is None else command  # "the third one, put it in my cart"
        elif last.name == "details" and command.name in ("add", "remove", "compare") and last.ids == command.ids:
            out[-1] = command
        elif command not in out:
            out.append(command)
    return out


_ABOUT_ORDERS = ["orders", "order_status", "payment_problem", "cancel_order", "return"]
