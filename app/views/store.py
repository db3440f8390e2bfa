"""Store: what shoppers search, narrow down, look at and put into the cart."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import streamlit as st
from parts.account import Viewer, viewer
from parts.asking import SETTLED, Held, asked, go, hold, pending, settle
from parts.cards import figure
from parts.frame import boundary, header, no_shop, notice, section
from parts.source import open_shop
from parts.storefront import condition, facts, insight, labels, prices, shelf, span
from parts.talk import cart as cart_lines
from parts.visitor import visitor_session
from parts.words import count, pieces_left, plain, sentence, short

from shopr.commerce.sql import visitor
from shopr.errors import ShoprError
from shopr.money import exponent, format_minor, from_minor, to_minor
from shopr.search.request import LONGEST, PageRequest
from shopr.shop import Card, Shop
from shopr.shop.product_page import ProductPage
from shopr.shop.storefront import Shopper

SORTS = {
    "relevance": "Best match",
    "price_asc": "Price, low to high",
    "price_desc": "Price, high to low",
    "newest": "Newest",
    "popularity": "Most popular",
}
FACETS = {"brand": ("Brand", "brands"), "category": ("Category", "categories"), "colour": ("Colour", "colours")}
SUGGESTED = 6
LISTED = 500
MOST = 99


# -- who looks, and what is in the cart -------------------------------------------------------------------------------


def identity(shop: Shop, who: Viewer) -> Shopper:
    """Who looks: who is signed in, or, where accounts are not required, anybody one wants to look as."""
    session = visitor_session() or st.session_state.setdefault("visit", uuid4().hex)
    if who.required or who.user:
        return Shopper(who.user or None, session)
    user = st.selectbox(
        "Signed in as",
        ["", *shop.shoppers(LISTED)],
        key="shopper",
        format_func=lambda name: name or "A visitor",
        accept_new_options=True,
        help="The order of the products follows what this shopper bought, if they allow it.",
        persist_state="session",
    )
    return Shopper((user or "").strip() or None, session)


def owner(shopper: Shopper) -> str:
    """Whose cart it is."""
    return shopper.user_id or visitor(shopper.session_id)


def basket(shop: Shop, shopper: Shopper) -> None:
    """The cart."""
    held = shop.commerce.carts.of(owner(shopper))
    with st.popover(f"Cart · {held.pieces}", icon=":material/shopping_cart:", width="stretch"):
        if not len(held):
            st.html('<p class="soft">Nothing yet.</p>')
            return
        cart_lines(held, {line.product_id: shop.cards.card(line.product_id) for line in held.lines})
        st.button(
            "Empty the cart",
            type="tertiary",
            icon=":material/delete:",
            on_click=shop.commerce.carts.clear,
            args=(owner(shopper),),
        )


# -- what is asked for ------------------------------------------------------------------------------------------------


def box(shop: Shop, request: PageRequest) -> None:
    """The box to search in; what is found follows the typing."""
    if st.session_state.get("q") != request.query:
        st.session_state["q"] = request.query

    def typed() -> None:
        wanted = request.changed(query=st.session_state["q"], exact=False)
        go(shop, wanted, typed=True)

    st.text_input(
        "Search the store",
        key="q",
        type="search",
        live="350ms",
        max_chars=LONGEST,
        placeholder="red mug, gift for a gardener, a part number …",
        on_change=typed,
    )


def suggest(shop: Shop, request: PageRequest) -> None:
    """What may be meant to be typed."""
    words = [text for text in shop.search.suggest(request.query, SUGGESTED) if text != request.query.strip().lower()]
    if words:
        with st.container(key="suggestions", horizontal=True, gap="small"):
            for place, text in enumerate(words):
                wanted = PageRequest(text)
                st.button(plain(text), key=f"suggestion-{place}", type="tertiary", on_click=go, args=(shop, wanted))


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
                on_change=lambda: go(shop, request.changed(in_stock=st.session_state["in-stock"])),
            )
        st.session_state["sort"] = request.sort
        st.selectbox(
            "Order",
            list(SORTS),
            key="sort",
            format_func=SORTS.get,
            label_visibility="collapsed",
            width=200,
            on_change=lambda: go(shop, request.changed(sort=st.session_state["sort"])),
        )
    chosen_conditions(shop, request, currency)


def choose(shop: Shop, held: Held, facet: str) -> None:
    """The values of one facet, each with how many products it has."""
    assert held.page is not None
    request, (words, part) = held.page.request, FACETS[facet]
    choices = held.page.listing.facets[facet]
    shown, key = labels(choices), f"facet-{facet}"
    st.session_state[key] = [choice.name for choice in choices if choice.chosen]
    st.pills(
        f"{words}: any of these",
        list(shown),
        selection_mode="multi",
        key=key,
        format_func=shown.get,
        on_change=lambda: go(shop, request.changed(**{part: tuple(st.session_state[key])})),
    )


def between(shop: Shop, held: Held, currency: str) -> None:
    """The range of prices: bands with counts, and bounds of one's own."""
    assert held.page is not None
    request, listing = held.page.request, held.page.listing
    for low, high, n in listing.bands if len(listing.bands) > 1 else ():
        st.button(
            f"{plain(format_minor(low, currency))} to {plain(format_minor(high, currency))} · {n:,}",
            key=f"band-{low}",
            type="tertiary",
            on_click=go,
            args=(shop, request.changed(price_min=low, price_max=high)),
        )
    left, right = st.columns(2)
    for column, key, words in ((left, "price_min", "From"), (right, "price_max", "Up to")):
        amount = getattr(request, key)
        st.session_state[key] = None if amount is None else float(from_minor(amount, currency))
        column.number_input(
            f"{words} ({currency})",
            min_value=0.0,
            key=key,
            step=1.0,
            format=f"%.{exponent(currency)}f",
            on_change=partial(bound, shop, request, key, currency),
        )


