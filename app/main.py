"""The app: a thin client of `shopr.shop.Shop`. Start it with `shopr app`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from parts.frame import dress

st.set_page_config(page_title="Shopr", page_icon="🧺", layout="wide", initial_sidebar_state="collapsed")
page = st.navigation(
    [
        st.Page("views/overview.py", title="Overview", default=True),
        st.Page("views/journeys.py", title="Journeys", url_path="journeys"),
        st.Page("views/experience.py", title="Experience", url_path="experience"),
        st.Page("views/for_you.py", title="For you", url_path="for-you"),
        st.Page("views/store.py", title="Store", url_path="store"),
        st.Page("views/search.py", title="Search", url_path="search"),
        st.Page("views/profile.py", title="Profile", url_path="profile"),
        st.Page("views/chat.py", title="Chat", url_path="chat"),
        st.Page("views/experiments.py", title="Experiments", url_path="experiments"),
        st.Page("views/alerts.py", title="Alerts", url_path="alerts"),
        st.Page("views/security.py", title="Security", url_path="security"),
    ],
    position="top",
)
st.logo(Path(__file__).resolve().parent / "logo.svg", size="medium")
dress()
page.run()
