"""From the candidates that passed the rules to the list that is shown: caps, diversity, calibration, paid places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from shopr.recommend.rerank import Calibration, Cap, category_shares, rerank
from shopr.recommend.rules import Merchandising

__all__ = ["Listing", "arrange"]


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


def arrange(
    rules: Merchandising,
    items: NDArray[np.integer],
    scores: NDArray[np.floating],
    products: pd.DataFrame,
    k: int,
    *,
    vectors: NDArray[np.floating] | sparse.csr_matrix | None = None,
    histories: sparse.csr_matrix | None = None,
    barred: NDArray[np.bool_] | None = None,
) -> Listing:
    """Lists of at most min(k, rules.most) items that keep caps, diversity, calibration and sponsored slots.

    Args:
        items, scores: shape (n, c), candidates that passed `apply`, best first; take c well above k (5 k).
        products: the catalogue in item-code order.
        vectors: item vectors for diversity; without them diversity is left out.
        histories: CSR (n, n_items) for calibration; without it calibration is left out.
        barred: shape (n_items,), True for items that may not even be sponsored (as sold out).
    """
    k = min(k, rules.most)
    caps = []
    brand, _ = _codes(products["brand"])
    category, n_categories = _codes(_level(products["category"], rules.category_level))
    if rules.max_per_brand is not None:
        caps.append(Cap(brand, rules.max_per_brand))
    if rules.max_per_category is not None:
        caps.append(Cap(category, rules.max_per_category))
    calibration = None
    if rules.calibration and histories is not None and n_categories:
        calibration = Calibration(category, category_shares(histories, category, n_categories), rules.calibration)
    slots = _slots(rules, products, k, barred)
    paid = np.array([code for _, code, _ in slots], np.int64)
    # A paid product must not stand twice in one list.
    own = np.where(np.isin(items, paid), -1, items)
    chosen, kept = rerank(
        own,
        np.where(own < 0, -np.inf, scores),
        k,
        vectors=vectors,
        diversity=rules.diversity if vectors is not None else 0.0,
        calibration=calibration,
        caps=caps,
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


def _slots(
    rules: Merchandising, products: pd.DataFrame, k: int, barred: NDArray[np.bool_] | None
) -> list[tuple[int, int, str]]:
    place = {str(p): i for i, p in enumerate(products["product_id"])} if rules.sponsored else {}
    found = [(slot.position - 1, place.get(slot.product, -1), slot.label) for slot in rules.sponsored]
    return [s for s in found if s[1] >= 0 and s[0] < k and not (barred is not None and barred[s[1]])]


def _level(paths: pd.Series, depth: int) -> pd.Series:
    return paths.fillna("").astype(str).str.split(" > ").str[:depth].str.join(" > ")


def _codes(names: pd.Series) -> tuple[NDArray[np.int64], int]:
    """A code for each name, -1 for none, and how many there are."""
    codes, unique = pd.factorize(names.where(names.fillna("") != ""))
    return codes.astype(np.int64), len(unique)
