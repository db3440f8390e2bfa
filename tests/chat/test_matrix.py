"""A fast part of the matrix of capabilities and languages, on a slice of the shared catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.dialogue_matrix import MATRIX, cells, dialogues, verdicts
from shopr.chat.lexicon import LANGUAGES
from shopr.chat.replay import Player
from shopr.chat.replay.script import parse_script
from shopr.data.sources.catalog_file import read_catalog
from shopr.search import ProductSearch

FAST = ("order_status", "returns", "cancel_order", "handoff", "off_topic", "angry", "price_max", "cheaper", "negation")
WORDS = ("headphone", "headset", "monitor", "printer")
TABLE = yaml.safe_load(MATRIX.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def table(shared_data: Path) -> dict[str, dict[str, bool]]:
    dev = json.loads((shared_data / "chat" / "dialogues_dev.json").read_text(encoding="utf-8"))
    asked = [d for d in dialogues(TABLE, "first", list(LANGUAGES)) if d["capability"] in FAST]
    script = parse_script({**dev, "dialogues": asked})
    whole, _ = read_catalog(shared_data / "search" / "chorus_products.parquet", currency="EUR")
    ordered = {str(i) for order in dev["fixtures"]["orders"].values() for i in order["items"]}
    frame = whole.frame
    titles = frame["title"].str.lower()
    kept = frame["product_id"].isin(ordered).to_numpy().copy()
    for word in WORDS:
        hits = titles.str.contains(word, regex=False).to_numpy()
        kept |= hits & (hits.cumsum() <= 150)
    catalog = whole.take(kept)
    with Player(catalog, script.fixtures, search=ProductSearch.build(catalog)) as player:
        judge = player.judge(script)
        return cells([player.play(dialogue, judge) for dialogue in script.dialogues])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_does_nearly_what_english_does(table: dict[str, dict[str, bool]], language: str) -> None:
    failed = [name for name, passed in table[language].items() if not passed]
    assert len(failed) <= 1, failed


def test_every_cell_has_words_and_expectations() -> None:
    for wording in ("first", "second"):
        assert set(TABLE[wording]) == set(LANGUAGES)
        for language, row in TABLE[wording].items():
            assert set(row) == set(TABLE["frames"]), language
            for capability, line in row.items():
                assert len(line.split(" | ")) == len(TABLE["frames"][capability]), (wording, language, capability)


def test_the_second_wording_repeats_little_of_the_first() -> None:
    for language in LANGUAGES:
        first, second = (
            {turn for line in TABLE[wording][language].values() for turn in line.split(" | ")}
            for wording in ("first", "second")
        )
        assert len(first & second) <= 0.1 * len(second), (language, first & second)


def test_a_language_far_below_english_is_unmeasured() -> None:
    found = verdicts({"en": {str(i): True for i in range(20)}, "de": {str(i): i > 0 for i in range(20)},
                      "fr": {str(i): i > 1 for i in range(20)}})  # fmt: skip
    assert [found[code]["label"] for code in ("en", "de", "fr")] == ["measured", "measured", "unmeasured"]
    assert found["fr"]["failed"] == ["0", "1"]
