"""The feeling in a message: angry, anxious, pleased or none; and its sentiment.

English is read by a small linear model trained on GoEmotions (`models/tone.npz`; see `models/README.md`). GoEmotions is
talk among people, where anger is common; shop messages complain politely. So a tone is told only where the model is
sure, and anger needs a second sign (a shout, several exclamation marks, a sentiment that is clearly negative). For the
other languages the lexicon's words decide (`shopr.chat.feeling`); no set of shop messages with emotions was at hand to
measure them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from shopr.chat.linear import LinearText

__all__ = ["SENTIMENTS", "feeling", "sentiment"]

SENTIMENTS = ("negative", "neutral", "positive")
MODEL = Path(__file__).with_name("models") / "tone.npz"
LEAST = {"angry": 1.5, "anxious": 1.0, "pleased": 1.5}
"""Log-odds from which a tone is believed; settled on hand-written shop messages, above what GoEmotions alone asks."""
_CLEARLY = 0.5


@lru_cache(maxsize=1)
def _model() -> LinearText:
    return LinearText.load(MODEL)


def sentiment(text: str) -> str:
    """negative, neutral or positive, for English text."""
    model = _model()
    return SENTIMENTS[int(np.argmax(model.scores(text)[:3]))]


def feeling(text: str, language: str = "en") -> str:
    """angry, anxious, pleased or neutral; always neutral for languages the model does not read."""
    if language != "en":
        return "neutral"
    model = _model()
    odds = dict(zip(model.classes, model.scores(text).tolist(), strict=True))
    negative = odds["negative"] > max(odds["neutral"], odds["positive"])
    if negative and odds["anxious"] > max(LEAST["anxious"], odds["angry"]):
        return "anxious"
    if negative and odds["angry"] > LEAST["angry"] and odds["negative"] - odds["neutral"] > _CLEARLY:
        return "angry"
    if odds["pleased"] > LEAST["pleased"] and odds["positive"] - odds["neutral"] > _CLEARLY:
        return "pleased"
    return "neutral"
