"""What accuracy does not show: how much of the shop is ever recommended, how new, how varied, how personal.

Lists are arrays (n users, k) of item codes; -1 pads. Nothing here is of size users times items.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.errors import InputError

__all__ = [
    "average_popularity",
    "beyond_accuracy",
    "coverage",
    "diversity_by_label",
    "diversity_by_vector",
    "exposure",
    "gini",
    "novelty",
    "personalisation",
    "tail_share",
]

HEAD_SHARE = 0.8
"""The head of a catalogue: the fewest items that together have this share of all interactions; the rest is the tail."""


def exposure(items: NDArray[np.integer], n_items: int) -> NDArray[np.int64]:
    """Shape (n_items,): in how many lists each item stands.

    Raises:
        InputError: if a code is out of range.
    """
    items = np.asarray(items)
    if items.size and (int(items.max()) >= n_items or int(items.min()) < -1):
        raise InputError(
            f"item codes span {items.min()} to {items.max()}, the catalogue has 0 to {n_items - 1}",
            hint="Encode them with the same item ids; -1 pads",
        )
    return np.bincount(items[items >= 0].ravel(), minlength=n_items).astype(np.int64)


def coverage(items: NDArray[np.integer], n_items: int) -> float:
    """Share of the catalogue that stands in any list."""
    return float((exposure(items, n_items) > 0).mean()) if n_items else float("nan")


def gini(counts: NDArray[np.number]) -> float:
    """Gini coefficient of counts >= 0: 0 where all are equal, near 1 where one has everything; NaN where all are 0."""
    sorted_counts = np.sort(np.asarray(counts, np.float64))
    n, total = len(sorted_counts), float(sorted_counts.sum())
    if n == 0 or total == 0:
        return float("nan")
    rank = np.arange(1, n + 1)
    return float((2 * rank - n - 1) @ sorted_counts / (n * total))


def novelty(items: NDArray[np.integer], popularity: NDArray[np.number], n_users: int) -> NDArray[np.float64]:
    """Shape (n,): mean self-information -log2(share of users with the item) of a list (Zhou et al. 2010).

    Args:
        popularity: shape (n_items,), users of each item in training; an item of none counts as one of one.
        n_users: users in training.

    Returns:
        NaN for empty lists.
    """
    share = np.maximum(np.asarray(popularity, np.float64), 1.0) / max(n_users, 1)
    return _list_means(items, -np.log2(share))


def average_popularity(items: NDArray[np.integer], popularity: NDArray[np.number]) -> NDArray[np.float64]:
    """Shape (n,): mean training users of a list's items (ARP, Yin et al. 2012); NaN if empty."""
    return _list_means(items, np.asarray(popularity, np.float64))


def tail_share(items: NDArray[np.integer], popularity: NDArray[np.number]) -> NDArray[np.float64]:
    """Shape (n,): share of a list's items outside the head (see `HEAD_SHARE`); NaN if empty."""
    counts = np.asarray(popularity, np.float64)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    tail = np.ones(len(counts))
    tail[order[before < HEAD_SHARE * counts.sum()]] = 0.0
    return _list_means(items, tail)


