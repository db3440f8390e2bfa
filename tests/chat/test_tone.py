"""Tone: hand-written shop messages, and that it is never told for languages the model cannot read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shopr.chat.feeling import tone_of
from shopr.chat.fitting.emotions import NEGATIVE, POSITIVE, TONES, read_emotions
from shopr.chat.reading.result import Reading, Slot
from shopr.chat.reading.tokens import tokenise
from shopr.chat.tone import SENTIMENTS, feeling, sentiment

SENTENCES = {
    tone: [str(text) for text in texts]
    for tone, texts in yaml.safe_load(
        Path(__file__).with_name("tone_sentences.yaml").read_text(encoding="utf-8")
    ).items()
}


@pytest.mark.parametrize("text", SENTENCES["neutral"])
def test_neutral_messages_are_neither_angry_nor_anxious(text: str) -> None:
    assert feeling(text) in {"neutral", "pleased"}


def test_few_neutral_messages_are_called_pleased() -> None:
    told = [text for text in SENTENCES["neutral"] if feeling(text) == "pleased"]
    assert len(told) <= 0.02 * len(SENTENCES["neutral"]), told


@pytest.mark.parametrize(("tone", "text"), [(t, x) for t in ("angry", "anxious", "pleased") for x in SENTENCES[t]])
def test_clear_feelings_are_told(tone: str, text: str) -> None:
    assert feeling(text) == tone


@pytest.mark.parametrize("language", ["de", "ar", "ja"])
def test_other_languages_are_left_to_the_lexicon(language: str) -> None:
    assert feeling(SENTENCES["angry"][1], language) == "neutral"


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    assert sentiment(text) in SENTIMENTS
    assert feeling(text) in {"neutral", *TONES}


def test_sentiment_of_plain_words() -> None:
    assert [sentiment(t) for t in ("this is awful", "what time is it", "this is wonderful")] == list(SENTIMENTS)


def test_the_groups_of_emotions_are_goemotions_own(shared_data: Path) -> None:
    folder = shared_data / "chat" / "goemotions"
    names = set((folder / "labels.txt").read_text(encoding="utf-8").split())
    assert names > POSITIVE
    assert names > NEGATIVE
    assert names - POSITIVE - NEGATIVE == {"neutral", "confusion", "curiosity", "realization", "surprise"}
    dev = read_emotions(folder, "dev")
    mixed = [i for i, found in enumerate(dev.emotions) if found & POSITIVE and found & NEGATIVE]
    assert mixed
    assert set(dev.sentiment[mixed].tolist()) == {1}
    assert np.bincount(dev.sentiment).sum() == len(dev.texts)


@pytest.mark.parametrize("kind", ["scarves", "fire alarms", "horror films", "angry birds toys"])
def test_a_request_that_is_understood_says_nothing_of_how_somebody_feels(kind: str) -> None:
    reading = Reading(f"show me {kind}", tokens=tokenise(f"show me {kind}"))
    reading.slots.append(Slot("concepts", "kind", 2, len(reading.tokens)))
    assert tone_of(reading.text, [reading], "en", lambda text, language: "anxious") == "neutral"


def test_the_products_of_a_message_are_not_read_for_its_tone() -> None:
    text = "honestly nobody answers about my scarves"
    reading = Reading(text, tokens=tokenise(text), words=["honestly", "nobody", "answers"])
    reading.slots.append(Slot("concepts", "scarf", 5, 6))
    heard: list[str] = []
    assert tone_of(text, [reading], "en", lambda said, language: heard.append(said) or "angry") == "angry"
    assert heard == ["honestly nobody answers about my"]
