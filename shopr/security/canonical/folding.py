"""Folding: characters that look or act alike become one, characters that cannot be seen go.

Only what a later reader (a database, a browser, a shell) would also do or ignore is folded, so that plain text in any
language stays readable: a word wholly in Cyrillic or Greek is left alone, one that mixes scripts is not.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

__all__ = ["CONFUSABLE", "fold", "is_plain_character", "mends_mixed_script"]

_QUOTES = {
    **dict.fromkeys("‘’‚‛′‵ʹʼʻˈ＇`´".replace("`", ""), "'"),
    **dict.fromkeys("“”„‟″‶ʺ＂«»", '"'),
}
_SLASHES = {**dict.fromkeys("∕⁄⧸╱", "/"), **dict.fromkeys("∖⧵╲", "\\")}
_DASHES = dict.fromkeys("‐‑‒–—―−", "-")
_ANGLES = {**dict.fromkeys("‹〈⟨˂❮", "<"), **dict.fromkeys("›〉⟩˃❯", ">")}
# Blanks of Unicode that NFKC leaves, and controls that SQL and HTML read as blanks.
_BLANKS = dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x1f\x85\u1680\u180e\u2028\u2029\u2800\u3164\uffa0\u115f\u1160", " ")
# Cyrillic, Greek and a few other letters drawn like a Latin one.
CONFUSABLE = dict(
    zip(
        "асеорхуіјѕһԁԛԝӏАВСЕНКМОРТХУІЈЅԌԚԜɡαεοριυνκτχΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսցհոռɑɩıʟ",
        "aceopxyijshdqwlABCEHKMOPTXYIJSGQWgaeopiuvktxABEZHIKMNOPTYXouqhnnaiil",
        strict=True,
    )
)
_INVISIBLE_EXTRA = "\u034f\u17b4\u17b5\u2065\u00ad"


@cache
def _table() -> dict[int, str | None]:
    """The translation of every character that changes: made once, on the first text that is not plain ASCII."""
    table: dict[int, str | None] = {}
    for code in range(0x20000):
        category = unicodedata.category(chr(code))
        if category == "Cf" or 0xFE00 <= code <= 0xFE0F or chr(code) in _INVISIBLE_EXTRA:
            table[code] = None
    table.update(dict.fromkeys((*range(917504, 917632), *range(917760, 918000))))
    table.update(dict.fromkeys((*range(9), *range(14, 28), 127, *range(128, 160))))
    for source in (_QUOTES, _SLASHES, _DASHES, _ANGLES, _BLANKS):
        table.update({ord(key): value for key, value in source.items()})
    return table


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_MAPPED = str.maketrans(CONFUSABLE)
_LATIN = re.compile(r"[A-Za-z]")
_LOOKALIKE = re.compile("[" + "".join(CONFUSABLE) + "]")


def fold(text: str) -> str:
    """`text` with invisible characters dropped, compatibility forms, quotes, slashes, dashes and blanks made plain."""
    if text.isascii():
        return text.translate(_table()) if _CONTROL.search(text) else text
    # Quotes before NFKC (it would split an acute accent into a blank and a mark), and after it what it has made.
    text = _translated(unicodedata.normalize("NFKC", _translated(text)))
    return mends_mixed_script(text)


def _translated(text: str) -> str:
    """As `text.translate` of the table, which asks it for every character: of a text only a few are in it."""
    table = _table()
    for character in {*text}:
        if ord(character) in table:
            text = text.replace(character, table[ord(character)] or "")
    return text


def mends_mixed_script(text: str) -> str:
    """`text` with words that mix Latin letters with lookalikes of other scripts written in Latin ones."""
    if text.isascii() or not _LOOKALIKE.search(text) or not _LATIN.search(text):
        return text
    return _WORD.sub(_latin, text)


def _latin(match: re.Match[str]) -> str:
    word = match.group()
    if word.isascii() or not _LOOKALIKE.search(word):
        return word
    mapped = word.translate(_MAPPED)
    return mapped if _LATIN.search(word) or mapped.isascii() else word


@cache
def is_plain_character(character: str) -> bool:
    """Whether folding leaves a character beyond ASCII as it is, and it looks like no Latin letter."""
    if ord(character) > sys.maxunicode or character in CONFUSABLE:
        return False
    return ord(character) not in _table() and unicodedata.normalize("NFKC", character) == character
