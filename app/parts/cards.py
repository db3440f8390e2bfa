"""Product cards: a grid of recommendations and a strip of purchases, as plain accessible HTML."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

import streamlit as st
from PIL import Image

from parts.words import bare, percent, stock, why
from shopr.shop import Card

__all__ = ["figure", "grid", "picture", "strip"]

EDGE = 420  # pixels: twice the width of a card, for dense screens
MOST_PIXELS = 40_000_000


ACTS = (
    ("View", "visibility", "recommendation_clicked"),
    ("To cart", "add_shopping_cart", "cart_item_added"),
    ("Buy", "check", "order_completed"),
)
"""What can be done with a card: the words, the icon, and the event that it is."""


def grid(cards: Sequence[Card], model: str, act: Callable[[Card, str], None] | None = None) -> None:
    """Recommended products with price, stock and reasons, as many columns as there is room for.

    Args:
        act: is called with a card and the type of the event when a shopper does something with it; None shows no
            buttons.
    """
    if act is None:
        st.html(f'<ul class="grid" aria-label="Recommended products">{"".join(_card(c, model) for c in cards)}</ul>')
        return
    with st.container(key="grid-of-cards", horizontal=True, gap="medium"):
        for card in cards:
            with st.container(key=f"card-{card.position}", gap="small"):
                st.html(f'<ul class="one">{_card(card, model)}</ul>')
                with st.container(horizontal=True, gap="small"):
                    for words, icon, kind in ACTS:
                        st.button(
                            words,
                            key=f"{kind}-{card.product_id}",
                            icon=f":material/{icon}:",
                            type="tertiary",
                            help=f"{words}: {card.title}",
                            disabled=kind == "order_completed" and not card.in_stock,
                            on_click=act,
                            args=(card, kind),
                        )


def strip(cards: Sequence[Card], label: str) -> None:
    """Small pictures in one row that scrolls sideways, by keyboard too."""
    items = "".join(f'<li>{figure(card)}<span class="name">{escape(card.title)}</span></li>' for card in cards)
    st.html(f'<div class="strip" role="region" aria-label="{escape(label)}" tabindex="0"><ul>{items}</ul></div>')


def _card(card: Card, model: str) -> str:
    words, tone = stock(card)
    place = " · ".join(escape(part) for part in (card.brand, card.category.rpartition(" > ")[2]) if part)
    price = f'<span class="price">{escape(card.price)}</span>' if card.price else ""
    paid = f'<span class="tag">{escape(card.label)}</span>' if card.label else ""
    pill = f'<span class="pill {tone}">{escape(words)}</span>' if words else ""
    return (
        f'<li class="card"><article>{figure(card)}<div class="body">'
        f'<p class="place">{paid}{place}</p><h3>{escape(card.title)}</h3>'
        f'<p class="facts">{price}{pill}</p>{_why(card, model)}</div></article></li>'
    )


def _why(card: Card, model: str) -> str:
    sentence = why(card.reasons, model)
    if not sentence:
        return ""
    named = [reason for reason in card.reasons if reason.product_id is not None]
    if not named:
        return f'<p class="why">{escape(sentence)}</p>'
    rows = "".join(
        f"<li><span>{escape(bare(r.label))}</span><b>{percent(r.share)}</b>"
        f'<i style="width:{max(2.0, 100 * r.share):.0f}%"></i></li>'
        for r in named
    )
    return (
        f'<details class="why"><summary>{escape(sentence)}</summary>'
        f"<p>Shares of the score that come from earlier purchases:</p><ul>{rows}</ul></details>"
    )


def figure(card: Card) -> str:
    """The product's picture as HTML, or a letter in its place."""
    source = picture(card.image)
    if source is not None:
        return f'<div class="picture"><img src="{source}" alt="Picture of {escape(card.title)}" loading="lazy"></div>'
    letter = next((c for c in (card.category.rpartition(" > ")[2] or card.title) if c.isalnum()), "·").upper()
    label = escape(f"{card.title} (no picture)")
    return f'<div class="picture none" role="img" aria-label="{label}"><span aria-hidden="true">{letter}</span></div>'


def picture(path: Path | None) -> str | None:
    """A picture as a data URL, small enough for a card; None where there is none or it cannot be read."""
    if path is None:
        return None
    try:
        return _thumbnail(str(path), path.stat().st_mtime_ns)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


@st.cache_data(show_spinner=False, max_entries=2000)
def _thumbnail(path: str, changed: int) -> str:
    with Image.open(path) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are more than {MOST_PIXELS}")
        image.draft("RGB", (EDGE, EDGE))
        small = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
        small.thumbnail((EDGE, EDGE))
    out = BytesIO()
    small.save(out, "WEBP", quality=84)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
