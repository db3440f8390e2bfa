"""What a query rules out: "shoes not red", "Mantel ohne Leder", "赤以外の靴", "trainers -nike".

A word that says no counts only beside a brand, colour, material or kind of thing that the catalogue has, and not where
the catalogue itself writes the two side by side: a "No Iron" shirt is a name. The words are in `tables/refusing.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from shopr.search.asking.results import Filters, Refusal
from shopr.search.catalogue.filtering import Shelf
from shopr.search.query.compounds import Compounds
from shopr.search.query.heads import Heads
from shopr.search.query.pieces import Piece, cut_out, denial, is_name, is_wide, may_deny, pieces_of, spaced, words_of
from shopr.search.text.lexicon import Phrase, colours, materials, phrase
from shopr.search.text.tokens import Token, fold

__all__ = ["Refusals", "ruled"]

_ELIDED = re.compile(r"^(?:d|l|dell|un)['’](?=\w)")
_FREE = re.compile(r"(?<!\S)([^\W\d_]+)-free(?!\S)", re.IGNORECASE)
_LONGEST = 3
"""Words of the name of what is ruled out."""
_BETWEEN = 3
_CALLED = 5
"""Letters of a part of a brand's name that stands for the whole."""
_WIDEST = 8
"""Characters of such a name where words are not spaced."""

MAX_TEXT = 256
"""Characters of a query that are read, as many as of what is asked for."""

_Known = tuple[str, str]
"""The attribute of `Filters` that rules something out, and its name there."""


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    known: _Known
    said: str


