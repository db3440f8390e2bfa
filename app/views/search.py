"""Search: try a query or a picture, and see what shoppers did not find."""

from __future__ import annotations

import streamlit as st
from parts.frame import boundary, header, no_shop, notice, plain_tiles, section
from parts.searching import failing, learnt, looks, products, sure
from parts.source import open_shop
from parts.visitor import picture_of
from parts.words import count, percent, plain, sentence

from shopr.errors import ShoprError
from shopr.search import Found
from shopr.search.merchant.desk import Failure, SearchDesk
from shopr.search.pictures.reading import FORMATS, MAX_BYTES
from shopr.shop import Shop

WAYS = ["Words", "Picture", "Not found"]
MOST = 12
DAYS = {"Today": 1, "7 days": 7, "30 days": 30, "90 days": 90}


def words(shop: Shop, search: SearchDesk) -> None:
    """Search by words."""
    query = st.text_input(
        "Search for",
        key="query",
        max_chars=200,
        placeholder="red mug, gift for a gardener, a part number …",
        bind="query-params",
    )
    if not query.strip():
        notice(f"Type what a shopper would type. {count(len(search.words), 'product')} are searched.")
        return
    # Who tries queries here is no shopper: nothing is counted.
    found = search.search(query, MOST, count=False)
    told(found)
    if found.abstained or not len(found):
        section("Nothing is a match", "Nothing is shown rather than something wrong.", said=True)
        if found.alternatives:
            section("Nearest products", "They are not what was asked for.")
            products(shop, found.alternatives[:4], [""] * len(found.alternatives[:4]))
        return
    kind = f" Asked for: {found.product_type}." if found.product_type else ""
    section(f"Found for “{query.strip()}”", f"{count(found.total, 'product')} match well.{kind}", said=True)
    products(shop, found.product_ids, sure(found))


def told(found: Found) -> None:
    """What was searched instead of what was typed, or could be."""
    if found.corrected:
        notice(f"Searched for “{found.corrected}”.")
    if found.did_you_mean:
        st.button(
            f"Did you mean “{plain(found.did_you_mean)}”?",
            key="meant",
            on_click=lambda: st.session_state.update(query=found.did_you_mean),
        )


def picture(shop: Shop, search: SearchDesk) -> None:
    """Search by picture."""
    if search.pictured < 2:
        notice("The catalogue names no pictures, so there is nothing to compare one with.")
        return
    if search.pictures is None:
        notice(
            f"The shop's {count(search.pictured, 'picture')} have not been read yet. It takes about "
            f"{max(1, round(search.pictured * 0.03))} seconds, once."
        )
        if st.button("Read the pictures", key="read", type="primary"):
            with st.spinner("Reading the pictures …"):
                search.read_pictures()
            st.rerun()
        return
    given = st.file_uploader(
        "A picture of what you look for",
        type=[name.lower() for name in FORMATS] + ["jpg"],
        key="picture",
        max_upload_size=MAX_BYTES >> 20,
        help="It is compared here, sent nowhere and not kept.",
    )
    if given is None:
        notice("A photo of the product alone, on a plain ground, works best.")
        return
    try:
        look = search.search_picture(picture_of(shop, given.getvalue(), given.name), MOST)
    except ShoprError as error:
        notice(f"{sentence(error.message)} {sentence(error.hint)}", tone="warning")
        return
    shown = look.kind.rpartition(" > ")[2]
    kind = f"It seems to show: {shown} ({percent(look.chance)})." if shown else ""
    section("These look most like it", kind)
    products(shop, look.product_ids, looks(look))


def not_found(shop: Shop, search: SearchDesk) -> None:
    """The failing queries, with what could be done about them."""
    period = st.segmented_control(
        "Period", list(DAYS), default="30 days", required=True, key="period", bind="query-params"
    )
    days = DAYS[period or "30 days"]
    totals = search.log.totals(days) if search.log is not None else {}
    asked, nothing, unsure = (sum(row[i] for row in totals.values()) for i in range(3))
    if not asked:
        notice("No searches are on record for this period. They are counted where shoppers search: in the chat.")
        return
    figures = [
        ("Searches", count(asked), ""),
        ("Found nothing", percent(nothing / asked) if nothing else "0 %", count(nothing, "search", "searches")),
        ("Found nothing sure", percent(unsure / asked) if unsure else "0 %", count(unsure, "search", "searches")),
    ]
    plain_tiles(figures, "Searches in figures")
    with st.spinner("Looking for suggestions …", show_time=False):
        failures = search.failures(days)
    if not failures:
        notice("Every search of this period found something that search is sure of.")
        clicks(search)
        return
    failing(shop, failures)
    with st.container(key="panel-rule"):
        rule(search, failures)
    clicks(search)


def clicks(search: SearchDesk) -> None:
    """What was learnt from clicks, if anything."""
    found = search.learnt
    if not found.searches:
        return
    order = "The order of results follows clicks too" if found.reranker else "The order of results is the default one"
    section("Learnt from clicks", f"From {count(found.searches, 'search', 'searches')}. {order}: {found.why}.")
    if found.rules:
        learnt(found.rules)


def rule(search: SearchDesk, failures: list[Failure]) -> None:
    """The form for one more synonym."""
    section("Add a synonym", "It holds at once, and is kept in synonyms.yaml in the shop's folder.")
    proposed = [f.advice.rule for f in failures if f.advice.rule is not None and not f.mended]
    shopper, shop_word = proposed[0] if proposed else ("", "")
    left, right = st.columns(2, gap="medium")
    said = left.text_input("Shoppers say", value=shopper, key="said", max_chars=100)
    meant = right.text_input("The catalogue says", value=shop_word, key="stands", max_chars=100)
    if st.button("Add", type="primary", key="add", disabled=not (said.strip() and meant.strip())):
        try:
            search.add_synonym(said, meant)
        except ShoprError as error:
            notice(f"{sentence(error.message)} {sentence(error.hint)}".strip(), tone="warning")
            return
        for name in ("said", "stands"):
            st.session_state.pop(name, None)
        st.rerun()


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("Search", "Try a query or a picture, and see what shoppers did not find.", eyebrow="Search")
    if not shop.exists:
        no_shop(shop.name, "There is nothing to search.")
        return
    search = shop.search_desk
    way = st.segmented_control("Search by", WAYS, default=WAYS[0], required=True, key="way", bind="query-params")
    with boundary("the search"):
        if way == "Picture":
            picture(shop, search)
        elif way == "Not found":
            not_found(shop, search)
        else:
            words(shop, search)


with boundary("this page"):
    page()
