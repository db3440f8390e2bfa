"""Why a score is what it is: parts that sum to it, for many pairs of shopper and product at once.

Reasons are kept in columns (which pair, which source, how much) until somebody reads them, so that twenty products
cost one gather from the model's matrix and not twenty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.ids import IdMap
from shopr.errors import InputError

if TYPE_CHECKING:
    from shopr.data.interactions import Histories
    from shopr.recommend.contract.base import Recommender

__all__ = [
    "POPULAR",
    "REST",
    "Contribution",
    "Explanation",
    "Kind",
    "Parts",
    "asked",
    "entries_of",
    "gathered",
    "parts_of",
    "read",
]

Kind = Literal["history", "attribute", "popularity", "context", "model"]
POPULAR = "popular with other shoppers"
"""The reason given to people without history."""
REST = "everything else"
"""The label of what is not listed by itself."""
_BLOCK_CELLS = 2**23
"""Scores and parts that one block of histories may hold."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One reason for a score, with its share of it.

    `label` is the product id for a history item, else words for people: an attribute, a context, a model's name.
    """

    kind: Kind
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item scored as it did; the contributions sum to the score."""

    user: int
    item: int
    score: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of the scores of n pairs of a history and an item, in columns.

    Attributes:
        n: pairs.
        pair: shape (m,), within 0 … n-1.
        source: shape (m,): the code of an item of the history where >= 0, else `words[-1 - source]`.
        value: shape (m,), float64: what the source adds to the pair's score.
        words: kind and label of the sources that are no items.
    """

    n: int
    pair: NDArray[np.int64]
    source: NDArray[np.int64]
    value: NDArray[np.float64]
    words: tuple[tuple[Kind, str], ...] = ()

    @classmethod
    def of_items(cls, n: int, pair: NDArray[np.integer], items: NDArray[np.integer], values: Any) -> Self:
        """What items of the histories add."""
        return cls(n, np.asarray(pair, np.int64), np.asarray(items, np.int64), np.asarray(values, np.float64))

    @classmethod
    def said(cls, kind: Kind, label: str, values: Any) -> Self:
        """One reason that every pair has, `values` (n,) being what it adds."""
        n = len(values)
        return cls(n, np.arange(n), np.full(n, -1, np.int64), np.asarray(values, np.float64), ((kind, label),))

    @classmethod
    def merged(cls, parts: Sequence[Parts]) -> Self:
        """The parts of sums: what two of them say of one pair and source is added up."""
        known: dict[tuple[Kind, str], int] = {}
        sources = []
        for part in parts:
            codes = np.array([-1 - known.setdefault(word, len(known)) for word in part.words], np.int64)
            spoken = part.source < 0
            source = part.source.copy()
            source[spoken] = codes[-1 - source[spoken]] if len(codes) else source[spoken]
            sources.append(source)
        source, pair = np.concatenate(sources), np.concatenate([part.pair for part in parts])
        low = int(source.min(initial=0))
        keys = pair * (int(source.max(initial=0)) - low + 1) + (source - low)
        _, first, place = np.unique(keys, return_index=True, return_inverse=True)
        values = np.concatenate([part.value for part in parts])
        total = np.bincount(place, weights=values, minlength=len(first)).astype(np.float64)
        return cls(parts[0].n, pair[first], source[first], total, tuple(known))

    def scaled(self, factors: NDArray[np.floating] | float) -> Parts:
        """Every pair's parts times its factor, `factors` (n,) or one for all."""
        by = np.broadcast_to(np.asarray(factors, np.float64), (self.n,))
        return replace(self, value=self.value * by[self.pair])

    def scores(self) -> NDArray[np.float64]:
        """Shape (n,): the sum of each pair's parts."""
        return np.bincount(self.pair, weights=self.value, minlength=self.n).astype(np.float64)


