"""The store as it is drawn: cards with buttons, and conditions in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from parts.cards import Act, figure, offered
from parts.words import pieces_left, plain, short
from shopr.money import format_minor
from shopr.search.asking.request import PageRequest
from shopr.search.searching.listing import Choice, Listing
from shopr.shop import Card

__all__ = ["ACTS", "condition", "labels", "shelf", "span"]

ACTS = (
    Act("View", "visibility", "open"),
    Act("To cart", "add_shopping_cart", "take", can=lambda card: card.in_stock and card.price_minor is not None),
)
"""What can be done with a product."""
_PARTS = {
    "brands": "Brand",
    "categories": "Category",
    "colours": "Colour",
    "price_min": "From",
    "price_max": "Up to",
    "in_stock": "In stock",
}


def shelf(
    cards: Sequence[Card], sure: Sequence[float], act: Callable[[Card, str], None], *, name: str = "found"
) -> None:
    """Products with picture, price, stock, how sure the match is and why, and buttons.

    Args:
        sure: of each card; () where nothing was searched for. act: is called with a card and one of `ACTS`.
        name: tells this shelf from others on the page.
    """
    drawn = [_card(card, sure[place] if sure else None) for place, card in enumerate(cards)]
    offered(cards, drawn, ACTS, act, name=name)


def _card(card: Card, sure: float | None) -> str:
    words, tone = pieces_left(card.stock)
    place = " · ".join(escape(part) for part in (card.brand, card.category.rpartition(" > ")[2]) if part)
    price = escape(card.price) if card.price else '<span class="of">no price</span>'
    pill = f'<span class="pill {tone}">{escape(words)}</span>' if words else ""
    why = "".join(f"<p class=why>{escape(reason.label.capitalize())}</p>" for reason in card.reasons)
    return (
        f'<li class="card"><article>{figure(card)}<div class="body"><p class="place">{place}</p>'
        f'<h3>{escape(card.title)}</h3><p class="facts"><span class="price">{price}</span>{pill}</p>'
        f"{_match(sure)}{why}</div></article></li>"
    )


def _match(sure: float | None) -> str:
    if sure is None:
        return ""
    return (
        f'<p class="match"><span class="sure" aria-hidden="true"><i style="width:{100 * sure:.0f}%"></i></span>'
        f'<span class="of" title="How sure search is that this is what was asked for">{sure:.0%} match</span></p>'
    )


def labels(choices: Sequence[Choice]) -> dict[str, str]:
    """What stands on each choice: its last level, or all of it where that tells too little, and how many there are."""
    last = [choice.name.rpartition(" > ")[2] for choice in choices]
    alone = {choice.name: text for choice, text in zip(choices, last, strict=True) if last.count(text) == 1}
    return {c.name: f"{plain(short(alone.get(c.name, c.name), 48))} · {c.count:,}" for c in choices}


def condition(request: PageRequest, part: str, name: str, currency: str) -> str:
    """A condition in words: "Brand: Nordlys", "Up to £25.00"."""
    words = _PARTS[part]
    if part.startswith("price"):
        return f"{words} {format_minor(getattr(request, part), currency)}"
    return f"{words}: {short(name.rpartition(' > ')[2])}" if name else words


def span(listing: Listing) -> str:
    """Which of the products are on the page: "1 – 12 of 203"."""
    last = listing.first + len(listing.found) - 1
    return f"{listing.first:,} – {last:,} of {listing.total:,}"
