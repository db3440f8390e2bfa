"""A query as the index sees it: its terms, the kind of thing it asks for, what it goes with, and what was corrected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from shopr.search.asking.results import Refusal
from shopr.search.catalogue.forward import Vocabulary
from shopr.search.catalogue.kinds import Asked, Kinds
from shopr.search.catalogue.postings import Postings
from shopr.search.query.compounds import Compounds
from shopr.search.query.heads import Heads
from shopr.search.query.mending import Mender
from shopr.search.query.spelling import Speller
from shopr.search.text.codes import Codes
from shopr.search.text.lexicon import Phrase, listed
from shopr.search.text.stemming import stem
from shopr.search.text.tokens import AFTER, BREAK, JOINED, Token, tokenise

__all__ = ["MAX_QUERY", "Query", "Reader", "Term"]

MAX_QUERY = 256
"""Characters of a query that are read; nobody types more, and cost must not grow with hostile text."""
MAX_TERMS = 16


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the query.

    Attributes:
        codes: index terms that count as it, with their weights; () for a word that the catalogue does not have.
        joined: index term of this word and the next written together, -1 without one.
        word: as written, folded. flags: of `shopr.search.text.tokens`.
    """

    codes: tuple[tuple[int, float], ...]
    word: str
    flags: int = 0
    joined: int = -1


@dataclass(frozen=True)
class Query:
    """A query that was read.

    Attributes:
        text: as asked. terms: its words in order. kind: the kind of thing that it asks for. whole: whether it asks for
            that and nothing else. span: (first, end) position of the kind among the terms.
        synonyms: other names of the kind, as index terms.
        corrected: the text after spelling, None where nothing was changed.
        did_you_mean: a likelier text, for the shopper to choose.
        strange_pair: a word and a number that stand side by side here and in no product: "iphone 11".
        refused: what it rules out; the terms are what is left.
    """

    text: str
    terms: tuple[Term, ...] = ()
    kind: Asked | None = None
    whole: bool = False
    span: tuple[int, int] = (0, 0)
    synonyms: tuple[tuple[int, ...], ...] = ()
    corrected: str | None = None
    did_you_mean: str | None = None
    strange_pair: bool = False
    refused: tuple[Refusal, ...] = ()

    def refusing(self, text: str, refused: tuple[Refusal, ...]) -> Query:
        """The same as what is left of a longer text; a spelling of it rules out the same."""
        out = [f"-{each.said}" for each in refused]
        corrected, meant = (t and " ".join([t, *out]) for t in (self.corrected, self.did_you_mean))
        return replace(self, text=text, corrected=corrected, did_you_mean=meant, refused=refused)


