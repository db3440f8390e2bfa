"""What a shop's data looks like, as tables to draw: funnel, long tail, seasons, price levels, splits over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.data.events import EventType
from shopr.data.interactions import Interactions
from shopr.data.splitting import Split
from shopr.errors import InputError, UnknownNameError

__all__ = ["FUNNEL", "long_tail", "price_levels", "seasonality", "session_funnel", "weeks_of"]

FUNNEL = (
    EventType.PRODUCT_SHOWN,
    EventType.PRODUCT_CLICKED,
    EventType.CART_ITEM_ADDED,
    EventType.CHECKOUT_STARTED,
    EventType.ORDER_COMPLETED,
)
"""The usual way from a look to an order."""
_WEEK = 7 * 86_400


def session_funnel(events: pd.DataFrame, steps: Sequence[str] = FUNNEL) -> pd.DataFrame:
    """How many sessions took each step and all steps before it, in whatever order within the session.

    Args:
        events: the flat event table; events without a session are left out.
        steps: event types, first step first.

    Returns:
        `step`, `sessions` (int64), `of_first` and `of_previous` (shares; NaN where there is nothing to divide by).

    Raises:
        InputError: if no step is given.
        UnknownNameError: if a step is no event type.
    """
    if not steps:
        raise InputError("a funnel needs at least one step", hint=f"Give event types such as {FUNNEL[0]}")
    for step in steps:
        if step not in set(EventType):
            raise UnknownNameError("event type", str(step), [t.value for t in EventType])
    known = events[events["session_id"].notna()]
    codes, sessions = pd.factorize(known["session_id"])
    kinds = known["type"].to_numpy(dtype=object)
    so_far = np.ones(len(sessions), bool)
    counts = []
    for step in steps:
        took = np.zeros(len(sessions), bool)
        took[codes[kinds == str(step)]] = True
        so_far &= took
        counts.append(int(so_far.sum()))
    reached = np.array(counts, np.float64)
    before = np.concatenate([reached[:1], reached[:-1]])
    return pd.DataFrame(
        {
            "step": [str(step) for step in steps],
            "sessions": np.array(counts, np.int64),
            "of_first": _ratio(reached, np.full(len(reached), reached[0])),
            "of_previous": _ratio(reached, before),
        }
    )


def long_tail(log: Interactions, points: int = 200) -> pd.DataFrame:
    """Which share of the interactions falls on which share of the products, best sellers first (a Lorenz curve).

    Returns:
        `products` and `interactions`: cumulative shares from 0 to 1, in at most `points` + 1 rows.

    Raises:
        InputError: if the log is empty or there are no points.
    """
    if not len(log) or points < 1:
        raise InputError(f"{len(log)} interactions, {points} points", hint="Give a log with rows, and 1 point or more")
    counts = np.sort(np.bincount(log.items, minlength=log.n_items))[::-1]
    share = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    at = np.unique(np.linspace(0, log.n_items, points + 1).round().astype(np.int64))
    return pd.DataFrame({"products": at / log.n_items, "interactions": share[at]})


def seasonality(events: pd.DataFrame, catalog: Catalog, *, depth: int = 1) -> pd.DataFrame:
    """How much more a category sells in a month than in the whole period, beside all other categories.

    1 means that the category's share of the month's ordered pieces is its usual one; growth and traffic cancel out.

    Args:
        events: the flat event table.
        depth: levels of the category path that are told apart.

    Returns:
        One row a category, one column a calendar month ("2025-01", UTC), NaN in months without orders; no row where
        nothing was ordered.
    """
    lines = events[(events["type"] == EventType.ORDER_COMPLETED.value) & events["product_id"].notna()]
    paths = pd.Series(catalog.level(depth).to_numpy(), index=catalog.frame["product_id"])
    paths = paths[~paths.index.duplicated()]
    category = lines["product_id"].map(paths).fillna("").to_numpy(dtype=object)
    month = lines["time"].dt.strftime("%Y-%m").to_numpy(dtype=object)
    pieces = lines["quantity"].fillna(1).astype("float64").to_numpy()
    table = pd.DataFrame({"category": category, "month": month, "pieces": pieces})
    sold = table[table["category"] != ""].pivot_table(index="category", columns="month", values="pieces", aggfunc="sum")
    sold = sold.fillna(0.0)
    usual = sold.sum(axis=1) / sold.to_numpy().sum()
    shares = sold / sold.sum(axis=0)
    return shares.div(usual, axis=0).rename_axis(index="category", columns=None)


def price_levels(catalog: Catalog, by: str = "brand", *, depth: int = 3) -> pd.DataFrame:
    """How dear each brand is beside others of the same category: 1 is the usual price of the category.

    Args:
        by: catalogue column whose values are compared.
        depth: levels of the category path within which prices are compared.

    Returns:
        `by`, `products` and `level` (median over the products of price / median price of the category), the cheapest
        first. Products without a price are left out.

    Raises:
        InputError: if the catalogue has no such column.
    """
    if by not in catalog.frame.columns:
        raise InputError(f"column {by!r} is not in the catalogue", hint=f"Known: {', '.join(catalog.frame.columns)}")
    table = pd.DataFrame(
        {
            by: catalog.frame[by],
            "category": catalog.level(depth),
            "price": catalog.frame["price"].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan),
        }
    )
    table = table[table["price"].notna() & (table[by] != "")]
    usual = table.groupby("category")["price"].transform("median")
    table["level"] = _ratio(table["price"].to_numpy(np.float64), usual.to_numpy(np.float64))
    found = table.groupby(by)["level"].agg(products="size", level="median").reset_index()
    return found.sort_values(["level", by], ignore_index=True)


def weeks_of(split: Split) -> pd.DataFrame:
    """Rows of train and test by week, to see what a split does to time.

    Returns:
        Index: Monday of each week (UTC) from the first to the last row; columns `train` and `test`.

    Raises:
        InputError: if the split has no times.
    """
    if split.train.times is None or split.test.times is None:
        raise InputError("the split has no times to draw", hint="Use interactions with timestamps")
    monday = 4 * 86_400  # Unix time began on a Thursday
    weeks = [(part.times - monday) // _WEEK for part in (split.train, split.test) if part.times is not None]
    every = np.concatenate(weeks)
    if not len(every):
        return pd.DataFrame({"train": [], "test": []}, dtype="int64")
    first, size = int(every.min()), int(every.max() - every.min()) + 1
    index = pd.to_datetime((first + np.arange(size)) * _WEEK + monday, unit="s")
    counts = [np.bincount(week - first, minlength=size) for week in weeks]
    return pd.DataFrame({"train": counts[0], "test": counts[1]}, index=index)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
