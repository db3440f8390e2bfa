"""Tables to draw: funnel, long tail, seasons, price levels, weeks of a split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data import profile
from shopr.data.catalog import Catalog
from shopr.data.events import events_frame
from shopr.data.interactions import Interactions
from shopr.data.splitting import Split, temporal
from shopr.errors import InputError, UnknownNameError

DAY = 86_400


def events(*rows: tuple[str, str | None]) -> pd.DataFrame:
    return events_frame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            "type": [kind for kind, _ in rows],
            "time": pd.to_datetime(np.arange(len(rows)), unit="s", utc=True),
            "session_id": [session for _, session in rows],
        }
    )


def test_a_session_counts_only_as_far_as_it_took_every_step() -> None:
    table = profile.session_funnel(
        events(
            ("product_shown", "a"), ("product_shown", "a"), ("product_clicked", "a"), ("cart_item_added", "a"),
            ("product_shown", "b"), ("product_clicked", "b"), ("product_shown", "c"),
            ("cart_item_added", "d"), ("product_clicked", None),
        ),
        ("product_shown", "product_clicked", "cart_item_added", "order_completed"),
    )  # fmt: skip
    assert list(table["sessions"]) == [3, 2, 1, 0]
    np.testing.assert_allclose(table["of_first"], [1, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(table["of_previous"], [1, 2 / 3, 1 / 2, 0])


def test_a_funnel_of_nothing_has_no_shares() -> None:
    table = profile.session_funnel(events())
    assert list(table["sessions"]) == [0] * len(profile.FUNNEL)
    assert table[["of_first", "of_previous"]].isna().all(axis=None)


def test_a_funnel_refuses_unknown_steps_and_none() -> None:
    with pytest.raises(UnknownNameError, match="order_complete"):
        profile.session_funnel(events(), ("order_complete",))
    with pytest.raises(InputError, match="at least one step"):
        profile.session_funnel(events(), ())


def log(items: list[str], times: list[int] | None = None) -> Interactions:
    frame = pd.DataFrame({"user": [f"u{i}" for i in range(len(items))], "item": items})
    if times is not None:
        frame["timestamp"] = times
    return Interactions.from_frame(frame)


def test_the_long_tail_is_the_lorenz_curve_of_the_best_sellers() -> None:
    table = profile.long_tail(log(["a"] * 6 + ["b"] * 3 + ["c"]), points=3)
    np.testing.assert_allclose(table["products"], [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(table["interactions"], [0, 0.6, 0.9, 1.0])
    assert len(profile.long_tail(log(list("abcdefgh")), points=4)) == 5


def test_the_long_tail_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="0 interactions"):
        profile.long_tail(log(["a"]).take(np.array([False])))


def catalog() -> Catalog:
    return Catalog.from_frame(
        pd.DataFrame(
            {
                "product_id": ["s1", "s2", "w1", "w2", "free"],
                "title": ["Sandal", "Clog", "Boot", "Wader", "Leaflet"],
                "category": ["Summer > Shoes", "Summer > Shoes", "Winter > Shoes", "Winter > Shoes", "Winter > Shoes"],
                "brand": ["Low", "High", "Low", "High", "Low"],
                "price": pd.array([100, 300, 200, 600, None], dtype="Int64"),
                "currency": ["GBP"] * 4 + [""],
            }
        )
    )


def test_seasonality_cancels_growth_and_shows_the_shift_of_shares() -> None:
    lines = [("s1", "2025-01-10", 1), ("w1", "2025-01-11", 3), ("s1", "2025-07-01", 60), ("w1", "2025-07-02", 20)]
    table = events_frame(
        {
            "event_id": [str(i) for i in range(4)],
            "type": ["order_completed"] * 4,
            "time": pd.to_datetime([day for _, day, _ in lines], utc=True),
            "product_id": [product for product, _, _ in lines],
            "quantity": [pieces for *_, pieces in lines],
        }
    )
    found = profile.seasonality(table, catalog())
    assert list(found.columns) == ["2025-01", "2025-07"]
    # Summer has 61 of 84 pieces; 1 of 4 in January, 60 of 80 in July.
    np.testing.assert_allclose(found.loc["Summer"], [0.25 / (61 / 84), 0.75 / (61 / 84)])
    np.testing.assert_allclose(found.loc["Winter"], [0.75 / (23 / 84), 0.25 / (23 / 84)])


def test_seasonality_without_orders_has_no_rows() -> None:
    assert profile.seasonality(events(("page_viewed", "a")), catalog()).empty


def test_price_levels_compare_within_the_category() -> None:
    table = profile.price_levels(catalog())
    # Medians: 200 in summer, 400 in winter: Low is at 0.5 in both, High at 1.5.
    assert list(table["brand"]) == ["Low", "High"]
    np.testing.assert_allclose(table["level"], [0.5, 1.5])
    assert list(table["products"]) == [2, 2]
    with pytest.raises(InputError, match="weight"):
        profile.price_levels(catalog(), "weight")


def test_weeks_begin_on_monday_and_hold_every_row() -> None:
    sunday = pd.Timestamp("2025-03-02 23:59:59", tz="UTC")
    start = int(sunday.timestamp())
    split = temporal(log(list("abcd"), [start, start + 1, start + 20 * DAY, start + 21 * DAY]), 0.25)
    table = profile.weeks_of(split)
    assert list(table.index.strftime("%a %d %b"))[:2] == ["Mon 24 Feb", "Mon 03 Mar"]
    assert list(table.index.to_series().diff().dropna().unique()) == [pd.Timedelta(days=7)]
    assert (table["train"].sum(), table["test"].sum()) == (len(split.train), len(split.test))
    assert list(table["train"])[:2] == [1, 1]


def test_weeks_need_times() -> None:
    untimed = log(list("ab"))
    with pytest.raises(InputError, match="no times"):
        profile.weeks_of(Split(untimed, untimed))
