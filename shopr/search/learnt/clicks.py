"""Clicks on search results, and how much of them is owed to the place where a product stood.

The position-based model (Richardson et al. 2007; Joachims et al. 2017): a result is clicked if it is looked at, which
depends on its place alone, and attracts, which depends on query and product alone. Expectation maximisation (Wang et
al. 2018) tells the two apart where the same product was shown for the same query at different places, which
`shuffled` provides for: it exchanges two results of a list at random, and costs little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.errors import InputError, NotReadyError
from shopr.randomness import generator

__all__ = ["ClickLog", "examination", "shuffled"]

_ROUNDS = 500
_SMALLEST = 0.01
_CLOSE = 1e-6
_LEAST_CROSSED = 20
"""Times that products must have been shown at another place than before."""


@dataclass(frozen=True)
class ClickLog:
    """Results that were shown, one row each.

    Attributes:
        session: the list that each belongs to. query, product: integer codes. place: from 0.
        clicked: whether it was. base: the score that the list was ordered by. features: shape (rows, features).
        names: of the features.
    """

    session: NDArray[np.int64]
    query: NDArray[np.int64]
    product: NDArray[np.int64]
    place: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    base: NDArray[np.float64]
    features: NDArray[np.float64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        rows = len(self.session)
        columns = (self.query, self.product, self.place, self.clicked, self.base)
        if any(column.shape != (rows,) for column in columns) or self.features.shape != (rows, len(self.names)):
            raise InputError(f"a click log of {rows} rows has columns of other lengths", hint="Give one value a row")
        if rows and (int(self.place.min()) < 0 or int(self.place.max()) >= 1000):
            raise InputError("a place lies outside 0 … 999", hint="Count places from 0")
        if not (np.isfinite(self.base).all() and np.isfinite(self.features).all()):
            raise InputError("a score or feature is not finite", hint="Leave such rows out")

    def __len__(self) -> int:
        return len(self.session)

    def take(self, mask: NDArray[np.bool_]) -> ClickLog:
        """Some of the rows."""
        whole = (self.session[mask], self.query[mask], self.product[mask], self.place[mask])
        return ClickLog(*whole, self.clicked[mask], self.base[mask], self.features[mask], self.names)


def shuffled(rows: NDArray[np.int64], *, seed: int, stream: str = "") -> NDArray[np.int64]:
    """A list with two random results exchanged: what tells the effect of the place from that of the product.

    Args:
        stream: names the list, so that every list has draws of its own.
    """
    out = np.array(rows)
    if len(out) > 1:
        first, second = generator(seed, "search-shuffle", stream).choice(len(out), 2, replace=False)
        out[[first, second]] = out[[second, first]]
    return out


def examination(log: ClickLog) -> NDArray[np.float64]:
    """How likely a result at each place is looked at, relative to the most looked-at place.

    Raises:
        NotReadyError: if hardly any product was shown at two places for one query, so that nothing can be told.
    """
    _, pair = np.unique(np.stack([log.query, log.product], axis=1), axis=0, return_inverse=True)
    pair = pair.ravel()
    places = int(log.place.max(initial=-1)) + 1
    cells, cell = np.unique(pair * places + log.place, return_inverse=True)
    shown = np.bincount(cell).astype(np.float64)
    clicks = np.bincount(cell, log.clicked).astype(np.float64)
    at, place = cells // max(places, 1), cells % max(places, 1)
    total = np.bincount(at, shown)
    crossed = float((total - np.maximum.reduceat(shown, np.unique(at, return_index=True)[1])).sum()) if len(at) else 0.0
    if crossed < _LEAST_CROSSED or not clicks.any():
        raise NotReadyError(
            f"products were shown {crossed:.0f} times away from their usual place, {_LEAST_CROSSED} are needed",
            hint="Let search exchange two results at random for a share of the lists",
        )
    return _em(shown, clicks, at, place, places)


def _em(
    shown: NDArray[np.float64],
    clicks: NDArray[np.float64],
    at: NDArray[np.int64],
    place: NDArray[np.int64],
    places: int,
) -> NDArray[np.float64]:
    """Both probabilities in turn, each from what the other leaves to be explained."""
    looked = 1.0 / (1.0 + np.arange(places))
    pairs = int(at.max()) + 1
    rate = float(clicks.sum() / shown.sum())
    attract = np.full(pairs, min(2 * rate, 0.5))
    at_place, of_pair = np.bincount(place, shown, places), np.bincount(at, shown, pairs)
    missed = shown - clicks
    for _ in range(_ROUNDS):
        chance = looked[place] * attract[at]
        rest = np.maximum(1.0 - chance, 1e-12)
        seen = clicks + missed * looked[place] * (1 - attract[at]) / rest
        good = clicks + missed * (1 - looked[place]) * attract[at] / rest
        fresh = np.bincount(place, seen, places) / np.maximum(at_place, 1e-12)
        # A pair that was shown once must not be certain: one more showing at the usual rate is added.
        attract = (np.bincount(at, good, pairs) + min(2 * rate, 0.5)) / (of_pair + 1.0)
        moved = float(np.abs(fresh - looked).max())
        looked = np.clip(fresh, 1e-6, 1.0)
        if moved < _CLOSE:
            break
    result: NDArray[np.float64] = np.maximum(looked / looked.max(), _SMALLEST)
    return result
