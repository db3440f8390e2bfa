"""Rules about orders: where they are, when they come, cancelling, sending back, payments."""

from __future__ import annotations

from shopr.chat.commands import Command
from shopr.chat.understanding.scene import Scene

__all__ = ["order_command"]


def order_command(scene: Scene) -> Command | None:
    """What a clause asks of an order; None where it is about something else."""
    reading, state = scene.reading, scene.state
    named = reading.orders[0] if reading.orders else ""
    if scene.asks("resume") >= max(scene.asks("return", "order_status"), 1) and not named:
        return None
    if not named and scene.asks("delivery") and scene.asks("price_of"):
        return None  # "what does delivery cost"
    about = bool(named) or scene.marks("order_word") or state.topic == "order"
    asked = state.pending or {}
    if named and asked.get("kind") == "which_order" and not scene.asks("order_status", "arrival", "late"):
        return Command(str(asked["intent"]), order=named)
    if scene.asks("cart_word") or (scene.marks("cart_word") and not named):
        return None
    pointed = state.topic == "order" and bool(scene.reading.references)
    returned = _return(scene, named, about=about)
    if returned is not None:
        return returned
    if state.topic == "cart" and state.touched and not about:
        return None  # "I don't want it any more": what was put in
    told = bool(named) or scene.marks("order_word") or not scene.need.concepts
    if (
        scene.asks("cancel_order") > (0 if told else 1)
        or (scene.asks("remove") and named)
        or (scene.asks("cancel") > scene.asks("arrival") and (named or scene.marks("order_word") or pointed))
    ):
        return Command("cancel_order", order=named or _known(scene))
    if scene.asks("payment_problem") and not scene.asks("add", "find"):
        return Command("payment_problem", order=named or _known(scene))
    plain = scene.asks("arrival") > max(2, scene.asks("delivery")) and not scene.reading.placed
    if scene.asks("arrival") and (about or plain) and not scene.need.concepts:
        return Command("order_status", order=named or state.order, value="arrival")
    if state.topic == "order" and scene.marks("when") and not scene.reading.has_need and not scene.asks("price_of"):
        return Command("order_status", order=state.order, value="arrival")  # "when can I count on it?"
    if _status(scene, named):
        return Command("order_status", order=named or _known(scene))
    return None


def _known(scene: Scene) -> str:
    """The order spoken of before, where the clause names none but points back."""
    return scene.state.order


def _return(scene: Scene, named: str, *, about: bool) -> Command | None:
    words = scene.asks("return")
    policy = scene.asks("return_policy")
    if not words and not policy:
        return None
    slip = scene.state.topic == "cart" and bool(scene.reading.placed) and not (named or scene.marks("order_word"))
    refusing = scene.state.topic == "search" and (scene.need.not_brands or scene.need.not_colours) and not named
    if refusing and not (about or scene.marks("order_word") or scene.reading.ids):
        return None  # "no Philips, they break all the time"
    if slip or scene.asks("total", "show_cart") > max(words, policy) or scene.asks("compare") > words:
        return None  # "wrong one, I wanted number 2"; "what's the damage"
    shopping = scene.asks("find") and scene.need.has_subject and not about and words < 2
    if shopping or (scene.asks("resume") > words):
        return None
    named = named or next((c.order for c in scene.before if c.order), "")
    general = policy > 1 and not named and not (scene.state.topic == "order" and scene.reading.references)
    if general and (policy >= words or not scene.need.concepts) and not scene.marks("order_word"):
        return Command("return_policy")
    ids = scene.reading.ids or (
        list(scene.pointed()) if scene.state.topic != "order" and scene.reading.ordinals else []
    )
    return Command("return", scene.need, ids=tuple(ids), order=named or (scene.state.order if about else ""))


def _status(scene: Scene, named: str) -> bool:
    """Whether the clause asks where an order is."""
    if named:
        return True
    if scene.asks("add", "show_cart", "total") > 1 or scene.asks("checkout"):
        return False
    if scene.need.has_subject and not scene.asks("late") and scene.asks("order_status") < 2:
        return False
    if scene.reading.placed and scene.reading.counts and scene.state.shown and scene.asks("order_status") < 2:
        return False  # "two packets of the second"
    if scene.asks("order_status") > 1:
        return True
    return bool(scene.asks("order_status", "late") and (scene.marks("order_word") or scene.state.topic == "order"))
