"""Reads a customer's message: tokens mended towards known words, and the phrases of the desk's lexicon in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise

import yaml

from shopr.chat.reading.phrases import Match, PhraseBook, without_overlaps
from shopr.chat.reading.spelling import Speller
from shopr.chat.reading.tokens import Token, fold, tokenise
from shopr.chat.text import clean

__all__ = ["Part", "Words", "parts"]

_STEMMER = "english"
_JOINTS = frozenset(
    "and also then besides additionally plus next furthermore moreover secondly thirdly finally lastly".split()
)
_ACTS = frozenset({"cancel", "return", "exchange", "modify", "remove", "add", "address", "payment", "discount"})
_REACH, _FAR = 4, 7  # tokens between "and", or another joint, and the act that makes it the start of another request


@dataclass(frozen=True, slots=True)
class Part:
    """One request within a message, or all of it.

    Attributes:
        text: as written.
        tokens: its tokens.
        found: the phrases in it, the longest that do not overlap.
        every: all phrases in it, overlapping ones too.
    """

    text: str
    tokens: tuple[Token, ...]
    found: tuple[Match, ...]
    every: tuple[Match, ...]

    def keys(self, table: str) -> set[str]:
        """What is said of one table."""
        return {match.key for match in self.found if match.table == table}

    def has(self, table: str, *keys: str) -> bool:
        """Whether one of those is said."""
        return bool(self.keys(table) & set(keys))


class Words:
    """The lexicon with the words of a shop, towards which typing errors are mended.

    Args:
        names: product names and option values.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.book = _book()
        names = list(names)
        known = dict.fromkeys((t.key for name in names for t in tokenise(name) if t.kind == "word"), 1)
        # Of "pet hair removal" and "quiet operation", as options of products, no word asks for anything.
        self._phrases = PhraseBook()
        for name in names:
            if len(tokenise(name)) > 1:
                self._phrases.add(name, "name", name)
        self._speller = Speller({**_plain(), **known, **self.book.words})

    def read(self, message: str) -> Part:
        """A message made safe, with its phrases."""
        text = clean(message).text
        return self.part(text, tuple(self._mended(token) for token in tokenise(text)))

    def part(self, text: str, tokens: tuple[Token, ...]) -> Part:
        """Some tokens of a message, with their phrases."""
        named = {place for m in self._phrases.find(tokens) for place in range(m.start, m.end)}
        every = tuple(m for m in self.book.find(tokens) if m.table != "act" or not {*range(m.start, m.end)} <= named)
        return Part(text, tokens, tuple(without_overlaps(every)), every)

    def _mended(self, token: Token) -> Token:
        if token.key.endswith("'s") and token.key not in self.book.words:  # "my profile's address"
            token = replace(token, key=token.key.removesuffix("'s"))
        mended = self._speller.mend(token.key) if token.kind == "word" and len(token.key) >= 5 else None
        return token if mended is None else replace(token, key=mended)


def parts(message: Part, words: Words) -> list[Part]:
    """The requests of a message: cut at ends of sentences and before a joint that leads to another act.

    A sentence that asks for nothing belongs to the one before it, or, at the beginning, to the one behind it.
    """
    cuts = _cuts(message)
    bounds = [0, *cuts, len(message.tokens)]
    pieces = [message.tokens[a:b] for a, b in pairwise(bounds) if b > a]
    merged: list[tuple[Token, ...]] = []
    asked: list[bool] = []
    for piece in pieces:
        acting = bool(_asking(words.part("", piece)))
        if merged and (not acting or not asked[-1]):
            merged[-1] += piece
            asked[-1] = asked[-1] or acting
        else:
            merged.append(piece)
            asked.append(acting)
    return [words.part(message.text[p[0].start : p[-1].end], p) for p in merged]


def _cuts(message: Part) -> list[int]:
    tokens = message.tokens
    starts = {m.start for m in message.found if m.table == "act" and m.key in _ACTS}
    cuts = []
    for place, token in enumerate(tokens):
        if token.kind == "end" and not _within(tokens, place):
            cuts.append(place + 1)
        elif token.key in _JOINTS and _leads(token, place, starts):
            cuts.append(place)
    return cuts


def _asking(part: Part) -> set[str]:
    """The acts of a sentence that make it a request of its own; "my order #W…" alone asks for no list of orders."""
    weak = {"wish", "list"} if any(t.key[:1] == "w" and t.key[1:].isdigit() for t in part.tokens) else {"wish"}
    return part.keys("act") - weak


def _leads(joint: Token, place: int, starts: set[int]) -> bool:
    reach = _REACH if joint.key == "and" else _FAR
    return any(i in starts for i in range(place + 1, place + 1 + reach))


def _within(tokens: tuple[Token, ...], place: int) -> bool:
    """Whether a full stop stands within a word, as in an e-mail address."""
    return tokens[place].glued and place + 1 < len(tokens) and tokens[place + 1].glued


@cache
def _book() -> PhraseBook:
    book = PhraseBook(_STEMMER)
    text = files("shopr.chat.retail").joinpath("words.yaml").read_text(encoding="utf-8")
    for table, rows in yaml.safe_load(text).items():
        book.add_table(table, rows)
    return book


@cache
def _plain() -> dict[str, int]:
    """Plain English words, which are not mended."""
    from shopr.chat.reading.vocabulary import vocabulary

    return dict.fromkeys((fold(word) for word in vocabulary("en").stopwords), 1)
