"""What a merchandiser could do about a search that fails: the nearest words, products, and a synonym rule to add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from shopr.search.engine import ProductSearch
from shopr.search.tokens import JOINED, Token, tokenise

__all__ = ["Advice", "Adviser"]

_NEAR = 0.45
"""Cosine of letter groups from which a word of the catalogue is worth naming."""
_SURE = 0.6
"""From here on a rule is proposed."""


@dataclass(frozen=True)
class Advice:
    """What could be done about one query.

    Attributes:
        query: as asked.
        unknown: words of it that the catalogue does not have.
        words: unknown word -> the nearest words of the catalogue, nearest first.
        products: ids of the nearest products, to be named as such.
        rule: the synonym rule to look at first, (words of shoppers, words of the catalogue); None without a good one.
    """

    query: str
    unknown: tuple[str, ...]
    words: dict[str, tuple[str, ...]]
    products: tuple[str, ...]
    rule: tuple[str, str] | None


class Adviser:
    """Advice over one catalogue. Words are compared by their groups of two to four letters, weighted by rarity."""

    def __init__(self, search: ProductSearch) -> None:
        self._search = search

    @cached_property
    def _words(self) -> tuple[list[str], TfidfVectorizer, sparse.csr_matrix]:
        words = list(self._search.index.speller.words) or ["-"]
        groups = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32)
        return words, groups, groups.fit_transform(words).tocsr()

    def advise(self, query: str, n: int = 3) -> Advice:
        """Advice for one query, each list at most n long."""
        found = self._search.search(query, n)
        unknown = self._unknown(query)
        near = {word: self._near(word, n) for word in unknown}
        words = {word: tuple(name for name, _ in close) for word, close in near.items()}
        rule = None
        if found.did_you_mean or found.corrected:
            rule = (query, str(found.did_you_mean or found.corrected))
        else:
            best = max(((word, *close[0]) for word, close in near.items() if close), key=lambda x: x[2], default=None)
            if best is not None and best[2] >= _SURE:
                rule = (best[0], best[1])
        if rule is not None and rule[0].casefold() == rule[1].casefold():
            rule = None
        return Advice(query, unknown, words, (found.product_ids or found.alternatives)[:n], rule)

    def _unknown(self, query: str) -> tuple[str, ...]:
        reader = self._search.index.reader
        tokens: list[Token] = [token for token in tokenise(query[:256]) if not token.flags & JOINED]
        return tuple(dict.fromkeys(t.word for t in tokens if reader.code(t) < 0 and any(c.isalpha() for c in t.word)))

    def _near(self, word: str, n: int) -> list[tuple[str, float]]:
        words, groups, matrix = self._words
        alike: NDArray[np.float32] = (matrix @ groups.transform([word]).T).toarray().ravel()
        order = np.argsort(-alike, kind="stable")[:n]
        return [(words[i], float(alike[i])) for i in order if alike[i] >= _NEAR]
