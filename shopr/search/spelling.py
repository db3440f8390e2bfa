"""Spelling by the catalogue: only words that it does not know are changed, into words that it knows.

Candidates within one edit come first, then (from seven letters) within two. Of several, the cheapest wins: edits to a
neighbouring key, a doubled letter or two letters swapped are cheap, a changed first letter is dear, and words that
many products bear, or that stand beside the other words of the query in some product, are likelier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log1p

import numpy as np
from numpy.typing import NDArray

from shopr.search.deletes import LONG, Deletes
from shopr.search.forward import Forward
from shopr.search.lexicon import table
from shopr.search.tokens import JOINED, fold

__all__ = ["Speller", "edit_cost"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_KEYS = {letter: (float(i) + 0.5 * row, row) for row, letters in enumerate(_ROWS) for i, letter in enumerate(letters)}
_RARE = 2
"""A known word that no more products bear may be a slip of the catalogue's own."""
_COMMON = 30
"""Times as many products must bear the word that a rare known one is taken for."""
_SELDOM = 25
"""A known word that more products bear is never taken for another."""
_OFTEN = 4
_FREQUENCY = 0.22
_COMPANY = 0.9
_FIRST = 0.25
_DEAREST = {1: 1.9, 2: 2.5}
_CLOSELY = 8


def _near_keys(a: str, b: str) -> bool:
    if a not in _KEYS or b not in _KEYS:
        return False
    (x, y), (u, v) = _KEYS[a], _KEYS[b]
    return abs(x - u) <= 1.0 and abs(y - v) <= 1


def edit_cost(wrong: str, right: str, most: int) -> float:
    """What it costs to have typed `wrong` for `right`; infinite beyond `most` edits (Damerau's, neighbours swapped)."""
    n, m = len(wrong), len(right)
    if abs(n - m) > most:
        return float("inf")
    before: list[tuple[int, float]] = []
    last = [(j, 0.9 * j + (_FIRST if j else 0.0)) for j in range(m + 1)]
    for i in range(1, n + 1):
        row = [(i, 0.9 * i + _FIRST)]
        for j in range(1, m + 1):
            a, b = wrong[i - 1], right[j - 1]
            first = _FIRST if i == 1 and j == 1 else 0.0
            if a == b:
                best = last[j - 1]
            else:
                edits, cost = last[j - 1]
                best = (edits + 1, cost + (0.7 if _near_keys(a, b) else 1.0) + first)
                if i > 1 and j > 1 and a == right[j - 2] and wrong[i - 2] == b:
                    edits, cost = before[j - 2]
                    best = min(best, (edits + 1, cost + 0.7 + (0.2 if i == 2 else 0.0)))
            edits, cost = last[j]
            twice = i > 1 and a == wrong[i - 2]
            best = min(best, (edits + 1, cost + (0.6 if twice else 0.9)))
            edits, cost = row[j - 1]
            twice = j > 1 and b == right[j - 2]
            best = min(best, (edits + 1, cost + (0.6 if twice else 0.9)))
            row.append(best)
        before, last = last, row
    edits, cost = last[m]
    return cost if edits <= most else float("inf")


@dataclass(frozen=True)
class Speller:
    """The words that queries may be corrected to.

    Attributes:
        words: letters only, of three letters or more. count: int32, products that bear each. deletes: their table.
    """

    words: list[str]
    count: NDArray[np.int32]
    deletes: Deletes

    @classmethod
    def learn(cls, forward: Forward) -> Speller:
        """The words of a catalogue, and those of the reviewed tables, which name what shops sell."""
        keep = (forward.flags & JOINED) == 0
        key = np.unique(forward.word[keep].astype(np.int64) * max(len(forward), 1) + forward.rows()[keep])
        products = np.bincount(key // max(len(forward), 1), minlength=len(forward.words))
        counts = {w: int(products[i]) for i, w in enumerate(forward.words.names) if products[i] and _fit(w)}
        for word in _reviewed():
            counts.setdefault(word, 1)
        words = sorted(counts)
        return cls(words, np.array([counts[w] for w in words], np.int32), Deletes.build(words))

    def candidates(self, word: str) -> list[tuple[float, str]]:
        """Words that may have been meant, with their price, the cheapest first."""
        for edits in (1, 2) if len(word) >= LONG else (1,):
            priced = []
            for code in self.deletes.near(word, edits).tolist():
                cost = edit_cost(word, self.words[code], edits)
                if cost <= _DEAREST[edits]:
                    priced.append((cost - _FREQUENCY * log1p(int(self.count[code])), self.words[code]))
            if priced:
                return sorted(priced)[:_CLOSELY]
        return []

    def correct(self, word: str, company: Callable[[str], float]) -> str | None:
        """The word that was meant by one that the catalogue does not know; None without a likely one.

        Args:
            company: how well a word goes with the others of the query: 1 if they stand side by side in some product,
                a half if some product has both, 0 otherwise.
        """
        if not (word.isalpha() and word.isascii()):
            return None
        priced = self.candidates(word)
        if len(word) < 3:
            # Two letters may be a slip of almost anything: only the company tells.
            priced = [pair for pair in priced if company(pair[1]) >= 1]
        if len(word) <= 4:
            # A short word with another first letter is another word, unless its company speaks for it.
            priced = [pair for pair in priced if pair[1][0] == word[0] or pair[1][1:] == word or company(pair[1]) >= 1]
        if len(priced) > 1:
            priced = sorted((cost - _COMPANY * company(other), other) for cost, other in priced)
        return priced[0][1] if priced else None

    def likelier(self, word: str, products: int) -> str | None:
        """The far commoner word that a rare known one may be a slip for; None without one."""
        if products > _RARE or not _fit(word) or len(word) < 4:
            return None
        best = None
        for code in self.deletes.near(word, 1).tolist():
            other = self.words[code]
            if other == word or self.count[code] < _COMMON * max(products, 1) or edit_cost(word, other, 1) > 1.0:
                continue
            if best is None or self.count[code] > self.count[best]:
                best = code
        return None if best is None else self.words[best]

    def in_company(self, word: str, products: int, company: Callable[[str], float]) -> str | None:
        """The commoner word one slip from a known one that stands beside the others, where the known one never does."""
        if products > _SELDOM or not _fit(word):
            return None
        good = [
            (-int(self.count[code]), self.words[code])
            for code in self.deletes.near(word, 1).tolist()
            if self.words[code] != word
            and self.count[code] >= _OFTEN * products
            and edit_cost(word, self.words[code], 1) < float("inf")
            and company(self.words[code]) >= 1
        ]
        return min(good)[1] if good else None


def _fit(word: str) -> bool:
    return len(word) >= 3 and word.isalpha() and word.isascii()


def _reviewed() -> set[str]:
    """Words of the table of kinds, as written."""
    texts = list(table("kinds"))
    texts += [
        text for entry in table("kinds").values() for key in ("same", "kinds") for text in (entry or {}).get(key, ())
    ]
    words = {fold(word) for text in texts for word in str(text).replace("-", " ").replace("/", " ").split()}
    return {word for word in words if _fit(word)}
