"""What happened, as arrays by event type, until a table is made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLUMNS", "Log"]

# Column -> (type, value where an event type does not have it).
COLUMNS: dict[str, tuple[type[np.generic], Any]] = {
    "session": (np.int64, -1),
    "user": (np.int64, -1),
    "time": (np.int64, 0),
    "item": (np.int64, -1),
    "quantity": (np.int64, -1),
    "price": (np.int64, -1),
    "order": (np.int64, -1),
    "position": (np.int64, -1),
    "source": (np.int64, -1),
    "rating": (np.int64, -1),
    "query": (np.int64, -1),
    "impression": (np.int64, -1),
    "propensity": (np.float64, np.nan),
    "detail": (np.int64, -1),
}
"""Codes and whole numbers; `time` in Unix seconds, `session` and `order` are keys that are unique in the log."""


class Log:
    """Parts of the event log, added by day and type."""

    def __init__(self) -> None:
        self._parts: dict[str, list[dict[str, NDArray[Any]]]] = {}
        self._impressions = 0

    def add(self, kind: str, **columns: NDArray[Any]) -> None:
        """Append events of one type; arrays of one length."""
        if len(columns["time"]):
            self._parts.setdefault(kind, []).append(columns)

    def extend(self, other: Log) -> None:
        """Append all of another log, whose impressions were numbered from where this one stands."""
        for kind, parts in other._parts.items():
            self._parts.setdefault(kind, []).extend(parts)
        self._impressions = max(self._impressions, other._impressions)

    def sequel(self) -> Log:
        """An empty log whose impressions are numbered on from here."""
        fresh = Log()
        fresh._impressions = self._impressions
        return fresh

    def number_impressions(self, count: int) -> NDArray[np.int64]:
        """The next `count` impression numbers."""
        self._impressions += count
        return np.arange(self._impressions - count, self._impressions)

    def column(self, kind: str, name: str) -> NDArray[Any]:
        """One column of one event type, in the order added."""
        dtype, missing = COLUMNS[name]
        parts = self._parts.get(kind, [])
        if not parts:
            return np.empty(0, dtype)
        full = [p[name] if name in p else np.full(len(p["time"]), missing) for p in parts]
        return np.concatenate(full).astype(dtype)

    def count(self, kind: str) -> int:
        """Events of one type."""
        return sum(len(p["time"]) for p in self._parts.get(kind, []))

    def __len__(self) -> int:
        return sum(self.count(kind) for kind in self._parts)

    @property
    def kinds(self) -> list[str]:
        """Event types that occurred, in alphabetical order."""
        return sorted(self._parts)
