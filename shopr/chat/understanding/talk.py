"""Rules about the talk itself: answers, hand-off, memory, small talk, and what is none of the shop's business."""

from __future__ import annotations

from shopr.chat.commands import Command
from shopr.chat.reading.tokens import fold
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.understanding.scene import Scene

__all__ = ["last_resort", "talk_command"]

_SMALL = ("greet", "how_are_you", "thanks", "bye", "who_are_you", "praise")
_OF_ORDERS = ("order_status", "arrival", "late", "return", "cancel_order", "payment_problem")
_ASKED = 6
"""Tokens at the beginning of a clause among which the word of a question of who stands."""
_FIRM = frozenset("add remove compare return cancel_order order_status find checkout cheaper more".split())


def talk_command(scene: Scene) -> Command | None:
    """What goes before everything else: an answer to an open question, a call for a person, one's own data."""
    answer = _answer(scene)
    if answer is not None:
        return answer
    if scene.asks("memory_forget"):
        return Command("memory_forget")
    if scene.asks("memory_show"):
        return Command("memory_show")
    if scene.asks("memory_allow") > 1 and not scene.need.has_subject:
        return Command("memory_allow")
    if scene.asks("handoff") and not (scene.need.has_subject and scene.asks("handoff") < 2):
        return Command("handoff")
    if scene.reading.switch and scene.bare and not scene.asks(*_FIRM):
        return Command("switch", value=scene.reading.switch)
    if _foreign(scene) or _of_somebody(scene):
        return Command("off_topic")
    fewer = scene.asks("fewer") and scene.state.topic == "cart"  # "knock one off", of what was just put in
    orders = scene.reading.orders and (scene.marks("order_word") or scene.asks(*_OF_ORDERS))  # else it is a code
    if scene.asks("discount") and not orders and not fewer:
        wanted = scene.need.has_subject and scene.asks("find")
        return Command("search", scene.need, value="refuse_discount") if wanted else Command("refuse_discount")
    return None


def _answer(scene: Scene) -> Command | None:
    """Yes or no to what was asked last."""
    pending = scene.state.pending or {}
    if pending.get("kind") in (None, "which_order") or scene.reading.has_need or scene.reading.orders:
        return None
    if pending.get("soft") and scene.asks("arrival", "order_status", "late", "total", "show_cart", "cheaper", "stock"):
        return None  # "yes yes, but when does it come?"
    # "Yes, cancel it" agrees to the cancelling that was asked about.
    calls_off = scene.asks("cancel") and not (scene.marks("yes") and pending.get("kind") == "cancel_order")
    no = scene.marks("no") or calls_off or (scene.marks("negation_before") and not scene.marks("yes"))
    if scene.marks("yes") and not calls_off and not (no and _first(scene, "no", "yes")) and _at_an_edge(scene, "yes"):
        return Command("confirm")
    if scene.asks("thanks", "praise") and not no and pending.get("soft") is None and scene.asks("praise"):
        return Command("confirm")
    return Command("deny") if no and not scene.asks("handoff") else None


_BESIDE = frozenset("yes no please so_then particle filler and also hold_on correction number_word".split())
"""Words that may stand beside an answer at the edge of its clause."""


def _at_an_edge(scene: Scene, key: str) -> bool:
    """Whether words of `key` begin or end the clause: in "so where exactly is it" nobody agrees to anything."""
    tokens = scene.reading.tokens
    found = vocabulary(scene.state.language).book.find(tokens)
    light = {at for m in found if m.key in _BESIDE for at in range(m.start, m.end)}
    light |= {at for at, token in enumerate(tokens) if token.kind in ("end", "pause")}
    edges = [(range(m.start), range(m.end, len(tokens))) for m in found if m.key == key]
    return any(light.issuperset(side) for sides in edges for side in sides)


def _first(scene: Scene, one: str, other: str) -> bool:
    """Whether a word of `one` comes before every word of `other`."""
    words = vocabulary(scene.state.language).book.find(scene.reading.tokens)
    places = {key: min((m.start for m in words if m.key == key), default=99) for key in (one, other)}
    return places[one] <= places[other]


def _foreign(scene: Scene) -> bool:
    """Whether the clause asks for something that no shop does."""
    words = scene.asks("off_topic")
    upset = scene.reading.tone.get("angry") and words < 2  # "what a joke"
    if not words or upset or scene.reading.orders or scene.reading.ids:
        return False
    need = scene.need
    known = any(scene.shelf.word_count(fold(n)) for n in need.names)
    shop = bool(need.concepts or need.words or known)
    shop = shop or bool(scene.asks("add", "remove", "compare", "show_cart", "total", "return", "deals"))
    return words > 1 or not shop


_NOBODY = frozenset("want find help add which off_topic greet repeat praise".split())
_RATING = frozenset({"compare", "dearer"})
"""Commands that a question of who may hold by chance."""


def _of_somebody(scene: Scene) -> bool:
    """Whether the clause asks who somebody is, or does something: no question of a shop's range."""
    reading, need = scene.reading, scene.need
    if not scene.marks("who") or reading.orders or reading.ids or reading.placed or "this" in reading.references:
        return False
    if need.concepts or need.brands or scene.marks("brand_word", "order_word", "cart_word", "price_word"):
        return False
    words = vocabulary(scene.state.language).book.find(reading.tokens[:_ASKED])
    rated = _RATING if reading.words else frozenset()  # "who's better, Messi or Ronaldo"
    return any(m.key == "who" for m in words) and not set(reading.asks) - _NOBODY - rated


def last_resort(scene: Scene) -> Command | None:
    """Small talk, repetition and help, where nothing of the shop was found; else that it was not understood."""
    for name in ("repeat", "reset", "cancel"):
        if scene.asks(name):
            return Command(name)
    small = max(_SMALL, key=scene.asks)
    if scene.asks(small) and scene.asks(small) >= scene.asks("help"):
        return Command(small)
    if scene.asks("help"):
        return Command("help")
    if scene.marks("yes", "no", "please", "correction") and not scene.reading.words:
        return Command("acknowledge")
    if scene.asks("find", "gift"):
        return Command("clarify")
    return Command("not_understood") if scene.reading.tokens else None
