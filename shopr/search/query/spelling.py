"""Spelling by the catalogue: only words that it does not know are changed, into words that it knows.

A noisy channel in the manner of Kernighan, Church & Gale (1990), in units of about a letter left out. Candidates within
one edit come first, then (from seven letters) within two. Of several, the cheapest wins: letters left out, doubled or
swapped are cheap, other letters dearer the farther away their keys lie, and words that many products bear, that name
kinds of things, or that stand beside the other words of the query in some product, are likelier. The costs were chosen
on slips of the development queries by cross-validation, under the condition that real words which the catalogue lacks
are taken for its words less often than before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import log1p

import numpy as np
from numpy.typing import NDArray

from shopr.search.catalogue.forward import Forward
from shopr.search.text.deletes import LONG, Deletes
from shopr.search.text.lexicon import table
from shopr.search.text.stemming import stem
from shopr.search.text.tokens import JOINED, fold

__all__ = ["Speller", "edit_cost"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_KEYS = {letter: (float(i) + 0.5 * row, row) for row, letters in enumerate(_ROWS) for i, letter in enumerate(letters)}
_RARE = 2
"""A known word that no more products bear may be a slip of the catalogue's own."""
_COMMON = 30
"""Times as many products must bear the word that a rare known one is taken for."""
_FAR = 100
"""The same, for the known word to be replaced unasked."""
_SURELY = 5
"""Letters of the shortest known word that is replaced so."""
_SELDOM = 25
"""A known word that more products bear is never taken for another."""
_OFTEN = 4
_OUT, _OUT_TWICE = 1.0, 0.7
"""What a slip costs: a letter left out, and one of two alike. There is one way to leave it out and 25 to type another
one in its place, so that any one of these is rarer, and dearer."""
_SWAPPED = 0.85
_IN, _IN_NEAR, _IN_TWICE = 1.5, 1.25, 1.1
"""A letter put in: any, one from beside a neighbour's key, a neighbour's own."""
_OTHER, _OTHER_NEAR = 1.5, 1.25
_FIRST = 0.1
"""What a slip in the first letter costs more."""
_FREQUENCY = 0.12
"""What it is worth to be borne by e times as many products."""
_NAME = 0.7
"""What it is worth that a word names kinds or brands, which most queries consist of."""
_COMPANY = 1.3
_DEAREST = {1: 1.4, 2: 1.5}
"""Most that a word may cost, its frequency and name taken off: dearer ones are rather words that the shop lacks."""
_AS_IS = 0.6
"""What it costs to believe that a word stands as it is of which the catalogue has the stem alone."""
_TWO = 2
"""Letters of the shortest known word that is mended by its company."""
_SINGLE = 3
"""Letters of the shortest singular that is looked for in place of an unknown plural."""
_CLOSELY = 8
_NEVER = (1 << 20, float("inf"))


_NEAR = frozenset(
    a + b for a, (x, y) in _KEYS.items() for b, (u, v) in _KEYS.items() if abs(x - u) <= 1.0 and abs(y - v) <= 1
)
"""Pairs of letters whose keys touch."""


def edit_cost(wrong: str, right: str, most: int) -> float:
    """What it costs to have typed `wrong` for `right`; infinite beyond `most` edits (Damerau's, neighbours swapped)."""
    n, m = len(wrong), len(right)
    if abs(n - m) > most:
        return float("inf")
    before: list[tuple[int, float]] = []
    last = [(j, _OUT * j + (_FIRST if j else 0.0)) for j in range(m + 1)]
    for i in range(1, n + 1):
        row = [(i, _IN * i + _FIRST)] + [_NEVER] * m
        # Whatever strays farther from the diagonal takes too many edits.
        for j in range(max(1, i - most), min(m, i + most) + 1):
            a, b = wrong[i - 1], right[j - 1]
            first = _FIRST if i == 1 and j == 1 else 0.0
            if a == b:
                best = last[j - 1]
            else:
                edits, cost = last[j - 1]
                best = (edits + 1, cost + (_OTHER_NEAR if a + b in _NEAR else _OTHER) + first)
                if i > 1 and j > 1 and a == right[j - 2] and wrong[i - 2] == b:
                    edits, cost = before[j - 2]
                    best = min(best, (edits + 1, cost + _SWAPPED + (_FIRST / 3 if i == 2 else 0.0)))
            edits, cost = last[j]
            best = min(best, (edits + 1, cost + _put_in(wrong, right, i - 1, j)))
            edits, cost = row[j - 1]
            twice = j > 1 and b == right[j - 2]
            row[j] = min(best, (edits + 1, cost + (_OUT_TWICE if twice else _OUT)))
        before, last = last, row
    edits, cost = last[m]
    return cost if edits <= most else float("inf")


def _put_in(wrong: str, right: str, i: int, j: int) -> float:
    """What it costs that a letter was put in before place j of the word."""
    letter = wrong[i]
    beside = (right[j - 1] if j else "", right[j] if j < len(right) else "")
    if letter in beside:
        return _IN_TWICE
    return _IN_NEAR if letter + beside[0] in _NEAR or letter + beside[1] in _NEAR else _IN


