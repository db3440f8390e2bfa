"""Prices as the orders show them, where a source has no price list."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shopr.data.events import EventType

__all__ = ["last_prices", "price_history"]


def price_history(orders: pd.DataFrame) -> pd.DataFrame:
    """`product_id, date, price`: the median price paid for each product on each UTC day with sales, where it changed.

    Args:
        orders: the flat event table; priced `order_completed` rows count, of one currency.
    """
    sales = orders[(orders["type"] == EventType.ORDER_COMPLETED.value) & orders["price"].notna()]
    days = sales["time"].dt.floor("D").rename("date")
    daily = sales["price"].astype("int64").groupby([sales["product_id"], days]).median().reset_index()
    daily["price"] = np.floor(daily["price"] + 0.5).astype("int64")
    previous = daily.groupby("product_id")["price"].shift()
    changed: pd.DataFrame = daily[(daily["price"] != previous).to_numpy(dtype=bool)]
    return changed.astype({"price": "Int64"}).reset_index(drop=True)


def last_prices(history: pd.DataFrame, product_ids: pd.Series) -> pd.Series:
    """The last price of each of `product_ids` as Int64, NA where none is known."""
    last = history.drop_duplicates("product_id", keep="last").set_index("product_id")["price"]
    return product_ids.map(last).astype("Int64")
