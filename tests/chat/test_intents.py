"""The shipped intent guess, and the text it learnt from."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shopr.chat.fitting.intents import LEFT_OUT, generate
from shopr.chat.intents import IntentClassifier, guess
from shopr.chat.lexicon import LANGUAGES, lexicon
from shopr.chat.linear import LinearText


def test_training_text_is_made_of_the_lexicons_from_a_seed() -> None:
    texts, intents = generate(5, variants=1)
    assert (texts, intents) == generate(5, variants=1)
    assert set(intents) == set(lexicon("en").commands) - LEFT_OUT
    assert not any("*" in text for text in texts)


def test_requests_of_every_language_are_guessed() -> None:
    right = [
        guess(lexicon(code).commands[intent][0]).intent == intent
        for code in LANGUAGES
        for intent in ("return", "handoff", "compare", "show_cart", "thanks")
    ]
    assert np.mean(right) >= 0.9


def test_below_the_threshold_nothing_is_said() -> None:
    model = LinearText(
        ("a", "b"),
        np.zeros(0, np.uint32),
        np.zeros((0, 2), np.int8),
        np.ones(2, np.float32),
        np.array([-1, -2], np.float32),
    )
    assert IntentClassifier(model, threshold=-0.5).guess("whatever").intent is None
    assert IntentClassifier(model, threshold=-1.5).guess("whatever").intent == "a"


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    assert np.isfinite(guess(text).score)
