"""What only the simulator knows. No part of a dataset; product code never reads it: tests, notebooks and proofs do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.simulator.calendar import COUNTRIES
from shopr.data.simulator.catalogue import KIND_SEASON
from shopr.data.simulator.draws import logistic, settle
from shopr.data.simulator.sessions import CART_BAR, CLICK_BAR, examination
from shopr.data.simulator.shelves import CANDIDATES, HOME_SLOTS, LISTING_SLOTS
from shopr.data.simulator.taste import Taste
from shopr.data.simulator.vocabulary import KINDS

__all__ = ["OraclePolicy", "Truth"]

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


class Truth:
    """The hidden law of one world, open to questions.

    Args:
        taste: the law.
        prices: shape (days, items), pence.
    """

    def __init__(self, taste: Taste, prices: NDArray[np.int32]) -> None:
        self.taste, self.prices = taste, prices

    @property
    def personas(self) -> Floats:
        """Shape (shoppers, personas): the mixture that each shopper is."""
        return self.taste.shoppers.personas

    @property
    def budget(self) -> Floats:
        """Shape (shoppers,): the place in a price range at which each is at ease, 0 to 1."""
        return self.taste.shoppers.budget

    @property
    def quality(self) -> Floats:
        """Shape (items,): how good each product is."""
        return self.taste.products.quality

    @property
    def companions(self) -> pd.DataFrame:
        """Kinds by kinds: whether the column is bought along with the row."""
        keys = [kind.key for kind in KINDS]
        return pd.DataFrame(self.taste.companions > 0, index=keys, columns=keys)

    def examination(self, device: NDArray[np.integer], positions: NDArray[np.integer]) -> Floats:
        """Probability that a product in a position is looked at, by device code."""
        return examination(np.asarray(device, dtype=np.int64), np.asarray(positions, dtype=np.int64))

    def affinity(self, users: NDArray[np.integer], day: int, price_factor: float = 1.0) -> Floats:
        """Shape (n, items): the chance that a product that is looked at is clicked and put into the cart, on a day.

        Averaged over the shopper's personas; season counts, the moment's needs, crowd and whims do not.

        Args:
            price_factor: multiplies all prices, to ask what a price does.
        """
        return self._mixed(users, day, price_factor, found=False)

    def demand(self, users: NDArray[np.integer], day: int) -> Floats:
        """Shape (n, items): how likely each product is bought next, up to a factor: looked for, found, and liked."""
        return self._mixed(users, day, 1.0, found=True)

    def _mixed(self, users: NDArray[np.integer], day: int, price_factor: float, *, found: bool) -> Floats:
        people: Codes = np.asarray(users, dtype=np.int64)
        total = np.zeros((len(people), len(self.taste.products)))
        prices = np.maximum(np.round(self.prices[day] * price_factor), 1).astype(np.int64)
        items = np.arange(len(self.taste.products))
        south = np.array([c.south for c in COUNTRIES]).astype(int)[self.taste.shoppers.country[people]]
        season = (KIND_SEASON > 0) * (1.5 * self.taste.calendar.season[day][south][:, KIND_SEASON] - 0.55)
        for persona in range(self.personas.shape[1]):
            mine = np.flatnonzero(self.personas[people, persona] > 0)
            if not len(mine):
                continue
            who, which = people[mine][:, None], np.full((len(mine), 1), persona)
            price = self.taste.price(who, items[None, :], prices[None, :])
            lasting = self.taste.lasting(who, which, items[None, :])
            appeal = settle(lasting + price + season[mine][:, self.taste.products.kind])
            chance = logistic(1.2 * appeal - CLICK_BAR) * logistic(0.9 * appeal + 0.6 * price - CART_BAR)
            if found:
                chance = chance * self._found(people[mine], persona, season[mine], lasting + 1.5 * price, day)
            total[mine] += self.personas[people[mine], persona][:, None] * chance
        return total

    def _found(self, users: Codes, persona: int, season: Floats, fit: Floats, day: int) -> Floats:
        """How likely each product is met: on the home page, or where its kind is looked for and it passes filters."""
        products = self.taste.products
        liking = self.taste.personas.kind[persona] + self.taste.shoppers.kind_tilt[users] + season
        intent = np.exp(np.minimum(liking, 6.0))
        intent /= intent.sum(axis=1, keepdims=True)
        sold = products.launch <= day
        met = np.zeros(fit.shape)
        for kind in range(len(KINDS)):
            members = np.flatnonzero((products.kind == kind) & sold)
            if not len(members):
                continue
            better = np.argsort(np.argsort(-fit[:, members], axis=1), axis=1) / len(members)
            passes = 1.0 / (1.0 + np.exp(12.0 * (better - LISTING_SLOTS / CANDIDATES)))
            drawn = 1.4 * min(CANDIDATES / len(members), 1.0)
            met[:, members] = drawn * passes * intent[:, [kind]] + HOME_SLOTS / max(sold.sum(), 1)
        return met


class OraclePolicy:
    """Recommends by the truth: what no recommender can know. The ceiling of any comparison."""

    name = "oracle"

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def recommend(self, users: Codes, k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        first = pd.Timestamp(self._truth.taste.calendar.first)
        day = int((context["date"].iloc[0] - first).days)
        scores = self._truth.affinity(users, day)
        scores[:, self._truth.taste.products.launch > day] = 0.0
        return np.argsort(-settle(scores), axis=1, kind="stable")[:, :k]
