"""Words of a message, folded so that spelling variants meet, in every script that the assistant reads."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from shopr.chat.reading.characters import SIMPLIFIED

__all__ = ["CJK", "Token", "fold", "stemmed", "tokenise"]

_ARABIC = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي", "ـ": None})
_LETTERS = str.maketrans({"ß": "ss", "ı": "i", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "’": "'", "‘": "'", "`": "'"})
CJK = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\u30fc"
"""Characters of scripts that leave no spaces between words, as ranges of a class."""
# Vowel signs of Devanagari and vowel marks of Arabic belong to their word, though \\w leaves them out.
_MARKS = "\u0900-\u0963\u0970-\u097f\u064b-\u065f\u0670"
_TOKEN = re.compile(
    r"[1-9]\.(?=\s+[a-zà-ÿğış])"  # an ordinal as German and Turkish write it
    r"|\d{1,2}°"  # an ordinal as Italian and Spanish write it
    rf"|[{CJK}]"  # each Han or Kana character alone
    r"|\d+(?:[.,٫]\d+)*(?:(?=[^\W\d_])|(?![\w]))"  # numbers, also before a unit without a space
    r"|[\u0621-\u064a\u0640]+(?=\d)"  # Arabic small words before digits: و400
    rf"|(?:[^\W{CJK}]|[{_MARKS}])+(?:['’](?:[^\W\d_]|[{_MARKS}])+)*(?:\.(?:com|net|org)\b)?"  # words
    r"|[$€£¥₹₺<>=~%#\"+-]+"  # marks that carry meaning
    r"|[.!?;,:\u3002\uff01\uff1f\uff0c\u3001\u061f\u060c\u0964]",
)
_SIGNS = frozenset(map(chr, range(0x0900, 0x0964)))
"""Devanagari's spacing vowel signs, which are neither letters nor combining marks."""
_SHORTEST_STEM = 3
_ENDS = frozenset(".!?;\u3002\uff01\uff1f\u061f\u0964")
_PAUSES = frozenset(",:\uff0c\u3001\u060c")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or mark.

    Attributes:
        text: as written.
        key: folded.
        start, end: where it stands in the text.
        kind: word, number, mark, end (of a sentence) or pause.
        glued: whether nothing stands between it and the token before.
    """

    text: str
    key: str
    start: int
    end: int
    kind: str
    glued: bool = False


@lru_cache(maxsize=16384)
def fold(word: str) -> str:
    """A word without case, accents, Arabic marks and letter variants."""
    word = word.replace("İ", "i").casefold().translate(_LETTERS)
    if word.isascii():
        return word
    word = word.translate(SIMPLIFIED)
    out = []
    for character in unicodedata.normalize("NFD", word):
        category = unicodedata.category(character)
        if category == "Mn" and not "\u0900" <= character <= "\u0dff" and character not in "\u3099\u309a":
            continue
        out.append(character)
    folded = unicodedata.normalize("NFC", "".join(out)).translate(_ARABIC)
    return "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in folded)


@lru_cache(maxsize=8)
def _stemmer(name: str) -> object:
    import snowballstemmer

    return snowballstemmer.stemmer(name)


@lru_cache(maxsize=32768)
def stemmed(word: str, stemmer: str) -> str:
    """The stem of a folded word; the word itself without a stemmer, or where it is no word."""
    if not stemmer or len(word) < 4 or not all(c.isalpha() or unicodedata.combining(c) or c in _SIGNS for c in word):
        return word
    stem = fold(_stemmer(stemmer).stemWord(word))  # type: ignore[attr-defined]
    return stem if len(stem) >= _SHORTEST_STEM else word  # Turkish "mini" would become "m"


def tokenise(text: str) -> list[Token]:
    """The tokens of a cleaned text, in order."""
    out: list[Token] = []
    before = -1
    for match in _TOKEN.finditer(text):
        word = match.group()
        if word in _ENDS:
            kind = "end"
        elif word in _PAUSES:
            kind = "pause"
        elif word[0].isdigit():
            kind = "number" if _numeric(word) and word[-1] != "." else "word"
        else:
            kind = "word" if word[0].isalnum() else "mark"
        key = fold(word)
        out.append(Token(word, key, match.start(), match.end(), kind, match.start() == before))
        before = match.end()
    return out


def _numeric(word: str) -> bool:
    return all(c.isdigit() or c in ".,٫" for c in word)
