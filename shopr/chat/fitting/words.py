"""What words mean, as vectors that another program made: a guess that knows them knows words no example holds.

A linear model over the mean of word vectors is a linear model over words, a word's weights being its vector times the
model's. So the vectors are needed where the model is fitted, never where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopr.chat.fitting.linear import sparse
from shopr.chat.linear import hashed

__all__ = ["WordVectors"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WordVectors:
    """Vectors of words, by the hash that a message's word has as a feature.

    Attributes:
        keys: the hashes, ascending.
        values: one row a key.
    """

    keys: npt.NDArray[np.uint32]
    values: Floats

    @classmethod
    def of(cls, words: Sequence[str], values: Floats) -> WordVectors:
        """Vectors of words in lower case; of two words with one hash the first counts."""
        keys, first = np.unique(np.array([hashed([word], "v")[0] for word in words], np.uint32), return_index=True)
        return cls(keys, np.asarray(values[first], np.float32))

    @classmethod
    def load(cls, path: Path) -> WordVectors:
        """What `benchmarks/word_vectors.py` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls.of([str(word) for word in data["words"]], data["values"])

    def pooled(self, blocks: Sequence[list[int]]) -> Floats:
        """The sum of the vectors of each text's words, over the root of how many words it has."""
        return np.asarray(sparse([[block] for block in blocks], self.keys) @ self.values, np.float32)

    def reduced(self, blocks: Sequence[list[int]], size: int) -> WordVectors:
        """Vectors of fewer numbers: those along which texts differ most."""
        texts = self.pooled(blocks)
        _, directions = np.linalg.eigh(texts.T @ texts)
        return WordVectors(self.keys, np.asarray(self.values @ directions[:, ::-1][:, :size], np.float32))
