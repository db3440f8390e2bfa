"""Sales over time: orders, pieces and revenue by day, week or month of the shop's own time zone."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shopr.data.events import EventType

__all__ = ["Step", "order_keys", "sales_over_time", "step_for"]

Step = Literal["day", "week", "month"]
_FREQUENCIES: dict[Step, str] = {"day": "D", "week": "W-SUN", "month": "M"}


def step_for(start: pd.Timestamp, end: pd.Timestamp, most: int = 120) -> Step:
    """The finest step that cuts the period into at most `most` parts."""
    days = max((end - start).total_seconds() / 86_400, 0.0)
    if days <= most:
        return "day"
    return "week" if days / 7 <= most else "month"


def order_keys(lines: pd.DataFrame) -> pd.Series[str]:
    """One key an order for each of its lines: the order id, or shopper and moment where a source has no order ids."""
    moment = lines["user_id"].fillna("") + "@" + lines["time"].astype("int64").astype("str")
    return lines["order_id"].fillna(moment).astype("str")


def sales_over_time(events: pd.DataFrame, step: Step | None = None, time_zone: str = "UTC") -> pd.DataFrame:
    """Completed orders of each step between the first and the last one, also those without any.

    Args:
        events: the flat event table.
        step: how long a step is; by default as fine as 120 of them allow.
        time_zone: IANA name; a day begins at this zone's midnight, a week on Monday.

    Returns:
        `start` (datetime64, local, without a zone), `orders`, `pieces` and `revenue` (int64; minor units, lines without
        a price count 0, returns are not taken off) and `complete` (whether the orders' days span the whole step), in
        order of time; no row where nothing was ordered.
    """
    lines = events[events["type"] == EventType.ORDER_COMPLETED.value]
    if lines.empty:
        kinds = {
            "start": "datetime64[us]",
            "orders": "int64",
            "pieces": "int64",
            "revenue": "int64",
            "complete": "bool",
        }
        return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in kinds.items()})
    local = lines["time"].dt.tz_convert(ZoneInfo(time_zone)).dt.tz_localize(None)
    step = step or step_for(local.min(), local.max())
    periods = pd.PeriodIndex(local.dt.to_period(_FREQUENCIES[step]))
    pieces = lines["quantity"].fillna(1).astype("int64")
    revenue = (lines["price"].fillna(0).astype("int64") * pieces).astype("int64")
    keys = pd.factorize(order_keys(lines))[0]
    first = np.zeros(len(lines), bool)
    first[np.unique(keys, return_index=True)[1]] = True  # an order counts once, where its first line is
    table = pd.DataFrame({"orders": first, "pieces": pieces, "revenue": revenue}).groupby(np.asarray(periods)).sum()
    every = pd.period_range(periods.min(), periods.max(), freq=periods.freq)
    table = table.reindex(every, fill_value=0)
    table.insert(0, "start", every.to_timestamp().astype("datetime64[us]"))
    inside = (every.start_time >= local.min().normalize()) & (every.end_time.normalize() <= local.max().normalize())
    table["complete"] = np.asarray(inside)
    return table.astype({"orders": "int64", "pieces": "int64", "revenue": "int64"}).reset_index(drop=True)
