"""Rules about several products at once: one for another, all of a pair, and the pieces of the other one."""

from __future__ import annotations

from shopr.chat.commands import Command
from shopr.chat.state import placed
from shopr.chat.understanding.pieces import quantity
from shopr.chat.understanding.scene import Scene

__all__ = ["exchange_command"]

_ASKING = "compare details stock price_of delivery good_price similar order_status return_policy".split()
_FEW = 3
"""Products of a list of which "one of each" can be meant."""


def exchange_command(scene: Scene) -> Command | None:
    """What a clause asks of two or more products; None where it is about something else."""
    if scene.reading.prices or scene.asks("checkout", "clear_cart"):
        return None
    return _swap(scene) or _other(scene) or _better(scene) or _each(scene)


def _swap(scene: Scene) -> Command | None:
    """One product of the cart for another one that was shown: "swap the second for the third"."""
    both = scene.asks("remove") and scene.asks("add", "want", "set_quantity")
    reading = scene.reading
    if not (scene.asks("swap") or both) or not scene.cart or len(reading.ordinals) + len(reading.given_up) != 2:
        return None
    ids = placed(scene.state.shown, [*reading.given_up, *reading.ordinals])
    out = [i for i in ids if i in scene.cart]
    into = [i for i in ids if i not in scene.cart]
    if len(out) == 1 and len(into) == 1:
        return Command("correct_item", ids=tuple(into), value=out[0])
    return Command("clarify", value="which_product") if scene.asks("swap") > 1 else None


def _other(scene: Scene) -> Command | None:
    """How many there shall be of the other thing in the cart: "and drop the other one to two"."""
    if "other" not in scene.reading.references or scene.need.has_subject or scene.reading.placed:
        return None
    pieces = scene.counts[-1] if scene.counts else None
    others = [i for i in scene.cart if i not in scene.state.touched]
    if pieces is None or scene.state.topic != "cart" or len(others) != 1 or scene.asks("fewer", *_ASKING):
        return None
    return Command("set_quantity", ids=tuple(others), quantity=pieces)


def _better(scene: Scene) -> Command | None:
    """The cheaper or the dearer of the pair that was spoken of: "I'll take the cheaper of the two"."""
    pair = scene.state.focus
    if "both" not in scene.reading.references or len(pair) != 2 or scene.asks("compare", "details", "remove"):
        return None
    best = {"cheapest", "dearest"} & set(scene.reading.references)
    sign = 1 if scene.asks("cheaper", "cheapest") or "cheapest" in best else 0
    sign = sign or (-1 if scene.asks("dearer", "dearest") or best else 0)
    if not sign or scene.reading.placed or scene.need.has_subject:
        return None
    chosen = min(pair, key=lambda i: sign * scene.prices.get(i, 10**15 * sign))
    taken = scene.asks("add", "want") and not scene.reading.question
    return Command("add" if taken else "details", ids=(chosen,))


def _each(scene: Scene) -> Command | None:
    """Both of the pair that was spoken of: "I'll take both", "one of each"."""
    reading, state = scene.reading, scene.state
    each = scene.marks("each") and bool(scene.counts or scene.asks("add", "want"))
    if not (each or "both" in reading.references) or scene.asks("remove", "set_quantity", *_ASKING):
        return None
    if reading.ids or reading.placed or scene.need.has_subject or scene.marks("negation_before", "no"):
        return None
    if {"cheapest", "dearest"} & set(reading.references) or scene.asks("cheaper", "dearer"):
        return None  # one of the pair
    if reading.question or state.topic not in ("product", "search"):
        return None
    pair = state.focus if len(state.focus) > 1 else state.shown
    if len(pair) > (_FEW if each else 2) or len(pair) < 2:
        return None
    if not each and not scene.asks("add", "want") and not scene.marks("yes", "please", "so_then"):
        return None
    return Command("add", ids=tuple(pair), quantity=quantity(scene))
