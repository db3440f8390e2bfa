"""User-item pairs of an interaction log, where one pair may have many rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shopr.data.interactions import Interactions
from shopr.errors import UnknownNameError

__all__ = ["pair_keys", "tail_of_groups", "unique_pairs"]


def pair_keys(interactions: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sorted distinct pairs as `user * n_items + item`, and the position in them of each row's pair."""
    keys = interactions.users.astype(np.int64) * interactions.n_items + interactions.items
    unique, inverse = np.unique(keys, return_inverse=True)
    return unique, inverse.reshape(-1)


def unique_pairs(interactions: Interactions, keep: Literal["first", "last"] = "last") -> Interactions:
    """One row a user-item pair: weights summed, the time (and rating) of its first or last interaction."""
    if keep not in ("first", "last"):
        raise UnknownNameError("choice", keep, ("first", "last"))
    keys, inverse = pair_keys(interactions)
    position = np.arange(len(inverse))
    time = position if interactions.times is None else interactions.times
    order = np.lexsort((position, time, inverse))
    edge = np.ones(len(order), bool)
    if keep == "last":
        edge[:-1] = inverse[order][1:] != inverse[order][:-1]
    else:
        edge[1:] = inverse[order][1:] != inverse[order][:-1]
    kept = order[edge]
    weights = np.bincount(inverse, weights=interactions.weights, minlength=len(keys)).astype(np.float32)
    back = np.sort(kept)
    return replace(interactions.take(back), weights=weights[inverse[back]])


def tail_of_groups(
    groups: NDArray[np.int64],
    key: NDArray[np.float64] | NDArray[np.int64],
    share: float,
    *,
    tie: NDArray[np.float64] | None = None,
    keep_one: bool = False,
) -> NDArray[np.bool_]:
    """The `round(share * n)` entries with the largest keys of every group of n entries, at least one if n >= 2."""
    order = np.lexsort((key, groups)) if tie is None else np.lexsort((tie, key, groups))
    _, start, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    held = np.rint(share * sizes).astype(np.int64)
    held = np.where(sizes >= 2, np.maximum(held, 1), held)
    if keep_one:
        held = np.minimum(held, sizes - 1)
    rank = np.arange(len(order)) - np.repeat(start, sizes)
    mask = np.zeros(len(order), bool)
    mask[order] = rank >= np.repeat(sizes - held, sizes)
    return mask
