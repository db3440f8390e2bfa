"""From postings to a ranked list: text score, then a closer look at the best by the kind of thing they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shopr.search.asking.results import Filters
from shopr.search.catalogue.kinds import Asked
from shopr.search.catalogue.postings import Postings
from shopr.search.query.understanding import Query, Term
from shopr.search.text.lexicon import phrase

if TYPE_CHECKING:
    from shopr.search.searching.index import Index

__all__ = ["Ranked", "browse", "named", "rank", "text_scores"]


JOINED_SHARE = 0.9
"""What a word written together counts, where the query writes it apart and the catalogue has both."""


_ANYWAY = 10
_SPOKEN = 3
"""Products of a kind that bear the word typed for it, from which on the word counts as usual in the shop."""


@dataclass(frozen=True)
class Ranked:
    """Candidates of a query, best first.

    Attributes:
        rows: catalogue rows. scores: final scores, in shares of the best text score. text: text scores.
        head, foreign, accessory: whether each is of the kind asked for, of another, something that goes with things.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    text: NDArray[np.float64]
    head: NDArray[np.bool_]
    foreign: NDArray[np.bool_]
    accessory: NDArray[np.bool_]

    def matching(self) -> NDArray[np.int64]:
        """Places of those that match well: half the best text score or more, and of the kind, if any is."""
        good = self._worded
        if self.head.any():
            good = self.head
        return np.flatnonzero(good)

    def listed(self) -> NDArray[np.int64]:
        """Places of those worth listing on page after page: of the kind, or well worded and of no other, and the first
        ones anyway.
        """
        good = self._worded
        if self.head.any():
            good = self.head | (good & ~self.foreign)
        good[:_ANYWAY] = True
        return np.flatnonzero(good)

    @property
    def _worded(self) -> NDArray[np.bool_]:
        good: NDArray[np.bool_] = self.text >= 0.5 * self.text.max(initial=0.0)
        return good


def text_scores(query: Query, postings: Postings, n: int) -> NDArray[np.float32]:
    """BM25F of every product; the forms of one word count once, by the best."""
    scores = np.zeros(n, np.float32)
    _add_all(scores, query.terms, postings)
    return scores


def _add_all(scores: NDArray[np.float32], terms: Sequence[Term], postings: Postings) -> None:
    skip = False
    for i, term in enumerate(terms):
        if skip:
            skip = False
            continue
        skip = term.joined >= 0 and i + 1 < len(terms)
        if not skip:
            _add(scores, term, postings)
            continue
        # "mouse pad": products that write it so, and those that write "mousepad", as good or nearly.
        apart = np.zeros(len(scores), np.float32)
        _add(apart, term, postings)
        _add(apart, terms[i + 1], postings)
        rows, impacts = postings.of(term.joined)
        most = float(apart.max(initial=0.0)) or 1.0
        share = impacts * np.float32(JOINED_SHARE * most / float(impacts.max(initial=1e-9)))
        apart[rows] = np.maximum(apart[rows], share)
        scores += apart


def _add(scores: NDArray[np.float32], term: Term, postings: Postings) -> None:
    if len(term.codes) == 1 and term.codes[0][1] == 1.0:
        rows, impacts = postings.of(term.codes[0][0])
        scores[rows] += impacts
    elif term.codes:
        best = np.zeros(len(scores), np.float32)
        for code, weight in term.codes:
            rows, impacts = postings.of(code)
            best[rows] = np.maximum(best[rows], impacts * np.float32(weight))
        scores += best


def _with_synonyms(query: Query, postings: Postings, of_kind: NDArray[np.bool_], weight: float) -> NDArray[np.float32]:
    """Text scores in which a product of the kind asked for may bear any of the kind's names."""
    n = len(of_kind)
    begin, end = query.span
    span = np.zeros(n, np.float32)
    rest = np.zeros(n, np.float32)
    _add_all(span, query.terms[begin:end], postings)
    _add_all(rest, query.terms[:begin], postings)
    _add_all(rest, query.terms[end:], postings)
    own = float(span.max(initial=0.0))
    members = np.flatnonzero(of_kind)
    for synonym in query.synonyms:
        other = _sum_among(members, synonym, postings, n)
        most = float(other.max(initial=0.0))
        if most > 0:
            # A long or rare synonym must not outdo the words that were typed.
            other *= np.float32(weight * (own or most) / most)
            span[members] = np.maximum(span[members], other)
    return rest + span


def _sum_among(members: NDArray[np.int64], terms: Sequence[int], postings: Postings, n: int) -> NDArray[np.float32]:
    """What some terms add to the scores of some products, which are often few."""
    scores = np.zeros(n, np.float32)
    for code in terms:
        rows, impacts = postings.of(code)
        scores[rows] += impacts
    return scores[members]


