"""Closed compounds by what they end in: a Regenjacke is a Jacke, though no word of the catalogue is "Jacke"."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shopr.search.text.stemming import stem

__all__ = ["Heads"]

_LANGUAGES = frozenset({"de", "nl"})
"""Those that write what others write as two words as one, without end."""
_SHORTEST, _BEFORE = 4, 3
"""Letters of what a compound ends in, and of what stands before it."""
_MOST = 50


class Heads:
    """The words of a catalogue, backwards."""

    def __init__(self, terms: Sequence[str], count: NDArray[np.integer], languages: Sequence[str]) -> None:
        self._terms, self._count = terms, count
        self._languages = tuple(language for language in languages if language in _LANGUAGES)

    @cached_property
    def _backwards(self) -> list[tuple[str, int]]:
        held = np.flatnonzero(self._count[: len(self._terms)] > 0).tolist()
        return sorted((self._terms[i][::-1], i) for i in held if self._terms[i].isalpha())

    def ending(self, word: str) -> list[int]:
        """The terms that are a longer word for the same, the most frequent first; none in other languages."""
        if not self._languages or not word.isalpha() or len(word) < _SHORTEST:
            return []
        found: dict[int, None] = {}
        for form in dict.fromkeys([word, *(stem(word, language) for language in self._languages)]):
            end = form[::-1]
            at = bisect_left(self._backwards, (end, -1)) if len(form) >= _SHORTEST else len(self._backwards)
            while at < len(self._backwards) and self._backwards[at][0].startswith(end):
                name, code = self._backwards[at]
                if len(name) >= len(end) + _BEFORE:
                    found[code] = None
                at += 1
        return sorted(found, key=lambda code: (-int(self._count[code]), code))[:_MOST]
