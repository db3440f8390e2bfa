"""Training: the same rows for the same seed, a fit that separates them, thresholds that keep their bounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shopr.errors import DataError
from shopr.security.detectors.detector import Detector
from shopr.security.detectors.rules import default_rules
from shopr.security.training.corpus import Row, carry, embedded, generated
from shopr.security.training.fit import fit_second, fold_of, look
from shopr.security.training.grammar import read_grammar
from shopr.security.training.ship import Trained, card, rows_to_learn, shifted, thresholds, train
from shopr.security.training.sources import read_rows, relabelled, source_of


@pytest.fixture(scope="module")
def trained() -> Trained:
    rows = generated(40, 60, seed=5)
    return train(rows, default_rules(), seed=5, folds=2)


def test_a_grammar_gives_the_same_texts_for_the_same_seed() -> None:
    first, again, other = (generated(5, 5, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len({row.text for row in first}) == len(first)


@pytest.mark.parametrize("name", ["attacks", "harmless", "formats"])
def test_every_name_in_a_grammar_is_defined(name: str) -> None:
    grammar, generator = read_grammar(name), np.random.default_rng(1)
    for start in grammar.lists:
        for _ in range(3):
            assert "«" not in grammar.draw(start, generator).replace("«payload»", "").replace("«escaped»", "")


def test_a_small_model_learns_what_an_attack_is(trained: Trained) -> None:
    odds, attack = trained.held_out, np.array([row.attack for row in trained.rows])
    assert (odds[attack] > trained.tiers.flag).mean() > 0.85
    assert (odds[~attack] > trained.tiers.block).mean() < 0.05
    detector = Detector(trained.model)
    assert detector.detect("' union select password from users--").decision == "block"
    assert detector.detect("is the lamp in stock?").decision == "allow"


def test_the_card_counts_what_was_learned_from(trained: Trained) -> None:
    told = card(trained, seed=5, measured={"x": 1})
    entry = told["sources"]["generated"]
    assert entry["attacks"] + entry["harmless"] == told["rows"] == len(trained.rows)
    assert json.loads(json.dumps(told)) == told


def test_weights_are_held_at_zero_or_above() -> None:
    generator = np.random.default_rng(0)
    features = generator.random((400, 3))
    attack = features[:, 0] - features[:, 1] > 0
    free = np.array([False, False, True])
    weights, _ = fit_second(features, attack, np.zeros(3), free, np.ones(400), ridge=0.01)
    assert weights[0] > 1.0
    assert weights[1] == 0.0


def test_thresholds_keep_the_bounds_they_are_chosen_for() -> None:
    rows = [Row(str(i), False, "benign", "banking77") for i in range(10_000)]
    generator = np.random.default_rng(1)
    odds, alone, strange = (
        generator.normal(-4, 2, 10_000),
        generator.random(10_000) < 0.8,
        generator.normal(-3, 2, 10_000),
    )
    tiers = thresholds(rows, odds, alone, strange)
    assert (tiers.of(odds, alone) >= tiers.block).mean() <= 0.0002
    assert (odds[~alone] >= tiers.flag).sum() <= 0.002 * len(rows)
    assert (strange[alone] - tiers.alone >= tiers.flag).sum() <= 0.0005 * len(rows)
    assert tiers.flag <= tiers.block


def test_likeness_to_texts_of_another_kind_is_measured_without_that_kind() -> None:
    rows = [Row(f"hello {i}", False, "chat" if i % 2 else "json", "generated") for i in range(60)]
    rows += [Row(f"' or {i}={i} union select {i}--", True, "sql", "generated") for i in range(60)]
    book = default_rules()
    odds = shifted(rows, look(rows, book), book, seed=1)
    assert np.isnan(odds[60:]).all()
    assert not np.isnan(odds[:60]).any()


def test_rows_of_one_group_share_a_fold() -> None:
    group = np.repeat(np.arange(50), 4)
    fold = fold_of(group, 3, 1)
    assert all(len(set(fold[group == g])) == 1 for g in range(50))


def test_only_sources_with_an_open_licence_are_learned_from() -> None:
    given = [
        Row("a", True, "sqli", "modified_sql"),
        Row("' or 1=1", True, "sqli", "libinjection_sqli", 3),
        Row("b", False, "x", "new"),
    ]
    names = {row.source for row in rows_to_learn(given, attacks=2, harmless=2, embed=1.0, seed=1)}
    assert names == {"generated", "libinjection_sqli"}
    assert source_of("evasion_benign").family == "evasion"
    assert not source_of("simmc2_chat").learn


def test_relabelled_rows_are_not_learned_from() -> None:
    source, text = sorted(relabelled())[0]
    rows = rows_to_learn([Row(text, True, "x", source)], attacks=1, harmless=1, embed=0.0, seed=1)
    assert source not in {row.source for row in rows}


def test_embedding_keeps_the_text_and_the_group() -> None:
    rows = [Row("' or 1=1", True, "sqli", "x", 7), Row("hello", False, "chat", "x")]
    (inside,) = embedded(rows, 1.0, seed=1)
    assert "' or 1=1" in inside.text
    assert inside.group == 7


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a", "label": 1, "kind": "sqli"}\nnonsense\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        list(read_rows([path]))


def test_every_rule_is_looked_at_in_every_row() -> None:
    seen = look([Row("' or 1=1 --", True, "sqli", "x"), Row("hello", False, "chat", "x")], default_rules())
    assert seen.rules.shape == (2, len(default_rules().rules))
    assert seen.rules[0].sum() > 2
    assert seen.rules[1].sum() == 0


def test_an_attack_is_carried_whole_and_records_stay_records() -> None:
    generator = np.random.default_rng(2)
    attack = 'x\' or "a"="a'
    escaped, records = json.dumps(attack)[1:-1], 0
    for _ in range(300):
        text = carry(attack, generator)
        assert attack in text or escaped in text
        records += text.startswith("{") and isinstance(json.loads(text), dict)
    assert records > 10