class Refusals:
    """Reads what queries rule out, for one catalogue."""

    def __init__(self, shelf: Shelf, compounds: Compounds, heads: Heads, code: Callable[[Token], int]) -> None:
        self._shelf, self._compounds, self._heads, self._code = shelf, compounds, heads, code
        self._brands = {phrase(name): name for name in shelf.columns.brand.names}

    def of(self, text: str) -> tuple[str, tuple[Refusal, ...]]:
        """The query without what it rules out, and that; the text itself where it rules out nothing."""
        rest, refused = text, dict[_Known, str]()
        # What is taken out may leave two words side by side that rule out something again.
        while spans := self._found(apart) if may_deny(apart := spaced(rest[:MAX_TEXT])) else []:
            rest = cut_out(apart, [(span.start, span.end) for span in spans])
            for span in spans:
                refused.setdefault(span.known, span.said)
        if not phrase(rest) and any(part == "not_types" for part, _ in refused):
            return text, ()  # nobody asks for all but one kind of thing: "geen bottle" is a slip of "green bottle"
        return rest, tuple(
            Refusal(
                *known, said, " ".join([rest, *(f"-{other}" for key, other in refused.items() if key != known)]).strip()
            )
            for known, said in refused.items()
        )

    def _found(self, text: str) -> list[_Span]:
        spans: list[_Span] = []
        pieces = pieces_of(text)
        i = 0
        while i < len(pieces):
            found = self._free(text, pieces[i]) or self._before(text, pieces, i) or self._after(text, pieces, i)
            found = [span for span in found if not spans or span.start >= spans[-1].end]
            spans += found
            i += 1
            while found and i < len(pieces) and pieces[i].start < found[-1].end:
                i += 1
        return spans

    def _free(self, text: str, piece: Piece) -> list[_Span]:
        """ "leather-free": of materials only, since much else is free of charge."""
        match = _FREE.match(text, piece.start)
        known = self._known(match[1]) if match else None
        if match is None or known is None or known[0] != "not_materials":
            return []
        return [_Span(piece.start, piece.end, known, match[1])]

    def _before(self, text: str, pieces: list[Piece], i: int) -> list[_Span]:
        """Ruled out by the word at place i, what stands behind it, and what is joined to that."""
        width = denial(pieces, i, "before")
        either = i and pieces[i].follows and pieces[i - 1].word in words_of("either")
        if not width or either or is_name(pieces, i):
            return []
        first = i + width
        for skipped in range(_BETWEEN + 1):
            at = first + skipped
            if at >= len(pieces) or not pieces[at].follows:
                return []
            hit = self._longest(text, pieces, at)
            if hit is not None:
                if not skipped and self._written(pieces[first - 1].word, hit.said):
                    return []
                start = (
                    pieces[i - 1].start if i and pieces[i].follows and pieces[i - 1].word in words_of("lead") else -1
                )
                hit = replace(hit, start=pieces[i].start if start < 0 else start)
                return [hit, *self._joined(text, pieces, hit)]
            if pieces[at].word not in words_of("between"):
                return []
        return []

    def _joined(self, text: str, pieces: list[Piece], hit: _Span) -> Iterator[_Span]:
        """More of the same sort: "not red or blue"."""
        end = hit.end
        while True:
            at = next((i for i, piece in enumerate(pieces) if piece.start >= end), len(pieces))
            joint = at
            while at < len(pieces) and at - joint < 2 and pieces[at].follows and pieces[at].word in words_of("also"):
                at += 1
            if at == joint or at >= len(pieces):
                return
            more = self._longest(text, pieces, at)
            if more is None or more.known[0] != hit.known[0]:
                return
            end = more.end
            yield replace(more, start=pieces[joint].start)

    def _after(self, text: str, pieces: list[Piece], i: int) -> list[_Span]:
        """Ruled out by the word at place i, what stands before it."""
        width = denial(pieces, i, "after")
        if not width or not i or not pieces[i].follows:
            return []
        end = pieces[i + width - 1].end
        for size in range(min(_LONGEST, i), 0, -1):
            first = pieces[i - size]
            said = text[first.start : pieces[i - 1].end]
            known = self._known(said)
            if known is not None and all(piece.follows for piece in pieces[i - size + 1 : i]):
                return [_Span(first.start, end, known, said)]
        last = pieces[i - 1]
        for start in range(max(last.start + 1, last.end - _WIDEST), last.end if is_wide(text[last.start]) else 0):
            known = self._known(text[start : last.end])
            if known is not None:
                return [_Span(start, end, known, text[start : last.end])]
        return []

    def _longest(self, text: str, pieces: list[Piece], at: int) -> _Span | None:
        """The longest name of something known that begins at a piece."""
        first = pieces[at]
        for size in range(min(_LONGEST, len(pieces) - at), 0, -1):
            if not all(piece.follows for piece in pieces[at + 1 : at + size]):
                continue
            edges = (first.word, pieces[at + size - 1].word) if size > 1 else ()
            end = pieces[at + size - 1].end
            known = None if any(map(_little, edges)) else self._known(text[first.start : end])
            if known is not None:
                return _Span(first.start, end, known, text[first.start : end])
        longest = min(_WIDEST, first.end - first.start - 1) if is_wide(text[first.start]) else 0
        for end in range(first.start + longest, first.start, -1):
            known = self._known(text[first.start : end])
            if known is not None:
                return _Span(first.start, end, known, text[first.start : end])
        return None

    def _known(self, said: str) -> _Known | None:
        """What the catalogue knows by a name."""
        terms = phrase(_ELIDED.sub("", fold(said)))
        return self._named(said, terms) if terms and len(terms) <= _LONGEST + 2 else None

    def _named(self, said: str, terms: Phrase) -> _Known | None:
        columns = self._shelf.columns
        for part, reviewed, bits in (
            ("not_colours", colours(), columns.colour | columns.colour_said),
            ("not_materials", materials(), columns.material),
        ):
            name = reviewed.canonical(terms) or reviewed.canonical(_without_article(terms))
            if name is not None and (bits & (1 << reviewed.names.index(name))).any():
                return part, name
        if terms in self._brands:
            return "not_brands", self._brands[terms]
        asked = self._shelf.kinds.ask(terms)
        if asked is not None and len(asked.codes) and self._shelf.kinds.rows(asked).any():
            return "not_types", " ".join(fold(said).split())
        brand = self._parts_of_brands.get(terms)
        return ("not_brands", brand) if brand else self._compound(said)

    def _compound(self, said: str) -> _Known | None:
        """The commonest kind that ends in a word: who wants no Kabel wants no Ladekabel."""
        names = (self._shelf.terms.names[code] for code in self._heads.ending(fold(said)))
        asked = ((name, self._shelf.kinds.ask((name,))) for name in names)
        return next((("not_types", name) for name, kind in asked if kind is not None and len(kind.codes)), None)

    @cached_property
    def _parts_of_brands(self) -> dict[Phrase, str | None]:
        """The last words of brands, by which people call them: "Hilfiger"; None where several end so."""
        found: dict[Phrase, str | None] = {}
        for terms, name in self._brands.items():
            for end in (terms[i:] for i in range(1, len(terms))):
                if len("".join(end)) >= _CALLED:
                    found[end] = None if end in found else name
        return found

    def _written(self, no: str, said: str) -> bool:
        """Whether the catalogue writes the word that says no beside the other: then both are part of a name."""
        if not no.isalpha():
            return False
        first, second = (self._code(Token(terms[0], terms[0], 0)) if terms else -1 for terms in map(phrase, (no, said)))
        return first >= 0 and second >= 0 and self._compounds.beside(first, second)


def ruled(filters: Filters, refused: tuple[Refusal, ...]) -> Filters:
    """The conditions, and that nothing is what was ruled out."""
    for each in refused:
        names = getattr(filters, each.part)
        if each.name not in names:
            more: dict[str, Any] = {each.part: (*names, each.name)}
            filters = replace(filters, **more)
    return filters


def _little(word: str) -> bool:
    """Whether no name of several words begins or ends with this one."""
    return word in words_of("between") or word in words_of("also") or not phrase(word)


def _without_article(terms: Phrase) -> Phrase:
    """An Arabic word without its article."""
    return tuple(term.removeprefix("ال") for term in terms)
