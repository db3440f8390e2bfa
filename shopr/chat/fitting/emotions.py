"""GoEmotions as training data of the tone model: reading, grouping, fitting.

The 27 emotions fall into GoEmotions' own sentiment groups (Demszky et al. 2020, "GoEmotions: A Dataset of Fine-Grained
Emotions"): positive, negative, ambiguous; ambiguous counts as neutral here. A text whose emotions are positive and
negative at once is mixed, hence neutral. The tones of the assistant are emotions of a narrower kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopr.chat.fitting.linear import features, fit_linear, settle_bias
from shopr.chat.linear import LinearText

__all__ = ["NEGATIVE", "POSITIVE", "SENTIMENTS", "TONES", "Emotions", "fit_tone", "read_emotions"]

SENTIMENTS = ("negative", "neutral", "positive")
POSITIVE = frozenset(
    "admiration amusement approval caring desire excitement gratitude joy love optimism pride relief".split()
)
NEGATIVE = frozenset(
    "anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse sadness".split()
)
TONES = {
    "angry": frozenset({"anger", "annoyance", "disgust"}),
    "anxious": frozenset({"fear", "nervousness"}),
    "pleased": frozenset({"admiration", "excitement", "gratitude", "joy", "love", "relief"}),
}


@dataclass(frozen=True)
class Emotions:
    """Texts, their emotions, and their sentiment as a position in SENTIMENTS."""

    texts: list[str]
    emotions: list[frozenset[str]]
    sentiment: npt.NDArray[np.int64]

    def has(self, wanted: frozenset[str]) -> npt.NDArray[np.bool_]:
        """Which texts show one of these emotions."""
        return np.array([bool(found & wanted) for found in self.emotions])


def read_emotions(folder: Path, split: str) -> Emotions:
    """`train`, `dev` or `test` of GoEmotions' own split: lines of text, label numbers, id."""
    names = (folder / "labels.txt").read_text(encoding="utf-8").split()
    texts, emotions = [], []
    for line in (folder / f"{split}.tsv").read_text(encoding="utf-8").splitlines():
        text, numbers, _ = line.split("\t")
        texts.append(text)
        emotions.append(frozenset(names[int(n)] for n in numbers.split(",")))
    return Emotions(texts, emotions, np.array([_sentiment(found) for found in emotions], np.int64))


def _sentiment(found: frozenset[str]) -> int:
    good, bad = bool(found & POSITIVE), bool(found & NEGATIVE)
    return 1 + int(good) - int(bad)


def fit_tone(folder: Path, *, strength: float = 3.0, kept: int = 50_000) -> tuple[LinearText, float]:
    """The tone model from the training split, its shifts from the validation split; and the validation macro-F1.

    Classes: the three sentiments, then the three tones.
    """
    from sklearn.metrics import f1_score

    train, dev = read_emotions(folder, "train"), read_emotions(folder, "dev")
    labels = [train.sentiment == k for k in range(3)] + [train.has(found) for found in TONES.values()]
    classes = (*SENTIMENTS, *TONES)
    model = fit_linear(features(train.texts), np.stack(labels, axis=1), classes, strength=strength, kept=kept)
    scores = _scores(model, dev.texts)[:, :3]
    shift = settle_bias(scores, dev.sentiment)
    bias = model.bias + np.concatenate([shift, np.zeros(3, np.float32)]).astype(np.float32)
    settled = LinearText(model.classes, model.keys, model.weights, model.scales, bias)
    return settled, float(f1_score(dev.sentiment, (scores + shift).argmax(axis=1), average="macro"))


def _scores(model: LinearText, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    return np.stack([model.scores(text) for text in texts])