class Reader:
    """Reads queries for one index."""

    def __init__(
        self,
        terms: Vocabulary,
        *,
        kinds: Kinds,
        postings: Postings,
        compounds: Compounds,
        speller: Speller | None,
        languages: tuple[str, ...],
        brands: frozenset[Phrase] = frozenset(),
    ) -> None:
        self.terms, self.kinds, self.postings, self.compounds = terms, kinds, postings, compounds
        self.speller, self.languages, self.brands = speller, languages, brands
        self.codes = Codes(terms.names, postings.count)
        self.heads = Heads(terms.names, postings.count, languages)
        self._mender = Mender(self)

    def read(self, text: str, *, mend: bool = True) -> Query:
        """The query in `text`; without `mend` its words are taken as they were typed."""
        tokens = _without_filler(self._whole_words(tokenise(text[:MAX_QUERY])))[:MAX_TERMS]
        fixed, likelier = self._mender.mended(tokens) if mend and self.speller else (tokens, tokens)
        corrected = " ".join(token.word for token in fixed) if fixed != tokens else None
        did_you_mean = " ".join(token.word for token in likelier) if likelier != fixed else None
        tokens = self._composed(fixed)
        terms = tuple(
            self._term(token, self._also(token, after))
            for token, after in zip(tokens, [*tokens[1:], None], strict=False)
        )
        kind, span = self._kind(tokens)
        return Query(
            text,
            terms,
            kind,
            kind is not None and span == (0, len(tokens)),
            span,
            self._synonyms(kind),
            corrected,
            did_you_mean,
            self._strange_pair(tokens, span),
        )

    def code(self, token: Token) -> int:
        """The index term of a word by the first language of the catalogue that has it; -1 if none has."""
        code = self.terms.get(token.term)
        if code >= 0 and self.postings.count[code]:
            return code
        for language in self.languages:
            code = self.terms.get(stem(token.word, language))
            if code >= 0 and self.postings.count[code]:
                return code
        return -1

    def _whole_words(self, tokens: list[Token]) -> list[Token]:
        """The words to look up: a joined form in place of its parts where the catalogue has it."""
        kept: list[Token] = []
        for token in tokens[: 2 * MAX_TERMS]:
            if not token.flags & JOINED:
                kept.append(token)
            elif self.code(token) >= 0:
                size, length = 0, 0
                while size < len(kept) and length < len(token.word):
                    size += 1
                    length += len(kept[-size].word)
                if length == len(token.word):
                    kept[-size:] = [Token(token.term, token.word, kept[-size].flags | JOINED)]
        return kept

    def apart(self, token: Token) -> tuple[int, int] | None:
        """The two words, side by side in the catalogue, that an unknown one is made of."""
        if not token.word.isalpha():
            return None
        for cut in range(3, len(token.word) - 2):
            first, second = self.terms.get(token.word[:cut]), self.terms.get(stem(token.word[cut:]))
            if first >= 0 and second >= 0 and self.compounds.beside(first, second):
                return first, second
        return None

    def joins(self, tokens: list[Token], i: int) -> bool:
        """Whether a word becomes known when written together with a neighbour."""
        return any(
            self._together(tokens[a], tokens[b]) is not None
            for a, b in ((i - 1, i), (i, i + 1))
            if a >= 0 and b < len(tokens)
        )

    def _together(self, first: Token, second: Token) -> Token | None:
        """Two words as the one that the catalogue writes, if it does and does not write them apart."""
        if second.flags & BREAK:
            return None
        a, b = self.code(first), self.code(second)
        if a >= 0 and b >= 0 and self.compounds.beside(a, b):
            return None
        word = first.word + second.word
        code = self.code(Token(stem(word), word, 0)) if len(word) >= 5 else -1
        # Of words that it has apart too, one product may write them together by chance.
        if code < 0 or self.postings.count[code] < (2 if max(a, b) >= 0 else 1):
            return None
        return Token(self.terms.names[code], word, first.flags)

    def _also(self, first: Token, second: Token | None) -> int:
        """The one word that the catalogue writes as often as the two apart; -1 without one."""
        if second is None or second.flags & BREAK:
            return -1
        return self.compounds.together.get((self.code(first), self.code(second)), -1)

    def _composed(self, tokens: list[Token]) -> list[Token]:
        """Words written apart or together as the catalogue writes them."""
        done: list[Token] = []
        for token in tokens:
            joined = self._together(done[-1], token) if done else None
            if joined is not None:
                done[-1] = joined
                continue
            code = self.code(token)
            halves = self.compounds.apart.get(code) if code >= 0 else self.apart(token)
            if halves is None:
                done.append(token)
                continue
            first, second = (self.terms.names[half] for half in halves)
            done += [Token(first, first, token.flags), Token(second, second, token.flags & ~(BREAK | AFTER))]
        return done

    def _term(self, token: Token, joined: int) -> Term:
        forms = dict.fromkeys([token.term, *(stem(token.word, language) for language in self.languages)])
        codes = [code for code in map(self.terms.get, forms) if code >= 0 and self.postings.count[code]]
        found = tuple((code, 1.0) for code in codes)
        found = found or tuple((code, 0.8) for code in self.codes.like(token.word) or self.heads.ending(token.word))
        return Term(found, token.word, token.flags, joined)

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

    def _synonyms(self, kind: Asked | None) -> tuple[tuple[int, ...], ...]:
        if kind is None:
            return ()
        coded = (tuple(self.terms.get(term) for term in name) for name in kind.synonyms)
        return tuple(codes for codes in coded if min(codes) >= 0)

    def _strange_pair(self, tokens: list[Token], span: tuple[int, int]) -> bool:
        """Whether a model name and its number never meet in the catalogue; kinds and brands bear any number."""
        for i, (first, second) in enumerate(pairwise(tokens)):
            if not first.word.isalpha() or not second.word.isdigit() or second.flags & BREAK:
                continue
            if span[0] <= i < span[1] or (first.term,) in self.brands:
                continue
            a, b = self.code(first), self.code(second)
            if a < 0 or b < 0 or not self.compounds.beside(a, b):
                return True
        return False


def _without_filler(tokens: list[Token]) -> list[Token]:
    """The words that say what is asked for; all if none would be left."""
    left = [token for token in tokens if token.word not in listed("filler")]
    return left or tokens
