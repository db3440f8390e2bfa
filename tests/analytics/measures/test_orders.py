"""Business figures, by hand and beside pandas alone."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from shopr.analytics.intake.loading import event_table
from shopr.analytics.measures.engagement import read_acts
from shopr.analytics.measures.orders import conversion, read_orders, sales, sales_course
from shopr.analytics.reading.source import EventTable
from shopr.analytics.reading.span import Span
from shopr.data.sales import order_keys
from tests.analytics.tables import DAY0, table

DONE = {"type": "order_completed", "currency": "EUR"}
BACK = {"type": "order_returned", "currency": "EUR"}
SPAN = Span(DAY0.date(), DAY0.date() + timedelta(days=2))


@pytest.fixture
def shop() -> EventTable:
    return table(
        {"type": "page_viewed", "user_id": "a", "session_id": "s1"},
        {"type": "cart_item_added", "user_id": "a", "session_id": "s1", "minute": 1},
        {**DONE, "user_id": "a", "session_id": "s1", "order_id": "o1", "price": 1000, "quantity": 2, "minute": 3},
        {**DONE, "user_id": "a", "session_id": "s1", "order_id": "o1", "price": 500, "minute": 3},
        {**DONE, "user_id": "b", "session_id": "s2", "order_id": "o2", "price": 300, "quantity": 1, "minute": 1439},
        {**DONE, "user_id": "a", "session_id": "s3", "order_id": "o3", "price": 700, "quantity": 1, "minute": 1445},
        {**DONE, "user_id": "c", "currency": "JPY", "price": 9000, "quantity": 1, "minute": 10, "session_id": "s4"},
        {**BACK, "user_id": "a", "order_id": "o1", "price": 500, "quantity": 1, "minute": 1500},
        {"type": "cart_item_added", "user_id": "d", "session_id": "s5", "minute": 5},
    )


def test_sales_by_currency_by_hand(shop: EventTable) -> None:
    euros, yen = sales(read_orders(shop))
    assert (euros.currency, euros.orders, euros.buyers, euros.pieces) == ("EUR", 3, 2, 5)
    assert (euros.revenue, euros.returned) == (3500, 500)
    assert euros.order_value.value == pytest.approx(3500 / 3)
    # Ann's two orders are one trial: e = (3200 - 2m, 300 - m), m the mean.
    mean = 3500 / 3
    spread = (3200 - 2 * mean) ** 2 + (300 - mean) ** 2
    assert euros.order_value.se == pytest.approx((spread * 2 / 1) ** 0.5 / 3)
    assert (yen.currency, yen.orders, yen.revenue) == ("JPY", 1, 9000)
    assert np.isnan(yen.order_value.lo)  # one buyer tells nothing about others


def test_days_are_those_of_the_shop(shop: EventTable) -> None:
    orders = read_orders(shop, start=SPAN.start, end=SPAN.end)
    course = sales_course(orders, SPAN)
    euros = course[course["currency"] == "EUR"]
    assert euros["orders"].tolist() == [2, 1, 0]
    assert euros["returned"].tolist() == [0, 500, 0]
    earlier = Span(DAY0.date() - timedelta(days=1), DAY0.date() + timedelta(days=1), "America/New_York")
    there = sales_course(read_orders(shop, start=earlier.start, end=earlier.end), earlier)
    assert there.loc[there["currency"] == "EUR", "orders"].tolist() == [1, 2, 0]
    assert euros["buyers"].tolist() == [2, 1, 0]


def test_conversion_of_persons_sessions_and_carts(shop: EventTable) -> None:
    found = conversion(read_acts(shop, SPAN))
    assert found.persons.value == pytest.approx(3 / 4)
    assert found.sessions.value == pytest.approx(4 / 5)
    assert found.cart.value == pytest.approx(1 / 2)
    nobody = conversion(read_acts(table(), SPAN))
    assert np.isnan(nobody.persons.value)


def test_no_orders_make_an_empty_course() -> None:
    assert sales(read_orders(table())) == []
    assert sales_course(read_orders(table()), SPAN).empty


def test_a_simulated_shop_gives_what_pandas_counts() -> None:
    from shopr.data.simulator import simulate

    events = simulate(preset="tiny", seed=5, images=False).events
    span = Span(date(2025, 2, 1), date(2025, 3, 31), "Europe/Berlin")
    orders = read_orders(EventTable(event_table(events)), start=span.start, end=span.end)
    local = events["time"].dt.tz_convert("Europe/Berlin").dt.date
    lines = events[(events["type"] == "order_completed") & (local >= span.first) & (local <= span.last)]
    (found,) = sales(orders)
    assert found.orders == order_keys(lines).nunique()
    assert found.buyers == lines["user_id"].nunique()
    assert found.revenue == int((lines["price"] * lines["quantity"]).sum())
    by_day = (lines["price"] * lines["quantity"]).groupby(local[lines.index]).sum()
    course = sales_course(orders, span)
    assert course.set_index(course["start"].dt.date)["revenue"][by_day.index].tolist() == by_day.tolist()
    weekly = sales_course(orders, span, "week")
    assert weekly["revenue"].sum() == found.revenue
    assert {start.weekday() for start in weekly["start"]} == {0}
