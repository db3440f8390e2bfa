"""A small trained guess of what a message asks for, with "none of these" where it is not sure.

The assistant does not ask it: of 18 messages in which its rules read nothing, of dialogues that nobody had worked on
(blind sets A and B and the third wording of the matrix, in `benchmarks/dialogues`), this model said nothing of 15, and
one guess of the others would have helped. What the assistant asks there is `shopr.chat.guessing`, which learnt from
examples. This one needs no reading of the message and is for routing in other programs. The model that comes with the
package (`models/intents.npz`) learnt only from text that the project makes of its lexicons, in all twelve languages
(`shopr.chat.fitting.intents`); see `models/README.md`. For public sets the same kind of model is trained on them in
`benchmarks/language.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from shopr.chat.linear import LinearText

__all__ = ["Guess", "IntentClassifier", "guess"]

MODEL = Path(__file__).with_name("models") / "intents.npz"
THRESHOLD = -0.5
"""Log-odds that the best intent must reach: below it the message is called out of scope."""


@dataclass(frozen=True)
class Guess:
    """An intent, or None for out of scope, and the log-odds of the best one."""

    intent: str | None
    score: float


@dataclass(frozen=True)
class IntentClassifier:
    """A linear model and the log-odds below which it refuses to say."""

    model: LinearText
    threshold: float = THRESHOLD

    def guess(self, text: str) -> Guess:
        """What a message asks for."""
        scores = self.model.scores(text)
        best = int(np.argmax(scores))
        score = float(scores[best])
        return Guess(self.model.classes[best] if score > self.threshold else None, score)


@lru_cache(maxsize=1)
def _shipped() -> IntentClassifier:
    return IntentClassifier(LinearText.load(MODEL))


def guess(text: str) -> Guess:
    """What a message asks for, by the model that comes with the package."""
    return _shipped().guess(text)
