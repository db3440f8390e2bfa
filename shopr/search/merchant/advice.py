"""What a merchandiser could do about a search that fails: the nearest words, products, and a synonym rule to add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from shopr.errors import SpecError
from shopr.search.asking.results import Found
from shopr.search.merchant.querylog import SURE
from shopr.search.searching.engine import ProductSearch
from shopr.search.text.masking import MASK
from shopr.search.text.stemming import stem
from shopr.search.text.synonyms import Synonyms
from shopr.search.text.tokens import JOINED, Token, tokenise

__all__ = ["Advice", "Adviser"]

_NEAR = 0.5
"""Cosine of letter groups from which a word of the catalogue is worth naming."""
_SURE = 0.55
"""From here on a word is tried in place of another."""
_MOST_TRIED = 5


@dataclass(frozen=True)
class Advice:
    """What could be done about one query.

    Attributes:
        query: as asked.
        unknown: words of it that the catalogue does not have.
        words: unknown word -> the nearest words of the catalogue, nearest first.
        products: ids of the nearest products, to be named as such.
        rule: a synonym rule (words of shoppers, words of the catalogue) with which the query finds something that
            search is sure of; whether it means the same is for a person to say. None where none was found.
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
        reader = self._search.index.reader
        # The speller also knows words that no product bears, such as other names of a kind of thing.
        words = [word for word in self._search.index.speller.words if reader.code(Token(stem(word), word, 0)) >= 0]
        words = words or ["-"]
        groups = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32)
        return words, groups, groups.fit_transform(words).tocsr()

    def advise(self, query: str, n: int = 3) -> Advice:
        """Advice for one query, each list at most n long."""
        found = self._search.search(query, n)
        unknown = self._unknown(query)
        near = {word: self._near(word, n) for word in unknown}
        words = {word: tuple(name for name, _ in close) for word, close in near.items()}
        products = (found.product_ids or found.alternatives)[:n]
        return Advice(query, unknown, words, products, self._rule(query, found, near))

    def _rule(self, query: str, found: Found, near: dict[str, list[tuple[str, float]]]) -> tuple[str, str] | None:
        """The first rule that makes the query find something; a query with masked parts is nobody's rule."""
        if MASK in query:
            return None
        likelier = [found.did_you_mean, found.corrected]
        tried = [(query, text) for text in likelier if text and text.casefold() != query.casefold()]
        close = sorted(((alike, word, name) for word, names in near.items() for name, alike in names), reverse=True)
        tried += [(word, name) for alike, word, name in close[:_MOST_TRIED] if alike >= _SURE]
        for phrase, words in tried:
            try:
                again = self._search.search(Synonyms().with_rule(phrase, words).rewrite(query), 1)
            except SpecError:
                continue  # too long for a rule
            if len(again) and again.confidences[0] >= SURE:
                return phrase, words
        return None

    def _unknown(self, query: str) -> tuple[str, ...]:
        reader = self._search.index.reader
        tokens: list[Token] = [token for token in tokenise(query[:256]) if not token.flags & JOINED]
        return tuple(dict.fromkeys(t.word for t in tokens if reader.code(t) < 0 and any(c.isalpha() for c in t.word)))

    def _near(self, word: str, n: int) -> list[tuple[str, float]]:
        words, groups, matrix = self._words
        alike: NDArray[np.float32] = (matrix @ groups.transform([word]).T).toarray().ravel()
        order = np.argsort(-alike, kind="stable")[:n]
        return [(words[i], float(alike[i])) for i in order if alike[i] >= _NEAR]
