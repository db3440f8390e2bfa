"""Makes unknown words known ones: suffixes off, compounds apart, typing errors put right."""

from __future__ import annotations

from typing import Protocol

from shopr.chat.reading.phrases import PhraseBook
from shopr.chat.reading.tokens import Token
from shopr.chat.reading.vocabulary import Vocabulary, names, vocabulary

__all__ = ["Range", "mended_tokens"]

_RARE, _USUAL, _FAR = 3, 20, 10
"""Titles from which a word is the catalogue's; from which it is never mended; how much commoner its like must be."""


class Range(Protocol):
    """What reading asks of a shop's range of products."""

    brands: PhraseBook

    def has_id(self, product_id: str) -> bool:
        """Whether a product has this id."""

    def word_count(self, word: str) -> int:
        """How many titles hold a folded word."""


def mended_tokens(tokens: list[Token], words: Vocabulary, shelf: Range) -> tuple[list[Token], list[tuple[str, str]]]:
    """The tokens with unknown words mended: suffixes off, compounds apart, typing errors put right."""
    out: list[Token] = []
    mended: list[tuple[str, str]] = []
    english = vocabulary("en")
    for token in tokens:
        if token.kind != "word" or words.knows(token.key) or not _mendable(token, shelf, english, words):
            out.append(token)
            continue
        bare = words.unglued(token.key)
        if bare is not None:
            out.append(_like(token, bare))
            continue
        parts = words.parts(token.key)
        if parts:
            out += [_like(token, part) for part in parts]
            continue
        right = words.speller.mend(token.key)
        held = shelf.word_count(token.key)
        if right is None or right == token.key or (held >= _RARE and shelf.word_count(right) < _FAR * held):
            out.append(token)
        else:
            mended.append((token.text, right))
            out.append(_like(token, right))
    return out, mended


def _mendable(token: Token, shelf: Range, english: Vocabulary, words: Vocabulary) -> bool:
    """Whether a word is unknown everywhere: no brand, no name, no word of several titles, no English product word."""
    key = token.key
    if key in shelf.brands.words or key in names().products or shelf.word_count(key) >= _USUAL:
        return False
    return words is english or not english.knows(key)


def _like(token: Token, key: str) -> Token:
    return Token(token.text, key, token.start, token.end, token.kind, token.glued)
