"""A query as the index sees it: its terms, the kind of thing it asks for, what it goes with, and what was corrected."""

from __future__ import annotations

from dataclasses import dataclass

from shopr.search.forward import Vocabulary
from shopr.search.kinds import Asked, Kinds
from shopr.search.lexicon import Phrase
from shopr.search.stemming import stem
from shopr.search.tokens import AFTER, JOINED, Token, tokenise

__all__ = ["MAX_QUERY", "Query", "Reader", "Term"]

MAX_QUERY = 512
"""Characters of a query that are read; nobody types more, and cost must not grow with hostile text."""
MAX_TERMS = 24


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the query.

    Attributes:
        codes: index terms that count as it, with their weights. word: as written, folded. after: it stands after a
            preposition.
    """

    codes: tuple[tuple[int, float], ...]
    word: str
    flags: int = 0

    @property
    def known(self) -> bool:
        """Whether the catalogue has it."""
        return bool(self.codes)


@dataclass(frozen=True)
class Query:
    """A query that was read.

    Attributes:
        text: as asked. terms: its words in order. kind: the kind of thing that it asks for. whole: whether it asks for
            that and nothing else. span: (first, end) position of the kind among the terms.
        synonyms: other names of the kind, as index terms.
        corrected: the text after spelling, None where nothing was changed.
    """

    text: str
    terms: tuple[Term, ...] = ()
    kind: Asked | None = None
    whole: bool = False
    span: tuple[int, int] = (0, 0)
    corrected: str | None = None
    synonyms: tuple[tuple[int, ...], ...] = ()


class Reader:
    """Reads queries for one index."""

    def __init__(self, terms: Vocabulary, kinds: Kinds, languages: tuple[str, ...]) -> None:
        self.terms, self.kinds, self.languages = terms, kinds, languages

    def read(self, text: str) -> Query:
        """The query in `text`."""
        tokens = self._tokens(text)
        terms = tuple(self._term(token) for token in tokens)
        kind, span = self._kind(tokens)
        whole = kind is not None and span == (0, len(tokens))
        return Query(text, terms, kind, whole, span, synonyms=self._synonyms(kind))

    def _synonyms(self, kind: Asked | None) -> tuple[tuple[int, ...], ...]:
        if kind is None:
            return ()
        coded = (tuple(self.terms.get(term) for term in name) for name in kind.synonyms)
        return tuple(codes for codes in coded if min(codes) >= 0)

    def _tokens(self, text: str) -> list[Token]:
        """The words to look up: a joined form in place of its parts where the catalogue has it."""
        kept: list[Token] = []
        for token in tokenise(text[:MAX_QUERY])[: 2 * MAX_TERMS]:
            if not token.flags & JOINED:
                kept.append(token)
            elif token.term in self.terms:
                size, length = 0, 0
                while size < len(kept) and length < len(token.word):
                    size += 1
                    length += len(kept[-size].word)
                if length == len(token.word):
                    kept[-size:] = [Token(token.term, token.word, kept[-size].flags)]
        return kept[:MAX_TERMS]

    def _term(self, token: Token) -> Term:
        forms = dict.fromkeys([token.term, *(stem(token.word, language) for language in self.languages)])
        codes = tuple((code, 1.0) for code in (self.terms.get(form) for form in forms) if code >= 0)
        return Term(codes, token.word, token.flags)

    def _kind(self, tokens: list[Token]) -> tuple[Asked | None, tuple[int, int]]:
        """The last known kind before the first preposition, the longest name first."""
        terms: Phrase = tuple(token.term for token in tokens)
        stop = next((i for i, token in enumerate(tokens) if i and token.flags & AFTER), len(tokens))
        for end in range(stop, 0, -1):
            for begin in range(max(0, end - 4), end):
                asked = self.kinds.ask(terms[begin:end])
                if asked is not None:
                    return asked, (begin, end)
        return None, (0, 0)
