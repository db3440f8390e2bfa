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
from functools import lru_cache

from shopr.search.text.lexicon import Phrase, alias_kinds, colours, words
from shopr.search.text.tokens import AFTER, BREAK, LOWER, MEASURE

__all__ = ["Title", "fixed_phrases", "label", "mine", "refused_phrases"]

MAX_WORDS = 4


@dataclass(frozen=True, slots=True)
class Title:
    """The running words of one title, joined forms left out.

    Attributes:
        terms: index forms. flags: of `shopr.search.text.tokens`. brand: number of the product's brand, -1 for none.
        branded: whether the brand stood before them.
    """

    terms: Phrase
    flags: tuple[int, ...]
    brand: int
    branded: bool = False


def _plain(term: str) -> bool:
    return term.isalpha() and len(term) > 1


@lru_cache(maxsize=1)
def _short_heads() -> frozenset[str]:
    """Words of two letters that do name kinds: "tv", "pc"."""
    return frozenset(p[-1] for p in alias_kinds()[0] if len(p[-1]) == 2)


def _head(term: str) -> bool:
    """Whether a phrase that ends in this word can name a kind."""
    if not _plain(term) or (len(term) == 2 and term not in _short_heads()):
        return False
    return term not in words("not_heads") and colours().canonical((term,)) is None


def lower_runs(title: Title, *, after: bool = False) -> Iterator[tuple[int, int]]:
    """(start, end) of the runs in lower case that follow a capitalised word; those behind a preposition if `after`."""
    capital, begin, behind = title.branded, -1, False
    for i, (term, flags) in enumerate(zip(title.terms, title.flags, strict=True)):
        lower = bool(flags & LOWER) and _plain(term)
        behind = behind or bool(flags & AFTER)
        if begin >= 0 and (not lower or flags & BREAK):
            yield begin, i
            begin = -1
        if lower and begin < 0 and capital and behind == after:
            begin = i
        if not lower:
            capital = capital or _plain(term)
    if begin >= 0:
        yield begin, len(title.terms)


def _segments(title: Title) -> Iterator[tuple[int, int]]:
    """(start, end) of the stretches between breaks and measures, before the first preposition."""
    begin = 0
    for i, flags in enumerate(title.flags):
        if flags & (BREAK | MEASURE):
            if i > begin:
                yield begin, i
            begin = i + 1 if flags & MEASURE else i
        if flags & AFTER and i:
            return
    if begin < len(title.terms):
        yield begin, len(title.terms)


def _tail(title: Title, begin: int, end: int) -> int:
    """The end of a segment without the colours, numbers and names of no kind that close it."""
    while end > begin and not _head(title.terms[end - 1]):
        end -= 1
    return end


def mine(titles: list[Title], declared: Counter[Phrase], brands: frozenset[str]) -> dict[Phrase, int]:
    """Phrases that name kinds, and how many products bear each.

    Args:
        titles: of all products.
        declared: kinds named by attributes and categories, with the number of products of each.
        brands: names of brands that are one word, which name no kind.
    """
    least = 2 if len(titles) < 2000 else 3
    kinds = {p: n for p, n in _written_small(titles).items() if n >= least and p[-1] not in brands}
    for p, n in _closing(titles, least).items():
        if p[-1] not in brands:
            kinds[p] = max(n, kinds.get(p, 0))
    for p, n in declared.items():
        if p and len(p) <= MAX_WORDS and _head(p[-1]):
            kinds[p] = max(n, kinds.get(p, 0))
    return kinds


def _written_small(titles: list[Title]) -> Counter[Phrase]:
    """Phrases that end a run in lower case, with the number of titles, where the run seldom opens a longer name."""
    support: Counter[Phrase] = Counter()
    ended: Counter[str] = Counter()
    led_on: Counter[str] = Counter()
    for title in titles:
        for begin, end in lower_runs(title):
            head = title.terms[end - 1]
            if title.flags[begin] & BREAK or not _head(head):
                continue
            ended[head] += 1
            if end < len(title.terms) and not title.flags[end] & BREAK and _head(title.terms[end]):
                led_on[head] += 1
            support.update({title.terms[i:end] for i in range(max(begin, end - MAX_WORDS), end)})
    return Counter({p: n for p, n in support.items() if led_on[p[-1]] < 0.5 * ended[p[-1]]})


