"""Which language a message is in: the script first, then py3langid's n-grams, marker words and what was spoken before.

py3langid's model answers for documents. A chat message is two to ten words, often with a brand in it, and the first one
has to be answered in milliseconds while py3langid reads its model in about 350 ms. So `models/language.npz` keeps its
n-grams for the 34 languages below (made by `shopr.chat.fitting.compile_language`, agreement tested), and two things are
added: words that betray a language even alone (`models/function_words.yaml`), and the language of the conversation so
far, which decides where the message itself says nothing ("HP", "ok", "A1001").

Scripts that only one of the languages uses (Hangul, Thai, Greek, kana …) decide alone.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopr.chat.scripts import HAN_MARKS, OTHER_SCRIPT, SCRIPT_NATS, script_votes

__all__ = ["MODEL", "RTL", "SUPPORTED", "Identified", "LanguageIdentifier", "base_language", "direction", "identify"]

SUPPORTED = ("en", "de", "fr", "es", "it", "pt", "nl", "tr", "hi", "ar", "zh", "ja")
"""The languages the assistant understands and answers in, as ISO 639-1 codes."""
RTL = frozenset({"ar", "fa", "he", "ur"})
MODEL = Path(__file__).with_name("models") / "language.npz"

_MAX_CHARS = 400
"""As much of a message as is looked at: more changes no decision, and the cost stays bounded."""
_WORD_NATS = 6.0
_WORD_CAP = 30.0
"""One marker word that only one language has is worth this many nats; shared ones are worth less. Sum capped."""
_PRIOR_NATS = 5.0
_PRIOR_NATS_UNMARKED = 14.0
_DEFAULT_NATS = 2.0
_DEFAULT_NATS_UNMARKED = 14.0
"""The same for what is only assumed before the first message."""
_FEW_WORDS = 3
"""A change of language needs this much evidence; up to three words without a marker among them ("wireless mouse",
"Canon Pixma") need more: they are names, or English that every shopper uses."""
_FOREIGN_NATS = 4.0
"""What a language the shop does not speak must be ahead by: its shoppers rarely write it."""
_SURE_NATS = 3.0
# Order numbers, part numbers, addresses and links say nothing about the language.
_NOISE = re.compile(r"https?://\S+|\S+@\S+|[#<>\[\]{}|*_=\\]|[A-Za-z0-9-]*[0-9][A-Za-z0-9-]*")
# Names in a sentence ("was kostet Logitech Wireless Mouse?"): capitalised words in a row, small English ones between.
_NAME = re.compile(
    r"(?<=[\w,:;)] )[A-Z][\w'’-]*(?:[:,]? (?:(?:of|the|and|in|on|for|a|to|from|with) ){0,2}[A-Z][\w'’-]*)+"
)
_WORDS = re.compile(r"(?:[^\W\d_]|[\u0900-\u0963])+(?:['’-][^\W\d_]+)*")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Identified:
    """What was found: the language, how sure (0–1), whether the shop speaks it, and whether the message itself said so.

    `told` is False where only the conversation so far, or the default, decided.
    """

    language: str
    confidence: float
    supported: bool
    told: bool


def base_language(tag: str) -> str:
    """The ISO 639-1 part of a BCP 47 tag: "pt-BR" → "pt"."""
    return tag.replace("_", "-").split("-", 1)[0].lower()


def direction(language: str) -> str:
    """ "rtl" for languages written from right to left, else "ltr"."""
    return "rtl" if base_language(language) in RTL else "ltr"


class LanguageIdentifier:
    """Scores a message under each language of a compiled model. Read-only after it is made: threads may share one."""

    def __init__(
        self, keys: npt.NDArray[np.uint64], weights: npt.NDArray[np.int8], *, scale: float, prior: Floats,
        classes: tuple[str, ...], words: Mapping[str, tuple[int, ...]],
    ) -> None:  # fmt: skip
        self._keys, self._weights, self._scale, self._prior = keys, weights, np.float32(scale), prior
        self.classes = classes
        self._column = {name: i for i, name in enumerate(classes)}
        self._words = words

    @classmethod
    def load(cls, path: Path = MODEL) -> LanguageIdentifier:
        """Read a model that `shopr.chat.fitting.compile_language` wrote."""
        with np.load(path, allow_pickle=False) as data:
            classes = tuple(str(c) for c in data["classes"])
            ends, columns = data["word_ends"].tolist(), data["word_columns"].tolist()
            words = {
                word: tuple(columns[a:b])
                for word, a, b in zip(str(data["words"]).split("\n"), [0, *ends], ends, strict=False)
            }
            return cls(
                data["keys"],
                data["weights"],
                scale=float(data["scale"]),
                prior=data["prior"],
                classes=classes,
                words=words,
            )

    def scores(self, text: str) -> tuple[Floats, Floats]:
        """Nats for each of `classes` in all, and those of marker words among them."""
        plain = _NAME.sub(" ", _NOISE.sub(" ", text))
        lowered = plain.lower() if plain.isupper() else plain
        marks = self._marks(plain.lower())
        return self._prior + self._grams(lowered) + script_votes(plain, self.classes) + marks, marks

    def identify(
        self, text: str, *, previous: str | None = None, languages: Collection[str] | None = None,
        default: str | None = None,
    ) -> Identified:  # fmt: skip
        """The language of `text`.

        Args:
            text: A message; only its beginning is looked at.
            previous: The language of the conversation so far: it decides where the message says little.
            languages: Answer with one of these only, all alike. Default: every language known, those that the shop
                does not speak a little behind.
            default: What is known before the first message, as a browser's language: decides where the message says
                little; English where nothing is known.
        """
        text = unicodedata.normalize("NFC", text[:_MAX_CHARS])
        fallback = previous or default or "en"
        if not _WORDS.search(_NOISE.sub(" ", text)):
            return Identified(fallback, 0.0, fallback in SUPPORTED, told=False)
        scores, marks = self.scores(text)
        allowed = np.array([c in languages if languages else True for c in self.classes])
        if languages is None:
            scores -= np.array([0.0 if c in SUPPORTED else _FOREIGN_NATS for c in self.classes], np.float32)
        scores = np.where(allowed, scores, -np.inf).astype(np.float32)
        if previous is None and default in self._column and len(_WORDS.findall(text)) <= _FEW_WORDS:
            marked = marks[int(scores.argmax())] > 0
            scores[self._column[default]] += _DEFAULT_NATS if marked else _DEFAULT_NATS_UNMARKED
        alone = self.classes[int(scores.argmax())]
        if previous in self._column:
            scores[self._column[previous]] += self._inertia(text, marks, scores, previous)
        best = int(scores.argmax())
        rest = np.delete(scores, best)
        # As py3langid does: the square root of the length keeps the softmax calibrated from short to long texts.
        gap = (scores - scores[best]) / math.sqrt(max(len(text), 1))
        confidence = 1.0 / float(np.exp(gap).sum())
        name = self.classes[best]
        told = name == alone and float(scores[best] - rest.max(initial=-1e9)) > _SURE_NATS
        if previous in self._column and not told and len(_WORDS.findall(text)) <= _FEW_WORDS:
            name = str(previous)  # "undr 30 euro": too little, and too unsure, to leave the language spoken so far
        return Identified(name, confidence, name in SUPPORTED, told)

    def _inertia(self, text: str, marks: Floats, scores: Floats, previous: str) -> float:
        """How many nats the language of the conversation is ahead by."""
        words = _WORDS.findall(text)
        if marks[int(scores.argmax())] > 0 or len(words) > _FEW_WORDS:
            return _PRIOR_NATS
        if text.isascii() and previous in OTHER_SCRIPT:  # a name in Latin letters is no change of language
            return _PRIOR_NATS_UNMARKED + SCRIPT_NATS
        return _PRIOR_NATS_UNMARKED

    def _grams(self, text: str) -> Floats:
        """py3langid's sum: at each byte the longest known n-gram that ends there, counted as log(1 + count)."""
        data = np.frombuffer(text.encode("utf-8", "ignore"), np.uint8).astype(np.uint64)
        found = np.full(len(data), -1, np.int64)
        window = np.zeros(len(data), np.uint64)
        for n in range(1, 7):
            if len(data) < n:
                break
            window[n - 1 :] |= data[: len(data) - n + 1] << np.uint64(8 * (n - 1))
            if n == 1:
                continue
            code = window[n - 1 :] | np.uint64(n << 56)
            at = np.searchsorted(self._keys, code)
            np.minimum(at, len(self._keys) - 1, out=at)
            known = self._keys[at] == code
            found[n - 1 :][known] = at[known]
        rows, counts = np.unique(found[found >= 0], return_counts=True)
        weights = self._weights[rows].astype(np.float32)
        return np.asarray((np.log1p(counts).astype(np.float32) @ weights) * self._scale, np.float32)

    def _marks(self, text: str) -> Floats:
        """Nats of the marker words in `text`."""
        sums = np.zeros(len(self.classes), np.float32)
        for word in set(_WORDS.findall(text.replace("’", "'"))):
            for part in {word, *re.split("['-]", word)}:
                owners = self._words.get(part, ())
                for column in owners:
                    sums[column] += _WORD_NATS / len(owners) ** 0.5 * min(1.0, 0.5 + 0.25 * (len(part) - 1))
        for mark, code in HAN_MARKS.items():
            if mark in text:
                sums[self._column[code]] += _WORD_NATS
        return np.minimum(sums, _WORD_CAP)


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.load()


def identify(
    text: str, *, previous: str | None = None, languages: Collection[str] | None = None, default: str | None = None
) -> Identified:
    """`LanguageIdentifier.identify` of the model that comes with the package, loaded at the first call."""
    return _identifier().identify(text, previous=previous, languages=languages, default=default)
