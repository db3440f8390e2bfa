"""Makes unknown words known ones: suffixes off, compounds apart, typing errors put right."""

from __future__ import annotations

from typing import Protocol

from shopr.chat.reading.hearing import heard
from shopr.chat.reading.numerals import compound
from shopr.chat.reading.phrases import PhraseBook
from shopr.chat.reading.spelling import distance
from shopr.chat.reading.tokens import Token, tokenise
from shopr.chat.reading.vocabulary import Vocabulary, names, vocabulary
from shopr.chat.scripts import OTHER_SCRIPT

__all__ = ["Range", "mended_text"]

_WORDY = 4
"""Letters from which a word may be mended to a kind, a colour or another thing wanted."""
_LONG = 5
"""Letters from which a maker's name may be mended."""
_BESIDE = 2
"""Tokens before a number among which the words of a price bound stand."""
_RARE, _USUAL, _FAR = 3, 20, 10
"""Titles from which a word is the catalogue's; from which it is never mended; how much commoner its like must be."""


class Range(Protocol):
    """What reading asks of a shop's range of products."""

    brands: PhraseBook

    def has_id(self, product_id: str) -> bool:
        """Whether a product has this id."""

    def word_count(self, word: str) -> int:
        """How many titles hold a folded word."""


def mended_text(text: str, words: Vocabulary, shelf: Range) -> tuple[list[Token], list[tuple[str, str]]]:
    """The tokens of a cleaned text with unknown words mended, and the words that were slips of the pen."""
    text, misheard = heard(text, words.language)
    tokens, mended = _mended_tokens(tokenise(text), words, shelf)
    return tokens, misheard + mended


def _mended_tokens(tokens: list[Token], words: Vocabulary, shelf: Range) -> tuple[list[Token], list[tuple[str, str]]]:
    """The tokens with unknown words mended: suffixes off, compounds apart, typing errors put right."""
    tokens = _numbered(tokens, words)
    out: list[Token] = []
    mended: list[tuple[str, str]] = []
    english = vocabulary("en")
    for i, token in enumerate(tokens):
        bound = _of_a_bound(tokens, i, words, shelf)
        if bound is not None:
            mended.append((token.text, bound))
            out.append(_like(token, bound))
            continue
        behind = words.conjoined(token.key, first=i == 0) if token.kind == "word" else None
        if behind is not None:
            out.append(_like(token, behind))
            continue
        if token.kind != "word" or words.knows(token.key) or not _mendable(token, shelf, english, words):
            out.append(token)
            continue
        number = compound(token.key, words)
        if number is not None:
            out.append(Token(token.text, str(number), token.start, token.end, "number", token.glued))
            continue
        bare = words.unglued(token.key)
        if bare is not None:
            out.append(_like(token, bare))
            continue
        parts = words.parts(token.key)
        if parts:
            out += [_like(token, part) for part in parts]
            continue
        maker = _maker(token.key, shelf)
        if maker is not None:
            mended.append((token.text, maker))
            out.append(Token(maker.capitalize(), maker, token.start, token.end, "word", token.glued))
            continue
        right = _right(token.key, words)
        held = shelf.word_count(token.key)
        if right is None or right == token.key or (held >= _RARE and shelf.word_count(right) < _FAR * held):
            out.append(token)
        else:
            mended.append((token.text, right))
            out.append(_like(token, right))
    if mended and _is_strange(tokens, len(mended), words, shelf):
        return tokens, []
    return out, mended


def _right(word: str, words: Vocabulary) -> str | None:
    """What an unknown word is a slip of, by its letters or its sound; None where it is like nothing."""
    right = words.drawn(word) or words.speller.mend(word) or words.sounding(word)
    if right is None and word.isascii() and words.language in OTHER_SCRIPT:
        return vocabulary("en").content_speller.mend(word)  # "labtop" among Hindi, Arabic, Chinese
    short = right is not None and len(word) < _WORDY and words.is_content(right)
    return None if short else right  # "uni" is no unit, "win" no wine


def _numbered(tokens: list[Token], words: Vocabulary) -> list[Token]:
    """The tokens with "2." as a number and the end of a sentence, where the language writes no ordinal so."""
    out: list[Token] = []
    for token in tokens:
        if token.key[1:] == "." and token.key not in words.book.words:
            middle = token.start + 1
            out.append(Token(token.text[0], token.key[0], token.start, middle, "number", token.glued))
            out.append(Token(".", ".", middle, token.end, "end", True))
        else:
            out.append(token)
    return out


def _maker(word: str, shelf: Range) -> str | None:
    """The maker's name of one word that a longer unknown word is, but for one letter: "brothr", "kensingtn"."""
    if len(word) < _LONG or shelf.word_count(word) >= _RARE:
        return None
    near = [b for b in shelf.brands.words if len(b) >= _LONG and b[0] == word[0] and distance(word, b, 1) == 1]
    known = [b for b in near if shelf.word_count(b) >= _USUAL]
    return max(known, key=lambda b: shelf.brands.words[b]) if known else None


def _of_a_bound(tokens: list[Token], place: int, words: Vocabulary, shelf: Range) -> str | None:
    """The word of a price bound that an unknown word beside a number must be: "les then 200"."""
    token = tokens[place]
    beside = tokens[max(place - 1, 0) : place + 1 + _BESIDE]
    if token.kind != "word" or not any(t.kind == "number" for t in beside) or words.knows(token.key):
        return None
    return None if token.key in shelf.brands.words else words.bound_speller.mend(token.key)


def _is_strange(tokens: list[Token], mended: int, words: Vocabulary, shelf: Range) -> bool:
    """Whether most of a message is unknown even after mending: then what was mended is a guess as well."""
    said = [t.key for t in tokens if t.kind == "word" and t.key not in words.stopwords]
    lost = [w for w in said if len(w) > 2 and not words.knows(w) and not _is_somewhere(w, words, shelf)]
    unknown = len(lost) - mended
    return words.lexicon.spaces and unknown >= max(2, mended) and 2 * len(lost) >= len(said)


def _is_somewhere(word: str, words: Vocabulary, shelf: Range) -> bool:
    """Whether the catalogue, the names or the parts of words know a word."""
    known = word in shelf.brands.words or word in names().products or shelf.word_count(word) > 0
    return known or vocabulary("en").knows(word) or bool(words.unglued(word) or words.parts(word))


def _mendable(token: Token, shelf: Range, english: Vocabulary, words: Vocabulary) -> bool:
    """Whether a word is unknown everywhere: no brand, no name, no word of several titles, no English product word."""
    key = token.key
    if key in shelf.brands.words or key in names().products or shelf.word_count(key) >= _USUAL:
        return False
    return words is english or not english.knows(key)


def _like(token: Token, key: str) -> Token:
    return Token(token.text, key, token.start, token.end, token.kind, token.glued)
