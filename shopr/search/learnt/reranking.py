"""The learned ranker at work: what it is told of a product, what it learns from, and the new order.

It sees how much in demand a product was and how dear it is: what the words cannot tell. Given the observations behind
the confidence as well, it learnt to undo the order of words from clicks on a few kinds of things, and on queries for
others lost up to a third of nDCG@10. For the same reason queries for one kind are held out together, and features may
part two products no farther than `MOST`. Only the order of the first fifty changes: what is found, how sure each match
is and what is refused stay those of the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shopr.search.learnt.clicks import ClickLog
from shopr.search.learnt.journal import SearchJournal
from shopr.search.learnt.ranker import LearnedRanker
from shopr.search.query.understanding import Query
from shopr.search.searching.engine import RERANKED, ProductSearch
from shopr.search.searching.index import Index
from shopr.search.searching.ranking import Ranked, rank

__all__ = ["FEATURES", "LEAST", "MOST", "Reranker", "Told", "click_log"]

FEATURES = ("demand", "price")
"""`demand`: the product's place among all by what the events say of it, 0 for nothing to 1; `price`: its place among
the prices, 0 for the lowest to 1, a half where unknown."""
MOST = 0.15
"""How far features may part the scores of two products, in shares of the best text score."""
LEAST = 8
"""Held-out kinds of things, or queries that name none, with a click: each is many queries."""
_LOOKED_UP = 200
"""Candidates among which a product that was shown is looked for: what was shown may stand elsewhere today."""


@dataclass
class Told:
    """What the ranker is told of candidates.

    Attributes:
        demand: product id -> 0 to 1; others count as 0.
    """

    demand: Mapping[str, float]
    _columns: tuple[Index, NDArray[np.float64]] | None = field(default=None, init=False, repr=False)

    def of(self, index: Index, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Shape (n, features) of catalogue rows."""
        if self._columns is None or self._columns[0] is not index:
            # One assignment: another thread sees the old columns or the new.
            self._columns = (index, _product_columns(index, self.demand))
        told: NDArray[np.float64] = self._columns[1][rows]
        return told


@dataclass(frozen=True)
class Reranker:
    """Orders the first results by a learned ranker over `FEATURES`."""

    ranker: LearnedRanker
    told: Told

    def order(self, index: Index, ranked: Ranked) -> NDArray[np.int64]:
        """Places of the candidates, best first; those beyond the first fifty keep theirs."""
        count = min(len(ranked.rows), RERANKED)
        first = self.ranker.order(ranked.scores[:count], self.told.of(index, ranked.rows[:count]))
        return np.concatenate([first, np.arange(count, len(ranked.rows))])


def click_log(search: ProductSearch, journal: SearchJournal, demand: Mapping[str, float]) -> ClickLog:
    """The lists of a journal as the ranker learns from them, by the search as it is now.

    Products that the search no longer finds for the query are left out; the places are those at which things stood.
    Queries for one kind of thing count as one query: what is learnt must hold for kinds that were never clicked.
    """
    index = search.index
    told = Told(demand)
    codes: dict[str, int] = {}
    groups: dict[str, int] = {}
    known: dict[str, tuple[dict[int, int], NDArray[np.float64], NDArray[np.float64]]] = {}
    row_of = {name: row for row, name in enumerate(index.ids.ids.tolist())}
    rows = np.array([row_of.get(name, -1) for name in journal.products], np.int64)
    kept: list[tuple[int, int, int, int, bool]] = []
    base: list[float] = []
    features: list[NDArray[np.float64]] = []
    columns = (journal.shown_search, journal.shown_product, journal.shown_place, journal.shown_clicked)
    for at, item, stood, clicked in zip(*(column.tolist() for column in columns), strict=True):
        query = journal.queries[at]
        if query not in known:
            read = search.understand(query)
            known[query] = _described(search, read, told)
            group = f"kind {read.kind.name}" if read.kind is not None else query
            codes[query] = groups.setdefault(group, len(groups))
        where, scores, seen = known[query]
        spot = where.get(int(rows[item]), -1)
        if spot >= 0:
            kept.append((at, codes[query], int(rows[item]), stood, clicked))
            base.append(scores[spot])
            features.append(seen[spot])
    table = np.array(kept, np.int64).reshape(-1, 5)
    seen_all = np.array(features).reshape(-1, len(FEATURES))
    session, asked, product, place = table[:, :4].T
    clicks = table[:, 4].astype(bool)
    return ClickLog(session, asked, product, place, clicks, np.array(base, np.float64), seen_all, FEATURES)


def _described(
    search: ProductSearch, query: Query, told: Told
) -> tuple[dict[int, int], NDArray[np.float64], NDArray[np.float64]]:
    """Row -> place among the candidates of a query, their scores and features."""
    if not query.terms:
        return {}, np.zeros(0), np.zeros((0, len(FEATURES)))
    ranked = rank(query, search.index, depth=_LOOKED_UP)
    where = {row: place for place, row in enumerate(ranked.rows[:_LOOKED_UP].tolist())}
    return where, ranked.scores[:_LOOKED_UP], told.of(search.index, ranked.rows[:_LOOKED_UP])


def _product_columns(index: Index, demand: Mapping[str, float]) -> NDArray[np.float64]:
    """Shape (products, 2): demand and price."""
    wanted = np.array([float(demand.get(name, 0.0)) for name in index.ids.ids.tolist()])
    price = np.asarray(index.columns.price, np.int64)
    priced = np.sort(price[price >= 0])
    place = np.searchsorted(priced, price, side="left") / max(len(priced) - 1, 1)
    return np.column_stack([wanted, np.where(price >= 0, np.minimum(place, 1.0), 0.5)])
