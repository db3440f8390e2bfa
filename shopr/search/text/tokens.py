"""Text as search terms: folded, stemmed, units joined to their number, part numbers joined and in parts.

`15.6"`, `15,6 inch` and `15.6-in` are all `15.6in`; `500 GB` is `500gb`; `TN-2110` is `tn`, `2110` and, beside them,
the joined `tn2110`. Scripts without spaces become pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from shopr.search.text.stemming import stem

__all__ = ["AFTER", "BREAK", "JOINED", "LOWER", "MEASURE", "STOP_WORDS", "Token", "fold", "tokenise"]

LOWER = 1
"""Flag: the word was written in lower case."""
BREAK = 2
"""Flag: a comma, bracket or preposition stands before it, so that a phrase cannot run across."""
MEASURE = 4
"""Flag: a number with its unit."""
JOINED = 8
"""Flag: the parts before it written together; not a word of the running text."""
AFTER = 16
"""Flag: a preposition stands before it: what follows says what the thing is for or with, not what it is."""

_UNSEEN = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
"""Hyphens that do not show, joiners and marks of direction: within a word they part nothing."""
_DROP = str.maketrans(dict.fromkeys("™®©℠°", " ") | dict.fromkeys(_UNSEEN, "") | {"’": "'", "″": '"', "”": '"'})
_FOLDS = {"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ı": "i"}
_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
_LETTER = rf"(?:(?![{_WIDE}])[^\W\d_])"
_REST = rf"(?:(?![{_WIDE}])[^\W_]|[\u0300-\u036f\u064b-\u0652\u0900-\u0dff])"
_PIECE = re.compile(
    rf"(?P<number>\d+(?:[.,]\d+)*)(?P<tail>{_REST}*)"
    rf"|(?P<wide>[{_WIDE}]+)"
    rf"|(?P<word>{_LETTER}(?:{_REST}|'(?={_LETTER}))*)"
    rf"|(?P<inch>\"|'')|(?P<glue>[-/+.&](?=[^\W_]))|(?P<gap>[,;:()\[\]|–—]|(?<=\s)[-+](?=\s))"
)
_UNITS = {
    unit: name
    for name, units in {
        "in": "in inch inches zoll pouce pouces pulgada pulgadas pollici polegadas",
        "ft": "ft foot feet",
        "m": "m meter metre meters metres metros metro mètre mètres",
        "cm": "cm centimeter centimetre",
        "mm": "mm millimeter millimetre",
        "km": "km",
        "gb": "gb gig gigabyte gigabytes go",
        "tb": "tb terabyte terabytes",
        "mb": "mb megabyte megabytes",
        "kb": "kb",
        "w": "w watt watts",
        "kw": "kw kilowatt",
        "v": "v volt volts",
        "a": "amp amps ampere",
        "ma": "ma",
        "mah": "mah",
        "va": "va",
        "kva": "kva",
        "hz": "hz hertz",
        "khz": "khz",
        "mhz": "mhz megahertz",
        "ghz": "ghz gigahertz",
        "kg": "kg kilo kilos kilogram kilograms",
        "g": "g gr gram grams gramme grammes",
        "mg": "mg",
        "lb": "lb lbs pound pounds",
        "oz": "oz ounce ounces",
        "l": "l liter litre liters litres liter",
        "ml": "ml",
        "cl": "cl",
        "mp": "mp megapixel megapixels",
        "dpi": "dpi",
        "rpm": "rpm",
        "pcs": "pc pcs piece pieces stück",
        "port": "port ports",
        "bit": "bit bits",
        "mbps": "mbps",
        "gbps": "gbps",
    }.items()
    for unit in units.split()
}
_TIMES = re.compile(r"(?<=\d)\s*[x×]\s*(?=\d)")
_PLURAL = re.compile(r"\(e?s\)")

_PREPOSITIONS = frozenset(
    "for with without by fur mit ohne von zu pour avec sans par para con sin per senza com sem voor met zonder "
    "w compatible replacement including incl inkl".split()
)
_LITTLE = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the a an of and or in on at is are be it i me my you your we our this that these those as any some from "
        "to",
        "de": "der die das den dem des ein eine einen und oder im am",
        "fr": "le la les un une des du de et ou",
        "es": "el los las la un una unos de y o lo del",
        "it": "il la lo gli un una uno di e da del della dei",
        "nl": "de het een en van",
        "pt": "os um uma do dos da de e o",
        "tr": "ve bir ile icin",
    }.items()
}
STOP_WORDS = _PREPOSITIONS.difference({"compatible", "replacement", "w"}).union(*_LITTLE.values())
"""Words that carry no search intent, of the languages that the assistant speaks; not searched, and not indexed where
they are words of the text's language: the "van" of an English title is a name."""


@lru_cache(maxsize=64)
def _unspoken(language: str | None) -> frozenset[str]:
    """The words left out of a text of a language, of a query if None."""
    if language is None:
        return STOP_WORDS
    foreign = frozenset[str]().union(*_LITTLE.values()) - _LITTLE["en"] - _LITTLE.get(language, frozenset())
    return STOP_WORDS - foreign


