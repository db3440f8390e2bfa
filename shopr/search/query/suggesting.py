"""Suggestions while typing: kinds of things, brands with kinds, and names, found by prefix in sorted arrays.

Beside words to search for, brands and categories are offered as such: to choose one is to see all that it has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.search.catalogue.columns import Names
from shopr.search.catalogue.kinds import Kinds
from shopr.search.text.tokens import fold

__all__ = ["Offer", "Offers", "Suggestions"]

_LONGEST = 60
_LOOKED_AT = 5_000
_SHORTEST = 2
"""Characters from which on brands and categories are offered."""


@dataclass(frozen=True)
class Suggestions:
    """Phrases that complete what is typed.

    Attributes:
        keys: folded phrases, ascending; a phrase stands under each of its words, so that "phones" finds "head phones".
        phrase: shape (keys,), the phrase of each. phrases: as shown. weight: products (or sales) behind each.
    """

    keys: list[str]
    phrase: NDArray[np.int32]
    phrases: list[str]
    weight: NDArray[np.float32]

    @classmethod
    def learn(cls, kinds: Kinds, brand: Names, popularity: NDArray[np.floating]) -> Suggestions:
        """The phrases of a catalogue, weighed by the number of products behind them and how popular these are."""
        worth = 1.0 + popularity / max(float(popularity.max(initial=0.0)), 1e-9) if len(popularity) else popularity
        counts: Counter[str] = Counter()
        for code, place, value in zip(kinds.main.tolist(), brand.codes.tolist(), worth.tolist(), strict=True):
            name = kinds.name(code)
            if name:
                counts[name] += value
            if place >= 0:
                counts[brand.names[place].lower()] += value
                if name:
                    counts[f"{brand.names[place].lower()} {name}"] += value
        return cls.of(counts)

    @classmethod
    def of(cls, counts: Mapping[str, float], named: Callable[[str], str] = str) -> Suggestions:
        """Of phrases with their weights; what is typed is looked for in what `named` makes of a phrase."""
        phrases = sorted(counts)
        weight = np.array([counts[p] for p in phrases], np.float32)
        pairs = sorted((key, i) for i, p in enumerate(phrases) for key in _starts(named(p)))
        return cls([k for k, _ in pairs], np.array([i for _, i in pairs], np.int32), phrases, weight)

    def complete(self, prefix: str, n: int) -> list[str]:
        """The n weightiest phrases that have a word starting where `prefix` does."""
        typed = " ".join(fold(prefix[:_LONGEST]).split())
        if not typed or n < 1:
            return []
        low = bisect_left(self.keys, typed)
        high = bisect_left(self.keys, typed + "\U0010ffff", lo=low)
        if high - low > _LOOKED_AT:
            high = low + _LOOKED_AT
        found = np.unique(self.phrase[low:high])
        opens = np.array([fold(self.phrases[i]).startswith(typed) for i in found.tolist()], bool)
        order = np.lexsort((found, -self.weight[found], ~opens))
        return [self.phrases[int(found[i])] for i in order[:n]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A brand or category whose name is being typed: the facet, its name there, and how many products it has."""

    facet: str
    name: str
    count: int


@dataclass(frozen=True)
class Offers:
    """The brands and categories of a catalogue, by prefix."""

    brands: Suggestions
    categories: Suggestions

    @classmethod
    def learn(cls, brand: Names, category: Names) -> Offers:
        """Of the facts of a catalogue; a category counts all below it."""
        brands: Counter[str] = Counter()
        levels: Counter[str] = Counter()
        for code, count in zip(*_counted(brand), strict=True):
            brands[brand.names[code]] += count
        for code, count in zip(*_counted(category), strict=True):
            path = [level.strip() for level in category.names[code].split(">")]
            levels.update({" > ".join(path[: i + 1]): count for i in range(len(path)) if path[i]})
        return cls(Suggestions.of(brands), Suggestions.of(levels, lambda path: path.rpartition(" > ")[2]))

    def complete(self, prefix: str, n: int) -> tuple[Offer, ...]:
        """Up to n brands and n categories that have a word starting where `prefix` does, those with most first."""
        if len(prefix.strip()) < _SHORTEST:
            return ()
        found = (("brand", self.brands), ("category", self.categories))
        return tuple(
            Offer(facet, name, int(names.weight[bisect_left(names.phrases, name)]))
            for facet, names in found
            for name in names.complete(prefix, n)
        )


def _counted(names: Names) -> tuple[list[int], list[int]]:
    """The codes that occur, and how often each does."""
    codes, counts = np.unique(names.codes[names.codes >= 0], return_counts=True)
    return codes.tolist(), counts.tolist()


def _starts(phrase: str) -> Iterable[str]:
    """A phrase from each of its words on."""
    words = fold(phrase).split()
    return {" ".join(words[i:]) for i in range(len(words))}