def _closing(titles: list[Title], least: int) -> Counter[Phrase]:
    """Phrases that close what is written before a comma, bracket, measure or preposition, for several brands."""
    brands: defaultdict[Phrase, set[int]] = defaultdict(set)
    ends: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    closing: Counter[Phrase] = Counter()
    for title in titles:
        seen.update(set(title.terms))
        for begin, stop in _segments(title):
            end = _tail(title, begin, stop)
            if end - begin < 1:
                continue
            ends[title.terms[end - 1]] += 1
            for i in range(max(begin, end - MAX_WORDS), end):
                if all(map(_plain, title.terms[i:end])):
                    closing[title.terms[i:end]] += 1
                    brands[title.terms[i:end]].add(title.brand)
    return Counter(
        {
            p: n
            for p, n in closing.items()
            if n >= 2 * least and len(brands[p]) >= 3 and ends[p[-1]] >= 0.3 * seen[p[-1]]
        }
    )


def label(title: Title, kinds: dict[Phrase, int], fixed: frozenset[Phrase]) -> tuple[Phrase, int]:
    """The kind that a title names, () if none, and how sure that is.

    Args:
        fixed: phrases that name kinds in any shop, beside those mined here.

    Returns:
        The kind, and 3 where it is written in lower case among capitals, 2 where it closes the name, 1 where it stands
        behind a measure or a preposition and may be a part: "256 GB SSD".
    """
    later: list[tuple[Phrase, int]] = []
    for begin, end in lower_runs(title):
        found = _in_run(title, begin, end, kinds, fixed)
        if not found:
            continue
        # What stands behind a comma or in brackets may be a property: "UPS, Tower, LCD display", "GPS (satellite)".
        if not any(flags & BREAK for flags in title.flags[1 : begin + 1]):
            return found, 3
        later.append((found, 3))
    segments = list(_segments(title))
    for place, (begin, end) in enumerate(segments):
        found = _last(title, begin, end, kinds, fixed)
        if found:
            measured = begin > 0 and bool(title.flags[begin - 1] & MEASURE)
            later.append((_part_of(title, segments[place + 1 :], found), 1 if measured else 2))
            break
    if later:
        return max(later, key=lambda pair: kinds.get(pair[0], 0))
    for begin, end in lower_runs(title, after=True):
        found = _in_run(title, begin, end, kinds, fixed)
        if found:
            return found, 1
    return (), 0


def _part_of(title: Title, rest: list[tuple[int, int]], found: Phrase) -> Phrase:
    """What was found, or the accessory that a later stretch closes with: "Laptop USB 2.0 PC Card Adapter"."""
    if found[-1] in words("accessories"):
        return found
    for begin, stop in rest:
        end = _tail(title, begin, stop)
        if end > begin and title.terms[end - 1] in words("strong_accessories"):
            return (title.terms[end - 1],)
    return found


def _in_run(title: Title, begin: int, end: int, kinds: dict[Phrase, int], fixed: frozenset[Phrase]) -> Phrase:
    """The kind that a run in lower case names, with the capitals around it that belong to it: "USB flash drive"."""
    beyond = end + 1 if end < len(title.terms) and not title.flags[end] & (BREAK | MEASURE) else end
    for stop in dict.fromkeys((end, beyond, *range(end - 1, begin, -1))):
        for i in range(max(begin - 2, stop - MAX_WORDS, 0), min(stop, end)):
            p = title.terms[i:stop]
            if p not in kinds and p not in fixed:
                continue
            if i < begin and any(flags & BREAK for flags in title.flags[i + 1 : stop]):
                continue
            before = title.terms[i - 1] if i and not title.flags[i] & BREAK else ""
            # "Power Module uninterruptible power supply" is a module, "Carrying Case notebook case" a notebook case.
            if before in words("strong_accessories") and p[-1] not in words("accessories"):
                return (before,)
            return p
    return ()


def _last(title: Title, begin: int, end: int, kinds: dict[Phrase, int], fixed: frozenset[Phrase]) -> Phrase:
    for stop in range(end, begin, -1):
        if not _head(title.terms[stop - 1]):
            continue
        if any(map(_head, title.terms[stop:end])):
            # A further name follows: "Notebook QuickDock" is no notebook.
            return ()
        for i in range(max(begin, stop - MAX_WORDS), stop):
            p = title.terms[i:stop]
            if p in kinds or p in fixed:
                return p
    return ()


@lru_cache(maxsize=1)
def refused_phrases() -> frozenset[Phrase]:
    """Names that end as a kind does and are something else."""
    return frozenset(p for alias in alias_kinds()[0].values() for p in alias.refused)


def fixed_phrases() -> frozenset[Phrase]:
    """Phrases that name kinds in any shop, and words for accessories."""
    return frozenset(alias_kinds()[0]) | refused_phrases() | {(word,) for word in words("accessories")}
