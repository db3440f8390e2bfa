"""A trained guess of what a message asks for, from its words and from what reading found in them.

It is asked where the rules read nothing, or what they often read wrongly. Its features are words (one to three in a
row, stemmed, with the values of the lexicon's tables in the place of their words), what was read (requests, markers,
kinds of values), characters, and words as they were typed: the weights of these come from vectors of words, so that a
word counts that no example holds. The model that comes with the package learnt from `shopr/chat/examples` and from the
phrases of the lexicons (`shopr.chat.fitting.requests`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from shopr.chat.lexicon import lexicon
from shopr.chat.linear import LinearText, hashed
from shopr.chat.reading.result import Reading
from shopr.chat.reading.tokens import CJK, stemmed

__all__ = ["MODEL", "RequestGuess", "guess_request", "request_blocks", "spoken_words"]

MODEL = Path(__file__).with_name("models") / "requests.npz"
_MOST_TOKENS = 60
_MOST_SPOKEN = 240
_COUNTED = 8
"""Words of a message are counted up to this many."""
_LONGEST_RUN = 4
"""Characters of the longest word that is looked for where a script leaves no spaces between words."""
_SPACELESS = re.compile(f"[{CJK}]")
SHARPNESS = 4.2
"""What turns margins into chances (their softmax): by cross-validation, the least log loss on the examples."""
_NUMBERS = ("prices", "money", "measures", "counts", "ordinals", "orders")


@dataclass(frozen=True)
class RequestGuess:
    """The likeliest request, its chance, and the chances of all requests (none where nobody asked for them)."""

    request: str
    chance: float
    chances: Mapping[str, float] = field(default_factory=dict)


def request_blocks(readings: Sequence[Reading], language: str, *, asks: bool = True) -> list[list[int]]:
    """The hashed features of a message, a list a block.

    Args:
        asks: whether requests found by rules count; without them a model learns to do without.
    """
    keys = [key for reading in readings for key in _keys(reading, lexicon(language).stemmer)][:_MOST_TOKENS]
    found = {name for reading in readings for name in _found(reading, asks=asks)} | {f"n:{min(len(keys), _COUNTED)}"}
    spoken = hashed(spoken_words(readings), "v")[:_MOST_SPOKEN]
    return [hashed(set(_words(keys)), "w"), hashed(found, "r"), hashed(set(_characters(keys)), "c"), spoken]


def spoken_words(readings: Sequence[Reading]) -> set[str]:
    """The words of a message in lower case; of scripts without spaces, every short run of characters."""
    out: set[str] = set()
    run = ""
    for reading in readings:
        for token in reading.tokens:
            text = token.text.lower()
            if len(text) == 1 and _SPACELESS.match(text):
                run += text
                continue
            out.update(_runs(run))
            run = ""
            if token.kind == "word":
                out.add(text)
        out.update(_runs(run))
        run = ""
    return out


def _runs(text: str) -> Iterator[str]:
    for size in range(1, _LONGEST_RUN + 1):
        yield from (text[at : at + size] for at in range(len(text) - size + 1))


def _keys(reading: Reading, stemmer: str) -> Iterator[str]:
    """Stems of the words, and for each value of a table the table's name."""
    tables = {at: slot.table for slot in reading.slots for at in range(slot.start, slot.end)}
    before = ""
    for at, token in enumerate(reading.tokens):
        table = tables.get(at, "")
        if table and table != before:
            yield f"<{table}>"
        elif not table:
            yield "<number>" if token.kind == "number" else stemmed(token.key, stemmer)
        before = table


def _found(reading: Reading, *, asks: bool) -> Iterator[str]:
    """What reading found, by name."""
    if asks:
        yield from (f"a:{name}" for name in reading.asks)
        yield from (f"b:{name}" for name, words in reading.asks.items() if words > 1)
    yield from (f"m:{name}" for name in reading.marks)
    yield from (f"s:{slot.table}" for slot in reading.slots)
    yield from (f"r:{name}" for name in reading.references)
    yield from (f"h:{name}" for name in _NUMBERS if getattr(reading, name))


def _words(keys: Sequence[str]) -> Iterator[str]:
    for size in (1, 2, 3):
        yield from (" ".join(keys[at : at + size]) for at in range(len(keys) - size + 1))
    yield from (f"{keys[at]} * {keys[at + 2]}" for at in range(len(keys) - 2))
    if keys:
        yield from (f"^{keys[0]}", f"${keys[-1]}", f"^{' '.join(keys[:2])}")


def _characters(keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        if key.startswith("<"):
            continue
        padded = f" {key} "
        for size in (3, 4, 5):
            yield from (padded[at : at + size] for at in range(len(padded) - size + 1))


@lru_cache(maxsize=1)
def _shipped() -> LinearText:
    return LinearText.load(MODEL)


def guess_request(readings: Sequence[Reading], language: str, model: LinearText | None = None) -> RequestGuess:
    """What a message asks for most likely, by the package's own model unless another is given.

    Nothing is likely of a message without any word that the model knows: its length and letters alone mean nothing.
    """
    model = model or _shipped()
    words, found, letters, spoken = request_blocks(readings, language)
    if not model.knows(words) and not model.knows(spoken):
        return RequestGuess("other", 0.0)
    scores = model.weighed((words, found, letters, spoken))
    powers = np.exp(SHARPNESS * (scores - scores.max()))
    chances = dict(zip(model.classes, (powers / powers.sum()).tolist(), strict=True))
    best = model.classes[int(np.argmax(scores))]
    return RequestGuess(best, chances[best], chances)
