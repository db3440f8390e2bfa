"""Last touch: which click or cart a purchase counts for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["last_touch"]


def last_touch(
    keys: NDArray[np.integer], times: NDArray[np.int64], touched: NDArray[np.bool_], within: int
) -> NDArray[np.int64]:
    """For each row that is no touch, the row of the latest touch of the same key at or before it; -1 for none.

    Args:
        keys: shape (n,), such as codes of a person and a product; rows with one below 0 are of nobody.
        times: shape (n,), in microseconds.
        touched: whether each row is a touch.
        within: microseconds that a touch counts.
    """
    found = np.full(len(keys), -1, np.int64)
    rows = np.flatnonzero(keys >= 0)
    order = rows[np.lexsort((~touched[rows], times[rows], keys[rows]))]
    if not len(order):
        return found
    places = np.arange(len(order))
    last = np.maximum.accumulate(np.where(touched[order], places, -1))
    first = np.maximum.accumulate(np.where(np.diff(keys[order], prepend=-1) != 0, places, 0))
    asks = ~touched[order] & (last >= first)
    touch = order[last[asks]]
    soon = times[order[asks]] - times[touch] <= within
    found[order[asks][soon]] = touch[soon]
    return found