def rank(
    query: Query,
    index: Index,
    *,
    allowed: NDArray[np.bool_] | None = None,
    extra: NDArray[np.float32] | None = None,
    depth: int = 0,
) -> Ranked:
    """The best products for a query.

    Args:
        allowed: products that pass the filters; all if None.
        extra: what features of the caller add to each product's score, in shares of the best text score.
        depth: candidates wanted, if more than the configuration's.
    """
    kinds, config, postings = index.kinds, index.config, index.postings
    of_kind = None if query.kind is None else kinds.rows(query.kind)
    literal = scores = text_scores(query, postings, len(index))
    if of_kind is not None and query.synonyms:
        scores = _with_synonyms(query, postings, of_kind, config.synonym)
    if of_kind is not None and query.whole:
        # Who names a kind and nothing else is content with all of it, whatever it is called there.
        scores[of_kind] += np.float32(1e-6)
    if allowed is not None:
        scores = scores * allowed
    best = float(scores.max(initial=0.0))
    if best <= 0:
        return _nothing()
    relative = scores / np.float32(best)
    if query.kind is not None and of_kind is not None and query.whole:
        relative += _bonus(query.kind, index, of_kind & (scores > 0), literal)
    if extra is not None:
        relative += extra * (scores > 0)
    rows = _top(relative, max(config.candidates, depth))
    return _closer(index, rows, relative[rows], scores[rows], of_kind)


def _bonus(kind: Asked, index: Index, own: NDArray[np.bool_], literal: NDArray[np.float32]) -> NDArray[np.float32]:
    """What products gain by the kind that the whole query names.

    Args:
        own: products of the kind. literal: text scores by the words typed alone.
    """
    config, kinds = index.config, index.kinds
    spoken = own & (literal > 1e-5)
    # Where the shop hardly uses the word that was typed, its own word for the thing is as good.
    rival = int(own.sum()) < _bearers(literal)
    usual = int(spoken.sum()) >= _SPOKEN or rival
    bonus = np.float32(config.exact_kind) * spoken
    bonus += np.float32(config.named_otherwise if usual else config.unspoken) * (own & ~spoken)
    if not usual:
        aside = kinds.goes_with(kind) & ~own
        bonus -= np.float32(config.aside) * (aside & (literal > 0))
        # A thing in its own right that bears the word is no worse: a headset "with earbuds".
        other = (literal > 1e-5) & ~own & (kinds.main >= 0) & ~kinds.accessory[kinds.main]
        bonus += np.float32(config.unspoken) * other
    return bonus


def _bearers(literal: NDArray[np.float32]) -> int:
    """How many products bear the words typed nearly as well as the best does."""
    return int((literal > 0.8 * float(literal.max(initial=0.0))).sum())


def named(text: str, index: Index, allowed: NDArray[np.bool_] | None = None) -> Ranked | None:
    """The product whose id is the text; None if there is none, or it does not pass."""
    rows = index.ids.encode([text.strip(), text.strip().upper()])
    found = next((int(row) for row in rows if row >= 0 and (allowed is None or allowed[row])), None)
    if found is None:
        return None
    one, no = np.ones(1), np.zeros(1, bool)
    return Ranked(np.array([found], np.int64), one, one, no, no, no)


def of_category(
    read: Query, index: Index, allowed: NDArray[np.bool_] | None, extra: NDArray[np.float32] | None
) -> Ranked | None:
    """The products of the category that a query names and says no more of; None if there is none.

    The words of a wide category tell products apart so little that they find none: "books" in a shop of books.
    """
    level = index.shelf.level(phrase(" ".join(term.word for term in read.terms)))
    if level is None:
        return None
    below = index.shelf.passing(Filters(categories=(level,)))
    ranked = browse(index, below if allowed is None else below & allowed, extra)
    return ranked if len(ranked.rows) else None


def browse(index: Index, allowed: NDArray[np.bool_] | None, extra: NDArray[np.float32] | None) -> Ranked:
    """Products without a query, by the caller's features and then by popularity."""
    rows = np.arange(len(index)) if allowed is None else np.flatnonzero(allowed)
    popularity = index.columns.popularity[rows].astype(np.float64)
    scores = popularity / (popularity.max(initial=0.0) or 1.0)
    if extra is not None:
        scores = scores + extra[rows]
    order = np.lexsort((rows, -scores))
    none = np.zeros(len(rows), bool)
    # Without words all match alike, however popular.
    return Ranked(rows[order], scores[order], np.ones(len(rows)), none, none, none)


def _closer(
    index: Index,
    rows: NDArray[np.int64],
    relative: NDArray[np.float32],
    text: NDArray[np.float32],
    of_kind: NDArray[np.bool_] | None,
) -> Ranked:
    kinds, config = index.kinds, index.config
    final = relative.astype(np.float64)
    nothing = np.zeros(len(rows), bool)
    main = kinds.main[rows]
    accessory = kinds.accessory[main]
    head = foreign = nothing
    if of_kind is not None:
        head = of_kind[rows]
        foreign = ~head & (main >= 0)
        final += config.head * head
        final -= config.accessory * (foreign & accessory)
    order = np.lexsort((rows, -final))
    return Ranked(
        rows[order],
        final[order],
        text[order].astype(np.float64),
        head[order],
        foreign[order],
        accessory[order],
    )


def _top(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Rows of the highest positive scores; equal ones by row, so that the answer never depends on chance."""
    rows = np.flatnonzero(scores > 0)
    if len(rows) > count:
        values = scores[rows]
        least = np.partition(values, len(rows) - count)[len(rows) - count]
        above = rows[values > least]
        rows = np.concatenate([above, rows[values == least][: count - len(above)]])
    return rows


def _nothing() -> Ranked:
    none = np.zeros(0, bool)
    return Ranked(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), none, none, none)
