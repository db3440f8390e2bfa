"""The one door to `surprise`: it trains, and what it learned leaves as arrays."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Algorithm", "Ratings", "train", "trainset"]

Algorithm = Literal["SVD", "SVDpp", "KNNBaseline"]


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings by inner ids 0 … n-1, which leave out users and items without ratings.

    Attributes:
        users, items: the codes behind the inner ids, ascending.
        inner_users, inner_items: shape (n,), inner ids of each rating.
        stars: shape (n,).
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    inner_users: NDArray[np.int64]
    inner_items: NDArray[np.int64]
    stars: NDArray[np.float64]

    @classmethod
    def of(cls, users: NDArray[np.integer], items: NDArray[np.integer], stars: NDArray[np.float64]) -> Ratings:
        """From codes, one entry a rating."""
        user_codes, inner_users = np.unique(users, return_inverse=True)
        item_codes, inner_items = np.unique(items, return_inverse=True)
        return cls(user_codes, item_codes, inner_users, inner_items, stars)


def train(algorithm: Algorithm, ratings: Ratings, **settings: Any) -> Any:
    """A trained algorithm of `surprise` by its name there, with its own settings."""
    import surprise

    return getattr(surprise, algorithm)(**settings).fit(trainset(ratings))


def trainset(ratings: Ratings) -> Any:
    """`surprise.Trainset` from inner ids, without its detour over raw ids."""
    from surprise import Trainset

    by_user: dict[int, list[tuple[int, float]]] = defaultdict(list)
    by_item: dict[int, list[tuple[int, float]]] = defaultdict(list)
    columns = (ratings.inner_users.tolist(), ratings.inner_items.tolist(), ratings.stars.tolist())
    for user, item, star in zip(*columns, strict=True):
        by_user[user].append((item, star))
        by_item[item].append((user, star))
    n_users, n_items = len(ratings.users), len(ratings.items)
    scale = (float(ratings.stars.min()), float(ratings.stars.max()))
    raw_users, raw_items = {u: u for u in range(n_users)}, {i: i for i in range(n_items)}
    return Trainset(by_user, by_item, n_users, n_items, len(ratings.stars), scale, raw_users, raw_items)
