"""The linear text classifier: a known truth is learnt, saving loses nothing, hostile text costs nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shopr.chat.fitting.linear import features, fit_linear, settle_bias
from shopr.chat.linear import LinearText, blocks, tokens


def _toy(seed: int = 3) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    words = {0: ["red", "apple", "fruit", "sweet"], 1: ["fast", "car", "wheel", "road"]}
    texts, labels = [], []
    for _ in range(200):
        label = int(rng.integers(2))
        texts.append(" ".join(rng.choice(words[label], 3)) + " the and of")
        labels.append(label)
    return texts, np.array(labels)


def _model(**options: object) -> LinearText:
    texts, labels = _toy()
    return fit_linear(features(texts), np.stack([labels == 0, labels == 1], axis=1), ("food", "traffic"), **options)  # type: ignore[arg-type]


def test_learns_what_tells_the_classes_apart() -> None:
    model = _model()
    texts, labels = _toy(seed=4)
    assert np.mean([model.scores(t).argmax() == y for t, y in zip(texts, labels, strict=True)]) == 1.0


def test_few_features_and_a_loose_solution_still_tell_them_apart() -> None:
    model = _model(kept=40, tolerance=0.1)
    assert len(model.keys) == 40
    assert model.probabilities("sweet red fruit").argmax() == 0


def test_saving_loses_nothing(tmp_path: Path) -> None:
    model = _model()
    assert model.save(tmp_path / "m.npz") == (tmp_path / "m.npz").stat().st_size
    again = LinearText.load(tmp_path / "m.npz")
    assert again.classes == model.classes
    assert np.array_equal(again.scores("a fast red car"), model.scores("a fast red car"))


def test_a_text_without_known_features_scores_the_bias() -> None:
    model = _model()
    assert np.array_equal(model.scores(""), model.bias)


def test_negation_marks_the_words_behind_it_until_the_clause_ends() -> None:
    assert "not_good" in tokens("this is not very good")
    assert "not_great" not in tokens("not bad, great")
    assert "SHOUT" in tokens("this is AWFUL")


@given(st.text(max_size=2000))
def test_features_of_any_text(text: str) -> None:
    words, spans = blocks(text)
    assert words == sorted(set(words))
    assert spans == sorted(set(spans))


def test_shifts_are_settled_by_macro_f1() -> None:
    scores = np.array([[0.1, 0.0, -1.0], [0.1, 0.0, -1.0], [0.5, 0.0, -1.0], [-1.0, 0.0, 0.3]], np.float32)
    truth = np.array([1, 1, 0, 2])
    shifted = scores + settle_bias(scores, truth)
    assert shifted.argmax(axis=1).tolist() == truth.tolist()