def entries_of(matrix: sparse.csr_matrix, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The stored entries of CSR rows, row after row: which of `rows` each belongs to, and its place in `data`."""
    start = matrix.indptr[rows].astype(np.int64)
    lengths = matrix.indptr[np.asarray(rows) + 1] - start
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(rows)), lengths)
    entry = np.repeat(start - ends + lengths, lengths) + np.arange(int(ends[-1]) if len(ends) else 0)
    return owner, entry


def gathered(matrix: Any, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.float64]:
    """Shape of `rows`: `matrix[rows[i], columns[i]]` of a dense array or a CSR matrix, by one binary search for all.

    The indices of a CSR matrix are sorted first where they are not.
    """
    if not sparse.issparse(matrix):
        return np.asarray(matrix[rows, columns], np.float64)
    if not matrix.has_sorted_indices:
        matrix.sort_indices()
    if matrix.nnz == 0:
        return np.zeros(len(rows))
    indices, last = matrix.indices, matrix.nnz - 1
    low, end = matrix.indptr[rows].astype(np.int64), matrix.indptr[np.asarray(rows) + 1].astype(np.int64)
    size = end - low
    while size.max(initial=0) > 0:
        half = size >> 1
        middle = np.minimum(low + half, last)
        above = (indices[middle] < columns) & (size > 0)
        low = np.where(above, middle + 1, low)
        size = np.where(above, size - half - 1, half)
    place = np.minimum(low, last)
    found = (low < end) & (indices[place] == columns)
    return np.where(found, matrix.data[place], 0.0).astype(np.float64)


def asked(
    rows: NDArray[np.integer], items: NDArray[np.integer], n_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row and item of each pair asked for.

    Args:
        rows: shape (n,), which history each row of `items` is about.
        items: shape (n,), or (n, k) with -1 where a list is short.

    Raises:
        InputError: if a code is out of range or the shapes do not match.
    """
    wanted = np.asarray(items, np.int64)
    if wanted.shape[:1] != rows.shape or wanted.ndim > 2:
        raise InputError(f"items of shape {wanted.shape} for {len(rows)} shoppers", hint="Give one row a shopper")
    if wanted.size and (wanted.max() >= n_items or wanted.min() < -1):
        raise InputError(
            f"item codes span {wanted.min()} to {wanted.max()}, the model knows 0 to {n_items - 1}",
            hint="Encode ids with model.item_ids.encode()",
        )
    owner = np.repeat(np.asarray(rows, np.int64), wanted.shape[1] if wanted.ndim == 2 else 1)
    wanted = wanted.reshape(-1)
    return owner[wanted >= 0], wanted[wanted >= 0]


def parts_of(model: Recommender, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
    """Parts of the scores of item `items[i]` given history `rows[i]`: popularity where that is empty.

    In blocks of histories, so that memory stays bounded.
    """
    lengths = np.diff(histories.matrix.indptr).astype(np.int64)
    cost = model.n_items + 8 * np.bincount(rows, minlength=len(histories)) * lengths
    block = np.cumsum(cost) // _BLOCK_CELLS
    if not len(rows) or block[-1] == block[0]:
        return _block(model, histories, rows, items)
    found = []
    for number in np.unique(block[rows]).tolist():
        start, stop = np.searchsorted(block, [number, number + 1]).tolist()
        places = np.flatnonzero((rows >= start) & (rows < stop))
        part = _block(model, histories.rows(start, stop), rows[places] - start, items[places])
        found.append(replace(part, n=len(rows), pair=places[part.pair]))
    return Parts.merged(found)


def _block(model: Recommender, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
    cold = np.diff(histories.matrix.indptr)[rows] == 0
    warm = np.flatnonzero(~cold)
    if len(warm) == len(rows) and len(rows):
        return model._parts(histories, rows, items)
    popular = Parts.said("popularity", POPULAR, np.where(cold, model.fallback[items], 0.0))
    if not len(warm):
        return popular
    part = model._parts(histories, rows[warm], items[warm])
    return Parts.merged([popular, replace(part, n=len(rows), pair=warm[part.pair])])


def read(  # noqa: PLR0917 - columns of one table
    parts: Parts,
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    ids: IdMap,
    name: str,
    most: int | None = None,
) -> list[Explanation]:
    """One explanation a pair, the largest contributions first.

    Args:
        users, items: shape (n,), codes of the pairs.
        ids: of the items.
        name: of the model, whose reason of 0 stands where nothing moved the score.
        most: list so many at most, and the others as one; None lists all.

    Raises:
        InputError: if `most` is below 1.
    """
    if most is not None and most < 1:
        raise InputError(f"most is {most}", hint="List 1 reason or more, or None for all")
    scores = parts.scores()
    moved = np.flatnonzero(parts.value)
    moved = moved[np.lexsort((-np.abs(parts.value[moved]), parts.pair[moved]))]
    pair = parts.pair[moved]
    edges = np.searchsorted(pair, np.arange(parts.n + 1))
    rest: NDArray[np.float64] | None = None
    if most is not None and len(moved) and np.diff(edges).max() > most:
        late = np.arange(len(moved)) - edges[pair] >= most
        rest = np.bincount(pair[late], weights=parts.value[moved[late]], minlength=parts.n).astype(np.float64)
        cut = np.flatnonzero(np.diff(edges) > most)
        moved, pair = moved[~late], pair[~late]
        edges = np.searchsorted(pair, np.arange(parts.n + 1))
    flat = _contributions(parts, moved, ids)
    found = [flat[start:stop] for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
    if rest is not None:
        for place in cut.tolist():
            found[place].append(Contribution("model", REST, float(rest[place])))
            found[place].sort(key=lambda part: -abs(part.value))
    nothing = [Contribution("model", name, 0.0)]
    columns = zip(np.asarray(users).tolist(), np.asarray(items).tolist(), scores.tolist(), found, strict=True)
    return [Explanation(user, item, score, tuple(own or nothing)) for user, item, score, own in columns]


def _contributions(parts: Parts, chosen: NDArray[np.int64], ids: IdMap) -> list[Contribution]:
    source = parts.source[chosen]
    labels = np.empty(len(chosen), object)
    kinds = np.full(len(chosen), "history", object)
    labels[source >= 0] = ids.ids[source[source >= 0]]
    spoken = np.flatnonzero(source < 0)
    if len(spoken):
        words = np.array(parts.words, object).reshape(-1, 2)[-1 - source[spoken]]
        kinds[spoken], labels[spoken] = words[:, 0], words[:, 1]
    return list(map(Contribution, kinds.tolist(), labels.tolist(), parts.value[chosen].tolist()))
