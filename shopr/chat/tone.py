"""The feeling in a message: angry, anxious, pleased or none; and its sentiment.

English is read by a small linear model trained on GoEmotions (`models/tone.npz`; see `models/README.md`). GoEmotions is
talk among people, where anger is common; shop messages complain politely. So a tone is told only where the model is
sure: anger needs a sentiment that is clearly negative and four words, worry a word for oneself. For the other languages
the lexicon's words decide (`shopr.chat.feeling`); no set of shop messages with emotions was at hand to measure them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from shopr.chat.linear import LinearText, tokens

__all__ = ["SENTIMENTS", "feeling", "sentiment"]

SENTIMENTS = ("negative", "neutral", "positive")
MODEL = Path(__file__).with_name("models") / "tone.npz"
LEAST = {"angry": 1.2, "anxious": 1.0, "pleased": 1.5}
"""Log-odds from which a tone is believed; settled on hand-written shop messages, above what GoEmotions alone asks."""
_CLEARLY = 0.5
_LEAST_WORDS = 4
_OWN = frozenset({"i", "i'm", "im", "i've", "me", "my", "we", "our", "us"})


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
    words = [word for word in tokens(text) if word[0].isalpha()]
    # Worry is somebody's own ("a horror movie" is none); two words are a product ("fire alarm") rather than anger.
    if odds["anxious"] > max(LEAST["anxious"], odds["angry"]) and _OWN & set(words):
        return "anxious"
    clearly = odds["negative"] - max(odds["neutral"], odds["positive"]) > _CLEARLY
    if clearly and odds["angry"] > LEAST["angry"] and len(words) >= _LEAST_WORDS:
        return "angry"
    if odds["pleased"] > LEAST["pleased"] and odds["positive"] - odds["neutral"] > _CLEARLY:
        return "pleased"
    return "neutral"