class Token(NamedTuple):
    """One search term of a text.

    Attributes:
        term: the index form. word: the folded surface form. flags: of `LOWER`, `BREAK`, `MEASURE`, `JOINED`.
    """

    term: str
    word: str
    flags: int


def fold(text: str) -> str:
    """Compatibility forms unified, case, Latin accents, Arabic vowels and hamzas removed, signs and invisible
    characters blanked."""
    text = unicodedata.normalize("NFKC", text.translate(_DROP)).casefold()
    if text.isascii():
        return text
    return "".join(_FOLDS.get(c, c) for c in unicodedata.normalize("NFD", text) if not _is_accent(c))


@lru_cache(maxsize=4096)
def _is_accent(character: str) -> bool:
    return "\u0300" <= character <= "\u036f" or "\u064b" <= character <= "\u0655" or character == "\u0640"


def tokenise(text: str, language: str | None = None) -> list[Token]:
    """The terms of a text in order.

    Args:
        language: of the text, two letters; None for queries, whose language is not known.
    """
    text = unicodedata.normalize("NFKC", text.translate(_DROP))
    return _Reader(_TIMES.sub("x", _PLURAL.sub("s", text)), language).read()


class _Reader:
    """Walks once over the pieces of a text.

    `parts` are the words so far of a run held together by glue, as in `TN-2110`; `number` waits for its unit.
    """

    def __init__(self, text: str, language: str | None) -> None:
        self.text, self.language, self.unspoken = text, language or "en", _unspoken(language)
        self.tokens: list[Token] = []
        self.parts: list[str] = []
        self.pending = BREAK
        self.number = ""
        self.glue = ""

    def read(self) -> list[Token]:
        end = -1
        for match in _PIECE.finditer(self.text):
            touching = match.start() == end
            end = match.end()
            kind = match.lastgroup
            if kind == "glue":
                self.glue = match.group() if touching else ""
                continue
            glued = touching and self.glue != ""
            self._take("number" if kind == "tail" else str(kind), match, glued)
            self.glue = ""
        self._close()
        return self.tokens

    def _take(self, kind: str, match: re.Match[str], glued: bool) -> None:
        if kind == "inch":
            self._measure("in")
        elif kind == "gap":
            self._close()
            self.pending |= BREAK
        elif kind == "wide":
            self._close()
            self._wide(match.group())
        elif kind == "number":
            self._start(glued)
            self._number(match["number"], fold(match["tail"]))
        else:
            self._word(match.group(), glued)

    def _number(self, digits: str, tail: str) -> None:
        plain = _plain_number(digits)
        if not tail:
            self.number = plain
        elif tail in _UNITS:
            self.number = plain
            self._measure(_UNITS[tail])
        else:
            self._part(plain + tail, 0)

    def _word(self, piece: str, glued: bool) -> None:
        folded = fold(piece).replace("'", "")
        unit = _UNITS.get(folded) if self.number else None
        if unit is not None:
            self._measure(unit)
            return
        self._start(glued)
        if folded in _PREPOSITIONS and not glued:
            self.pending |= BREAK | AFTER
        if folded in self.unspoken and not glued:
            return
        # The second half of "Cyber-shot" is part of a name, that of "label-making" is not.
        before = self.tokens[-1].flags if glued and self.tokens else LOWER
        self._part(folded, before & LOWER if piece.islower() else 0)

    def _wide(self, piece: str) -> None:
        for i in range(max(1, len(piece) - 1)):
            self._add(piece[i : i + 2], LOWER)

    def _measure(self, unit: str) -> None:
        if self.number:
            term, self.number = self.number + unit, ""
            self._part(term, MEASURE)

    def _start(self, glued: bool) -> None:
        """A new piece begins: what waited is complete, and a run ends unless glue holds the piece to it."""
        if not glued:
            self._close()
        elif self.number:
            number, self.number = self.number, ""
            self._part(number, 0)
        if self.glue == "/":
            self.parts.append("/")

    def _close(self) -> None:
        if self.number:
            number, self.number = self.number, ""
            self._part(number, 0)
        parts, self.parts = self.parts, []
        joined = "".join(parts)
        # A slash stands in part numbers (SPZ6500/00), but also between alternatives (black/white).
        if 1 < len(parts) <= 6 and 2 < len(joined) <= 24 and ("/" not in parts or any(map(str.isdigit, joined))):
            joined = joined.replace("/", "")
            self.tokens.append(Token(stem(joined, self.language), joined, JOINED))

    def _part(self, word: str, flags: int) -> None:
        self.parts.append(word)
        self._add(word, flags)

    def _add(self, word: str, flags: int) -> None:
        self.tokens.append(Token(stem(word, self.language), word, flags | self.pending))
        self.pending = 0


def _plain_number(text: str) -> str:
    """1,000 as 1000, 15,6 as 15.6, 2.0 as 2.0 (USB 2.0 is not USB 2), 1.50 as 1.5."""
    if "," in text:
        head, _, tail = text.rpartition(",")
        text = text.replace(",", "") if len(tail) == 3 and head[:1] != "0" else text.replace(",", ".")
    if text.count(".") == 1:
        head, _, tail = text.partition(".")
        tail = tail.rstrip("0") if len(tail) > 1 else tail
        return f"{head}.{tail}" if tail else head
    return text
