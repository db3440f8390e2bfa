"""A small linear text classifier: hashed n-grams of words and characters, int8 weights, NumPy alone at message time.

Each text has two blocks of features, words (one to three in a row, with marks of negation, shouting and punctuation)
and characters (two to five inside a word). A feature counts once, divided by the root of the number of features in its
block. Weights are those of NB-SVM (Wang and Manning 2012, "Baselines and bigrams"): logistic regression on features
scaled by their naive-Bayes log-count ratio, one class against the rest. Features that matter least are dropped.

Training is in `shopr.chat.training`; this module only reads what it wrote.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["LinearText", "blocks", "hashed", "tokens"]

MAX_CHARS = 1000
_NEGATIONS = frozenset(
    "not no never without hardly barely nothing nobody none neither nor cannot cant dont doesnt didnt isnt wasnt arent "
    "werent wont wouldnt couldnt shouldnt aint havent hasnt".split()
)
_NEGATED_WORDS = 3
_TOKEN = re.compile(r"(?:[^\W\d_]|[\u0900-\u0963])+(?:'[^\W\d_]+)?|[!?]+|\d+|[^\w\s]", re.UNICODE)
_SHOUT = re.compile(r"\b[A-Z]{3,}\b")
_STOPS = frozenset(".,;:!?")

Floats = npt.NDArray[np.float32]


def tokens(text: str) -> list[str]:
    """Words, numbers and marks in lower case; after a negation the next words follow once more as "not_word"."""
    found: list[str] = []
    left = 0
    for word in _TOKEN.findall(text.replace("’", "'").lower()):
        if word[0] in _STOPS:
            left = 0
        found.append(word[:3] if word[0] in "!?" else word)
        if left and word[0].isalpha():
            found.append("not_" + word)
            left -= 1
        if word in _NEGATIONS or word.endswith("n't"):
            left = _NEGATED_WORDS
    if _SHOUT.search(text):
        found.append("SHOUT")
    return found


def blocks(text: str) -> tuple[list[int], list[int]]:
    """The hashes of a text's word features and of its character features, each once."""
    text = text[:MAX_CHARS]
    words = tokens(text)
    plain = [w for w in words if not w.startswith("not_")]
    named = [*words, *_pairs(plain, 2), *_pairs(plain, 3), *(["^" + plain[0]] if plain else [])]
    spans: set[str] = set()
    for word in text.lower().split():
        padded = f" {word} "
        size = len(padded)
        for n in range(2, min(5, size) + 1):
            spans.update(padded[i : i + n] for i in range(size - n + 1))
    return hashed(set(named), "w"), hashed(spans, "c")


def _pairs(words: list[str], n: int) -> list[str]:
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


def hashed(names: Iterable[str], block: str) -> list[int]:
    """The hashes of features of one block, in order."""
    # Sorted, so that sums of floats do not depend on the order of a set.
    return sorted({zlib.crc32(f"{block}{name}".encode("utf-8", "surrogatepass")) for name in names})


@dataclass(frozen=True)
class LinearText:
    """A trained classifier.

    Attributes:
        classes: names, one a column of `weights`.
        keys: hashes of the features that count, ascending.
        weights, scales: int8 weights; times the class's scale they are nats.
        bias: nats of each class for a text without known features.
    """

    classes: tuple[str, ...]
    keys: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.int8]
    scales: Floats
    bias: Floats

    @classmethod
    def load(cls, path: Path) -> LinearText:
        with np.load(path, allow_pickle=False) as data:
            classes = tuple(str(name) for name in data["classes"])
            return cls(classes, data["keys"], data["weights"], data["scales"], data["bias"])

    def save(self, path: Path) -> int:
        """Write the model; returns the bytes it takes."""
        np.savez_compressed(
            path,
            classes=np.array(self.classes),
            keys=self.keys,
            weights=self.weights,
            scales=self.scales,
            bias=self.bias,
        )
        return path.stat().st_size

    def scores(self, text: str) -> Floats:
        """Log-odds of each class against the rest."""
        return self.weighed(blocks(text))

    def weighed(self, found: Iterable[list[int]]) -> Floats:
        """The scores of a text of which the features are known, a list of hashes a block."""
        total = self.bias.copy()
        for block in found:
            if block and len(self.keys):
                codes = np.array(block, np.uint32)
                at = np.minimum(np.searchsorted(self.keys, codes), len(self.keys) - 1)
                rows = at[self.keys[at] == codes]
                total += self.weights[rows].sum(axis=0, dtype=np.int32) * (self.scales / np.float32(len(block) ** 0.5))
        return np.asarray(total, np.float32)

    def knows(self, block: list[int]) -> bool:
        """Whether any of these features counts."""
        return bool(np.isin(np.array(block, np.uint32), self.keys).any())

    def probabilities(self, text: str) -> Floats:
        """The softmax of `scores`."""
        scores = self.scores(text)
        powers = np.exp(scores - scores.max())
        return np.asarray(powers / powers.sum(), np.float32)
