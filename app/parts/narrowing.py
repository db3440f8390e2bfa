"""What narrows a list of the store: the box to search in, order, conditions with counts, and what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from parts.asking import Held, alter, change, go, keyed, spoke
from parts.storefront import condition, labels
from parts.words import plain
from shopr.money import exponent, format_minor, from_minor, to_minor
from shopr.search.asking.request import LONGEST, PageRequest
from shopr.search.asking.results import Refusal
from shopr.shop import Shop

__all__ = ["SORTS", "box", "narrow", "suggest"]

SORTS = {
    "relevance": "Best match",
    "price_asc": "Price, low to high",
    "price_desc": "Price, high to low",
    "newest": "Newest",
    "popularity": "Most popular",
}
FACETS = {"brand": ("Brand", "brands"), "category": ("Category", "categories"), "colour": ("Colour", "colours")}
SUGGESTED = 6


def box(shop: Shop, request: PageRequest) -> None:
    """The box to search in; what is found follows the typing."""
    if st.session_state.get("q") != request.query:
        st.session_state["q"] = request.query
    st.text_input(
        "Search the store",
        key="q",
        type="search",
        live="350ms",
        max_chars=LONGEST,
        placeholder="red mug, gift for a gardener, a part number …",
        on_change=lambda: change(shop, typed=True, query=st.session_state["q"]),
    )


def suggest(shop: Shop, request: PageRequest) -> None:
    """What may be meant to be typed, and brands and categories of such a name, said to be that."""
    typed = request.query.strip().lower()
    words = [text for text in shop.search.suggest(request.query, SUGGESTED) if text != typed]
    offered = [(f"suggestion-{place}", text, PageRequest(text)) for place, text in enumerate(words)]
    for place, offer in enumerate(shop.search.offers(request.query)):
        kind, part = FACETS[offer.facet]
        name = f"{offer.name.rpartition(' > ')[2]} · {kind.lower()}"
        offered.append((f"offer-{place}", name, PageRequest(**{part: (offer.name,)})))
    if offered:
        with st.container(key="suggestions", horizontal=True, gap="small"):
            for key, text, wanted in offered:
                st.button(plain(text), key=key, type="tertiary", on_click=go, args=(shop, wanted))


def narrow(shop: Shop, held: Held) -> None:
    """Order and conditions."""
    assert held.page is not None
    page, request, currency = held.page.listing, held.page.request, shop.storefront.currency
    with st.container(key="narrow", horizontal=True, gap="small", vertical_alignment="bottom"):
        for facet, (words, part) in FACETS.items():
            if facet in page.facets:
                chosen = len(getattr(request, part))
                with st.popover(f"{words} ({chosen})" if chosen else words):
                    choose(shop, held, facet)
        if page.low is not None:
            with st.popover("Price"):
                between(shop, held, currency)
        if 0 < page.available < page.total or request.in_stock:
            st.session_state["in-stock"] = request.in_stock
            st.toggle(
                f"In stock ({page.available:,})",
                key="in-stock",
                on_change=lambda: change(shop, in_stock=st.session_state["in-stock"]),
            )
        st.session_state["sort"] = request.sort
        st.selectbox(
            "Order",
            list(SORTS),
            key="sort",
            format_func=SORTS.get,
            label_visibility="collapsed",
            width=200,
            on_change=lambda: change(shop, sort=st.session_state["sort"]),
        )
    chosen_conditions(shop, request, currency, held.page.listing.found.refused)


def choose(shop: Shop, held: Held, facet: str) -> None:
    """The values of one facet, each with how many products it has."""
    assert held.page is not None
    words, _ = FACETS[facet]
    choices = held.page.listing.facets[facet]
    shown, chosen = labels(choices), [choice.name for choice in choices if choice.chosen]
    key = keyed(f"facet-{facet}", frozenset(chosen))
    st.session_state[key] = chosen
    st.pills(
        f"{words}: any of these",
        list(shown),
        selection_mode="multi",
        key=key,
        format_func=shown.get,
        on_change=partial(picked, shop, facet, key),
    )


def picked(shop: Shop, facet: str, key: str) -> None:
    """Values of one facet were chosen."""
    names = tuple(st.session_state[key])
    spoke(f"facet-{facet}", frozenset(names))
    change(shop, **{FACETS[facet][1]: names})


def between(shop: Shop, held: Held, currency: str) -> None:
    """The range of prices: bands with counts, and bounds of one's own."""
    assert held.page is not None
    request, listing = held.page.request, held.page.listing
    for low, high, n in listing.bands if len(listing.bands) > 1 else ():
        st.button(
            f"{plain(format_minor(low, currency))} to {plain(format_minor(high, currency))} · {n:,}",
            key=f"band-{low}",
            type="tertiary",
            on_click=alter,
            args=(shop, partial(PageRequest.changed, price_min=low, price_max=high)),
        )
    left, right = st.columns(2)
    for column, part, words in ((left, "price_min", "From"), (right, "price_max", "Up to")):
        amount = getattr(request, part)
        key = keyed(part, amount)
        st.session_state[key] = None if amount is None else float(from_minor(amount, currency))
        column.number_input(
            f"{words} ({currency})",
            min_value=0.0,
            key=key,
            step=1.0,
            format=f"%.{exponent(currency)}f",
            on_change=partial(bound, shop, part, key, currency),
        )


def bound(shop: Shop, part: str, key: str, currency: str) -> None:
    """One bound of the price was written."""
    value = st.session_state[key]
    amount = None if value is None else to_minor(f"{value}", currency)
    spoke(part, amount)
    change(shop, **{part: amount})


def chosen_conditions(shop: Shop, request: PageRequest, currency: str, refused: Sequence[Refusal] = ()) -> None:
    """What is chosen, or ruled out by the words, each to be taken away."""
    chips = [(f"Not {ruled_out(each)}", partial(PageRequest.changed, query=each.without)) for each in refused]
    chips += [
        (condition(request, part, name, currency), partial(PageRequest.without, part=part, name=name))
        for part, name in request.conditions
    ]
    if not chips:
        return
    with st.container(key="conditions", horizontal=True, gap="small"):
        for place, (words, how) in enumerate(chips):
            st.button(
                plain(words),
                key=f"without-{place}",
                icon=":material/close:",
                help=f"Remove: {plain(words)}",
                on_click=alter,
                args=(shop, how),
            )
        if request.conditions:
            st.button(
                "Clear all", key="unfiltered", type="tertiary", on_click=alter, args=(shop, PageRequest.unfiltered)
            )


def ruled_out(refused: Refusal) -> str:
    """What words rule out: a brand by its name, all else as it was typed."""
    return refused.name if refused.part == "not_brands" else refused.said
