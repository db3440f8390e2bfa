"""From the candidates that passed the rules to the list that is shown: caps, diversity, calibration, paid places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from shopr.recommend.lists.rerank import Calibration, Cap, category_shares, rerank
from shopr.recommend.lists.rules import Merchandising

__all__ = ["Listing", "Shelf", "arrange"]


@dataclass(frozen=True)
class Listing:
    """Arranged lists.

    Attributes:
        items: shape (n, k), item codes in the order of display; -1 where nothing is left.
        scores: shape (n, k), the model's scores; they need not fall, since order follows the rules.
        labels: shape (n, k), "" or the label of a sponsored place.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    labels: NDArray[np.object_]


class Shelf:
    """What arranging needs to know of the products, computed once for all replies.

    Args:
        rules: the rules in force.
        products: the catalogue in item-code order.

    Attributes:
        rules: as given.
        brand, category: shape (n_items,), a code for each name at the rules' level; -1 for none.
        n_categories: how many there are.
        slots: (place from 0, item code, label) of the paid places whose product exists.
    """

    def __init__(self, rules: Merchandising, products: pd.DataFrame) -> None:
        self.rules = rules
        self.brand, _ = _codes(products["brand"])
        self.category, self.n_categories = _codes(_level(products["category"], rules.category_level))
        self.slots = _slots(rules, products)

    def caps(self) -> list[Cap]:
        """The caps that the rules ask for."""
        wanted = ((self.brand, self.rules.max_per_brand), (self.category, self.rules.max_per_category))
        return [Cap(groups, most) for groups, most in wanted if most is not None]


def arrange(
    rules: Merchandising,
    items: NDArray[np.integer],
    scores: NDArray[np.floating],
    products: pd.DataFrame | Shelf,
    k: int,
    *,
    vectors: NDArray[np.floating] | sparse.csr_matrix | None = None,
    histories: sparse.csr_matrix | None = None,
    barred: NDArray[np.bool_] | None = None,
) -> Listing:
    """Lists of at most min(k, rules.most) items that keep caps, diversity, calibration and sponsored slots.

    Args:
        items, scores: shape (n, c), candidates that passed `apply`, best first; take c well above k (5 k).
        products: the catalogue in item-code order, or a `Shelf` made of it and the same rules: a reply is to be fast.
        vectors: item vectors for diversity; without them diversity is left out.
        histories: CSR (n, n_items) for calibration; without it calibration is left out.
        barred: shape (n_items,), True for items that may not even be sponsored (as sold out).
    """
    shelf = products if isinstance(products, Shelf) else Shelf(rules, products)
    k = min(k, rules.most)
    calibration = None
    if rules.calibration and histories is not None and shelf.n_categories:
        shares = category_shares(histories, shelf.category, shelf.n_categories)
        calibration = Calibration(shelf.category, shares, rules.calibration)
    slots = [s for s in shelf.slots if s[0] < k and not (barred is not None and barred[s[1]])]
    own = items
    if slots:
        # A paid product must not stand twice in one list.
        own = np.where(np.isin(items, [code for _, code, _ in slots]), -1, items)
    chosen, kept = rerank(
        own,
        np.where(own < 0, -np.inf, scores),
        k,
        vectors=vectors,
        diversity=rules.diversity if vectors is not None else 0.0,
        calibration=calibration,
        caps=shelf.caps(),
    )
    return _with_slots(chosen, kept, slots)


def _with_slots(items: NDArray[np.int32], scores: NDArray[np.float32], slots: list[tuple[int, int, str]]) -> Listing:
    labels = np.full(items.shape, "", dtype=object)
    k = items.shape[1]
    if slots and len(items):
        # A list shorter than a paid place would leave a gap: the place moves up to the end of the shortest list.
        shortest = int((items >= 0).sum(axis=1).min())
        slots = [(min(place, shortest + i), code, label) for i, (place, code, label) in enumerate(sorted(slots))]
    for place, code, label in slots:
        items = np.insert(items, place, code, axis=1)[:, :k]
        scores = np.insert(scores, place, np.nan, axis=1)[:, :k]
        labels = np.insert(labels, place, label, axis=1)[:, :k]
    return Listing(items, scores, labels)


def _slots(rules: Merchandising, products: pd.DataFrame) -> list[tuple[int, int, str]]:
    place = {str(p): i for i, p in enumerate(products["product_id"])} if rules.sponsored else {}
    found = [(slot.position - 1, place.get(slot.product, -1), slot.label) for slot in rules.sponsored]
    return [s for s in found if s[1] >= 0]


def _level(paths: pd.Series, depth: int) -> pd.Series:
    return paths.fillna("").astype(str).str.split(" > ").str[:depth].str.join(" > ")


def _codes(names: pd.Series) -> tuple[NDArray[np.int64], int]:
    """A code for each name, -1 for none, and how many there are."""
    codes, unique = pd.factorize(names.where(names.fillna("") != ""))
    return codes.astype(np.int64), len(unique)
