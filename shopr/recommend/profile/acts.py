"""What shoppers did, as profiles count it: the events that say something, and what each kind is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from shopr.data.events import EventType
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.data.times import unix_seconds
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.contract.base import Config

__all__ = ["Acts", "Codes", "Floats", "ProfileConfig"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class ProfileConfig(Config):
    """How profiles are learnt.

    Attributes:
        half_life_days: an event counts half as much after so many days.
        viewed, clicked, carted, ordered: what an event is worth; 0 leaves it out.
        category_shrinkage, brand_shrinkage, price_shrinkage, style_shrinkage, season_shrinkage: how many orders' worth
            of the shop's average is mixed into each part, so that few events say little.
        styles: clusters of attributes to look for; 0 for none.
        seed: of the clusters.
    """

    half_life_days: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    viewed: float = Field(default=0.1, ge=0, le=10, allow_inf_nan=False)
    clicked: float = Field(default=0.1, ge=0, le=10, allow_inf_nan=False)
    carted: float = Field(default=0.3, ge=0, le=10, allow_inf_nan=False)
    ordered: float = Field(default=1.0, ge=0, le=10, allow_inf_nan=False)
    category_shrinkage: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    brand_shrinkage: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    price_shrinkage: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    style_shrinkage: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    season_shrinkage: float = Field(default=8.0, gt=0, allow_inf_nan=False)
    styles: int = Field(default=8, ge=0, le=100)
    seed: int = DEFAULT_SEED

    def worth(self) -> dict[str, float]:
        """Event type -> what it is worth, those that count."""
        all_types = {
            EventType.PRODUCT_VIEWED.value: self.viewed,
            EventType.PRODUCT_CLICKED.value: self.clicked,
            EventType.RECOMMENDATION_CLICKED.value: self.clicked,
            EventType.CART_ITEM_ADDED.value: self.carted,
            EventType.ORDER_COMPLETED.value: self.ordered,
        }
        return {name: worth for name, worth in all_types.items() if worth > 0}


@dataclass(frozen=True, slots=True)
class Acts:
    """Events that count, as columns.

    Attributes:
        users: shape (n,), user ids.
        items: shape (n,), codes in the space's product map.
        times: shape (n,), Unix seconds.
        worth: shape (n,), > 0.
        ordered: shape (n,), whether it was an order.
        prices: shape (n,), minor units, NaN where the event names none.
    """

    users: NDArray[np.object_]
    items: Codes
    times: Floats
    worth: Floats
    ordered: NDArray[np.bool_]
    prices: Floats

    @classmethod
    def of(cls, source: pd.DataFrame | Interactions, item_ids: IdMap, config: ProfileConfig, *, now: float) -> Acts:
        """From the flat event table, or from interactions, which count as orders (times unknown: as of `now`).

        Events without shopper, of unknown products or of types that count nothing are left out.
        """
        if isinstance(source, Interactions):
            items = item_ids.encode(source.item_ids.ids)[source.items].astype(np.int64)
            known = items >= 0
            times = np.full(len(source), now) if source.times is None else source.times.astype(np.float64)
            worth = np.full(len(source), config.ordered)
            ordered, prices = np.ones(len(source), bool), np.full(len(source), np.nan)
            users = source.user_ids.decode(source.users)
        else:
            kinds = config.worth()
            rows = source[source["type"].isin(list(kinds)) & source["user_id"].notna() & source["product_id"].notna()]
            items = item_ids.encode(rows["product_id"]).astype(np.int64)
            known = items >= 0
            times = unix_seconds(rows["time"]).astype(np.float64)
            worth = rows["type"].map(kinds).to_numpy(dtype=np.float64)
            ordered = (rows["type"] == EventType.ORDER_COMPLETED.value).to_numpy(dtype=bool)
            prices = rows["price"].to_numpy(dtype=np.float64, na_value=np.nan)
            users = rows["user_id"].to_numpy(dtype=object)
        known &= worth > 0
        return cls(users[known], items[known], times[known], worth[known], ordered[known], prices[known])

    def __len__(self) -> int:
        return len(self.items)
