"""Puts right what sounds like a word of the lexicon, in scripts that write no spaces: kana and Chinese characters.

Only whole words are heard so, only where the lexicon knows nothing that is written, and never a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from shopr.chat.reading.sounds import han_sounds, kana_sound
from shopr.chat.reading.spelling import distance
from shopr.chat.reading.tokens import fold, tokenise
from shopr.chat.reading.vocabulary import CONTENT, names, vocabulary

__all__ = ["heard"]

Pairs = list[tuple[str, str]]

_KATAKANA = re.compile(r"[ァ-ヺー]{2,}")
_HIRAGANA = re.compile(r"[ぁ-ゖー]{3,}")
_PARTICLES = frozenset("をがにのはもでとへって")
_SHORTEST, _BLURRED = 2, 4
"""Sounds of a word that is heard at least; and of one that is heard with one sound wrong."""
_LONGEST_HAN = 6


def heard(text: str, language: str) -> tuple[str, Pairs]:
    """A text with misheard words put right, and what was put right."""
    if language == "ja":
        return _kana(text)
    return _han(text) if language == "zh" else (text, [])


@cache
def _phrases(language: str) -> frozenset[str]:
    """Phrases that a word may be mended to: what is wanted, places, money, the cart."""
    words = vocabulary(language).lexicon
    tables = [getattr(words, table) for table in (*CONTENT, "currencies", "ordinals")]
    held = {p for table in tables for forms in table.values() for p in forms}
    return frozenset(held | set(words.markers.get("cart_word", ())))


@cache
def _kana_words() -> dict[str, str]:
    """Sound -> the word in katakana that has it; the words that sound like another one are left out."""
    makers = (form for forms in names().written.values() for form in forms)
    found = {run for p in (*_phrases("ja"), *makers) for run in _KATAKANA.findall(p)}
    out: dict[str, str] = {}
    for word in sorted(found, key=lambda w: (len(w), w), reverse=True):
        out.setdefault(kana_sound(word), word)
    return out


@cache
def _known_kana() -> frozenset[str]:
    words = vocabulary("ja").lexicon
    rows = [*_phrases("ja"), *(p for forms in words.commands.values() for p in forms)]
    rows += [p for forms in (*words.markers.values(), *words.anaphora.values()) for p in forms]
    return frozenset({*_kana_words().values(), *(run for p in rows for run in _KATAKANA.findall(p))})


def _kana(text: str) -> tuple[str, Pairs]:
    pairs: Pairs = []

    def katakana(match: re.Match[str]) -> str:
        run = match.group()
        right = run if run in _known_kana() else _spelt(run) or _blurred(run) or run
        if right != run:
            pairs.append((run, right))
        return right

    def hiragana(match: re.Match[str]) -> str:
        run = match.group()
        found = None if run in _phrases("ja") else _in_hiragana(run)
        if found is None:
            return run
        start, end, right = found
        pairs.append((run[start:end], right))
        return run[:start] + right + run[end:]

    return _HIRAGANA.sub(hiragana, _KATAKANA.sub(katakana, text)), pairs


def _in_hiragana(run: str) -> tuple[int, int, str] | None:
    """Where a run of hiragana holds a word that is written in katakana, and the word: "かーとに"."""
    for start in (i for i in range(len(run)) if i == 0 or run[i - 1] in _PARTICLES):
        for end in range(len(run), start + _SHORTEST, -1):
            long = "ー" in run[start:end]
            if (start and not long) or (end < len(run) and run[end] not in _PARTICLES) or run[start] == "ー":
                continue
            sound = kana_sound(run[start:end])
            right = _kana_words().get(sound)
            if right is not None and len(sound) >= (_SHORTEST if long else _SHORTEST + 1):
                return start, end, right
    return None


def _spelt(run: str) -> str | None:
    """A run of katakana as words of the lexicon by their sound, all of it; None where it is none."""
    best: list[str | None] = [""] + [None] * len(run)
    for end in range(_SHORTEST, len(run) + 1):
        for start in range(end - 1):
            left, piece = best[start], run[start:end]
            word = piece if piece in _known_kana() else _kana_words().get(kana_sound(piece))
            if left is not None and word is not None and len(kana_sound(piece)) >= _SHORTEST:
                best[end] = left + word
                break
    return best[-1]


def _blurred(run: str) -> str | None:
    """The one word that a longer run is with one sound wrong, left out or too many."""
    sound = kana_sound(run)
    if len(sound) < _BLURRED:
        return None
    near = {
        w for s, w in _kana_words().items() if len(s) >= _BLURRED and s[0] == sound[0] and distance(sound, s, 1) == 1
    }
    return near.pop() if len(near) == 1 else None


@cache
def _han_words() -> dict[str, str | None]:
    """Sounds -> the phrase that has them; None where several have."""
    out: dict[str, str | None] = {}
    for phrase in sorted({fold(p) for p in _phrases("zh")}):
        if 2 <= len(phrase) <= _LONGEST_HAN and all("\u4e00" <= c <= "\u9fff" for c in phrase):
            key = han_sounds(phrase)
            out[key] = None if key in out else phrase
    return out


def _han(text: str) -> tuple[str, Pairs]:
    tokens = tokenise(text)
    known = {
        place
        for match in vocabulary("zh").book.find(tokens)
        if match.end - match.start > 1 and not match.gapped
        for place in range(tokens[match.start].start, tokens[match.end - 1].end)
    }
    pairs: Pairs = []
    out = text
    for start, end, right in _windows(text, known):
        pairs.append((text[start:end], right))
        out = out[:start] + right + out[end:]
    return out, pairs


def _windows(text: str, known: set[int]) -> Iterator[tuple[int, int, str]]:
    """Where something unknown sounds like a phrase of which at least half is written right; longest first."""
    folded = "".join(fold(c)[:1] or c for c in text)
    words, done = _han_words(), set[int]()
    for size in range(_LONGEST_HAN, 1, -1):
        for start in range(len(text) - size + 1):
            span = range(start, start + size)
            piece = folded[start : start + size]
            right = words.get(han_sounds(piece))
            if right is None or right == piece or done & set(span):
                continue
            wrong = [i for i, a, b in zip(span, piece, right, strict=True) if a != b]
            if 2 * len(wrong) <= size and not known & set(wrong):
                done |= set(span)
                yield start, start + size, right