def diversity_by_label(items: NDArray[np.integer], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Shape (n,): share of a list's pairs whose labels differ (category, brand, colour); NaN with fewer than two items.

    Args:
        labels: shape (n_items,), codes >= 0; -1, an unknown label, differs from every other.
    """
    items = np.asarray(items)
    listed = items >= 0
    codes = np.where(listed, np.asarray(labels)[np.where(listed, items, 0)], -1)
    # Equal labels stand together once sorted: a run of length r has r (r - 1) / 2 equal pairs.
    codes = np.sort(codes, axis=1)
    row = np.repeat(np.arange(len(items)), items.shape[1])
    flat = codes.ravel()
    keys, counts = np.unique(
        row[flat >= 0] * (int(np.max(labels, initial=0)) + 1) + flat[flat >= 0], return_counts=True
    )
    same = np.bincount(
        keys // (int(np.max(labels, initial=0)) + 1), weights=counts * (counts - 1) / 2, minlength=len(items)
    )
    length = listed.sum(axis=1)
    return _ratio(length * (length - 1) / 2 - same, length * (length - 1) / 2)


def diversity_by_vector(
    items: NDArray[np.integer], vectors: sparse.csr_matrix | NDArray[np.floating]
) -> NDArray[np.float64]:
    """Shape (n,): mean cosine distance over a list's pairs (Ziegler et al. 2005); NaN with fewer than two items.

    Args:
        vectors: shape (n_items, d), dense or CSR; any length. An empty vector is at distance 1 from every other.
    """
    items = np.asarray(items)
    matrix = sparse.csr_matrix(vectors, dtype=np.float64)
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    unit = sparse.diags(1.0 / np.where(norms > 0, norms, 1.0)) @ matrix
    lists = _list_matrix(items, matrix.shape[0])
    total = (lists @ unit).tocsr()
    # |sum of unit vectors|^2 = their own squares + twice the cosines of all pairs.
    cosines = (np.asarray(total.multiply(total).sum(axis=1)).ravel() - lists @ (norms > 0).astype(np.float64)) / 2
    length = (items >= 0).sum(axis=1)
    pairs = length * (length - 1) / 2
    return _ratio(pairs - cosines, pairs)


def personalisation(items: NDArray[np.integer], n_items: int) -> float:
    """1 - mean cosine between the lists of two users: 0 where all get the same, 1 where no list shares an item.

    NaN with fewer than two lists; empty lists are left out.
    """
    items = np.asarray(items)
    lists = _list_matrix(items, n_items)
    length = np.asarray(lists.sum(axis=1)).ravel()
    lists, length = lists[length > 0], length[length > 0]
    n = len(length)
    if n < 2:
        return float("nan")
    total = np.asarray((sparse.diags(1.0 / np.sqrt(length)) @ lists).sum(axis=0)).ravel()
    return 1.0 - (float(total @ total) - n) / (n * (n - 1))


def beyond_accuracy(
    items: NDArray[np.integer],
    train: sparse.csr_matrix,
    *,
    labels: NDArray[np.integer] | None = None,
    vectors: sparse.csr_matrix | NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """All measures of this module as means over users.

    Args:
        train: CSR (n_users, n_items) of the training interactions.
        labels, vectors: for the two diversities, left out where not given.
    """
    n_users, n_items = train.shape
    popularity = np.bincount(train.indices, minlength=n_items)
    means: dict[str, Callable[[], NDArray[np.float64]]] = {
        "novelty": lambda: novelty(items, popularity, n_users),
        "average_popularity": lambda: average_popularity(items, popularity),
        "tail_share": lambda: tail_share(items, popularity),
    }
    if labels is not None:
        means["diversity_by_label"] = lambda: diversity_by_label(items, labels)
    if vectors is not None:
        means["diversity_by_vector"] = lambda: diversity_by_vector(items, vectors)
    out = {
        "coverage": coverage(items, n_items),
        "gini": gini(exposure(items, n_items)),
        "personalisation": personalisation(items, n_items),
    }
    for name, measure in means.items():
        values = measure()
        known = values[~np.isnan(values)]
        out[name] = float(known.mean()) if len(known) else float("nan")
    return out


def _list_means(items: NDArray[np.integer], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of an item's value over each list, NaN for empty lists."""
    items = np.asarray(items)
    listed = items >= 0
    total = np.where(listed, values[np.where(listed, items, 0)], 0.0).sum(axis=1)
    return _ratio(total, listed.sum(axis=1).astype(np.float64))


def _list_matrix(items: NDArray[np.integer], n_items: int) -> sparse.csr_matrix:
    """CSR (n, n_items): 1 where an item stands in a list."""
    listed = items >= 0
    indptr = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
    return sparse.csr_matrix((np.ones(int(indptr[-1])), items[listed], indptr), shape=(len(items), n_items))


def _ratio(above: NDArray[np.floating], below: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
