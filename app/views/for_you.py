"""For you: what the champion recommends to one shopper, or to somebody new, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from html import escape
from urllib.parse import quote

import streamlit as st
from parts.account import Viewer, viewer
from parts.cards import grid, strip
from parts.frame import boundary, empty, header, no_shop, notice, section
from parts.source import open_shop
from parts.words import count, model_name, sentence

from shopr.data.events import Event, EventType
from shopr.errors import ShoprError
from shopr.recommend.situation.climate import countries
from shopr.shop import Card, Shop, Visit, Wanted

MOST = 20
WEATHER: dict[str, tuple[float | None, float | None]] = {
    "As usual there": (None, None),
    "Hot and dry": (30.0, 0.0),
    "Mild and dry": (17.0, 0.0),
    "Mild and wet": (12.0, 1.0),
    "Freezing": (-3.0, 0.2),
}  # degrees Celsius and chance of rain
LISTED = 2000  # shoppers the box offers by itself; any other id can be typed


@dataclass(frozen=True)
class Choice:
    """What the controls say; `user` None is somebody new, `called` is how they are named on the page, `acting` shows
    buttons that record what the shopper does."""

    user: str | None
    called: str
    k: int
    in_stock: bool
    fresh: bool
    acting: bool
    visit: Visit | None


def choose(shop: Shop, who: Viewer) -> Choice:
    """The controls. Where accounts are required, shoppers see what is recommended to themselves."""
    free = who.may("analyst")
    with st.container(key="panel-controls"):
        first, second = st.columns([1.5, 1], gap="large")
        switches = st.container(horizontal=True, gap="medium", vertical_alignment="center")
    with switches:  # filled first, because the box above follows them
        visitor = not (free or who.user) or st.toggle("A new visitor", key="visitor", bind="query-params")
        in_stock = st.toggle("Only in stock", value=True, key="in_stock", bind="query-params")
        fresh = st.toggle("Leave out what was bought", value=True, key="fresh", disabled=visitor, bind="query-params")
        with st.popover("Circumstances", icon=":material/partly_cloudy_day:"):
            visit = circumstances()
        acting = not who.required and st.toggle(
            "Act as this shopper",
            key="acting",
            disabled=visitor,
            help="Shows buttons on the products. What you do is recorded as the shopper's own, and changes what is "
            "recommended next.",
        )
    chosen = who.user
    if free:
        named = first.selectbox(
            "Shopper",
            list(dict.fromkeys([*([who.user] if who.user else []), *shop.shoppers(LISTED)])),
            key="shopper",
            accept_new_options=True,
            disabled=visitor,
            format_func=who.called,
            help="Choose from the list, or type any shopper's id. Those with most purchases come first.",
            bind="query-params",
        )
        chosen = (named or "").strip()
    k = second.slider("How many products", 1, MOST, 10, key="k", bind="query-params")
    user_id = None if visitor or not chosen else chosen
    return Choice(user_id, who.called(chosen), int(k), in_stock, fresh, acting and user_id is not None, visit)


def circumstances() -> Visit | None:
    """What is known of the visit; None leaves circumstances out."""
    if not st.toggle("Consider the circumstances", value=True, key="context", bind="query-params"):
        return None
    st.caption("Time of day, weekday and season follow the clock. What more is known of the visit?")
    country = st.selectbox("Country", ["", *countries()], key="country", format_func=lambda c: c or "Unknown")
    device = st.selectbox("Device", ["", "mobile", "desktop", "tablet"], key="device", format_func=_known)
    weather = st.selectbox("Weather", list(WEATHER), key="weather")
    temperature, rain = WEATHER[weather]
    return Visit(country, device, temperature, rain)


def _known(word: str) -> str:
    return word.capitalize() or "Unknown"


def purchases(shop: Shop, choice: Choice) -> bool:
    """What the shopper bought last; whether anything is known."""
    user, called = choice.user, choice.called
    if user is None:
        notice("A new visitor: nothing is known yet, so these are the products most shoppers buy at the moment.")
        return False
    bought = shop.history(user, 12)
    if not bought:
        notice(
            f"No purchases are known for “{called}”. Until there are some, these are the products most shoppers buy "
            "at the moment."
        )
        return False
    section(f"Bought lately by {called}")
    strip(bought, f"Products that {called} bought, newest first")
    return True


def recommendations(shop: Shop, choice: Choice, known: bool) -> None:
    """The products, as cards."""
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
    wanted = Wanted(choice.k, exclude_seen=choice.fresh, in_stock_only=choice.in_stock)
    cards, note = shop.answer(choice.user, wanted, visit=choice.visit)
    title = f"For {choice.called}" if known else "Popular now"
    chooser = f"{model_name(served.model.name)}, version {served.version}" if known else "what most shoppers buy"
    if not cards:
        section(title)
        notice(
            "Nothing is left to show. Allow products that are out of stock, or those that were bought before. "
            + sentence(note)
        )
        return
    section(title, f"{count(len(cards), 'product')} chosen by {chooser}.")
    done = st.session_state.pop("done", None)
    if done:
        notice(done)
    if choice.acting:
        grid(cards, served.model.name, partial(act, shop, choice.user))
    else:
        grid(cards, served.model.name)


def beside(shop: Shop, user: str) -> None:
    """What is bought along with the shopper's last purchases."""
    last = [card.product_id for card in shop.history(user, 3)]
    found = shop.goes_with(last, 12)
    if found:
        section("Goes with what was bought last", "Bought together with it more often than chance, and in stock.")
        strip(found, "Products that go with the last purchases, the best first")


def act(shop: Shop, user: str, card: Card, kind: str) -> None:
    """Record what the shopper did with a card; the page that follows is drawn with it."""
    properties = dict(card.shown)
    if kind == "order_completed":
        properties |= {"order_id": f"app-{card.impression_id}", "quantity": 1}
    event = Event(type=EventType(kind), time=shop.clock.now(), user_id=user, properties=properties)
    try:
        shop.record(event)
    except ShoprError as error:
        st.session_state["done"] = sentence(error.one_line())
        return
    did = {"recommendation_clicked": "looked at", "cart_item_added": "put into the cart", "order_completed": "bought"}
    st.session_state["done"] = f"{user} {did[kind]} “{card.title}”. The products below follow it."


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("For you", "What the champion recommends to a shopper, and why.", eyebrow="Recommendations")
    if not shop.exists:
        no_shop(shop.name, "There is nobody to recommend to, and nothing to recommend.")
        return
    who = viewer(shop)
    choice = choose(shop, who)
    if choice.user is not None and (who.user or shop.settings.ask_consent) and shop.personal(choice.user) is None:
        notice(
            "Personalisation is not allowed, so these are what most shoppers buy. “Your data” is where to change that."
        )
        choice = replace(choice, user=None)
    known = False
    with boundary("the purchases"):
        known = purchases(shop, choice)
    with boundary("the recommendations"), st.spinner("Choosing products …", show_time=False):
        recommendations(shop, choice, known)
    if known and choice.user is not None:
        with boundary("what goes with the last purchases"):
            beside(shop, choice.user)
    if choice.user is not None:
        st.html(
            f'<p class="more"><a href="profile?shopper={quote(choice.user)}" target="_self">'
            f"What the shop knows of {escape(choice.called)} →</a></p>"
        )


with boundary("this page"):
    page()
