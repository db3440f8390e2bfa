"""Ids at the edge, whole numbers inside: one map for each kind of id."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["IdMap"]


class IdMap:
    """A two-way map between string ids and codes 0 … n-1, in the order given.

    Args:
        ids: unique ids; anything else is turned into `str` first.

    Raises:
        ValueError: if an id occurs twice.
    """

    __slots__ = ("_index",)

    def __init__(self, ids: Iterable[object]) -> None:
        self._index = pd.Index(np.asarray([str(i) for i in ids], dtype=object), dtype=object)
        if not self._index.is_unique:
            twice = self._index[self._index.duplicated()][0]
            raise ValueError(f"id {twice!r} occurs twice")

    @classmethod
    def from_values(cls, values: Iterable[object]) -> tuple[IdMap, NDArray[np.int32]]:
        """The sorted unique ids of `values`, and the code of each value."""
        series = pd.Series(values).astype(str).astype(object)
        codes, uniques = pd.factorize(series, sort=True)
        return cls(uniques), codes.astype(np.int32)

    @property
    def ids(self) -> NDArray[np.object_]:
        """Shape (n,): the ids in code order."""
        ids: NDArray[np.object_] = self._index.to_numpy()
        return ids

    def encode(self, ids: Iterable[object]) -> NDArray[np.int32]:
        """Codes of `ids`; -1 where an id is unknown."""
        wanted = pd.Index(np.asarray([str(i) for i in ids], dtype=object), dtype=object)
        codes: NDArray[np.int32] = self._index.get_indexer(wanted).astype(np.int32)
        return codes

    def decode(self, codes: NDArray[np.integer] | Iterable[int]) -> NDArray[np.object_]:
        """Ids of `codes`, which must all be within 0 … n-1."""
        return self.ids[np.asarray(codes, dtype=np.int64)]

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, item: object) -> bool:
        return item in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and self._index.equals(other._index)

    def __hash__(self) -> int:
        return hash((len(self), self._index[0] if len(self) else None))

    def __repr__(self) -> str:
        return f"IdMap({len(self)} ids)"
