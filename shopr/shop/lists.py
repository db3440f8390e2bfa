"""More that a shop can show: what goes together, what is due again, what somebody bought, and who buys."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from shopr.errors import InputError
from shopr.recommend.contract.base import MAX_K
from shopr.recommend.lists.cards import Card

if TYPE_CHECKING:
    from shopr.recommend.related.cross_sell import CrossSell
    from shopr.recommend.related.replenish import Replenish
    from shopr.shop.root import Shop

__all__ = ["Lists"]


class Lists:
    """The part of a shop that lists products beside its recommendations."""

    @property
    def _shop(self) -> Shop:
        return cast("Shop", self)

    def goes_with(self, basket: list[str], k: int = 10) -> list[Card]:
        """Products that are bought along with a basket of product ids more often than chance; nothing sold out.

        Raises:
            InputError: if k is outside 1 … 20, or the shop has no orders.
        """
        if not 1 <= k <= MAX_K:
            raise InputError(f"k is {k}", hint=f"Ask for 1 to {MAX_K} products")
        model = self._cross_sell
        products = self._shop.catalog.align(model.item_ids)
        gone = (products["stock"] <= 0).to_numpy(dtype=bool, na_value=False)
        found = model.for_basket(model.item_ids.encode(basket), k + int(gone.sum()))
        codes, scores = found.items[0], found.scores[0]
        keep = np.flatnonzero((codes >= 0) & ~gone[codes])[:k]
        ids = model.item_ids.decode(codes[keep])
        return [
            self._shop.cards.card(product_id, score=float(score), position=place, policy="cross_sell")
            for place, (product_id, score) in enumerate(zip(ids, scores[keep], strict=True), 1)
        ]

    @cached_property
    def _cross_sell(self) -> CrossSell:
        from shopr.recommend.related.cross_sell import cross_sell_of

        return cross_sell_of(self._shop.data.events, self._shop.catalog)

    def due_again(self, user_id: str, n: int = 5, *, days: int = 28) -> pd.DataFrame:
        """What a shopper is likeliest to buy again within `days` of the last purchase the shop has on record.

        Returns:
            At most `n` rows `category, probability, purchases, last_days_ago, interval_days`, likeliest first.

        Raises:
            InputError: if days is outside 1 … 365, or purchases have no times.
        """
        return self._replenish.due([user_id], days).head(n).drop(columns="user")

    @cached_property
    def _replenish(self) -> Replenish:
        from shopr.recommend.related.replenish import replenish_of

        return replenish_of(self._shop.interactions, self._shop.catalog)

    def history(self, user_id: str, n: int = 12) -> list[Card]:
        """The last `n` different products a shopper bought, newest first; empty for an unknown shopper."""
        log = self._shop.interactions
        code = int(log.user_ids.encode([user_id])[0])
        row = log.histories(np.array([code]))
        order = np.arange(row.matrix.nnz) if row.times is None else np.argsort(-row.times, kind="stable")
        ids = log.item_ids.decode(row.matrix.indices[order][:n])
        return [self._shop.cards.card(product_id) for product_id in ids]

    def shoppers(self, n: int = 20, query: str = "") -> list[str]:
        """Up to `n` shopper ids that contain `query`, those with most purchases first."""
        log = self._shop.interactions
        counts = np.diff(log.matrix.indptr)
        order = np.argsort(-counts, kind="stable")
        ids = log.user_ids.ids[order]
        if needle := query.strip().lower():
            ids = ids[[needle in str(i).lower() for i in ids]]
        return [str(i) for i in ids[:n]]
