"""Product cards: a grid of recommendations and a strip of purchases, as plain accessible HTML."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import streamlit as st
from PIL import Image

from parts.words import bare, percent, plain, stock, why
from shopr.shop import Card

__all__ = ["Act", "figure", "grid", "offered", "picture", "strip"]

EDGE = 420  # pixels: twice the width of a card, for dense screens
MOST_PIXELS = 40_000_000


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done with a product.

    Attributes:
        words: of its button. icon: of Google's Material Symbols. kind: what `act` is called with.
        can: whether it can be done with a product; who sees the others sees its button greyed.
    """

    words: str
    icon: str
    kind: str
    can: Callable[[Card], bool] = lambda card: True


ACTS = (
    Act("View", "visibility", "recommendation_clicked"),
    Act("To cart", "add_shopping_cart", "cart_item_added"),
    Act("Buy", "check", "order_completed", can=lambda card: card.in_stock),
)
"""What can be done with a recommendation; the kind is that of the event."""


def grid(cards: Sequence[Card], model: str, act: Callable[[Card, str], None] | None = None) -> None:
    """Recommended products with price, stock and reasons, as many columns as there is room for.

    Args:
        act: is called with a card and the type of the event when a shopper does something with it; None shows no
            buttons.
    """
    if act is None:
        st.html(f'<ul class="grid" aria-label="Recommended products">{"".join(_card(c, model) for c in cards)}</ul>')
        return
    offered(cards, [_card(card, model) for card in cards], ACTS, act, name="recommended")


def offered(
    cards: Sequence[Card], drawn: Sequence[str], acts: Sequence[Act], act: Callable[[Card, str], None], *, name: str
) -> None:
    """Products with buttons below each.

    Args:
        drawn: each card as an item of a list, in HTML.
        act: is called with a card and the kind of one of `acts`.
        name: tells these products from others on the page.
    """
    with st.container(key=f"grid-of-cards-{name}", horizontal=True, gap="medium"):
        for place, (card, item) in enumerate(zip(cards, drawn, strict=True)):
            with st.container(key=f"card-{name}-{place}", gap="small"):
                st.html(f'<ul class="one">{item}</ul>')
                with st.container(horizontal=True, gap="small"):
                    for one in acts:
                        st.button(
                            one.words,
                            key=f"{one.kind}-{name}-{card.product_id}",
                            icon=f":material/{one.icon}:",
                            type="tertiary",
                            help=f"{one.words}: {plain(card.title)}",
                            disabled=not one.can(card),
                            on_click=act,
                            args=(card, one.kind),
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
