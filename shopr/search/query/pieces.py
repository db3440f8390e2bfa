"""The pieces of a query, and the words among them that say no: `tables/refusing.yaml`, of all languages at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from shopr.search.text.lexicon import Phrase, table
from shopr.search.text.tokens import fold

__all__ = ["Piece", "cut_out", "denial", "is_name", "is_wide", "may_deny", "pieces_of", "spaced", "words_of"]

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_PIECE = re.compile(r"[^\s,;:!?()\[\]{}\"“”„«»|。、，；：！？]+")
_GLUED = re.compile(rf"(?<!\S)(-|non-)(?=[^\W\d_]{{2}}|[{_WIDE}])", re.IGNORECASE)
_MARKS = {"-": "\ue000", "non-": "\ue001"}
"""Stand for what is glued to a word; a dash that stands alone, as in a title, rules out nothing."""
_LONGEST = 3
"""Pieces of a word that says no."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between spaces and signs.

    Attributes:
        start, end: its place in the text. word: folded. follows: whether only space is before it.
    """

    start: int
    end: int
    word: str
    follows: bool


@lru_cache(maxsize=1)
def _negators() -> dict[str, frozenset[Phrase]]:
    tables = table("refusing")
    found = {
        side: frozenset(tuple(fold(str(entry)).split()) for entries in tables[side].values() for entry in entries)
        for side in ("before", "after")
    }
    return found | {"before": found["before"] | {(mark,) for mark in _MARKS.values()}}


@lru_cache(maxsize=8)
def words_of(name: str) -> frozenset[str]:
    """A list of the table, folded."""
    return frozenset(fold(str(entry)) for entry in table("refusing")[name])


@lru_cache(maxsize=1)
def _wide_negators() -> tuple[str, ...]:
    """Those of scripts without spaces, the longest first."""
    tables = table("refusing")
    found = {str(entry) for side in ("before", "after") for entries in tables[side].values() for entry in entries}
    return tuple(sorted(filter(_wide, found), key=lambda word: (-len(word), word)))


def may_deny(text: str) -> bool:
    """Whether a text, spaced, may rule anything out: most do not, and cost nothing more."""
    return _says_no().search(f" {fold(text)} ") is not None


@lru_cache(maxsize=1)
def _says_no() -> re.Pattern[str]:
    firsts = {entry[0] for entries in _negators().values() for entry in entries}
    return re.compile(rf"(?<=\s)(?:{'|'.join(sorted(map(re.escape, firsts), reverse=True))})(?=\s)|-free\b")


def spaced(text: str) -> str:
    """With space about what says no where it is written without."""
    text = _GLUED.sub(lambda match: f"{_MARKS[match[1].lower()]} ", text)
    if _wide(text):
        pattern = "|".join(map(re.escape, _wide_negators()))
        text = re.sub(rf"\s*({pattern})\s*", r" \1 ", text)
    return text


def pieces_of(text: str) -> list[Piece]:
    """The pieces of a text in order."""
    found: list[Piece] = []
    for match in _PIECE.finditer(text):
        follows = bool(found) and not text[found[-1].end : match.start()].strip()
        found.append(Piece(match.start(), match.end(), fold(match.group()), follows))
    return found


def denial(pieces: list[Piece], i: int, side: str) -> int:
    """How many pieces from place i on are a word that says no, on that side of what is ruled out; 0 if none."""
    for width in range(min(_LONGEST, len(pieces) - i), 0, -1):
        if tuple(piece.word for piece in pieces[i : i + width]) in _negators()[side]:
            return width
    return 0


def is_name(pieces: list[Piece], i: int) -> bool:
    """Whether the word at place i is part of what only sounds as if."""
    words = [{_MARKS["non-"]: "non"}.get(piece.word, piece.word) for piece in pieces[max(0, i - 1) : i + 3]]
    return any(" ".join(words[a : a + n]) in words_of("never") for a in range(min(i, 1) + 1) for n in (2, 3))


def is_wide(character: str) -> bool:
    """Whether a character is of a script without spaces."""
    return "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff"


def _wide(text: str) -> bool:
    return any(map(is_wide, text))


def cut_out(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text, spaced, without what lies from place to place, and with nothing about it that was not typed."""
    out, place = [], 0
    for start, end in spans:
        out.append(text[place:start])
        place = end
        if _wide(text[start:end]):
            place += _particle(text[place:])
    left = "".join([*out, text[place:]])
    for glued, mark in _MARKS.items():
        left = left.replace(f"{mark} ", glued)
    return " ".join(left.split()).strip(" ,;")


def _particle(text: str) -> int:
    """Characters in front that only tie what was ruled out to what follows."""
    space = len(text) - len(text.lstrip())
    return next((space + len(each) for each in table("refusing")["particles"] if text[space:].startswith(each)), 0)
