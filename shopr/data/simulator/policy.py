"""Who decides what the shop recommends: the protocol that a played world asks, and some simple deciders."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.data.simulator.draws import Draws

__all__ = ["FixedPolicy", "ModelPolicy", "Policy", "PopularPolicy", "RandomPolicy"]

Codes = NDArray[np.int64]


@runtime_checkable
class Policy(Protocol):
    """Anything that recommends; it may have a `name`, and `observe(events)`, called with each day's event table."""

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        """Shape (n, k): item codes, best first, -1 for none; one row for each of `users` (codes of the world).

        Args:
            users: shape (n,), user codes.
            k: how many are wanted; the shop shows the first ones that are on sale and in stock.
            context: one row a user: date, hour, device, country, language, temperature, rain.
        """


class RandomPolicy:
    """Products at random: the floor of any comparison."""

    name = "random"

    def __init__(self, n_items: int, seed: int = 0) -> None:
        self._n_items, self._draws, self._day = n_items, Draws(seed), 0

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        self._day += 1
        drawn = self._draws.uniform("random policy", np.asarray(users)[:, None], self._day, np.arange(k)[None, :])
        return (drawn * self._n_items).astype(np.int64)


class FixedPolicy:
    """The same list for everybody.

    Args:
        items: item codes, best first.
    """

    name = "fixed"

    def __init__(self, items: NDArray[np.integer]) -> None:
        self._items = np.asarray(items, dtype=np.int64)

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        best = np.full(k, -1)
        best[: min(k, len(self._items))] = self._items[:k]
        return np.tile(best, (len(users), 1))


class PopularPolicy:
    """Best sellers of the last weeks; watches the orders and changes with them.

    Args:
        item_ids: the world's id map.
        orders: item codes of past order lines, to start from.
        half_life: days after which an order counts half.
    """

    name = "popular"

    def __init__(self, item_ids: IdMap, orders: NDArray[np.integer] | None = None, half_life: float = 30.0) -> None:
        self._item_ids = item_ids
        self._votes = np.bincount(np.asarray(orders if orders is not None else [], int), minlength=len(item_ids)) * 1.0
        self._fade = 0.5 ** (1.0 / half_life)

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        best = np.lexsort((np.arange(len(self._votes)), -self._votes))
        return FixedPolicy(best).recommend(users, k, context)

    def observe(self, events: pd.DataFrame) -> None:
        """Count the day's orders."""
        ordered = self._item_ids.encode(events.loc[events["type"] == "order_completed", "product_id"])
        self._votes = self._votes * self._fade + np.bincount(ordered[ordered >= 0], minlength=len(self._votes))


class ModelPolicy:
    """A fitted recommender as a policy: translates between the world's codes and the model's.

    Args:
        model: anything with `user_ids`, `item_ids` (id maps) and `recommend(users, k, exclude_seen=…)` whose answer has
            `items`, as recommenders of this house have.
        user_ids, item_ids: the world's id maps.
        exclude_seen: whether to leave out what the shopper had before the fit.
    """

    def __init__(self, model: Any, user_ids: IdMap, item_ids: IdMap, *, exclude_seen: bool = True) -> None:
        self.name = str(getattr(model, "name", "model"))
        self._model, self._exclude_seen = model, exclude_seen
        self._users = model.user_ids.encode(user_ids.ids)
        self._items = np.append(item_ids.encode(model.item_ids.ids), -1)

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        best = self._model.recommend(self._users[np.asarray(users)], k, exclude_seen=self._exclude_seen).items
        listed: NDArray[np.integer] = self._items[best]
        return listed
