"""The app's own folder is importable, as Streamlit makes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import streamlit as st
from playwright.sync_api import Browser

from shopr.config import Settings
from shopr.recommend.contract.registry import make
from shopr.shop import Shop
from tests.app.browsing import chromium
from tests.app.sample import sample_dataset

APP = Path(__file__).resolve().parents[2] / "app"
sys.path.insert(0, str(APP))


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    """No test sees what another one cached."""
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a module: while it runs, its event loop is that of the thread."""
    with chromium() as running:
        yield running


@pytest.fixture
def stocked(settings: Settings) -> Settings:
    """Settings under which the sample shop exists."""
    sample_dataset().save(settings.shop_folder())
    return settings


@pytest.fixture
def unpromoted(stocked: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The sample shop, in which nothing was promoted yet."""
    monkeypatch.setattr(Shop, "champion", None)
    monkeypatch.setattr(Shop, "promotions", lambda self: pd.DataFrame())
    return stocked


@pytest.fixture
def served(stocked: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The sample shop with a champion: item neighbours, version 2, after two promotions and a refusal."""
    model = make("item_knn").fit(sample_dataset().interactions())
    champion = SimpleNamespace(name="recommender", version="2", run_id="r2", metrics={"ndcg@10": 0.1873}, model=model)
    monkeypatch.setattr(Shop, "champion", champion)
    monkeypatch.setattr(Shop, "promotions", lambda self: promotions())
    return stocked


def promotions() -> pd.DataFrame:
    """A history as `Shop.promotions` gives it."""
    when = pd.Timestamp("2026-11-20 09:12", tz="UTC")
    models = [
        {"model": "item_knn", "mean": 0.1873, "low": 0.1801, "high": 0.1945},
        {"model": "popular", "mean": 0.0421, "low": 0.0388, "high": 0.0456},
    ]
    same = {"model_name": "recommender", "actor": "maria <m@example.org>"}
    return pd.DataFrame(
        [
            {
                **same,
                "time": when,
                "action": "promote",
                "version": "2",
                "previous_version": "1",
                "reason": "0.1873 against 0.1670 of ials, difference +0.0203 [+0.0150, +0.0257]",
                "evidence": {"metric": "ndcg@10", "users": 1840, "models": models},
            },
            {
                **same,
                "time": when - pd.Timedelta(days=9),
                "action": "promote",
                "version": "1",
                "previous_version": None,
                "reason": "first champion",
                "evidence": {},
            },
        ]
    )
