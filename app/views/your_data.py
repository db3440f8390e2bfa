"""Your data: what a visitor allows, what is kept of them, a copy of it, and how to be forgotten."""

from __future__ import annotations

from html import escape

import streamlit as st
from parts.account import viewer
from parts.frame import boundary, header, notice, section
from parts.source import open_shop
from parts.words import count, moment

from shopr.security.session_records import Session
from shopr.shop import Shop
from shopr.shop.measured import GPC
from shopr.shop.privacy import OPTIONAL

ORIGINS = {
    "banner": "asked on a page", "privacy page": "on this page", "account page": "on the page “Your privacy”",
    "login": "taken along when signing in", GPC: "Global Privacy Control of the browser",
}  # fmt: skip

NECESSARY = (
    "**Necessary**: your cart and orders, signing in, your choices here, and what keeps the shop safe. The contract "
    "and the law ask for it, so it cannot be refused."
)
EVERYTHING = (
    "Your account, conversations, cart, orders kept here, memory and every trace of what you did are erased, and you "
    "are signed out."
)
VISIT = "What you did in this visit, its cart and your choices are erased, and the visit ends."


def consent(shop: Shop, session: Session) -> None:
    """What is allowed now, the way to change it, and what was said before."""
    choice, person = shop.choice_of(session.user, session.id), session.user or session.id
    signal = st.context.headers.get("Sec-Gpc", "") == "1" or shop.consent.of(session.id).notice == GPC
    section(
        "What you allow",
        "Each purpose only if you tick it. You can change or withdraw that here at any time; the shop works the same.",
    )
    held = [name for purpose, (name, _) in OPTIONAL.items() if choice.allows(purpose)]
    if not choice.time and held:
        notice(
            f"Nobody is asked in development: {', '.join(held)} count as allowed until you choose. "
            "Nothing is ticked, because you have not."
        )
    if signal:
        notice("Your browser sends Global Privacy Control, and we follow it: marketing and sale stay off.")
    with st.form("consent"):
        st.checkbox(NECESSARY, value=True, key="necessary", disabled=True)
        wanted = [
            purpose
            for purpose, (name, meaning) in OPTIONAL.items()
            if st.checkbox(
                f"**{name}**: {meaning}",
                value=bool(choice.time) and choice.allows(purpose) and not (signal and purpose == "marketing"),
                key=f"allow-{purpose}",
                disabled=signal and purpose == "marketing",
            )
        ]
        with st.container(horizontal=True, gap="small"):
            save = st.form_submit_button("Save my choice", key="save")
            refuse = st.form_submit_button("Refuse all", key="refuse")
    if save or refuse:
        shop.choose(session.user, session.id, wanted if save else [], origin="privacy page", gpc=signal)
        st.session_state["chosen"] = True
        for purpose in OPTIONAL:
            st.session_state.pop(f"allow-{purpose}", None)
        st.rerun()
    if st.session_state.pop("chosen", False):
        notice("Your choice holds from now on.")
    history(shop, person)


def history(shop: Shop, person: str) -> None:
    """Every choice, newest first, with the wording that was shown."""
    rows = shop.consent.history(person)[::-1]
    if not rows:
        st.html('<p class="soft">You have not chosen yet.</p>')
        return
    items = "".join(
        f'<li><p class="what">{escape(allowed(str(row["purposes"])))}</p>'
        f'<p class="meta">{escape(moment(row["time"], shop.settings.time_zone))}</p>'
        f'<p class="reason">{escape(ORIGINS.get(row["origin"], row["origin"]).capitalize())}; '
        f"wording {escape(str(row['notice']))}</p></li>"
        for row in rows
    )
    with st.expander(f"What you chose before ({count(len(rows), 'choice')})"):
        st.html(f'<ol class="log">{items}</ol>')


def allowed(purposes: str) -> str:
    """Purposes in words."""
    names = [OPTIONAL[purpose][0] for purpose in purposes.split() if purpose in OPTIONAL]
    return f"Allowed: {', '.join(names)}" if names else "Nothing but what is necessary"


def kept(shop: Shop, session: Session) -> None:
    """What there is of a person, store by store, and the copy of it; of a visitor, what there is of the visit."""
    user, visit = session.user, session.id
    section(
        "What is kept of you" if user else "What is kept of this visit",
        "Each kind of record, and how many there are."
        if user
        else "Nothing of it has your name. Sign in to see what is kept of you.",
    )
    found = shop.kept_of(user) if user else shop.kept_of_visit(visit)
    if not found:
        notice("Nothing yet.")
        return
    rows = "".join(f'<li><span class="name">{escape(name)}</span><b>{number:,}</b></li>' for name, number in found)
    with st.container(key="panel-kept"):
        st.html(f'<div class="traits kept"><ul aria-label="What is kept">{rows}</ul></div>')
        if st.button("Make a copy", icon=":material/file_copy:", key="copy"):
            st.session_state["copied"] = visit, shop.copy_of(user) if user else shop.copy_of_visit(visit)
        whose, copy = st.session_state.get("copied", ("", b""))
        if whose == visit:  # made once, and for this session alone
            st.download_button(
                "Download it (JSON)", copy, "your-data.json", "application/json",
                icon=":material/download:", key="download", on_click="ignore",
            )  # fmt: skip
    if not user:
        return
    st.html(
        '<p class="more"><a href="/profile" target="_self">What the shop learnt about your taste →</a> &nbsp; '
        '<a href="/account/" target="_self">Where you are signed in →</a></p>'
    )


def memory(shop: Shop, user: str) -> None:
    """What the assistant remembers, and a button that lets it forget."""
    section("What the assistant remembers", "Only if you asked it to; for half a year after your last visit.")
    facts = shop.remembered(user)
    if not facts:
        notice("Nothing across visits." if not shop.memory.allowed(user) else "Nothing yet.")
    else:
        items = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
        with st.container(key="panel-memory"):
            st.html(f'<ul class="facts">{items}</ul>')
    if shop.memory.allowed(user) and st.button("Forget it all", icon=":material/delete:", key="forget-memory"):
        shop.memory.forget(user)
        st.rerun()


def forget(shop: Shop, session: Session) -> None:
    """Ask before what cannot be undone."""
    section("Be forgotten")
    words = EVERYTHING if session.user else VISIT
    with st.popover("Erase everything …", icon=":material/delete_forever:"):
        st.markdown(f"{words} This cannot be undone.")
        sure = st.checkbox("I want everything about me to be erased", key="sure")
        if st.button("Erase for good", type="primary", key="erase", disabled=not sure):
            if session.user:
                shop.forget_person(session.user)
            else:
                shop.forget_visit(session.id)
            st.session_state["gone"] = True
            st.rerun()


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("Your data", "What the shop keeps of you, why, and what you can do about it.", eyebrow="Privacy")
    if st.session_state.get("gone"):
        notice("Everything is erased. The next page begins a new visit.")
        return
    who = viewer(shop)
    if who.session is None:
        notice("This page is about the visit of a browser. Reload it to begin one.")
        return
    with boundary("your choice"):
        consent(shop, who.session)
    with boundary("what is kept"):
        kept(shop, who.session)
    if who.user:
        with boundary("what is remembered"):
            memory(shop, who.user)
    with boundary("the way to be forgotten"):
        forget(shop, who.session)


with boundary("this page"):
    page()
