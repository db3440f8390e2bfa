"""Who did what with which product: a log of interactions, its id maps and its CSR matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.ids import IdMap
from shopr.errors import DataError

__all__ = ["Histories", "Interactions"]


@dataclass(frozen=True, slots=True)
class Histories:
    """Histories of some users, one row a user: what a recommender needs to score people it may never have seen.

    Attributes:
        matrix: CSR (n users, n items), float32 weights, sorted indices.
        times: shape (nnz,), Unix seconds of the last interaction of each stored pair, aligned with `matrix.data`;
            None if unknown.
        now: Unix seconds at which the recommendation is made; None if unknown. Recency is measured from each user's own
            last interaction where a model says so, else from `now`.
        ratings: shape (nnz,), float32 stars aligned with `matrix.data`, NaN where not rated; None without ratings.
    """

    matrix: sparse.csr_matrix
    times: NDArray[np.int64] | None = None
    now: int | None = None
    ratings: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def rows(self, start: int, stop: int) -> Histories:
        """Rows `start` … `stop` - 1, sharing memory where it can."""
        ptr = self.matrix.indptr
        times = None if self.times is None else self.times[ptr[start] : ptr[stop]]
        ratings = None if self.ratings is None else self.ratings[ptr[start] : ptr[stop]]
        return Histories(self.matrix[start:stop], times, self.now, ratings)

    def recode(self, codes: NDArray[np.integer], n_items: int) -> Histories:
        """The histories in another id map: item i becomes `codes[i]`; items with code -1 are left out.

        Args:
            codes: shape (n_items here,), at most one item for each new code.
            n_items: items in the other map.
        """
        matrix = self.matrix
        new = codes[matrix.indices]
        known = new >= 0
        row = np.repeat(np.arange(len(self)), np.diff(matrix.indptr))[known]
        order = np.lexsort((new[known], row))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(self)))]).astype(np.int32)
        indices = new[known][order].astype(np.int32)
        recoded = sparse.csr_matrix((matrix.data[known][order], indices, indptr), shape=(len(self), n_items))
        times = None if self.times is None else self.times[known][order]
        ratings = None if self.ratings is None else self.ratings[known][order]
        return Histories(recoded, times, self.now, ratings)

    def after(self, seconds: int) -> Histories:
        """Without what happened at or before Unix `seconds`; nothing is left where times are unknown."""
        times = np.full(self.matrix.nnz, seconds) if self.times is None else self.times
        keep = times > seconds
        row = np.repeat(np.arange(len(self)), np.diff(self.matrix.indptr))[keep]
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(self)))]).astype(np.int32)
        kept = sparse.csr_matrix((self.matrix.data[keep], self.matrix.indices[keep], indptr), shape=self.matrix.shape)
        ratings = None if self.ratings is None else self.ratings[keep]
        return Histories(kept, None if self.times is None else times[keep], self.now, ratings)

    @classmethod
    def of(cls, items: list[NDArray[np.integer]] | list[list[int]], n_items: int) -> Histories:
        """Unweighted, untimed histories from lists of item codes; repeats count once, unknown codes are left out."""
        rows = [np.unique([c for c in row if 0 <= c < n_items]).astype(np.int32) for row in items]
        indptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int32)
        indices = np.concatenate(rows) if rows else np.empty(0, np.int32)
        data = np.ones(len(indices), np.float32)
        return cls(sparse.csr_matrix((data, indices, indptr), shape=(len(rows), n_items)))


@dataclass(frozen=True)
class Interactions:
    """An interaction log with integer codes. Immutable; every split returns a new one that shares the id maps.

    Attributes:
        user_ids, item_ids: the id maps; a code is a position in them.
        users, items: shape (n,), int32 codes, one entry an interaction; a pair may occur more than once.
        times: shape (n,), int64 Unix seconds (UTC), or None where the source has none.
        weights: shape (n,), float32, > 0: strength of the interaction (1 if the source has none).
        ratings: shape (n,), float32 stars, NaN where an interaction was not rated; None if the source has no ratings.
    """

    user_ids: IdMap
    item_ids: IdMap
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    times: NDArray[np.int64] | None
    weights: NDArray[np.float32]
    ratings: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.users)
        for name in ("items", "times", "weights", "ratings"):
            column = getattr(self, name)
            if column is not None and len(column) != n:
                raise DataError(f"interactions: column {name!r} has {len(column)} rows, 'users' has {n}")
        if n and not (np.isfinite(self.weights).all() and (self.weights > 0).all()):
            bad = int(np.flatnonzero(~(np.isfinite(self.weights) & (self.weights > 0)))[0])
            raise DataError(
                f"interactions: weight {self.weights[bad]} in row {bad} is not above zero",
                hint="Drop returns and cancelled lines before building interactions",
            )

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, user_ids: IdMap | None = None, item_ids: IdMap | None = None
    ) -> Interactions:
        """From a table `user, item[, timestamp][, weight][, rating]`.

        Timestamps are Unix seconds or datetimes (naive ones count as UTC). With id maps given, rows with ids outside
        them are left out.

        Raises:
            DataError: if a column is missing or a weight is not above zero.
        """
        missing = [c for c in ("user", "item") if c not in frame.columns]
        if missing:
            raise DataError(
                f"column {missing[0]!r} is missing; found {', '.join(map(str, frame.columns))}",
                hint="Name the columns user,item[,timestamp][,weight][,rating]",
            )
        if user_ids is None:
            user_ids, users = IdMap.from_values(frame["user"])
        else:
            users = user_ids.encode(frame["user"])
        if item_ids is None:
            item_ids, items = IdMap.from_values(frame["item"])
        else:
            items = item_ids.encode(frame["item"])
        known = (users >= 0) & (items >= 0)
        times = None if "timestamp" not in frame else _unix_seconds(frame["timestamp"])
        weights = np.ones(len(frame)) if "weight" not in frame else frame["weight"].to_numpy()
        ratings = None if "rating" not in frame else frame["rating"].to_numpy().astype(np.float32)[known]
        return cls(
            user_ids,
            item_ids,
            users[known],
            items[known],
            None if times is None else times[known],
            weights.astype(np.float32)[known],
            ratings,
        )

    @property
    def n_users(self) -> int:
        """Users in the id map, with or without interactions here."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Items in the id map, with or without interactions here."""
        return len(self.item_ids)

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sorted unique pair keys (user * n_items + item), and the pair each interaction belongs to."""
        keys = self.users.astype(np.int64) * self.n_items + self.items
        unique, inverse = np.unique(keys, return_inverse=True)
        return unique, inverse

    @cached_property
    def matrix(self) -> sparse.csr_matrix:
        """CSR (n_users, n_items), float32: summed weights, indices sorted, no duplicates, no explicit zeros."""
        keys, inverse = self._pairs
        data = np.bincount(inverse, weights=self.weights, minlength=len(keys)).astype(np.float32)
        rows, cols = np.divmod(keys, max(self.n_items, 1))
        indptr = np.searchsorted(rows, np.arange(self.n_users + 1)).astype(np.int32)
        return sparse.csr_matrix((data, cols.astype(np.int32), indptr), shape=(self.n_users, self.n_items))

    @cached_property
    def binary(self) -> sparse.csr_matrix:
        """CSR (n_users, n_items), float32: 1 where the user ever interacted with the item."""
        matrix = self.matrix.copy()
        matrix.data = np.ones_like(matrix.data)
        return matrix

    @cached_property
    def last_times(self) -> NDArray[np.int64] | None:
        """Shape (nnz,): time of the last interaction of each pair, aligned with `matrix.data`; None if untimed."""
        if self.times is None:
            return None
        keys, inverse = self._pairs
        last = np.full(len(keys), np.iinfo(np.int64).min)
        np.maximum.at(last, inverse, self.times)
        return last

    @cached_property
    def mean_ratings(self) -> NDArray[np.float32] | None:
        """Shape (nnz,): mean stars of each pair, aligned with `matrix.data`, NaN if unrated; None without ratings."""
        if self.ratings is None:
            return None
        keys, inverse = self._pairs
        rated = ~np.isnan(self.ratings)
        counts = np.bincount(inverse[rated], minlength=len(keys))
        total = np.bincount(inverse[rated], weights=self.ratings[rated], minlength=len(keys))
        return np.where(counts > 0, total / np.maximum(counts, 1), np.nan).astype(np.float32)

    def histories(self, users: NDArray[np.integer] | None = None, *, now: int | None = None) -> Histories:
        """Histories of `users` (codes; -1 gives an empty row), or of all users in code order."""
        if users is None:
            return Histories(self.matrix, self.last_times, now, self.mean_ratings)
        users = np.asarray(users, dtype=np.int64)
        ptr = self.matrix.indptr.astype(np.int64)
        start = np.where(users >= 0, ptr[np.maximum(users, 0)], 0)
        lengths = np.where(users >= 0, ptr[np.maximum(users, 0) + 1] - start, 0)
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        take = np.repeat(start - indptr[:-1], lengths) + np.arange(indptr[-1])
        matrix = sparse.csr_matrix(
            (self.matrix.data[take], self.matrix.indices[take], indptr.astype(np.int32)),
            shape=(len(users), self.n_items),
        )
        times = None if self.last_times is None else self.last_times[take]
        return Histories(matrix, times, now, None if self.mean_ratings is None else self.mean_ratings[take])

    def take(self, mask: NDArray[np.bool_] | NDArray[np.integer]) -> Interactions:
        """The interactions selected by a mask or by positions; the id maps stay whole."""
        return Interactions(
            self.user_ids,
            self.item_ids,
            self.users[mask],
            self.items[mask],
            None if self.times is None else self.times[mask],
            self.weights[mask],
            None if self.ratings is None else self.ratings[mask],
        )

    def to_frame(self) -> pd.DataFrame:
        """The log with string ids, the inverse of `from_frame`."""
        frame = pd.DataFrame({"user": self.user_ids.decode(self.users), "item": self.item_ids.decode(self.items)})
        if self.times is not None:
            frame["timestamp"] = self.times
        frame["weight"] = self.weights
        if self.ratings is not None:
            frame["rating"] = self.ratings
        return frame


def _unix_seconds(column: pd.Series) -> NDArray[np.int64]:
    if pd.api.types.is_datetime64_any_dtype(column):
        stamps = pd.to_datetime(column, utc=True)
        naive = stamps.dt.tz_localize(None).astype("datetime64[s]")
        return np.asarray(naive.astype("int64"), dtype=np.int64)
    return np.asarray(column.to_numpy()).astype(np.int64, copy=False)
