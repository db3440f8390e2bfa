"""A conversation as accessible HTML: a log of messages, product cards within it, and the cart beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from parts.cards import figure
from parts.words import percent, pieces_left, short
from shopr.commerce.carts import Cart
from shopr.money import format_minor, to_minor
from shopr.shop import Card, Shop

__all__ = ["cart", "conversation"]

Turn = tuple[str, Mapping[str, Any]]
"""What the shopper said, and the reply as JSON's own types."""
_NOTES = {
    "no_exact_match": "nearest matches",
    "stock_notice": "stock checked",
    "handoff": "a person takes over",
    "asks_confirmation": "asks before acting",
}


def conversation(shop: Shop, turns: Sequence[Turn], waiting: str = "") -> None:
    """The whole conversation, newest last.

    Args:
        waiting: a message that is being answered now; "" for none.
    """
    rows = []
    for place, (said, reply) in enumerate(turns, 1):
        answer = _answered(shop, reply, newest=place == len(turns))
        rows += [_said(said), answer] if said else [answer]
    if waiting:
        rows += [_said(waiting), '<li class="turn they busy"><div class="bubble"><i></i><i></i><i></i></div></li>']
    spoken = f'<ol class="talk">{"".join(rows)}</ol>' if rows else ""
    # Drawn anew as a whole, so that no browser could tell what is new in it: the newest answer is said by itself.
    st.html(f'<div role="log" aria-live="off" aria-label="Conversation">{spoken}</div>')


def _said(text: str) -> str:
    return f'<li class="turn you"><span class="who">You</span><div class="bubble" dir="auto">{_lines(text)}</div></li>'


def _answered(shop: Shop, reply: Mapping[str, Any], *, newest: bool = False) -> str:
    products = [_product(shop, each, place) for place, each in enumerate(reply.get("products", []), 1)]
    shelf = f'<ul class="offers">{"".join(products)}</ul>' if products else ""
    notes = "".join(f'<span class="tag">{escape(_NOTES[f])}</span>' for f in reply.get("flags", []) if f in _NOTES)
    text = _without_list(reply["text"], reply.get("products", []))
    direction = "rtl" if reply.get("direction") == "rtl" else "ltr"
    return (
        f'<li class="turn they" lang="{escape(reply["language"])}" dir="{direction}">'
        f'<span class="who" dir="ltr">Assistant{notes}</span>'
        f'<div class="bubble"{" data-say" if newest else ""}>{_lines(text)}</div>{shelf}</li>'
    )


def _without_list(text: str, products: Sequence[Mapping[str, Any]]) -> str:
    """The reply without the lines that the cards below it show."""
    starts = tuple(f"{place}. {product['title']}" for place, product in enumerate(products, 1))
    kept = [line for line in text.splitlines() if not (starts and line.startswith(starts))]
    return "\n".join(kept) or text


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


def _product(shop: Shop, product: Mapping[str, Any], place: int) -> str:
    card = shop.cards.card(product["id"])
    price = f'<span class="price">{escape(_price(product))}</span>' if product["price"] else ""
    words, tone = pieces_left(product["stock"])
    pill = f'<span class="pill {tone}">{words}</span>' if words else ""
    sure = float(product.get("confidence", 1.0))
    match = (
        f'<span class="sure" title="How sure the assistant is that this is what was asked for">'
        f'<i style="width:{100 * sure:.0f}%"></i></span><span class="of">{percent(sure)} match</span>'
        if sure < 1
        else ""
    )
    why = " · ".join(escape(each) for each in product.get("why", []))
    return (
        f'<li class="offer" lang="{escape(product.get("language") or "und")}">{figure(card)}<div>'
        f'<p class="title"><b>{place}</b> {escape(product["title"])}</p><p class="facts">{price}{pill}</p>'
        f'<p class="match" dir="ltr">{match}</p>{f"<p class=why>{why}</p>" if why else ""}</div></li>'
    )


def _price(product: Mapping[str, Any]) -> str:
    return format_minor(to_minor(product["price"], product["currency"]), product["currency"])


def cart(held: Cart, cards: Mapping[str, Card]) -> None:
    """The lines of a cart with what changed since they were put in, and the total."""
    rows = []
    for line in held.lines:
        total = format_minor(line.total, line.currency) if line.total is not None else "no longer sold"
        note = ""
        if line.changed and line.price is not None and line.price_then is not None:
            before = format_minor(line.price_then, line.currency_then)
            note = f'<span class="pill low">was {escape(before)} each</span>'
        picture = figure(cards[line.product_id]) if line.product_id in cards else ""
        rows.append(
            f'<li>{picture}<span class="name">{line.quantity} × {escape(short(line.title, 60))}{note}</span>'
            f"<b>{escape(total)}</b></li>"
        )
    sums = ", ".join(format_minor(amount, currency) for currency, amount in held.totals.items())
    st.html(
        f'<section class="cart" aria-label="Cart"><ul>{"".join(rows)}</ul>'
        f'<p class="sum"><span>Total</span><b>{escape(sums)}</b></p></section>'
    )
