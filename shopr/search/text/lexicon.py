"""The reviewed tables of shop vocabulary: kinds of things, accessories, colours, materials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from shopr.search.text.tokens import JOINED, fold, tokenise

__all__ = ["Alias", "Phrase", "Words", "alias_kinds", "colours", "listed", "materials", "phrase", "table", "words"]

Phrase = tuple[str, ...]
"""A phrase as its index forms."""


@lru_cache(maxsize=8)
def table(name: str) -> Mapping[str, Any]:
    """A table of this package, as written."""
    text = files("shopr.search").joinpath(f"tables/{name}.yaml").read_text(encoding="utf-8")
    content: Mapping[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return content


@lru_cache(maxsize=50_000)
def phrase(text: str) -> Phrase:
    """The index forms of a phrase, without the joined forms."""
    return tuple(token.term for token in tokenise(text) if not token.flags & JOINED)


class Words:
    """Words and what they mean: `canonical(word)`, phrases of up to three words included."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self.names = tuple(names)
        self._meaning: dict[Phrase, str] = {}
        for name, others in names.items():
            self._meaning.setdefault(phrase(name), name)
            for other in others:
                self._meaning.setdefault(phrase(other) or (fold(other),), name)
        self.longest = max(map(len, self._meaning), default=1)

    def canonical(self, terms: Phrase) -> str | None:
        """The name that exactly this phrase means."""
        return self._meaning.get(terms)

    def named(self, text: str) -> list[str]:
        """The names of all words in a text, each once, in order; the longest phrase counts."""
        terms = phrase(text)
        found: dict[str, None] = {}
        i = 0
        while i < len(terms):
            for width in range(min(self.longest, len(terms) - i), 0, -1):
                name = self._meaning.get(terms[i : i + width])
                if name is not None:
                    found[name] = None
                    i += width
                    break
            else:
                i += 1
        return list(found)


@lru_cache(maxsize=1)
def colours() -> Words:
    """Colour words."""
    return Words(table("colours"))


@lru_cache(maxsize=1)
def materials() -> Words:
    """Material words."""
    return Words(table("words")["materials"])


@lru_cache(maxsize=4)
def words(name: str) -> frozenset[str]:
    """The index forms of a list of `words.yaml`: the last word of each entry."""
    return frozenset(terms[-1] for terms in (phrase(str(entry)) for entry in table("words")[name]) if terms)


@lru_cache(maxsize=4)
def listed(name: str) -> frozenset[str]:
    """A list of `words.yaml` as folded words."""
    return frozenset(fold(str(entry)).replace("'", "") for entry in table("words")[name])


class Alias:
    """One entry of the table of kinds: what counts as it, and what only looks as if."""

    __slots__ = ("accepted", "name", "refused", "same")

    def __init__(
        self, name: str, same: tuple[Phrase, ...], accepted: tuple[Phrase, ...], refused: tuple[Phrase, ...]
    ) -> None:
        self.name, self.same, self.accepted, self.refused = name, same, accepted, refused


@lru_cache(maxsize=1)
def alias_kinds() -> tuple[dict[Phrase, Alias], dict[Phrase, str]]:
    """Phrase -> its entry, and product line -> the name of the kind it is."""
    entries = {name: entry or {} for name, entry in table("kinds").items()}
    found: dict[Phrase, Alias] = {}
    lines = {phrase(line): name for name, entry in entries.items() for line in entry.get("lines", ())}
    for name, entry in entries.items():
        same = tuple(dict.fromkeys(phrase(p) for p in (name, *entry.get("same", ()))))
        accepted = tuple(dict.fromkeys([*same, *_narrower(name, entries, frozenset())]))
        alias = Alias(name, same, accepted, tuple(phrase(p) for p in entry.get("not", ())))
        for each in same:
            # Its own entry decides what a phrase means; as another's synonym it is only a guess.
            if each == phrase(name) or each not in found:
                found[each] = alias
    return found, lines


def _narrower(name: str, entries: Mapping[str, Any], above: frozenset[str]) -> Iterable[Phrase]:
    for kind in entries[name].get("kinds", ()):
        yield phrase(kind)
        if kind in entries and kind not in above:
            yield from (phrase(p) for p in entries[kind].get("same", ()))
            yield from _narrower(kind, entries, above | {name})
