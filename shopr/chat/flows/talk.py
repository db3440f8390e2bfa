"""The talk itself: hand-off, memory, small talk, refusals, repetition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from shopr.chat.commands import Command
from shopr.chat.facts import Day, Line, Many, What, Word
from shopr.chat.need import Need
from shopr.chat.state import State
from shopr.chat.turn import Turn

__all__ = ["FLOWS", "REMEMBERED", "said_again"]

Flow = Callable[[Turn, Command], None]
REMEMBERED = timedelta(days=180)
"""How long preferences are kept across visits, with consent."""
_MISSES = 2


def handoff(turn: Turn, command: Command) -> None:
    """Pass on to a person."""
    turn.say("handoff_done")
    turn.flags.add("handoff")
    turn.state.topic = "talk"


def refuse_discount(turn: Turn, command: Command) -> None:
    """Prices are the shop's."""
    turn.say("no_discount")
    turn.flags |= {"refuses", "price_unchanged"}


def refuse_orders(turn: Turn, command: Command) -> None:
    """Orders to the assistant in a message are text, not orders."""
    turn.say("injection_note")
    turn.say("no_discount")
    turn.flags |= {"refuses", "price_unchanged"}


def off_topic(turn: Turn, command: Command) -> None:
    """Not this shop's business."""
    turn.say("off_topic")
    turn.flags.add("refuses")
    turn.quick += ["quick_recommend", "quick_orders"]


def not_understood(turn: Turn, command: Command) -> None:
    """Say so; after the second time offer a person."""
    turn.state.misses += 1
    turn.say("not_understood")
    if turn.state.misses >= _MISSES:
        turn.flags.add("offers_handoff")
    turn.quick += ["quick_recommend", "quick_orders", "quick_human"]


def acknowledge(turn: Turn, command: Command) -> None:
    """A yes, no or please that answers nothing."""
    turn.say("what_else")


def cancel(turn: Turn, command: Command) -> None:
    """Drop what was open."""
    turn.state.pending = None
    turn.say("cancelled")


def reset(turn: Turn, command: Command) -> None:
    """Begin anew; the cart stays."""
    state = turn.state
    state.need, state.topics, state.shown, state.focus, state.page = Need(), [], [], [], 0
    state.topic = ""
    turn.say("reset_done")


def repeat(turn: Turn, command: Command) -> None:
    """The last reply once more, with the facts of now."""
    last = turn.state.last
    if not last:
        turn.say("clarify_what")
        return
    ids = turn.sold(last.get("products", []))
    if ids and turn.state.need:
        turn.find(turn.state.need)  # how many there are is counted anew
    turn.lines.append(Line("", {"text": str(last.get("text", ""))}))
    turn.cite(*last.get("citations", ()))
    turn.products = [turn.product(i) for i in ids]


def said_again(commands: Sequence[Command], state: State) -> list[Command]:
    """Commands that say once more what these said, and change nothing: for another language."""
    out: list[Command] = []
    for command in commands:
        if command.name in _LISTED and state.need:
            out.append(Command("search", state.need, value="instead"))
        elif command.name in _OF_CART:
            out.append(Command("show_cart"))
        elif command.name in _OF_ORDERS and state.order:
            out.append(Command("order_status", order=state.order))
        elif command.name in _TOLD:
            out.append(command)
    return list(dict.fromkeys(out))[:3]


_LISTED = frozenset("search cheaper dearer more resume".split())
_OF_CART = frozenset("add remove set_quantity correct_item clear_cart show_cart total checkout".split())
_OF_ORDERS = frozenset("order_status cancel_order return payment_problem confirm deny".split())
_TOLD = frozenset(
    "compare details similar price stock delivery good_price recommend trending new deals orders return_policy "
    "memory_show help who_are_you off_topic refuse_discount greet".split()
)


def switch(turn: Turn, command: Command) -> None:
    """Go on in another language, with what was said last; the language itself was set by the assistant."""
    from shopr.chat.flows import run

    turn.say("language_now")
    pending = turn.state.pending
    for data in turn.state.last.get("again", []) if command.value else ():
        run(turn, Command.of(data))
    turn.state.pending = pending


def memory_show(turn: Turn, command: Command) -> None:
    """What is remembered across visits."""
    facts = turn.memory.facts(turn.user_id) if turn.memory is not None and turn.user_id else []
    if not facts:
        turn.say("memory_empty")
        return
    needs = tuple(Word("remembered", values={"what": What(Need.of(f), turn.currency)}) for f in facts)
    turn.say("memory_shown", facts=Many(needs))


def memory_forget(turn: Turn, command: Command) -> None:
    """Forget it all, now."""
    turn.state.remember = False
    if turn.memory is not None and turn.user_id:
        turn.memory.forget(turn.user_id)
    turn.say("memory_forgotten")


def memory_allow(turn: Turn, command: Command) -> None:
    """Remember from now on."""
    if turn.memory is None or not turn.user_id:
        turn.say("memory_need_login")
        return
    turn.state.remember = True
    turn.memory.allow(turn.user_id)
    turn.say("memory_allowed", date=Day((turn.clock.now() + REMEMBERED).date()))


def saying(key: str, *quick: str) -> Flow:
    """A flow that says one thing."""

    def flow(turn: Turn, command: Command) -> None:
        turn.say(key)
        turn.quick += quick

    return flow


FLOWS = {
    "handoff": handoff,
    "refuse_discount": refuse_discount,
    "refuse_orders": refuse_orders,
    "off_topic": off_topic,
    "not_understood": not_understood,
    "acknowledge": acknowledge,
    "cancel": cancel,
    "reset": reset,
    "repeat": repeat,
    "switch": switch,
    "memory_show": memory_show,
    "memory_forget": memory_forget,
    "memory_allow": memory_allow,
    "greet": saying("greeting", "quick_recommend", "quick_orders"),
    "how_are_you": saying("how_are_you"),
    "thanks": saying("thanks_reply"),
    "bye": saying("bye_reply"),
    "who_are_you": saying("who_am_i"),
    "help": saying("help_text", "quick_recommend", "quick_orders", "quick_human"),
    "praise": saying("praise_reply"),
}
