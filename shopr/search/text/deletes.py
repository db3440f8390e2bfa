"""Words within one or two edits of a word, found by what both become when letters are left out.

The symmetric delete idea (Garbe's SymSpell) over sorted hashes instead of a dictionary of strings, so that the table
is two arrays that can be memory-mapped, and is made and asked without a Python loop over letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONG", "Deletes"]

LONG = 7
"""Letters from which on two edits are looked for: two edits make too many other words of a short one."""
_LONGEST = 20
_BASE = np.uint64(0x9E3779B97F4A7C15)


def _hashes(letters: NDArray[np.uint64], without: NDArray[np.bool_] | None = None) -> NDArray[np.uint64]:
    """Shape (words,) hash of rows of letters; shape (words, variants) with some letters left out of each variant.

    Args:
        without: shape (variants, length), True for letters to leave out.
    """
    kept = np.ones((1, letters.shape[1]), bool) if without is None else ~without
    total = np.zeros((len(letters), len(kept)), np.uint64)
    for i in range(letters.shape[1]):
        total = np.where(kept[:, i], total * _BASE + letters[:, i : i + 1], total)
    # Small letters give small differences; the mix spreads them over all bits.
    total ^= total >> np.uint64(29)
    total *= np.uint64(0xBF58476D1CE4E5B9)
    return total ^ (total >> np.uint64(32))


@lru_cache(maxsize=64)
def _masks(length: int, edits: int) -> NDArray[np.bool_]:
    """Shape (variants, length): no letter, each letter, and with two edits each pair of letters left out."""
    none = np.zeros((1, length), bool)
    one = np.eye(length, dtype=bool)
    if edits < 2:
        return np.concatenate([none, one])
    a, b = np.triu_indices(length, 1)
    return np.concatenate([none, one, one[a] | one[b]])


def _letters(words: list[str], length: int) -> NDArray[np.uint64]:
    return np.array(words, dtype=f"<U{length}").view(np.uint32).reshape(len(words), length).astype(np.uint64)


@dataclass(frozen=True)
class Deletes:
    """Hashes of all words with letters left out, ascending, and the word of each."""

    hashes: NDArray[np.uint64]
    word: NDArray[np.int32]

    @classmethod
    def build(cls, words: list[str]) -> Deletes:
        """The table of some words."""
        hashes, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)]
        lengths = np.array([len(word) for word in words], np.int32)
        for length in range(2, _LONGEST + 1):
            codes = np.flatnonzero(lengths == length).astype(np.int32)
            if not len(codes):
                continue
            masks = _masks(length, 2 if length >= LONG else 1)
            found = _hashes(_letters([words[i] for i in codes.tolist()], length), masks)
            hashes.append(found.ravel())
            owners.append(np.repeat(codes, len(masks)))
        everything, word = np.concatenate(hashes), np.concatenate(owners)
        order = np.argsort(everything, kind="stable")
        return cls(everything[order], word[order])

    def near(self, word: str, edits: int) -> NDArray[np.int32]:
        """Codes of words that are perhaps within `edits` of a word: all that are, and a few that are not."""
        if not 2 <= len(word) <= _LONGEST or not len(self.hashes):
            return np.zeros(0, np.int32)
        asked = _hashes(_letters([word], len(word)), _masks(len(word), edits)).ravel()
        low = self.hashes.searchsorted(asked)
        # Most are in no word: where the others end is looked for afterwards, which halves the steps through the table.
        hit = np.flatnonzero(self.hashes[np.minimum(low, len(self.hashes) - 1)] == asked)
        if not len(hit):
            return np.zeros(0, np.int32)
        high = self.hashes.searchsorted(asked[hit], side="right")
        parts = [self.word[start:end] for start, end in zip(low[hit].tolist(), high.tolist(), strict=True)]
        found: NDArray[np.int32] = np.unique(np.concatenate(parts))
        return found
