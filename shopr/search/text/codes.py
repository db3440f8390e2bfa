"""Part numbers of which only a part was typed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Codes"]

_SHORTEST = 4
_MOST = 20


class Codes:
    """The terms with digits, searched for a stretch of characters in one pass over one text."""

    def __init__(self, terms: Sequence[str], count: NDArray[np.integer]) -> None:
        held = np.flatnonzero(count[: len(terms)] > 0).tolist()
        self._codes = [i for i in held if len(terms[i]) >= _SHORTEST and any(map(str.isdigit, terms[i]))]
        names = [terms[i] for i in self._codes]
        self._text = "\n" + "\n".join(names)
        ends = np.cumsum([len(name) + 1 for name in names]) if names else np.zeros(0, np.int64)
        self._ends = ends

    def like(self, part: str) -> list[int]:
        """Terms that begin with `part`, or else contain it; none for what holds no digit or is too short."""
        if len(part) < _SHORTEST or not any(map(str.isdigit, part)):
            return []
        return self._holding(f"\n{part}", 1) or self._holding(part, 0)

    def _holding(self, text: str, skip: int) -> list[int]:
        found: list[int] = []
        at = self._text.find(text)
        while at >= 0 and len(found) < _MOST:
            place = int(np.searchsorted(self._ends, at + skip, side="right"))
            found.append(self._codes[min(place, len(self._codes) - 1)])
            at = self._text.find(text, at + len(text))
        return list(dict.fromkeys(found))
