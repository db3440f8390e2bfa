"""What the shop shows by itself: the mixed list on the home page, category and search pages, and things to buy again.

Every slot of the home page is drawn on its own, so that the probability with which a product came there is known: one
of weight p reaches slot s if it is drawn there and in no earlier slot, p (1 - p)^(s - 1). A slot that would repeat a
product stays empty.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.data.simulator.catalogue import KIND_LASTS, Products
from shopr.data.simulator.draws import Draws, settle
from shopr.data.simulator.taste import NEVER, Memory
from shopr.data.simulator.vocabulary import COLOURS, KINDS

__all__ = ["CANDIDATES", "HOME_SLOTS", "LISTING_SLOTS", "SOURCES", "Shelves", "Shown"]

SOURCES = ("home", "category", "search", "reorder", "recommendation")
HOME_SLOTS = 6
LISTING_SLOTS = 6
CANDIDATES = 24
_EXPLORE = 0.3
_COLOUR_SHARE = 0.75
_REORDER_SLOTS = 2

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """Products shown on one page: shape (n,) each; `rows` are sessions of the day, positions count from 1."""

    rows: Codes
    positions: Codes
    items: Codes
    propensity: Floats
    source: Codes

    @classmethod
    def of(cls, rows: Codes, items: NDArray[np.integer], chance: Floats, source: Codes) -> Shown:
        """From lists (n, slots), -1 for an empty slot, and each product's chance in one draw; repeats are left out."""
        slots = items.shape[1]
        earlier = np.tril(np.ones((slots, slots), bool), -1)
        again = ((items[:, :, None] == items[:, None, :]) & earlier).any(axis=2)
        row, slot = np.nonzero((items >= 0) & ~again)
        p = chance[row, slot]
        codes = items[row, slot].astype(np.int64)
        return cls(rows[row], slot + 1, codes, settle(p * (1.0 - p) ** slot), source[row])

    def join(self, other: Shown) -> Shown:
        """Both lists, one below the other."""
        pairs = ((getattr(self, n), getattr(other, n)) for n in self.__dataclass_fields__)
        return Shown(*(np.concatenate(pair) for pair in pairs))


class Shelves:
    """The shop's own lists; `open` sets them for a day."""

    def __init__(self, products: Products, draws: Draws) -> None:
        self._products, self._draws = products, draws
        cell = products.kind * len(COLOURS) + products.colour
        self._order = np.lexsort((np.arange(len(products)), cell))
        bounds = np.searchsorted(cell[self._order], np.arange(len(KINDS) * len(COLOURS) + 1))
        self._bounds = bounds.astype(np.int64)
        self._cell = cell

    def with_luck(self, draws: Draws) -> Shelves:
        """The same shelves, as they stand, with slots drawn from another luck."""
        other = copy(self)
        other._draws = draws
        return other

    def open(self, day: int, memory: Memory) -> None:
        """Take stock of what is on sale and how popular it is."""
        self.on_sale = (self._products.launch <= day) & (memory.stock > 0)
        self._weight = settle((1.0 + memory.buzz) ** 0.7) * self.on_sale
        total, active = self._weight.sum(), max(int(self.on_sale.sum()), 1)
        self._home = (1.0 - _EXPLORE) * self._weight / max(total, 1e-9) + _EXPLORE * self.on_sale / active
        self._home_edges = np.cumsum(settle(self._home * 1e4))
        self._edges = np.concatenate([[0.0], np.cumsum(self._weight[self._order])])

    def home(self, users: Codes, rows: Codes, day: int) -> Shown:
        """The home page's list: popular products, with a share of products at random so that none is never seen."""
        u = self._draws.uniform("home", users[rows][:, None], day, np.arange(HOME_SLOTS)[None, :])
        found = np.searchsorted(self._home_edges, u * self._home_edges[-1], side="right")
        items = np.minimum(found, len(self._home) - 1)
        return Shown.of(rows, items, self._home[items], np.zeros(len(rows), np.int64))

    def candidates(self, users: Codes, day: int, page: int, kind: Codes, colour: Codes) -> Codes:
        """Shape (n, candidates): what a category page or a search finds (colour below 0: none wished).

        Popular products come more often; -1 where nothing is on sale. The page shows a few of these, see `listing`.
        """
        keys = (users[:, None], day, page, np.arange(CANDIDATES)[None, :])
        width = len(COLOURS)
        whole = self._range(kind * width, (kind + 1) * width)
        wished = self._range(kind * width + np.maximum(colour, 0), kind * width + np.maximum(colour, 0) + 1)
        share = np.where((colour >= 0) & (wished[1] > wished[0]), _COLOUR_SHARE, 0.0)
        narrow = self._draws.uniform("listing range", *keys) < share[:, None]
        low = np.where(narrow, wished[0][:, None], whole[0][:, None])
        high = np.where(narrow, wished[1][:, None], whole[1][:, None])
        target = low + self._draws.uniform("listing", *keys) * (high - low)
        found = np.minimum(np.searchsorted(self._edges, target, side="right") - 1, len(self._order) - 1)
        return np.where(high > low, self._order[found], -1)

    @staticmethod
    def listing(rows: Codes, found: Codes, fit: Floats, source: Codes) -> Shown:
        """The first page after the shopper has set filters: the candidates that fit best, in the shop's order.

        Whatever drives the filters is the shopper's own, so these impressions carry no propensity.
        """
        slots = found.shape[1]
        again = ((found[:, :, None] == found[:, None, :]) & np.tril(np.ones((slots, slots), bool), -1)).any(axis=2)
        fit = np.where((found >= 0) & ~again, fit, -np.inf)
        chosen = np.sort(np.argsort(-settle(fit), axis=1, kind="stable")[:, :LISTING_SLOTS], axis=1)
        line = np.arange(len(rows))[:, None]
        items = np.where(np.isfinite(fit[line, chosen]), found[line, chosen], -1)
        # Slots left empty close up.
        items = items[line, np.argsort(items < 0, axis=1, kind="stable")]
        shown = Shown.of(rows, items, np.zeros(items.shape), source)
        return Shown(shown.rows, shown.positions, shown.items, np.full(len(shown.rows), np.nan), shown.source)

    def _range(self, start: Codes, stop: Codes) -> tuple[Floats, Floats]:
        return self._edges[self._bounds[start]], self._edges[self._bounds[stop]]

    def reorder(self, users: Codes, rows: Codes, day: int, memory: Memory) -> Shown:
        """Things that should be used up by now, the longest overdue first."""
        last = memory.last_day[users[rows]]
        overdue = (day - last) / np.maximum(KIND_LASTS, 1)
        overdue = np.where((KIND_LASTS > 0) & (last > NEVER) & (overdue > 0.8) & (overdue < 3.0), overdue, 0.0)
        best = np.argsort(-settle(overdue), axis=1, kind="stable")[:, :_REORDER_SLOTS]
        line = np.arange(len(rows))[:, None]
        items = np.where(overdue[line, best] > 0, memory.last_item[users[rows]][line, best], -1)
        items = np.where((items >= 0) & self.on_sale[items], items, -1)
        shown = Shown.of(rows, items, np.zeros(items.shape), np.full(len(rows), 3))
        return Shown(shown.rows, shown.positions, shown.items, np.ones(len(shown.rows)), shown.source)
