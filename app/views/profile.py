"""Profile: what the shop knows of one shopper, in figures and words; the shopper can correct and delete it."""

from __future__ import annotations

import streamlit as st
from parts.account import Viewer, viewer
from parts.frame import boundary, header, no_shop, notice, section
from parts.source import open_shop
from parts.traits import ranges, traits
from parts.words import plain, sentence

from shopr.errors import ShoprError
from shopr.money import exponent, to_minor
from shopr.recommend.profile.card import ProfileCard, Trait
from shopr.recommend.profile.corrections import Correction, Kind
from shopr.shop import Shop

LISTED = 2000
HORIZON = 28  # days
LEAST = 0.01  # chances below are not worth a line
KINDS: dict[str, Kind] = {"Category": "category", "Brand": "brand", "Style": "style", "Price range": "price"}


def choose(shop: Shop, who: Viewer) -> tuple[str, bool]:
    """The shopper, and whether the seasons are those of the south. Where accounts are required, shoppers see
    themselves."""
    free = who.may("analyst")
    if not free and not who.user:
        return "", False
    offered = list(dict.fromkeys([*([who.user] if who.user else []), *(shop.shoppers(LISTED) if free else [])]))
    with st.container(key="panel-controls"):
        first, second = st.columns([1.5, 1], gap="large", vertical_alignment="bottom")
    user = first.selectbox(
        "Shopper",
        offered,
        key="shopper",
        accept_new_options=free,
        format_func=who.called,
        help="Choose from the list, or type any shopper's id. Those with most purchases come first.",
        bind="query-params",
    )
    south = second.toggle("Lives in the southern hemisphere", key="south", bind="query-params")
    chosen = (user or "").strip()
    return chosen if free or who.is_one(chosen) else who.user, bool(south)


def known(card: ProfileCard) -> None:
    """What was learnt."""
    left, right = st.columns(2, gap="large")
    with left, st.container(key="panel-categories"):
        traits("Categories", "Share of the shopper's interest", card.categories)
        traits("Brands", "Against what others choose in the same categories", card.brands)
    with right, st.container(key="panel-prices"):
        ranges("Usual prices", card.prices)
        traits("Style", "Share of the shopper's interest", card.styles)
        traits("Seasons", "Against what is usual in the shop", card.seasons)


def due(shop: Shop, user: str) -> None:
    """What is likely to be bought again, as chances."""
    found = shop.due_again(user, 5, days=HORIZON)
    rows = [Trait(row.category, float(row.probability), 1.0) for row in found.itertuples() if row.probability >= LEAST]
    if rows:
        with st.container(key="panel-due"):
            traits("Likely to buy again", f"Chance of a purchase within {HORIZON} days of the last one on record", rows)


def corrections(shop: Shop, card: ProfileCard) -> None:
    """What the shopper said, each with a button that takes it back."""
    section("What you told us", "It holds over what was learnt, in every recommendation, until you take it back.")
    if not card.corrections:
        notice("Nothing yet.")
    currency = shop.profiles.profiles.space.currency
    for said in card.corrections:
        if said.kind == "price":
            stated = next(p for p in card.prices if p.stated and p.category == said.name)
            words = f"{stated.words} for {said.name}"
        else:
            words = f"{(said.wish or '').capitalize()} of the {said.kind} {said.name}"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain(words))
            if st.button(
                "Take back", key=f"take-{said.kind}-{said.name}", type="tertiary", help=f"Take back: {plain(words)}"
            ):
                shop.profiles.take_back(card.user_id, said.kind, said.name)
                st.rerun()
    with st.container(key="panel-say"):
        say(shop, card.user_id, currency)


def say(shop: Shop, user: str, currency: str) -> None:
    """The form for one more correction."""
    choices = shop.profiles.choices()
    offered = {words: kind for words, kind in KINDS.items() if choices[kind]}
    if not offered:
        notice("The catalogue names no categories, brands or styles to correct.")
        return
    about, name = st.columns([1, 2], gap="medium")
    kind = offered[about.selectbox("About", list(offered), key="about")]
    chosen = name.selectbox("Which", choices[kind], key=f"which-{kind}")
    if kind == "price":
        step = 10.0 ** -exponent(currency or "EUR")
        low, high = st.columns(2, gap="medium")
        least = low.number_input(f"From ({currency})", min_value=0.0, step=step, value=10.0, key="least")
        most = high.number_input(f"To ({currency})", min_value=0.0, step=step, value=50.0, key="most")
    else:
        wish = st.radio("I want", ["more", "less"], horizontal=True, key="wish", format_func=str.capitalize)
    if st.button("Remember this", type="primary", key="remember"):
        try:
            if kind == "price":
                bounds = (to_minor(f"{value:f}", currency or "EUR") for value in (least, most))
                said = Correction("price", chosen, None, *bounds)
            else:
                said = Correction(kind, chosen, "more" if wish == "more" else "less")
            shop.profiles.correct(user, said)
        except ShoprError as error:
            notice(f"{sentence(error.message)} {sentence(error.hint)}".strip(), tone="warning")
            return
        st.rerun()


def delete(shop: Shop, user: str) -> None:
    """Ask before what cannot be undone."""
    with st.popover("Delete this profile …", icon=":material/delete:"):
        st.markdown(
            "Everything the shop learnt about this shopper, and everything they said about themselves, is forgotten. "
            "Past orders stay on record, and are never used for a profile or a recommendation again. "
            "This cannot be undone."
        )
        if st.button("Delete for good", type="primary", key="really"):
            shop.profiles.delete(user)
            st.rerun()


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("Profile", "What the shop knows of a shopper, and what the shopper says to it.", eyebrow="Personalisation")
    if not shop.exists:
        no_shop(shop.name, "Nothing is known of anybody.")
        return
    who = viewer(shop)
    user, south = choose(shop, who)
    if not user:
        notice("Choose a shopper." if who.may("analyst") else "Sign in to see what the shop knows of you.")
        return
    with boundary("the profile"), st.spinner("Reading the profile …", show_time=False):
        card = shop.profiles.card(user, south=south)
        if card.known:
            notice(" ".join(card.words))
            known(card)
            with boundary("what is due again"):
                due(shop, user)
        else:
            notice(f"Nothing is known of “{who.called(user)}” yet.")
        if who.is_one(user) or who.may("operator"):
            corrections(shop, card)
            if card.known:
                delete(shop, user)


with boundary("this page"):
    page()
