"""What kind of thing each product is, mined from titles, attributes and categories.

Titles name the kind in one of two ways: as a phrase in lower case among capitalised names ("Alienware AW310M mouse RF
Wireless"), or as the last words before a comma, a bracket, a measure or a preposition ("HP 19-inch LCD Monitor"). What
stands after "for" or "with" is what the thing goes with, not what it is. A phrase counts as a kind if enough products
bear it; what bears none stays unknown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from shopr.search.lexicon import Phrase, alias_kinds, colours, words
from shopr.search.tokens import AFTER, BREAK, LOWER, MEASURE

__all__ = ["Title", "label", "mine"]

MAX_WORDS = 4


@dataclass(frozen=True, slots=True)
class Title:
    """The running words of one title, joined forms left out.

    Attributes:
        terms: index forms. flags: of `shopr.search.tokens`. brand: number of the product's brand, -1 for none.
        branded: whether the brand stood before them.
    """

    terms: Phrase
    flags: tuple[int, ...]
    brand: int
    branded: bool = False


def _plain(term: str) -> bool:
    return term.isalpha() and len(term) > 1


def _head(term: str) -> bool:
    """Whether a phrase that ends in this word can name a kind."""
    return _plain(term) and len(term) > 2 and term not in words("not_heads") and colours().canonical((term,)) is None


def lower_runs(title: Title) -> Iterator[tuple[int, int]]:
    """(start, end) of the runs in lower case that follow a capitalised word, those after a preposition left out."""
    capital, begin = title.branded, -1
    after_number = skipping = False
    for i, (term, flags) in enumerate(zip(title.terms, title.flags, strict=True)):
        lower = bool(flags & LOWER) and _plain(term)
        if flags & BREAK:
            skipping = bool(flags & AFTER)
        if begin >= 0 and (not lower or flags & BREAK):
            yield begin, i
            begin = -1
        if lower and begin < 0 and capital and not after_number and not skipping:
            begin = i
        if not lower:
            capital = capital or _plain(term)
        after_number = (term[0].isdigit() and not flags & MEASURE) or (after_number and lower and begin < 0)
    if begin >= 0:
        yield begin, len(title.terms)


def _segments(title: Title) -> Iterator[tuple[int, int]]:
    """(start, end) of the stretches between breaks and measures; what follows a preposition is left out."""
    begin, skipping = 0, False
    for i, flags in enumerate(title.flags):
        cut = flags & (BREAK | MEASURE)
        if cut and i > begin and not skipping:
            yield begin, i
        if cut:
            begin = i + 1 if flags & MEASURE else i
            skipping = bool(flags & AFTER) if flags & BREAK else skipping
    if begin < len(title.terms) and not skipping:
        yield begin, len(title.terms)


def _tail(title: Title, begin: int, end: int) -> int:
    """The end of a segment without the colours, numbers and names of no kind that close it."""
    while end > begin and not _head(title.terms[end - 1]):
        end -= 1
    return end


def mine(titles: list[Title], declared: Counter[Phrase]) -> dict[Phrase, int]:
    """Phrases that name kinds, and how many products bear each.

    Args:
        titles: of all products.
        declared: kinds named by attributes and categories, with the number of products of each.
    """
    support: Counter[Phrase] = Counter()
    brands: defaultdict[Phrase, set[int]] = defaultdict(set)
    ends: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    closing: Counter[Phrase] = Counter()
    for title in titles:
        seen.update(set(title.terms))
        for begin, end in lower_runs(title):
            support.update({title.terms[i:end] for i in range(max(begin, end - MAX_WORDS), end)})
        for begin, stop in _segments(title):
            end = _tail(title, begin, stop)
            if end - begin < 1 or (end < stop and not _plain(title.terms[end - 1])):
                continue
            ends[title.terms[end - 1]] += 1
            for i in range(max(begin, end - MAX_WORDS), end):
                if all(map(_plain, title.terms[i:end])):
                    closing[title.terms[i:end]] += 1
                    brands[title.terms[i:end]].add(title.brand)
    least = 2 if len(titles) < 2000 else 3
    kinds = {p: n for p, n in support.items() if n >= least and _head(p[-1])}
    for p, n in closing.items():
        often = n >= 2 * least and len(brands[p]) >= 3 and _head(p[-1])
        if often and ends[p[-1]] >= 0.3 * seen[p[-1]]:
            kinds[p] = max(n, kinds.get(p, 0))
    for p, n in declared.items():
        if p and len(p) <= MAX_WORDS and _head(p[-1]):
            kinds[p] = max(n, kinds.get(p, 0))
    return kinds


def label(title: Title, kinds: dict[Phrase, int], fixed: frozenset[Phrase]) -> tuple[Phrase, bool]:
    """The kind that a title names, () if none, and whether it is sure (written in lower case among capitals).

    Args:
        fixed: phrases that name kinds in any shop, beside those mined here.
    """
    # What stands in brackets or after a comma is named last: "smartwatch Black GPS (satellite)".
    runs = sorted(lower_runs(title), key=lambda run: (bool(title.flags[run[0]] & BREAK), -run[0]))
    for begin, end in runs:
        for i in range(max(begin - 2, end - MAX_WORDS, 0), end):
            # A capitalised word before the run may belong to the kind: "USB flash drive", "LCD monitor".
            if (i >= begin or not any(f & BREAK for f in title.flags[i + 1 : end])) and title.terms[i:end] in kinds:
                return title.terms[i:end], True
        for i in range(begin, end):
            if title.terms[i:end] in fixed:
                return title.terms[i:end], True
    for begin, end in _segments(title):
        found = _last(title, begin, end, kinds, fixed)
        if found:
            return found, False
    return (), False


def _last(title: Title, begin: int, end: int, kinds: dict[Phrase, int], fixed: frozenset[Phrase]) -> Phrase:
    for stop in range(end, begin, -1):
        if not _head(title.terms[stop - 1]):
            continue
        if stop < end and _head(title.terms[stop]):
            # A further name follows: "Notebook QuickDock" is no notebook.
            return ()
        for i in range(max(begin, stop - MAX_WORDS), stop):
            p = title.terms[i:stop]
            if p in kinds or p in fixed:
                return p
    return ()


def fixed_phrases() -> frozenset[Phrase]:
    """Phrases that name kinds in any shop, and words for accessories."""
    return frozenset(alias_kinds()[0]) | {(word,) for word in words("accessories")}
