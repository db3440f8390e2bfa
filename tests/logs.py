"""Logs of purchases as the events that they come from."""

from __future__ import annotations

import pandas as pd

from shopr.data.interactions import Interactions

__all__ = ["orders_of"]


def orders_of(bought: Interactions) -> pd.DataFrame:
    """One order a row of the log."""
    return pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(len(bought))],
            "type": "order_completed",
            "time": pd.to_datetime(bought.times, unit="s", utc=True),
            "user_id": bought.user_ids.ids[bought.users],
            "product_id": bought.item_ids.ids[bought.items],
            "quantity": 1,
        }
    )
