"""Mending the words of a query by the catalogue and by the company that they keep in it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shopr.search.query.spelling import Speller
from shopr.search.text.stemming import stem
from shopr.search.text.tokens import JOINED, Token

if TYPE_CHECKING:
    from shopr.search.query.understanding import Reader

__all__ = ["Mender"]

_NEGATIONS = frozenset("not no non nicht kein keine pas niet geen nao".split())


class Mender:
    """Finds what was meant by words that the catalogue does not know, or knows but never beside the others."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @property
    def _speller(self) -> Speller:
        assert self.reader.speller is not None
        return self.reader.speller

    def mended(self, tokens: list[Token]) -> tuple[list[Token], list[Token]]:
        """The words after spelling, and what they may be where the catalogue has a far commoner neighbour."""
        codes = [self.reader.code(token) for token in tokens]
        fixed, likelier = list(tokens), list(tokens)
        for i, token in enumerate(tokens):
            if token.word in _NEGATIONS or (token.flags & JOINED and codes[i] >= 0):
                continue  # "not red" is never "hot red", and "t-light" stands in the catalogue as it was typed
            others = [code for j, code in enumerate(codes) if j != i and code >= 0]
            if codes[i] < 0:
                if self.reader.apart(token) or self.reader.joins(tokens, i) or self.reader.heads.ending(token.word):
                    continue
                meant = self._speller.correct(token.word, partial(self._company, i=i, codes=codes))
                if meant is not None:
                    fixed[i] = likelier[i] = Token(stem(meant), meant, token.flags)
                continue
            count = int(self.reader.postings.count[codes[i]])
            rather = self._speller.rather(token.word, count, partial(self._company, i=i, codes=codes))
            if rather is not None:
                fixed[i] = likelier[i] = Token(stem(rather), rather, token.flags)
                continue
            common = self._speller.likelier(token.word, count)
            if common is not None:
                likelier[i] = Token(stem(common), common, token.flags)
                if self._speller.surely(token.word, common, count):
                    fixed[i] = likelier[i]
                    continue
            named = self._named_pair(token.word, i, codes) if others else None
            if named is not None:
                fixed[i] = likelier[i] = Token(stem(named), named, token.flags)
            elif others and not self._meet(token.word, others):
                # A word that no product has beside the others may be a slip that happens to be a word: "laptop sand".
                meant = self._speller.in_company(token.word, count, partial(self._company, i=i, codes=codes))
                if meant is not None:
                    fixed[i] = likelier[i] = Token(stem(meant), meant, token.flags)
        return fixed, likelier

    def _company(self, word: str, *, i: int, codes: list[int]) -> float:
        """How well a word at place i goes with the others.

        Returns:
            1.5 where it and a neighbour name a kind of thing, 1 where they stand side by side in some product, a half
            where one product has both, else 0.
        """
        code = self.reader.code(Token(stem(word), word, 0))
        if code < 0 or code in codes:
            return 0.0
        before, after = codes[i - 1] if i else -1, codes[i + 1] if i + 1 < len(codes) else -1
        beside = self.reader.compounds.beside
        if self._names(word, i, codes):
            return 1.5
        if (before >= 0 and beside(before, code)) or (after >= 0 and beside(code, after)):
            return 1.0
        return 0.5 * self._meet(word, [other for j, other in enumerate(codes) if j != i and other >= 0])

    def _meet(self, word: str, others: list[int]) -> bool:
        """Whether a product bears a word beside one of some terms."""
        code = self.reader.code(Token(stem(word), word, 0))
        if code < 0 or not others:
            return False
        rows, _ = self.reader.postings.of(code)
        return any(_share(rows, self.reader.postings.of(other)[0]) for other in others)

    def _named_pair(self, word: str, i: int, codes: list[int]) -> str | None:
        """The word by which a known one and its neighbour name a kind of thing, where the two never meet as they are.

        "memory car" is a slip of "memory card", although products bear either word.
        """
        beside = self.reader.compounds.beside
        sides = [(codes[a], codes[a + 1]) for a in (i - 1, i) if a >= 0 and a + 1 < len(codes)]
        if not word.isalpha() or any(min(pair) >= 0 and beside(*pair) for pair in sides):
            return None
        others = (other for _, other in self._speller.candidates(word))
        return next((other for other in others if stem(other) != stem(word) and self._names(other, i, codes)), None)

    def _names(self, word: str, i: int, codes: list[int]) -> bool:
        """Whether a word at place i and one of its neighbours name a kind of thing."""
        names, term = self.reader.terms.names, stem(word)
        before = i > 0 and codes[i - 1] >= 0 and self.reader.kinds.ask((names[codes[i - 1]], term)) is not None
        after = (
            i + 1 < len(codes) and codes[i + 1] >= 0 and self.reader.kinds.ask((term, names[codes[i + 1]])) is not None
        )
        return before or after


def _share(a: NDArray[np.int32], b: NDArray[np.int32]) -> bool:
    """Whether two ascending arrays have an element in common."""
    if len(a) > len(b):
        a, b = b, a
    if not len(a):
        return False
    place = np.minimum(np.searchsorted(b, a), len(b) - 1)
    return bool((b[place] == a).any())
