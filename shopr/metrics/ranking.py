"""How good ranked lists are against what users really took later: one number a user and measure.

Gains are binary. All measures come from one matrix of hits, found by looking up `row * n_items + item` among the sorted
keys of the truth, so that the cost is that of the lists and the truth, never of users times items.

    ndcg        sum of 1 / log2(rank + 1) over the hits, divided by the same sum of the best possible list of
                min(k, |test|) hits (Järvelin & Kekäläinen 2002)
    recall      hits / |test|
    precision   hits / k
    map         mean of precision@rank over the hits, divided by min(k, |test|)
    mrr         1 / rank of the first hit, 0 without one
    hit_rate    1 with any hit, else 0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.errors import InputError

__all__ = ["METRICS", "evaluate", "evaluate_at", "hits", "summarise"]

METRICS = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate")
"""The measures that `evaluate` returns."""


def evaluate(items: NDArray[np.integer], truth: sparse.csr_matrix, k: int) -> dict[str, NDArray[np.float64]]:
    """Quality of the first `k` places of each list.

    Args:
        items: shape (n, width), item codes, best first; -1 pads a short list. Lists narrower than `k` count as padded.
            An item that a list repeats counts at its first place only.
        truth: CSR (n, n_items): what each user took; the values do not matter, explicit zeros are left out.
        k: the cut-off, >= 1.

    Returns:
        A float64 array of shape (n,) for each name in `METRICS`; NaN for users without truth.

    Raises:
        InputError: if the shapes do not match, a code is out of range or k < 1.
    """
    return evaluate_at(items, truth, (k,))[k]


def evaluate_at(
    items: NDArray[np.integer], truth: sparse.csr_matrix, cutoffs: Sequence[int]
) -> dict[int, dict[str, NDArray[np.float64]]]:
    """`evaluate` at several cut-offs for the price of one look-up: cut-off -> measure -> per-user array.

    Raises:
        InputError: as `evaluate`.
    """
    if not cutoffs or min(cutoffs) < 1:
        raise InputError(f"cut-offs {list(cutoffs)}", hint="Give whole numbers of 1 or more")
    deepest = max(cutoffs)
    hit, relevant = hits(np.asarray(items)[..., :deepest], truth)
    rank = np.arange(1, deepest + 1)
    discount = 1.0 / np.log2(rank + 1)
    row, col = np.nonzero(hit)
    # The n-th hit of a row stands at rank `col + 1`, so precision there is n / rank.
    nth = np.arange(len(row)) - np.searchsorted(row, row) + 1
    return {k: _measures((row, col, nth), relevant, k, discount) for k in cutoffs}


def hits(items: NDArray[np.integer], truth: sparse.csr_matrix) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Places of each list that hold an item of the user's truth (first occurrences only), and the size of each truth.

    Returns:
        Booleans of the shape of `items`, and counts of shape (n,).

    Raises:
        InputError: if the shapes do not match or a code is out of range.
    """
    items = np.asarray(items)
    n, n_items = truth.shape
    if items.ndim != 2 or len(items) != n:
        raise InputError(
            f"lists have shape {items.shape}, the truth has {n} users",
            hint="Give one row of items for each row of truth",
        )
    if items.size and (int(items.max()) >= n_items or int(items.min()) < -1):
        raise InputError(
            f"item codes span {items.min()} to {items.max()}, the truth knows 0 to {n_items - 1}",
            hint="Encode both with the same item ids; -1 pads",
        )
    owner = np.repeat(np.arange(n, dtype=np.int64), np.diff(truth.indptr))
    keep = truth.data != 0
    keys = owner[keep] * n_items + truth.indices[keep]
    if len(keys) and not (keys[1:] > keys[:-1]).all():
        keys = np.unique(keys)
    relevant = np.bincount(keys // n_items, minlength=n).astype(np.int64) if len(keys) else np.zeros(n, np.int64)
    wanted = np.arange(n, dtype=np.int64)[:, None] * n_items + items
    found = np.zeros(items.shape, bool)
    if len(keys) and items.size:
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        flat = np.flatnonzero((keys[place] == wanted) & (items >= 0))
        _, first = np.unique(wanted.ravel()[flat], return_index=True)
        found.ravel()[flat[first]] = True
    return found, relevant


def summarise(measures: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """The mean of each measure over the users that have truth; NaN where none has."""
    means = {}
    for name, values in measures.items():
        known = values[~np.isnan(values)]
        means[name] = float(known.mean()) if len(known) else float("nan")
    return means


def _measures(
    found: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    relevant: NDArray[np.int64],
    k: int,
    discount: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """The measures at one cut-off from the hits as (row, column, how many hits of the row so far)."""
    n = len(relevant)
    inside = found[1] < k
    row, col, nth = (part[inside] for part in found)
    reachable = np.minimum(relevant, k)
    ideal = np.concatenate([[np.nan], np.cumsum(discount[:k])])[reachable]
    total = np.where(relevant > 0, relevant, np.nan).astype(np.float64)
    count = np.bincount(row, minlength=n).astype(np.float64)
    gain = np.bincount(row, weights=discount[col], minlength=n)
    precisions = np.bincount(row, weights=nth / (col + 1), minlength=n)
    first = np.bincount(row, weights=np.where(nth == 1, 1.0 / (col + 1), 0.0), minlength=n)
    void = np.where(relevant > 0, 0.0, np.nan)
    return {
        "ndcg": gain / ideal,
        "recall": count / total,
        "precision": count / k + void,
        "map": precisions / np.where(relevant > 0, reachable, np.nan),
        "mrr": first + void,
        "hit_rate": (count > 0) + void,
    }
