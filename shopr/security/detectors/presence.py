"""Which of many words may occur in a text, asked of all of them at once.

A text's runs of one, two and three bytes are marked in a table; a word can only occur where all of its own runs are
marked. No word that occurs is ever missed; now and then one that does not is named, so whoever asks looks for it still.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Presence", "Words", "any_of"]

_BITS = 15
_MIX = np.uint32(0x9E3779B1)
_SHIFT = np.uint32(32 - _BITS)
Places = npt.NDArray[np.uint32]


class Presence:
    """The runs of bytes of one text.

    Args:
        text: read as UTF-8.
    """

    __slots__ = ("marks",)

    def __init__(self, text: str) -> None:
        self.marks = np.zeros(1 << _BITS, dtype=np.bool_)
        for places in _runs(text):
            self.marks[places] = True

    @staticmethod
    @lru_cache(maxsize=4)
    def of(text: str) -> Presence:
        """The presence of a text; the last few are at hand, since each view is asked for rules of several
        kinds."""
        return Presence(text)


class Words:
    """Words to look for.

    Args:
        words: none of them empty.
    """

    def __init__(self, words: Sequence[str]) -> None:
        runs = [np.concatenate(_runs(word)) for word in words]
        self._flat = np.concatenate(runs) if runs else np.zeros(0, dtype=np.uint32)
        sizes = np.array([len(one) for one in runs], dtype=np.int64)
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)[:-1]]) if runs else sizes

    def likely(self, presence: Presence) -> list[int]:
        """Places of the words that may occur."""
        if not len(self._flat):
            return []
        whole = np.logical_and.reduceat(presence.marks[self._flat], self._starts)
        return np.flatnonzero(whole).tolist()


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    """An expression that finds one of the words, whichever: words that begin alike share their beginning, so that each
    place of a text is left after one look."""
    tree: dict[str, Any] = {}
    given = set(words)
    for word in sorted(given):
        if any(other in word for other in given if other != word):
            continue  # where it is, so is the other
        place = tree
        for character in word:
            place = place.setdefault(character, {})
    return re.compile(_branches(tree) if tree else r"(?!)")


def _branches(tree: dict[str, Any]) -> str:
    parts = [re.escape(character) + (_branches(below) if below else "") for character, below in tree.items()]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def _runs(text: str) -> list[Places]:
    """The place in the table of each run: of one, two and three bytes."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.uint32)
    found = [data + np.uint32(1)]
    for _ in range(2):
        earlier = found[-1]
        if len(earlier) < 2:
            break
        found.append((earlier[:-1] << np.uint32(8)) + data[len(data) - len(earlier) + 1 :])
    return [(one * _MIX) >> _SHIFT for one in found]
