"""The catalogue as terms, product by product: what an update keeps of products that did not change."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.search.catalogue.fields import contents, texts
from shopr.search.text.stemming import primary
from shopr.search.text.tokens import tokenise

__all__ = ["Forward", "Vocabulary"]


class Vocabulary:
    """Strings and their numbers, in the order in which they came."""

    __slots__ = ("_codes", "names")

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = [] if names is None else names
        self._codes = {name: i for i, name in enumerate(self.names)}

    def code(self, name: str) -> int:
        """The number of a string, a new one if it is new."""
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = len(self.names)
            self.names.append(name)
        return code

    def get(self, name: str) -> int:
        """The number of a string, -1 if it is unknown."""
        return self._codes.get(name, -1)

    def __contains__(self, name: object) -> bool:
        return name in self._codes

    def __len__(self) -> int:
        return len(self.names)


@dataclass
class Forward:
    """All tokens of all products.

    Attributes:
        terms, words: the vocabularies of index forms and of surface forms.
        term, word: shape (m,), int32 codes. flags: uint8, of `shopr.search.text.tokens`.
        part: uint8, number of the field.
        start: shape (n + 1,), where each product's tokens begin.
        content: shape (n,), uint64 hash of each product's text.
        languages: the languages that the texts are stemmed by.
    """

    terms: Vocabulary = field(default_factory=Vocabulary)
    words: Vocabulary = field(default_factory=Vocabulary)
    term: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    word: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    flags: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    part: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    start: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    content: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    languages: tuple[str, ...] = ("en",)

    def __len__(self) -> int:
        return len(self.content)

    @classmethod
    def of(cls, frame: pd.DataFrame, before: Forward | None = None) -> Forward:
        """The tokens of a catalogue's frame; those of products that `before` holds with the same text are reused."""
        content = contents(frame).to_numpy(dtype=np.uint64)
        vocabularies = (Vocabulary(), Vocabulary()) if before is None else (before.terms, before.words)
        known = {} if before is None else {int(h): i for i, h in enumerate(before.content.tolist())}
        reader = _Analyst(*vocabularies)
        segments = []
        rows = frame.itertuples(index=False)
        for row, value in zip(rows, content.tolist(), strict=True):
            old = known.get(value)
            if old is None or before is None:
                segments.append(reader.read(row))
            else:
                segments.append(before.segment(old))
        lengths = np.array([segment.shape[1] for segment in segments], np.int64)
        block = np.concatenate(segments, axis=1) if segments else np.zeros((4, 0), np.int32)
        languages = tuple(sorted({primary(name) for name in frame["language"].unique()})) or ("en",)
        return cls(
            *vocabularies,
            term=np.ascontiguousarray(block[0]),
            word=np.ascontiguousarray(block[1]),
            flags=block[2].astype(np.uint8),
            part=block[3].astype(np.uint8),
            start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            content=content,
            languages=languages,
        )

    def segment(self, row: int) -> NDArray[np.int32]:
        """Shape (4, tokens): term, word, flags and field of one product's tokens."""
        cut = slice(int(self.start[row]), int(self.start[row + 1]))
        parts = (self.term[cut], self.word[cut], self.flags[cut], self.part[cut])
        return np.stack([part.astype(np.int32) for part in parts])

    def rows(self) -> NDArray[np.int32]:
        """Shape (m,): the product of each token."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.start))


class _Analyst:
    """Turns products into codes; a text that occurs again, as attribute values do, is read once."""

    def __init__(self, terms: Vocabulary, words: Vocabulary) -> None:
        self.terms, self.words = terms, words
        self._codes = lru_cache(maxsize=100_000)(self._encode)

    def _encode(self, text: str, language: str) -> NDArray[np.int32]:
        tokens = tokenise(text, language)
        block = np.empty((4, len(tokens)), np.int32)
        block[0] = [self.terms.code(token.term) for token in tokens]
        block[1] = [self.words.code(token.word) for token in tokens]
        block[2] = [token.flags for token in tokens]
        return block

    def read(self, row: object) -> NDArray[np.int32]:
        language = primary(row.language)  # type: ignore[attr-defined]
        blocks = []
        for number, text in texts(row):
            block = self._codes(text, language)
            block = block.copy()
            block[3] = number
            blocks.append(block)
        return np.concatenate(blocks, axis=1)