@dataclass(frozen=True)
class Speller:
    """The words that queries may be corrected to.

    Attributes:
        words: letters only, of three letters or more. count: int32, products that bear each in singular or plural.
        names: shape (words,), whether each stands in the name of a kind of thing or brand.
        deletes: their table.
    """

    words: list[str]
    count: NDArray[np.int32]
    names: NDArray[np.bool_]
    deletes: Deletes

    @classmethod
    def learn(cls, forward: Forward, names: frozenset[str]) -> Speller:
        """The words of a catalogue, and those of the reviewed tables, which name what shops sell.

        Args:
            names: index forms of words that name kinds of things and brands, which most queries consist of.
        """
        keep = (forward.flags & JOINED) == 0
        key = np.unique(forward.word[keep].astype(np.int64) * max(len(forward), 1) + forward.rows()[keep])
        products = np.bincount(key // max(len(forward), 1), minlength=len(forward.words))
        counts = {w: int(products[i]) for i, w in enumerate(forward.words.names) if products[i] and _fit(w)}
        for word in _reviewed():
            counts.setdefault(word, 1)
        words = sorted(counts)
        stems = [stem(word) for word in words]
        family: Counter[str] = Counter()
        for word, form in zip(words, stems, strict=True):
            family[form] += counts[word]
        return cls(
            words,
            np.array([family[form] for form in stems], np.int32),
            np.array([form in names for form in stems], bool),
            Deletes.build(words),
        )

    def candidates(self, word: str) -> list[tuple[float, str]]:
        """Words that may have been meant, with their price, the cheapest first."""
        for edits in (1, 2) if len(word) >= LONG else (1,):
            priced = []
            for code in self.deletes.near(word, edits).tolist():
                cost = edit_cost(word, self.words[code], edits)
                usual = _FREQUENCY * log1p(int(self.count[code])) + _NAME * bool(self.names[code])
                if cost - usual <= _DEAREST[edits]:
                    priced.append((cost - usual, self.words[code]))
            if priced:
                return sorted(priced)[:_CLOSELY]
        # The catalogue may have the singular only.
        single = stem(word)
        return self.candidates(single) if single != word and len(single) >= _SINGLE else []

    def correct(self, word: str, company: Callable[[str], float]) -> str | None:
        """The word that was meant by one that the catalogue does not know; None without a likely one.

        Args:
            company: how well a word goes with the others of the query: 1 or more if they stand side by side in some
                product or name a kind of thing, a half if some product has both, 0 otherwise.
        """
        if not (word.isalpha() and word.isascii()):
            return None
        priced = self.candidates(word)
        if len(word) < 3:
            # Two letters may be a slip of almost anything: only the company tells.
            priced = [pair for pair in priced if company(pair[1]) > 0]
        if len(word) <= 4:
            # A short word with another first letter is another word, unless its company speaks for it.
            priced = [pair for pair in priced if _begins_alike(word, pair[1]) or company(pair[1]) > 0]
        if len(priced) > 1:
            priced = sorted((cost - _COMPANY * company(other), other) for cost, other in priced)
        return priced[0][1] if priced else None

    def knows(self, word: str) -> bool:
        """Whether the catalogue has the word as it is written."""
        at = bisect_left(self.words, word)
        return at < len(self.words) and self.words[at] == word

    def rather(self, word: str, products: int, company: Callable[[str], float]) -> str | None:
        """The word that was likelier meant than one whose stem alone the catalogue knows; None if it may stay."""
        if not _fit(word) or self.knows(word):
            return None
        stay = _AS_IS - _FREQUENCY * log1p(products) - _COMPANY * company(word)
        own = stem(word)
        priced = [(cost - _COMPANY * company(other), other) for cost, other in self.candidates(word)]
        best = min(priced, default=(stay, word))
        if best[0] >= stay or stem(best[1]) == own:
            return None
        if len(word) <= 4 and not _begins_alike(word, best[1]) and company(best[1]) <= 0:
            return None
        return best[1]

    def likelier(self, word: str, products: int) -> str | None:
        """The far commoner word that a rare known one may be a slip for; None without one."""
        if products > _RARE or not _fit(word) or len(word) < 4:
            return None
        best = None
        for code in self.deletes.near(word, 1).tolist():
            other = self.words[code]
            if other == word or other[0] != word[0] or self.count[code] < _COMMON * max(products, 1):
                continue
            if edit_cost(word, other, 1) == float("inf"):
                continue
            if best is None or self.count[code] > self.count[best]:
                best = code
        return None if best is None else self.words[best]

    def surely(self, word: str, likelier: str | None, products: int) -> bool:
        """Whether a known word is rare enough beside the likelier one to be taken for it."""
        if likelier is None or len(word) < _SURELY:
            return False
        return int(self.count[bisect_left(self.words, likelier)]) >= _FAR * max(products, 1)

    def in_company(self, word: str, products: int, company: Callable[[str], float]) -> str | None:
        """The commoner word one slip from a known one that goes with the others, where the known one never does."""
        if products > _SELDOM or not (len(word) >= _TWO and word.isalpha() and word.isascii()):
            return None
        good = []
        for code in self.deletes.near(word, 1).tolist():
            other, count = self.words[code], int(self.count[code])
            if other == word or count < _OFTEN * products or edit_cost(word, other, 1) == float("inf"):
                continue
            close = company(other)
            if close >= 1 or (close > 0 and count >= _COMMON * products):
                good.append((-close, -count, other))
        return min(good)[2] if good else None


def _begins_alike(wrong: str, right: str) -> bool:
    """Whether the first letter is the same, left out, put in, or swapped with the second."""
    return right[0] == wrong[0] or right[1:] == wrong or wrong[1:] == right or right[:2] == wrong[1::-1]


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
