"""Finds the phrases of a lexicon in a message: a trie over folded words and their stems, longest match first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shopr.chat.reading.tokens import Token, stemmed, tokenise

__all__ = ["GAP", "Match", "PhraseBook", "without_overlaps"]

GAP = 8
"""Tokens that a `*` in a phrase may stand for."""
_LONGEST = 48
"""Tokens of a phrase without gaps, at most; one character each in languages without spaces."""


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase found.

    Attributes:
        table, key: what it means.
        start, end: token positions, end exclusive.
        words: how many words of the phrase were found (gaps do not count).
        gapped: whether other words may stand between them.
        parts: where the words themselves stand, of a phrase with gaps.
    """

    table: str
    key: str
    start: int
    end: int
    words: int
    gapped: bool = False
    parts: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _Node:
    next: dict[str, _Node] = field(default_factory=dict)
    meanings: list[tuple[str, str]] = field(default_factory=list)


class PhraseBook:
    """Phrases and what they mean.

    Args:
        stemmer: Snowball stemmer by which single words are matched beside their exact form.
        particles: small words that may stand within any phrase: the "mal" of "leg das mal in den Korb".
    """

    def __init__(self, stemmer: str = "", particles: Iterable[str] = ()) -> None:
        self.stemmer, self._particles = stemmer, frozenset(particles)
        self._bare = stemmer == "english"  # "whats" is "what's"
        self.words: dict[str, int] = {}
        """Folded words of all phrases, and how many phrases hold each: what a speller may correct to."""
        self.stems: set[str] = set()
        """Stems of phrases of one word: an inflected form of such a word is known."""
        self._root = _Node()
        self._gapped: list[tuple[list[list[tuple[str, str]]], tuple[str, str]]] = []

    def add(self, phrase: str, table: str, key: Any) -> None:
        """Enter a phrase; `*` stands for a gap."""
        meaning = (table, str(key))
        parts = [self._keys(part) for part in phrase.split("*")]
        parts = [part for part in parts if part]
        for part in parts:
            for exact, _ in part:
                self.words[exact] = self.words.get(exact, 0) + 1
        for token in tokenise(phrase) if self._bare else ():
            if "'" in token.key:
                self.words[token.key] = self.words.get(token.key, 0) + 1
        if len(parts) > 1:
            self._gapped.append((parts, meaning))
        elif parts:
            if len(parts[0]) == 1:
                self.stems.add(parts[0][0][1])
            self._insert([exact for exact, _ in parts[0]], meaning)
            if self.stemmer:
                self._insert(["\0" + stem for _, stem in parts[0]], meaning)

    def add_table(self, table: str, rows: dict[Any, list[str]]) -> None:
        """Enter a table of the lexicon."""
        for key, phrases in rows.items():
            for phrase in phrases:
                self.add(phrase, table, key)

    def find(self, tokens: Sequence[Token]) -> list[Match]:
        """All phrases in the tokens, wherever they start, longer ones first."""
        plain = [self._plain(t.key) for t in tokens]
        keys = [(key, "\0" + stemmed(key, self.stemmer)) for key in plain]
        found = {match for start in range(len(tokens)) for match in self._from(tokens, keys, start)}
        if self._gapped:
            stems = {key for pair in keys for key in (pair[0], pair[1][1:])}
            found.update(self._gaps(tokens, stems))
        return sorted(found, key=lambda m: (-m.words, m.start, m.table, m.key))

    def _from(self, tokens: Sequence[Token], keys: Sequence[tuple[str, str]], start: int) -> Iterable[Match]:
        held = [(self._root, 0)]  # what may go on here, and the words of it so far
        for position in range(start, len(tokens)):
            reached = [(n.next[key], words + 1) for n, words in held for key in keys[position] if key in n.next]
            # A single word that the lexicon holds as it is written means that, and not what shares its stem ("vijf",
            # "vijfde"; "kablosuz", "kablosu").
            written = self._root.next.get(keys[start][0]) if position == start else None
            ended = [(written, 1)] if written is not None and written.meanings else reached
            for node, words in ended:
                for table, key in node.meanings:
                    yield Match(table, key, start, position + 1, words)
            if position > start and (tokens[position].key == "-" or tokens[position].key in self._particles):
                reached = [*reached, *held]  # a hyphen is a space, and a particle says nothing
            if not reached or position - start >= _LONGEST:
                return
            held = reached

    def _gaps(self, tokens: Sequence[Token], stems: set[str]) -> Iterable[Match]:
        for parts, (table, key) in self._gapped:
            if not all(exact in stems or stem in stems for part in parts for exact, stem in part):
                continue
            places = [self._places(tokens, part) for part in parts]
            for first in places[0]:
                steps = [first]
                for later in places[1:]:
                    step = next((p for p in later if steps[-1][1] <= p[0] <= steps[-1][1] + GAP), None)
                    if step is None:
                        break
                    steps.append(step)
                else:
                    yield Match(table, key, first[0], steps[-1][1], sum(map(len, parts)) + 1, True, tuple(steps))

    def _places(self, tokens: Sequence[Token], part: list[tuple[str, str]]) -> list[tuple[int, int]]:
        size = len(part)
        out = []
        for start in range(len(tokens) - size + 1):
            here = tokens[start : start + size]
            pairs = zip(here, part, strict=True)
            if all(self._is(t.key, exact, stem) for t, (exact, stem) in pairs):
                out.append((start, start + size))
        return out

    def _plain(self, key: str) -> str:
        return key.replace("'", "") if self._bare and len(key) > 1 else key

    def _is(self, key: str, exact: str, stem: str) -> bool:
        plain = self._plain(key)
        return plain == exact or stemmed(plain, self.stemmer) == stem

    def _keys(self, phrase: str) -> list[tuple[str, str]]:
        if re.fullmatch(r"\s*\d{1,2}\.\s*", phrase):  # "2." is an ordinal, "2" is not
            return [(phrase.strip(), phrase.strip())]
        tokens = [t for t in tokenise(phrase) if t.kind not in ("end", "pause") and (t.key != "-" or "slot" in phrase)]
        return [(key, stemmed(key, self.stemmer)) for key in (self._plain(t.key) for t in tokens)]

    def _insert(self, keys: list[str], meaning: tuple[str, str]) -> None:
        node = self._root
        for key in keys:
            node = node.next.setdefault(key, _Node())
        if meaning not in node.meanings:
            node.meanings.append(meaning)


def without_overlaps(matches: Iterable[Match]) -> list[Match]:
    """The longest matches that do not overlap, in order of place."""
    taken: list[Match] = []
    for match in sorted(matches, key=lambda m: (-(m.end - m.start), m.start)):
        if all(match.end <= other.start or match.start >= other.end for other in taken):
            taken.append(match)
    return sorted(taken, key=lambda m: m.start)
