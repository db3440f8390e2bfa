"""Where the pages get the shop from: opened once a process, opened anew when its data change on disk."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from shopr.config import Settings
from shopr.data.sales import Step, sales_over_time
from shopr.shop import Shop

__all__ = ["open_shop", "sales"]


def open_shop() -> Shop:
    """The shop in use."""
    settings = Settings()
    manifest = settings.shop_folder() / "manifest.json"
    try:
        state = manifest.stat().st_mtime_ns
    except OSError:
        state = 0
    return _opened(settings.model_dump_json(exclude={"origins"}), state)


@st.cache_resource(show_spinner="Opening the shop …", max_entries=2)
def _opened(settings: str, state: int) -> Shop:
    # The arguments are the cache's key: other settings, or other data on disk, open the shop again.
    return Shop.open(Settings())


def sales(shop: Shop, step: Step | None = None) -> pd.DataFrame:
    """The shop's sales over time, in its own time zone; each step as fine as the period allows by default."""
    return _sales(shop, shop.data.manifest.fingerprint, step, shop.settings.time_zone)


@st.cache_data(show_spinner=False, max_entries=8)
def _sales(_shop: Shop, fingerprint: str, step: Step | None, time_zone: str) -> pd.DataFrame:
    # The shop itself is no part of the cache's key: its fingerprint is.
    return sales_over_time(_shop.data.events, step, time_zone)
