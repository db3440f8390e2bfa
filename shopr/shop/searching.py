"""Search in the shop: answered and recorded, and learnt from what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import pandas as pd

from shopr.data.events import EventType

if TYPE_CHECKING:
    from shopr.search.asking.results import Found
    from shopr.search.learnt.learning import LearntSearch
    from shopr.shop.root import Shop
    from shopr.shop.storefront import Storefront

__all__ = ["Searching", "ShownList"]

_COLUMNS = "event_id type time user_id session_id product_id position source query properties".split()
_TYPES = (
    EventType.SEARCH_PERFORMED,
    EventType.PRODUCT_SHOWN,
    EventType.PRODUCT_CLICKED,
    EventType.CART_ITEM_ADDED,
    EventType.ORDER_COMPLETED,
)


@dataclass(frozen=True)
class ShownList:
    """The answer to a search as it was shown and recorded.

    Attributes:
        found: the answer. product_ids: in the order shown. impressions: the id of each showing, which a click names.
    """

    found: Found
    product_ids: tuple[str, ...]
    impressions: tuple[str, ...]


class Searching:
    """The part of a shop that records searches and learns from them."""

    @property
    def _searched(self) -> Shop:
        return cast("Shop", self)

    def find(
        self,
        query: str,
        k: int = 10,
        *,
        session_id: str,
        user_id: str | None = None,
        language: str = "und",
        explore: float | None = None,
    ) -> ShownList:
        """Search for a shopper, and record the search and what was shown for it; a click is recorded by its impression.

        Args:
            explore: share of the lists in which two results are exchanged at random; as on the shop's pages by default.

        Raises:
            InputError: if k is below 1, or the share is none.
            NotReadyError: if the shop has no data.
        """
        from shopr.search.asking.request import PageRequest
        from shopr.shop.storefront import EXPLORED, Shopper

        page = self.storefront.page(
            PageRequest(query),
            Shopper(user_id, session_id),
            size=k,
            explore=EXPLORED if explore is None else explore,
        )
        self.storefront.record(page, language=language)
        return ShownList(
            page.listing.found,
            tuple(card.product_id for card in page.cards),
            tuple(card.impression_id for card in page.cards),
        )

    @cached_property
    def storefront(self) -> Storefront:
        """The shop's window: pages of products, product pages, and what is written down of who saw and took what."""
        from shopr.shop.storefront import Storefront

        return Storefront(self._searched)

    def search_events(self, days: int | None = None) -> pd.DataFrame:
        """What search learns from: the shop's imported events and those recorded since, each once, in order of time.

        Args:
            days: before the newest event; None for all.

        Raises:
            NotReadyError: if the shop has no data.
            StorageError: if the store cannot be read.
        """
        shop = self._searched
        types = ", ".join(f"'{kind.value}'" for kind in _TYPES)
        with shop.events.query() as events:
            live = events.sql(f"SELECT {', '.join(_COLUMNS)} FROM events WHERE type IN ({types})").df()
        past = shop.data.events
        past = past.loc[past["type"].isin([kind.value for kind in _TYPES]), _COLUMNS]
        parts = [
            part.assign(time=pd.to_datetime(part["time"], utc=True).astype("datetime64[us, UTC]"))
            for part in (past, live)
            if len(part)
        ]
        found = pd.concat(parts, ignore_index=True) if parts else past
        found = found.drop_duplicates("event_id").sort_values("time", kind="stable", ignore_index=True)
        if days is not None and len(found):
            found = found[found["time"] > found["time"].iloc[-1] - pd.Timedelta(days=days)].reset_index(drop=True)
        return found

    def learn_search(self, days: int | None = None, *, seed: int | None = None) -> LearntSearch:
        """Learn synonyms and an order from searches and clicks, keep them in the shop's folder, and search by them.

        Raises:
            NotReadyError: if the shop has no data.
            StorageError: if the events cannot be read or the result cannot be written.
        """
        from shopr.search.learnt.learning import FILE, learn

        shop = self._searched
        found = learn(
            shop.search_desk.words, self.search_events(days), seed=shop.settings.seed if seed is None else seed
        )
        found.save(shop.folder / FILE)
        return found
