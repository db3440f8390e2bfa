"""Chat: the shop's assistant as a shopper meets it, with the cart beside it."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st
from parts.account import Viewer, viewer
from parts.frame import boundary, header, no_shop, notice, section
from parts.source import open_shop
from parts.talk import cart, conversation
from parts.visitor import inspected
from parts.words import count, plain

from shopr.commerce.sql import visitor
from shopr.errors import ShoprError
from shopr.shop import Shop

EXAMPLES = ("Show me something new", "What do you recommend?", "What is trending?", "Do you have gifts under 30?")
SIGN_IN = "You are a visitor. Sign in, and the assistant knows your history and orders."
LISTED = 500
_NEXT = "conversation"  # where the id of one waits for its first message


def identity(shop: Shop) -> tuple[str, str | None]:
    """The conversation and who is signed in. From its first message on the conversation's id is in the address, so that
    a reload goes on; to look at the page alone leaves no entry in the browser's history."""
    given = st.query_params.get("c", "")
    if not (given.isalnum() and len(given) == 32):
        st.query_params.pop("c", None)
        given = st.session_state.setdefault(_NEXT, uuid4().hex)
    who = viewer(shop)
    with st.container(key="panel-controls"):
        left, right = st.columns([2, 1], gap="large", vertical_alignment="bottom")
    with left:
        user = who.user if who.required else chosen(shop, who)
        if who.required:
            notice("The assistant knows your history, profile and orders." if user else SIGN_IN)
    right.button("New conversation", icon=":material/add_comment:", on_click=anew, width="stretch")
    return given, user or None


def chosen(shop: Shop, who: Viewer) -> str:
    """Whoever one wants to be, where accounts are not required: oneself first."""
    offered = list(dict.fromkeys([who.user, "", *shop.shoppers(LISTED)]))
    user = st.selectbox(
        "Signed in as",
        offered,
        key="shopper",
        format_func=lambda name: who.called(name) or "A visitor",
        accept_new_options=True,
        help="The assistant knows this shopper's history, profile and orders.",
        on_change=anew,
    )
    return (user or "").strip()


@st.cache_resource(show_spinner="Waking the assistant …", max_entries=2)
def wake(_shop: Shop, fingerprint: str) -> bool:
    """Load what the first reply would have to wait for; once a process and shop."""
    # The shop itself is no part of the cache's key: its fingerprint is.
    _shop.assistant.warm(["en"])
    return True


def anew() -> None:
    """Another conversation, that begins with its first message."""
    st.query_params.pop("c", None)
    for name in (_NEXT, "asked"):
        st.session_state.pop(name, None)


def begin(conversation_id: str) -> None:
    """The first message: from now on the address names the conversation."""
    if st.query_params.get("c") != conversation_id:
        st.query_params["c"] = conversation_id
        st.session_state.pop(_NEXT, None)


def ask(text: str) -> None:
    """Put a message as if it had been typed."""
    st.session_state["asked"] = text


def talk(shop: Shop, conversation_id: str, user: str | None, waiting: str) -> None:
    """The conversation, what may be said next, and the answer to what was just said."""
    turns = [(turn.said, turn.reply) for turn in shop.assistant.turns(conversation_id, user)]
    verdict = inspected(shop, waiting, user=user, conversation=conversation_id) if waiting else None
    refused = verdict.message if verdict is not None and not verdict.allowed else ""
    if refused:
        waiting = ""  # what the guard stops is neither answered nor kept
    if not turns and not waiting:
        notice("Ask in your own words and in your own language. Prices and stock are always those of the shop.")
    conversation(shop, turns, waiting)
    if refused:
        notice(refused, tone="warning")
    if waiting:
        st.button("Stop", icon=":material/stop:", type="tertiary", help="Do not wait for this answer")
        try:
            shop.assistant.reply(waiting, conversation_id=conversation_id, user_id=user)
        except ShoprError as error:
            notice(error.one_line(), tone="warning")
            return
        st.rerun()
    offered = turns[-1][1].get("quick_replies", []) if turns else EXAMPLES
    if offered:
        with st.container(key="quick", horizontal=True, gap="small"):
            for place_, words in enumerate(offered):
                st.button(
                    plain(words), key=f"quick-{len(turns)}-{place_}", on_click=ask, args=(words,), type="secondary"
                )


def basket(shop: Shop, owner: str) -> None:
    """The cart, with buttons that change it."""
    held = shop.commerce.carts.of(owner)
    section("Cart", count(held.pieces, "piece"))
    if not len(held):
        st.html('<p class="soft">Nothing yet. Say “add the first one” to put something in.</p>')
        return
    cart(held, {line.product_id: shop.cards.card(line.product_id) for line in held.lines})
    st.button(
        "Empty the cart", type="tertiary", icon=":material/delete:", on_click=shop.commerce.carts.clear, args=(owner,)
    )


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header(
        "Chat",
        "The assistant answers from the shop's own records, and says so when it does not know.",
        eyebrow="Assistant",
    )
    if not shop.exists:
        no_shop(shop.name, "There is nothing to talk about yet.")
        return
    wake(shop, shop.data.manifest.fingerprint)
    conversation_id, user = identity(shop)
    # Outside the columns, so that it stays at the foot of the window.
    typed = st.chat_input("Ask for a product, an order, a return …", key="message", max_chars=4_000)
    waiting = typed or st.session_state.pop("asked", "")
    if waiting:
        begin(conversation_id)
    left, right = st.columns([2.2, 1], gap="large")
    with left, boundary("the conversation"):
        talk(shop, conversation_id, user, waiting)
    with right, boundary("the cart"), st.container(key="panel-cart"):
        basket(shop, user or visitor(conversation_id))


with boundary("this page"):
    page()
