"""The app: a thin client of `shopr.shop.Shop`. Start it with `shopr app`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from parts.account import viewer, who_line
from parts.frame import dress
from parts.source import open_shop

from shopr.security.session_records import Privilege

st.set_page_config(page_title="Shopr", page_icon="🧺", layout="wide", initial_sidebar_state="collapsed")
shop = open_shop()
who = viewer(shop)
# View, title, and what it takes to see it where accounts are required (`settings.require_sign_in`).
pages: list[tuple[str, str, Privilege]] = [
    ("overview", "Overview", "analyst"),
    ("journeys", "Journeys", "analyst"),
    ("experience", "Experience", "analyst"),
    ("for_you", "For you", "visitor"),
    ("store", "Store", "visitor"),
    ("search", "Search", "analyst"),
    ("profile", "Profile", "visitor"),
    ("chat", "Chat", "visitor"),
    ("experiments", "Experiments", "analyst"),
    ("alerts", "Alerts", "analyst"),
    ("security", "Security", "analyst"),
    ("your_data", "Your data", "visitor"),
]
offered = [(view, title) for view, title, privilege in pages if who.may(privilege)]
page = st.navigation(
    [
        st.Page(
            f"views/{view}.py",
            title=title,
            url_path=view.replace("_", "-"),
            default=place == 0,
            visibility="hidden" if view == "your_data" else "visible",  # the line above each page leads there
        )
        for place, (view, title) in enumerate(offered)
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} · Shopr")
st.logo(Path(__file__).resolve().parent / "logo.svg", size="medium")
dress()
who_line(who, page.url_path)
page.run()
