"""For you: what the champion recommends to one shopper, or to somebody new, and why."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from parts.cards import grid, strip
from parts.frame import boundary, empty, header, notice, section
from parts.source import open_shop
from parts.words import count, model_name

from shopr.shop import Shop

MOST = 20
LISTED = 2000  # shoppers the box offers by itself; any other id can be typed


def choose(shop: Shop) -> tuple[str | None, int, bool, bool]:
    """The controls: (shopper or None for somebody new, how many, only in stock, without what was bought)."""
    known = shop.shoppers(LISTED)
    with st.container(key="panel-controls"):
        first, second = st.columns([1.5, 1], gap="large")
        switches = st.container(horizontal=True, gap="medium")
    with switches:  # filled first, because the box above follows them
        visitor = st.toggle("A new visitor", key="visitor", bind="query-params")
        in_stock = st.toggle("Only in stock", value=True, key="in_stock", bind="query-params")
        fresh = st.toggle("Leave out what was bought", value=True, key="fresh", disabled=visitor, bind="query-params")
    user = first.selectbox(
        "Shopper",
        known,
        key="shopper",
        accept_new_options=True,
        disabled=visitor,
        help="Choose from the list, or type any shopper's id. Those with most purchases come first.",
        bind="query-params",
    )
    k = second.slider("How many products", 1, MOST, 10, key="k", bind="query-params")
    chosen = (user or "").strip()
    return (None if visitor or not chosen else chosen), int(k), in_stock, fresh


def purchases(shop: Shop, user: str | None) -> bool:
    """What the shopper bought last; whether anything is known."""
    if user is None:
        notice("A new visitor: nothing is known yet, so these are the products most shoppers buy at the moment.")
        return False
    bought = shop.history(user, 12)
    if not bought:
        notice(
            f"No purchases are known for “{user}”. Until there are some, these are the products most shoppers buy "
            "at the moment."
        )
        return False
    section(f"Bought lately by {user}")
    strip(bought, f"Products that {user} bought, newest first")
    return True


def recommendations(shop: Shop, user: str | None, options: Sequence[object], known: bool) -> None:
    """The products, as cards."""
    k, in_stock, fresh = options
    served = shop.champion
    if served is None:
        empty(
            "No model serves yet",
            "The shop has data, but nobody has promoted a model that could recommend from them.",
            [
                ("shopr demo", "tunes, compares and promotes a model"),
                ("shopr promote", "promotes a model that was tuned"),
            ],
        )
        return
    cards = shop.recommend(user, int(str(k)), exclude_seen=bool(fresh), in_stock_only=bool(in_stock))
    title = f"For {user}" if known else "Popular now"
    chooser = f"{model_name(served.model.name)}, version {served.version}" if known else "what most shoppers buy"
    if not cards:
        section(title)
        notice("Nothing is left to show. Allow products that are out of stock, or those that were bought before.")
        return
    section(title, f"{count(len(cards), 'product')} chosen by {chooser}.")
    grid(cards, served.model.name)


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("For you", "What the champion recommends to a shopper, and why.", eyebrow="Recommendations")
    if not shop.exists:
        empty(
            f"There is no shop called “{shop.name}”",
            "There is nobody to recommend to, and nothing to recommend.",
            [
                ("make demo", "a simulated shop, a tuned and promoted model, then this app"),
                ("shopr data simulate", "only the simulated shop"),
            ],
        )
        return
    user, *options = choose(shop)
    known = False
    with boundary("the purchases"):
        known = purchases(shop, user)
    with boundary("the recommendations"), st.spinner("Choosing products …", show_time=False):
        recommendations(shop, user, options, known)


with boundary("this page"):
    page()