def bound(shop: Shop, request: PageRequest, key: str, currency: str) -> None:
    """One bound of the price was written."""
    value = st.session_state[key]
    go(shop, request.changed(**{key: None if value is None else to_minor(f"{value}", currency)}))


def chosen_conditions(shop: Shop, request: PageRequest, currency: str) -> None:
    """What is chosen, each to be taken away."""
    if not request.conditions:
        return
    with st.container(key="conditions", horizontal=True, gap="small"):
        for place, (part, name) in enumerate(request.conditions):
            words = condition(request, part, name, currency)
            st.button(
                plain(words),
                key=f"without-{place}",
                icon=":material/close:",
                help=f"Remove: {plain(words)}",
                on_click=go,
                args=(shop, request.without(part, name)),
            )
        st.button("Clear all", key="unfiltered", type="tertiary", on_click=go, args=(shop, request.unfiltered()))


# -- what there is ----------------------------------------------------------------------------------------------------


def results(shop: Shop, held: Held) -> None:
    """The products, or why there are none."""
    page = held.page
    assert page is not None
    if held.refused:
        notice(held.refused, tone="warning")
        return
    spelling(shop, held)
    request, total = page.request, page.listing.total
    words = short(" ".join(request.query.split()), 60)
    if not total:
        nothing(shop, held, words)
        return
    title = f"Found for “{words}”" if words else "All products" if not request.conditions else "Products"
    personal = " The order follows what you bought before." if page.personal and request.sort == "relevance" else ""
    order = SORTS[request.sort] if words or request.sort != "relevance" else SORTS["popularity"]
    section(title, f"{span(page.listing)}. {order}{'' if 'price' in request.sort else ' first'}.{personal}")
    shelf(page.cards, page.confidences, partial(act, shop, held))
    if page.listing.pages > 1:
        st.session_state["page"] = request.page
        st.pagination(
            page.listing.pages,
            key="page",
            on_change=lambda: go(shop, request.changed(page=st.session_state["page"])),
        )


def spelling(shop: Shop, held: Held) -> None:
    """What was searched instead of what was typed, or could be."""
    assert held.page is not None
    request, found = held.page.request, held.page.listing.found
    if found.corrected:
        with st.container(key="corrected", horizontal=True, gap="small", vertical_alignment="center"):
            notice(f"Searched for “{short(found.corrected, 80)}” instead of “{short(request.query, 80)}”.")
            wanted = request.changed(exact=True)
            st.button("Search for what I typed", key="exact", type="tertiary", on_click=go, args=(shop, wanted))
    if request.exact:
        notice("Searched for exactly what was typed.")
        wanted = request.changed(exact=False)
        st.button("Mend the spelling again", key="inexact", type="tertiary", on_click=go, args=(shop, wanted))
    if found.did_you_mean:
        wanted = request.changed(query=found.did_you_mean, exact=False)
        words = f"Did you mean “{plain(found.did_you_mean)}”?"
        st.button(words, key="meant", on_click=go, args=(shop, wanted))


