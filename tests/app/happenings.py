"""A store with a week of events, drawn by hand: shoppers who search, buy, wait for slow pages and meet errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from shopr.analytics.store.event_store import EventStore
from shopr.config import Settings
from tests.analytics.tables import table

LAST = datetime(2026, 3, 15, 18, tzinfo=UTC)
DAYS = 14


def happened(settings: Settings, *, shoppers: int = 60) -> EventStore:
    """Fill the store of these settings; the newest event is of 15 March 2026."""
    rng = np.random.default_rng(11)
    rows: list[dict[str, Any]] = []
    for day in range(DAYS):
        for who in rng.choice(shoppers, 20, replace=False):
            rows += _visit(int(who), day, rng)
    store = EventStore.open(settings)
    store.load([table(*rows).table])
    return store


def _visit(who: int, day: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    start = (LAST - timedelta(days=DAYS - 1 - day)).timestamp() / 60 - rng.integers(0, 600)
    base = {"user_id": f"u{who:02}", "session_id": f"s{who}-{day}"}
    device = ("mobile", "desktop")[who % 2] if who % 20 else "tablet"
    release = "1.0" if day < 7 else "1.1"

    def event(kind: str, minute: float, **more: Any) -> dict[str, Any]:
        return {"type": kind, "time": int((start + minute) * 6e7), **base, **more}

    home = {"device": device, "page": "home", "release": release}
    rows = [
        event("page_viewed", 0, country="GB", **home),
        event("vital_measured", 0.1, name="LCP", value=1800.0 + 200 * who % 3000, **home),
        event("vital_measured", 0.1, name="CLS", value=0.02 * (who % 9), **home),
        event("api_called", 0.2, name="/v1/recommend", value=30.0 + who, status=200 if who % 10 else 500),
        event("product_shown", 0.2, source="home", impression_id=f"i{who}-{day}", policy="ease", model_version="2",
              position=1 + who % 4, product_id=f"p{who % 5:03}"),
    ]  # fmt: skip
    if rng.random() < 0.6:
        rows += [
            event("search_performed", 1, query="=mug" if who % 2 else "lamp"),
            event("product_shown", 1.1, source="search", product_id="p003", position=1),
            event("product_clicked", 2, source="search", product_id="p003", position=1),
            event("product_viewed", 2, product_id="p003", source="search"),
        ]
    if rng.random() < 0.5:
        rows += [
            event("product_clicked", 3, source="home", impression_id=f"i{who}-{day}", product_id=f"p{who % 5:03}"),
            event("product_viewed", 3, source="home", product_id=f"p{who % 5:03}"),
            event("cart_item_added", 4, source="home", impression_id=f"i{who}-{day}", product_id=f"p{who % 5:03}"),
            event("checkout_started", 5),
            event("order_completed", 6, order_id=f"o{who}-{day}", product_id=f"p{who % 5:03}", price=1250, quantity=2,
                  currency="GBP"),
        ]  # fmt: skip
    if who % 6 == 0:
        rows.append(
            event("error_raised", 7, name="TypeError", fingerprint="f00d", message="<b>price</b> is undefined",
                  stack="TypeError: price\n    at renderCard (shop.js:3:1)", release=release, page="home")
        )  # fmt: skip
    return rows
