from __future__ import annotations

import pandas as pd

from shopr.data.events import empty_events, events_frame
from shopr.data.sales import order_keys, sales_over_time, step_for


def lines(*rows: tuple[str, str, str | None, int, int | None]) -> pd.DataFrame:
    """(time, shopper, order, quantity, price) of completed order lines."""
    time, user, order, quantity, price = zip(*rows, strict=True)
    return events_frame(
        {
            "event_id": [f"e{i}" for i in range(len(rows))],
            "type": ["order_completed"] * len(rows),
            "time": pd.to_datetime(time, utc=True),
            "user_id": user,
            "product_id": ["p"] * len(rows),
            "order_id": order,
            "quantity": quantity,
            "price": price,
        }
    )


def test_orders_pieces_and_revenue_add_up_by_day() -> None:
    table = sales_over_time(
        lines(
            ("2025-03-01 09:00", "a", "o1", 2, 100),
            ("2025-03-01 09:00", "a", "o1", 1, 250),
            ("2025-03-03 10:00", "b", "o2", 3, None),
        )
    )
    assert table["start"].dt.strftime("%m-%d").tolist() == ["03-01", "03-02", "03-03"]
    assert table["orders"].tolist() == [1, 0, 1]
    assert table["pieces"].tolist() == [3, 0, 3]
    assert table["revenue"].tolist() == [450, 0, 0]


def test_a_day_begins_at_the_shops_own_midnight() -> None:
    table = sales_over_time(lines(("2025-03-01 23:30", "a", "o1", 1, 100)), "day", "Europe/Helsinki")
    assert table["start"].tolist() == [pd.Timestamp("2025-03-02")]


def test_a_week_begins_on_monday_and_says_whether_it_is_whole() -> None:
    days = [(f"2025-01-{d:02} 12:00", "a", f"o{d}", 1, 100) for d in range(3, 16)]  # Friday 3rd … Wednesday 15th
    table = sales_over_time(lines(*days), "week")
    assert table["start"].dt.strftime("%d").tolist() == ["30", "06", "13"]
    assert table["orders"].tolist() == [3, 7, 3]
    assert table["complete"].tolist() == [False, True, False]


def test_without_order_ids_a_shoppers_lines_of_one_moment_are_one_order() -> None:
    keys = order_keys(
        lines(
            ("2025-03-01 09:00", "a", None, 1, 1),
            ("2025-03-01 09:00", "a", None, 1, 1),
            ("2025-03-01 09:00", "b", None, 1, 1),
        )
    )
    assert keys.nunique() == 2


def test_without_orders_the_table_is_empty_and_whole_in_its_columns() -> None:
    table = sales_over_time(empty_events())
    assert table.columns.tolist() == ["start", "orders", "pieces", "revenue", "complete"]
    assert table.empty


def test_steps_grow_with_the_period() -> None:
    start = pd.Timestamp("2025-01-01")
    assert step_for(start, start + pd.Timedelta(days=90)) == "day"
    assert step_for(start, start + pd.Timedelta(days=365)) == "week"
    assert step_for(start, start + pd.Timedelta(days=4000)) == "month"
