"""A product's own page: picture, price and its history, how many to buy, facts, and what belongs beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape

import altair as alt
import pandas as pd
import streamlit as st

from parts.asking import alter
from parts.cards import figure
from parts.frame import notice, section
from parts.storefront import shelf
from parts.words import day, pieces_left
from shopr.money import exponent, format_minor, from_minor
from shopr.search.asking.request import PageRequest
from shopr.shop import Card, Shop
from shopr.shop.product_page import ProductPage

__all__ = ["product"]

MOST = 99


def product(
    shop: Shop,
    request: PageRequest,
    page: ProductPage,
    *,
    act: Callable[[Card, str], None],
    take: Callable[[str, int], None],
) -> None:
    """A product's own page.

    Args:
        request: to which the way back leads. act, take: are called with what the shopper does.
    """
    card = page.card
    back = "Back to the results" if request.query or request.conditions else "Back to all products"
    st.button(back, key="back", icon=":material/arrow_back:", type="tertiary", on_click=alter, args=(shop,))
    left, right = st.columns([1, 1.4], gap="large")
    with left:
        st.html(f'<div class="product-picture">{figure(card)}</div>')
    with right:
        section(card.title, " · ".join(part for part in (card.brand, card.category) if part))
        words, tone = pieces_left(card.stock)
        pill = f'<span class="pill {tone}">{words}</span>' if words else ""
        st.html(f'<p class="product-price"><span class="price">{card.price or "No price"}</span>{pill}</p>')
        buy(card, take)
        if said := insight(page):
            st.html(f'<p class="soft">{said}</p>')
        prices(page, shop.clock.now())
    facts(page)
    for title, text, cards, name in (
        ("Bought together", "Bought along with it more often than chance.", page.together, "together"),
        ("Similar products", "Of the same kind, near it in name and price.", page.similar, "similar"),
    ):
        if cards:
            section(title, text)
            shelf(cards, (), act, name=name)


def buy(card: Card, take: Callable[[str, int], None]) -> None:
    """How many, and into the cart."""
    if card.price_minor is None or not card.in_stock:
        notice("It cannot be bought at the moment.")
        return
    most = MOST if card.stock is None else max(1, min(MOST, card.stock))
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        pieces = st.number_input("Pieces", 1, most, 1, key=f"pieces-{card.product_id}", width=130)
        st.button(
            "Add to cart",
            key="add",
            type="primary",
            icon=":material/add_shopping_cart:",
            on_click=take,
            args=(card.product_id, int(pieces)),
        )


def insight(page: ProductPage) -> str:
    """What the last days say of the price, in one sentence; "" where they say nothing."""
    said = page.insight
    if said is None or said.judgement is None:
        return ""
    low, high = (format_minor(amount, said.currency) for amount in (said.lowest, said.highest))
    within = f"Within {said.known_days} days it cost {low} to {high}."
    return {
        "good": f"A good price: it was seldom lower. {within}",
        "high": f"A high price: it was seldom higher. {within}",
        "steady": f"The price has not changed within {said.known_days} days.",
        "usual": f"A usual price. {within}",
    }[said.judgement]


def prices(page: ProductPage, now: datetime) -> None:
    """The history of the price as steps up to now, and as a sentence for who cannot see them."""
    steps = page.prices
    if len(steps) < 2:  # one price is no history
        return
    currency = page.card.currency
    digits = exponent(currency)
    ends = [*steps, (max(now, steps[-1][0]), steps[-1][1])]
    table = pd.DataFrame({"from": [at for at, _ in ends], "price": [float(from_minor(p, currency)) for _, p in ends]})
    x = alt.X("from:T", title=None, axis=alt.Axis(grid=False, tickCount=5))
    y = alt.Y("price:Q", title=None, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=4, domain=False))
    tip = [alt.Tooltip("from:T", title="From"), alt.Tooltip("price:Q", title=currency, format=f",.{digits}f")]
    line = alt.Chart(table).mark_line(interpolate="step-after", point=True, strokeWidth=2)
    words = ", ".join(f"{format_minor(p, currency)} from {day(at)}" for at, p in steps[-12:])
    chart = line.encode(x=x, y=y, tooltip=tip).properties(height=170, background="transparent")
    st.altair_chart(chart, width="stretch", alt=f"Price in {currency}: {words}")


def facts(page: ProductPage) -> None:
    """Description and attributes."""
    text = f"<p>{escape(page.description)}</p>" if page.description else ""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in page.facts)
    if text or rows:
        st.html(f'<section class="product-facts">{text}{f"<dl>{rows}</dl>" if rows else ""}</section>')
