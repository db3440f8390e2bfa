"""Store: what shoppers search, narrow down, look at and put into the cart."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import streamlit as st
from parts.account import Viewer, viewer
from parts.asking import SETTLED, Held, alter, asked, change, go, hold, pending, settle
from parts.frame import boundary, header, no_shop, notice, section
from parts.narrowing import SORTS, box, narrow, suggest
from parts.product import product
from parts.source import open_shop
from parts.storefront import condition, shelf, span
from parts.talk import cart as cart_lines
from parts.visitor import visitor_session
from parts.words import count, plain, sentence, short

from shopr.commerce.sql import visitor
from shopr.errors import ShoprError
from shopr.search.asking.request import PageRequest
from shopr.shop import Card, Shop
from shopr.shop.storefront import Shopper

LISTED = 500


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
    text = f"{span(page.listing)}. {order}{'' if 'price' in request.sort else ' first'}.{personal}"
    section(title, text, said=True)
    shelf(page.cards, page.confidences, partial(act, shop, held))
    if page.listing.pages > 1:
        st.session_state["page"] = request.page
        st.pagination(
            page.listing.pages,
            key="page",
            on_change=lambda: change(shop, page=st.session_state["page"]),
        )


def spelling(shop: Shop, held: Held) -> None:
    """What was searched instead of what was typed, or could be."""
    assert held.page is not None
    request, found = held.page.request, held.page.listing.found
    if found.corrected:
        with st.container(key="corrected", horizontal=True, gap="small", vertical_alignment="center"):
            notice(f"Searched for “{short(found.corrected, 80)}” instead of “{short(request.query, 80)}”.")
            wanted = partial(PageRequest.changed, exact=True)
            st.button("Search for what I typed", key="exact", type="tertiary", on_click=alter, args=(shop, wanted))
    if request.exact:
        notice("Searched for exactly what was typed.")
        wanted = partial(PageRequest.changed, exact=False)
        st.button("Mend the spelling again", key="inexact", type="tertiary", on_click=alter, args=(shop, wanted))
    if found.did_you_mean:
        wanted = partial(PageRequest.changed, query=found.did_you_mean, exact=False)
        words = f"Did you mean “{plain(found.did_you_mean)}”?"
        st.button(words, key="meant", on_click=alter, args=(shop, wanted))


def nothing(shop: Shop, held: Held, words: str) -> None:
    """Nothing is a match: why, and what could be done."""
    page = held.page
    assert page is not None
    request, currency = page.request, shop.storefront.currency
    if page.listing.wayouts:
        section("No product meets all conditions", "There are products without one of them:", said=True)
        with st.container(key="wayouts", horizontal=True, gap="small"):
            for place, way in enumerate(page.listing.wayouts):
                named = plain(condition(request, way.part, way.name, currency))
                st.button(
                    f"Without “{named}”: {count(way.total, 'product')}",
                    key=f"wayout-{place}",
                    on_click=alter,
                    args=(shop, partial(PageRequest.without, part=way.part, name=way.name)),
                )
        return
    title = f"Nothing is a match for “{words}”" if words else "Nothing is here"
    section(title, "Better nothing than something wrong.", said=True)
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
        alter(shop, product=card.product_id)
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


def open_product(shop: Shop, held: Held, product_id: str) -> bool:
    """Draw the product that the address names; whether there is one."""
    assert held.page is not None
    page = shop.storefront.product(product_id, held.page.shopper)
    if page is None:
        notice("The store has no such product.", tone="warning")
        return False
    st.set_page_config(page_title=f"{short(page.card.title, 80)} · Shopr")
    if st.session_state.get("opened") != (held.number, product_id):
        st.session_state["opened"] = (held.number, product_id)
        shop.storefront.opened(held.page, product_id, held.page.shopper)
    product(shop, held.page.request, page, act=partial(act, shop, held), take=partial(take, shop, held))
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
        listing = held.page.listing
        if not held.refused and (listing.total or request.conditions or listing.found.refused):
            narrow(shop, held)
        results(shop, held)
    if pending():
        waiting(shop)


with boundary("this page"):
    page()