def nothing(shop: Shop, held: Held, words: str) -> None:
    """Nothing is a match: why, and what could be done."""
    page = held.page
    assert page is not None
    request, currency = page.request, shop.storefront.currency
    if page.listing.wayouts:
        section("No product meets all conditions", "There are products without one of them:")
        with st.container(key="wayouts", horizontal=True, gap="small"):
            for place, way in enumerate(page.listing.wayouts):
                named = plain(condition(request, way.part, way.name, currency))
                st.button(
                    f"Without “{named}”: {count(way.total, 'product')}",
                    key=f"wayout-{place}",
                    on_click=go,
                    args=(shop, request.without(way.part, way.name)),
                )
        return
    section(f"Nothing is a match for “{words}”" if words else "Nothing is here", "Better nothing than something wrong.")
    if page.nearest:
        section("Nearest products", "They are not what was asked for.")
        shelf(page.nearest, (), partial(act, shop, held), name="nearest")
    elif request.query:
        st.button("Show all products", key="everything", on_click=go, args=(shop, PageRequest()))


@st.fragment(run_every=SETTLED + 0.1)
def waiting(shop: Shop) -> None:
    """What was typed counts as a search once it has stood for a while."""
    if pending() and settle(shop, least=SETTLED):
        st.rerun()


# -- what is done with it ---------------------------------------------------------------------------------------------


def act(shop: Shop, held: Held, card: Card, kind: str) -> None:
    """A product was opened, or put into the cart."""
    assert held.page is not None
    if kind == "open":
        go(shop, held.page.request, product=card.product_id)
        return
    settle(shop)
    take(shop, held, card.product_id, 1)


def take(shop: Shop, held: Held, product_id: str, quantity: int) -> None:
    """Put pieces of a product into the cart, and say what became of it."""
    assert held.page is not None
    shopper = held.page.shopper
    try:
        ruling = shop.storefront.take(held.page, product_id, quantity, shopper=shopper, owner=owner(shopper))
    except ShoprError as error:
        st.session_state["done"] = sentence(error.one_line())
        return
    title = short(shop.cards.title(product_id), 60)
    st.session_state["done"] = (
        f"{quantity} × “{title}” is in the cart."
        if ruling
        else sentence(ruling.reason.replace(f"product {product_id}", f"“{title}”"))
    )


def product(shop: Shop, held: Held, page: ProductPage) -> None:
    """A product's own page."""
    assert held.page is not None
    request, card = held.page.request, page.card
    back = "Back to the results" if request.query or request.conditions else "Back to all products"
    st.button(back, key="back", icon=":material/arrow_back:", type="tertiary", on_click=go, args=(shop, request))
    left, right = st.columns([1, 1.4], gap="large")
    with left:
        st.html(f'<div class="product-picture">{figure(card)}</div>')
    with right:
        section(card.title, " · ".join(part for part in (card.brand, card.category) if part))
        words, tone = pieces_left(card.stock)
        pill = f'<span class="pill {tone}">{words}</span>' if words else ""
        st.html(f'<p class="product-price"><span class="price">{card.price or "No price"}</span>{pill}</p>')
        buy(shop, held, card)
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
            shelf(cards, (), partial(act, shop, held), name=name)


def buy(shop: Shop, held: Held, card: Card) -> None:
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
            args=(shop, held, card.product_id, int(pieces)),
        )


def open_product(shop: Shop, held: Held, product_id: str) -> bool:
    """Draw the product that the address names; whether there is one."""
    assert held.page is not None
    page = shop.storefront.product(product_id, held.page.shopper)
    if page is None:
        notice("The store has no such product.", tone="warning")
        return False
    if st.session_state.get("opened") != (held.number, product_id):
        st.session_state["opened"] = (held.number, product_id)
        shop.storefront.opened(held.page, product_id, held.page.shopper)
    product(shop, held, page)
    return True


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("Store", "Search in your own words, narrow it down, and see what is really there.", eyebrow="Storefront")
    if not shop.exists:
        no_shop(shop.name, "There is nothing to sell.")
        return
    request, product_id = asked(shop.storefront.currency)
    with st.container(key="panel-store"):
        left, middle, right = st.columns([3, 1.2, 0.8], gap="medium", vertical_alignment="bottom")
        with middle:
            shopper = identity(shop, viewer(shop))
        with left:
            box(shop, request)
        suggest(shop, request)
    held = hold(shop, request, shopper)
    with right, boundary("the cart"):
        basket(shop, shopper)
    if done := st.session_state.pop("done", None):
        notice(done)
    if product_id and open_product(shop, held, product_id):
        return
    st.session_state.pop("opened", None)
    with boundary("the products"):
        assert held.page is not None
        if not held.refused and (held.page.listing.total or request.conditions):
            narrow(shop, held)
        results(shop, held)
    if pending():
        waiting(shop)


with boundary("this page"):
    page()
