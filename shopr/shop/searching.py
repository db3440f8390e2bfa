"""Search in the shop: answered and recorded, and learnt from what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import numpy as np
import pandas as pd

from shopr.data.events import EventType
from shopr.errors import InputError
from shopr.randomness import generator

if TYPE_CHECKING:
    from shopr.search.learning import LearntSearch
    from shopr.search.results import Found
    from shopr.shop.root import Shop

__all__ = ["Searching", "ShownList"]

EXPLORED = 0.1
"""Share of the lists in which two results are exchanged: what tells the pull of a place from that of a product."""
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
        explore: float = EXPLORED,
    ) -> ShownList:
        """Search for a shopper, and record the search and what was shown for it; a click is recorded by its impression.

        Args:
            explore: share of the lists in which two results are exchanged at random.

        Raises:
            InputError: if k is below 1, or the share is none.
            NotReadyError: if the shop has no data.
        """
        if not 0 <= explore <= 1:
            raise InputError(f"explore is {explore:g}", hint="Give a share, 0 to 1")
        from shopr.search.clicks import shuffled
        from shopr.search.masking import masked

        shop, number = self._searched, uuid4().hex
        found = shop.search_desk.search(query, k, language=language)
        order = np.arange(len(found))
        crossed = generator(shop.settings.seed, "search-explore", number).random() < explore
        if crossed:
            order = shuffled(order, seed=shop.settings.seed, stream=number)
        ids = tuple(found.product_ids[at] for at in order.tolist())
        asked = {"query": masked(query), "results": len(found), "abstained": found.abstained, "impression_id": number}
        if found.corrected:
            asked["corrected"] = masked(found.corrected)
        shop._note(EventType.SEARCH_PERFORMED, user_id, session_id, asked)
        impressions = tuple(f"{number}-{place}" for place in range(1, len(ids) + 1))
        for place, (name, impression) in enumerate(zip(ids, impressions, strict=True), 1):
            line = {"product_id": name, "position": place, "source": "search", "impression_id": impression}
            shop._note(EventType.PRODUCT_SHOWN, user_id, session_id, {**line, "policy": _policy(found, crossed)})
        return ShownList(found, ids, impressions)

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
        from shopr.search.learning import FILE, learn

        shop = self._searched
        found = learn(
            shop.search_desk.words, self.search_events(days), seed=shop.settings.seed if seed is None else seed
        )
        found.save(shop.folder / FILE)
        return found


def _policy(found: Found, crossed: bool) -> str:
    return "search exchanged" if crossed and len(found) > 1 else "search"
