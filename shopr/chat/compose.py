"""Makes a reply of what the flows found out: words, products, cart, order, and the check that nothing is invented."""

from __future__ import annotations

from shopr.chat.derivation import recomputed
from shopr.chat.facts import Line, Money, Product
from shopr.chat.flows.product import stock_word
from shopr.chat.grounding import evidence, spoken_of, ungrounded
from shopr.chat.persona import Persona, reply_tone
from shopr.chat.reply import CartItem, OrderState, Reply, Shown, major
from shopr.chat.turn import LIST, Turn
from shopr.chat.wording import Wording

__all__ = ["composed"]

_RTL = frozenset({"ar", "fa", "he", "ur"})


def composed(turn: Turn, wording: Wording, persona: Persona, *, intent: str, tone: str) -> tuple[Reply, list[str]]:
    """The reply, and what the check of grounding found wrong with it.

    A reply with a number or order that its sources do not hold is replaced by one that says that something went wrong,
    with the products alone, whose records are facts.
    """
    texts = [wording.line(line) for line in _lead(turn, persona, tone)]
    for line in turn.lines:
        texts += _listed(turn, wording) if line.key == LIST else [wording.line(line)]
    text = "\n".join(t for t in texts if t)
    held = evidence(turn)
    spoken_of(turn.lines, held)
    recomputed(turn.lines, turn, held)
    order_ids = [turn.order.order_id] if turn.order is not None else []
    faults = ungrounded(text, held, turn.products, order_ids)
    if faults:
        text = "\n".join([wording.message("unable"), *_listed(turn, wording)])
    return _reply(turn, wording, text, intent=intent, tone=tone), faults


def _lead(turn: Turn, persona: Persona, tone: str) -> list[Line]:
    key = persona.lead(tone)  # type: ignore[arg-type]
    return [Line(key)] if key else []


def _listed(turn: Turn, wording: Wording) -> list[str]:
    return [wording.line(_product_line(rank, p, bare=turn.bare_stock)) for rank, p in enumerate(turn.products, 1)]


def _product_line(rank: int, product: Product, *, bare: bool) -> Line:
    if product.price is None:
        return Line("product_line_noprice", {"rank": rank, "title": product.title})
    values = {"rank": rank, "title": product.title, "price": Money(product.price, product.currency)}
    if bare:
        return Line("product_line_bare", values)
    return Line("product_line", {**values, "stock": stock_word(product.stock)})


def _reply(turn: Turn, wording: Wording, text: str, *, intent: str, tone: str) -> Reply:
    order = turn.order
    return Reply(
        text=text,
        language=wording.language,
        direction="rtl" if wording.language in _RTL else "ltr",
        intent=intent,
        tone=reply_tone(tone),
        products=tuple(_shown(p, wording) for p in turn.products),
        cart=tuple(CartItem(line.product_id, line.quantity) for line in turn.cart().lines if not line.removed),
        order=None if order is None else OrderState(order.order_id, order.status),
        compare=tuple(turn.compare),
        flags=frozenset(turn.flags | {"price_unchanged"}),  # no turn ever changes a price
        citations=tuple(turn.citations),
        quick_replies=tuple(wording.message(key) for key in dict.fromkeys(turn.quick)),
    )


def _shown(product: Product, wording: Wording) -> Shown:
    return Shown(
        product.id,
        product.title,
        major(product.price, product.currency),
        product.currency,
        product.stock,
        product.confidence,
        tuple(wording.line(line) for line in product.why),
        product.language,
    )
