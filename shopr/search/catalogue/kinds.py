"""Kinds of things: which products are what a word asks for, by the mined kinds, the reviewed table and attributes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.search.catalogue.fields import KIND_KEYS, attribute
from shopr.search.catalogue.forward import Forward
from shopr.search.catalogue.mining import Title, fixed_phrases, label, mine, refused_phrases
from shopr.search.text.lexicon import Alias, Phrase, alias_kinds, phrase, words
from shopr.search.text.tokens import AFTER, JOINED, STOP_WORDS

__all__ = ["Asked", "Kinds"]

_SEVERAL = 3


@dataclass(frozen=True)
class Asked:
    """A kind as asked for.

    Attributes:
        name: its usual name. terms: as it stands in the query. codes: the mined kinds that are it.
        synonyms: other names of it and of its narrower kinds, from the reviewed table.
    """

    name: str
    terms: Phrase
    codes: NDArray[np.int32]
    synonyms: tuple[Phrase, ...] = ()


@dataclass(frozen=True)
class Members:
    """The products of each kind, so that to find those of a few kinds costs as much as there are.

    Attributes:
        rows: products by kind. start: shape (kinds + 1,), where each kind's begin.
    """

    rows: NDArray[np.int64]
    start: list[int]

    @classmethod
    def of(cls, kind: NDArray[np.integer], count: int) -> Members:
        """Of the kind of each product, -1 for none."""
        rows = np.argsort(kind, kind="stable")
        return cls(rows, np.searchsorted(kind[rows], np.arange(count + 1)).tolist())

    def mark(self, kinds: NDArray[np.integer], own: NDArray[np.bool_]) -> None:
        """Set `own` where a product is of one of some kinds."""
        for code in kinds.tolist():
            own[self.rows[self.start[code] : self.start[code + 1]]] = True


@dataclass
class Kinds:
    """The kinds of a catalogue.

    Attributes:
        phrases: the distinct kinds. main, other: int16/int32 shape (n,), the kind that the title (or category) names
            and the one that an attribute names; -1 for none.
        accessory: shape (kinds,), whether it is something that goes with another thing.
        names: shape (kinds,) as people write them.
    """

    phrases: list[Phrase]
    main: NDArray[np.int32]
    other: NDArray[np.int32]
    accessory: NDArray[np.bool_] = field(init=False)
    _by_suffix: dict[Phrase, list[int]] = field(init=False, repr=False)
    _members: tuple[Members, Members] = field(init=False, repr=False)
    _asked: dict[Phrase, Asked | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        heads = words("accessories")
        self.accessory = np.array([p[-1] in heads for p in self.phrases] + [False])
        # An attribute names the kind of the thing that an accessory is for as often as its own.
        also = ~self.accessory[self.main] | self.accessory[self.other]
        self._members = (
            Members.of(self.main, len(self.phrases)),
            Members.of(np.where(also, self.other, -1), len(self.phrases)),
        )
        self._by_suffix = {}
        self._asked = {}
        for code, p in enumerate(self.phrases):
            for i in range(len(p)):
                self._by_suffix.setdefault(p[i:], []).append(code)

    @classmethod
    def build(cls, frame: pd.DataFrame, forward: Forward, brands: NDArray[np.integer]) -> Kinds:
        """The kinds of all products."""
        titles = list(_titles(frame, forward, brands))
        declared = [_declared(row) for row in zip(frame["category"], frame["attributes"], strict=True)]
        counts = Counter(p for pair in declared for p in pair if p)
        openers = {phrase(name) for name in frame["brand"].unique()}
        kinds = mine(titles, counts, frozenset(p[0] for p in openers if len(p) == 1))
        fixed = fixed_phrases()
        _, lines = alias_kinds()
        codes: dict[Phrase, int] = {}
        main = np.full(len(titles), -1, np.int32)
        other = np.full(len(titles), -1, np.int32)
        for i, title in enumerate(titles):
            category, kind = declared[i]
            named, sure = label(title, kinds, fixed)
            second = kind if kind in kinds else ()
            first = category or (named if sure == 3 else ())
            if not first and sure < 2:
                first = second or _line(title, lines)
            first = first or named or second or _line(title, lines)
            if first:
                main[i] = codes.setdefault(first, len(codes))
            if second and second != first:
                other[i] = codes.setdefault(second, len(codes))
        return cls(list(codes), main, other)

    def ask(self, terms: Phrase) -> Asked | None:
        """The kind that a phrase asks for; None if it names none that is known here or in the reviewed table."""
        if terms not in self._asked:
            if len(self._asked) > 10_000:
                self._asked.clear()
            self._asked[terms] = self._resolve(terms)
        return self._asked[terms]

    def _resolve(self, terms: Phrase) -> Asked | None:
        alias = alias_kinds()[0].get(terms)
        if alias is None:
            codes = self._by_suffix.get(terms)
            return None if codes is None else Asked(" ".join(terms), terms, np.array(codes, np.int32))
        return Asked(
            alias.name,
            terms,
            np.array(self._accepted(alias, terms), np.int32),
            tuple(p for p in alias.accepted if p != terms),
        )

    def _accepted(self, alias: Alias, terms: Phrase) -> list[int]:
        refused = {code for p in alias.refused for code in self._by_suffix.get(p, ())}
        found = {code for p in (terms, *alias.accepted) for code in self._by_suffix.get(p, ())}
        return sorted(found - refused)

    def rows(self, asked: Asked) -> NDArray[np.bool_]:
        """Which products are of the kind."""
        own = np.zeros(len(self.main), bool)
        for members in self._members:
            members.mark(asked.codes, own)
        return own

    def goes_with(self, asked: Asked) -> NDArray[np.bool_]:
        """Which products are accessories of other names than the one asked for."""
        aside = self.accessory.copy()
        aside[self._by_suffix.get(asked.terms[-1:], [])] = False
        own: NDArray[np.bool_] = aside[self.main]
        return own

    def vocabulary(self) -> frozenset[str]:
        """The words of the kinds that several products are and of product lines; names of accessories left out."""
        often = np.bincount(self.main[self.main >= 0], minlength=len(self.phrases)) >= _SEVERAL
        spoken = {term for p, several in zip(self.phrases, often.tolist(), strict=True) if several for term in p}
        return frozenset(spoken - words("accessories")).union(*alias_kinds()[1])

    def name(self, code: int) -> str:
        """A kind as text; "" for none."""
        return " ".join(self.phrases[code]) if code >= 0 else ""


def _titles(frame: pd.DataFrame, forward: Forward, brands: NDArray[np.integer]) -> list[Title]:
    """The titles without joined forms and without the brand that opens them."""
    names = forward.terms.names
    little = [code for code in map(forward.terms.get, STOP_WORDS) if code >= 0]
    keep = (forward.part == 0) & ((forward.flags & JOINED) == 0) & ~np.isin(forward.term, little)
    rows = forward.rows()[keep]
    terms, flags = forward.term[keep], forward.flags[keep]
    start = np.searchsorted(rows, np.arange(len(forward) + 1))
    openers = [phrase(name) for name in frame["brand"]]
    found = []
    for i in range(len(forward)):
        cut = slice(start[i], start[i + 1])
        own = tuple(names[j] for j in terms[cut])
        opener = openers[i]
        skip = len(opener) if opener and own[: len(opener)] == opener else 0
        found.append(Title(own[skip:], tuple(flags[cut].tolist()[skip:]), int(brands[i]), skip > 0))
    return found


def _declared(row: tuple[str, str]) -> tuple[Phrase, Phrase]:
    """The kinds that the last level of the category and an attribute name."""
    category, attributes = row
    above, _, last = category.rpartition(" > ")
    level = phrase(last) if category else ()
    within = (*phrase(above.rpartition(" > ")[2]), *level)
    # A notebook among stationery is no computer: the level above tells, where the reviewed table asks.
    level = within if within in refused_phrases() else level
    kind = attribute(json.loads(attributes), KIND_KEYS[:-1]) if attributes else ""
    return level, phrase(kind) if kind else ()


def _line(title: Title, lines: dict[Phrase, str]) -> Phrase:
    """The kind of a product line that the title begins with."""
    for i in range(min(3, len(title.terms))):
        if title.flags[i] & AFTER:
            break
        for width in (2, 1):
            kind = lines.get(title.terms[i : i + width])
            if kind is not None:
                return phrase(kind)
    return ()
