"""Replaying scripted dialogues: the scorer knows right from wrong, and the command writes what others read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.dialogues.generate import generated
from shopr.chat.replay import Player, play, read_script, summary
from shopr.chat.replay.script import parse_script
from shopr.cli.main import main
from shopr.config import Settings
from shopr.data.sources.catalog_file import read_catalog
from shopr.errors import DataError
from shopr.tracking.store import client
from tests.chat.shop import PRODUCTS, catalog

KEYS = {
    "dialogue", "turn", "reply", "lang", "dir", "intent", "tone", "products", "cart", "order", "compare", "flags",
    "citations", "cpu_ms", "passed", "failures",
}  # fmt: skip
SCRIPT: dict[str, Any] = {
    "categories": {"mouse": {"include": r"\bmouse\b", "exclude": r"\bpad\b"}},
    "fixtures": {
        "currency": "EUR",
        "today": "2026-11-22",
        "user": "u1",
        "stock": {"m1": 0},
        "orders": {"A1001": {"user": "u1", "status": "shipped", "eta": "2026-11-25", "items": ["m2"]}},
    },
    "dialogues": [
        {
            "id": "good",
            "capability": "search",
            "lang": "en",
            "turns": [
                {
                    "user": "mice under 25 euros",
                    "expect": {"results": {"min": 2, "constraints": {"category": "mouse", "price_max": 25}}},
                },
                {"user": "add m1", "expect": {"cart": [], "stock_notice": True}},
                {"user": "when does A1001 arrive?", "expect": {"reply_mentions": ["2026-11-25"]}},
            ],
        }
    ],
}


def test_expectations_that_hold_pass_and_others_fail() -> None:
    wrong = json.loads(json.dumps(SCRIPT))
    wrong["dialogues"][0]["turns"] = [
        {"user": "mice", "expect": {"results": {"min": 1, "constraints": {"category": "mouse", "price_max": 1}}}},
        {"user": "add the second one", "expect": {"cart": [{"turn": 0, "rank": 1, "qty": 9}]}},
        {
            "user": "hello",
            "expect": {"handoff": True, "tone": "apologetic", "reply_lang": "de", "order": {"id": "A1001"}},
        },
        {"user": "hello", "expect": {"nonsense": 1, "reply_not_contains": ["hello"]}},
    ]
    (right,) = play(parse_script(SCRIPT), catalog())
    assert [line["failures"] for line in right.lines] == [[], [], []]
    (bad,) = play(parse_script(wrong), catalog())
    assert [len(line["failures"]) for line in bad.lines] == [1, 1, 4, 3]


def test_a_line_that_differs_from_the_records_fails() -> None:
    script = parse_script(SCRIPT)
    with Player(catalog(), script.fixtures) as player:
        judge = player.judge(script)
        line = dict(player.play(script.dialogues[0], judge).lines[0])
        assert judge.failures({}, line, [], "en") == []
        shown = dict(line["products"][0], price="0.01", stock=99, title="Gold")
        faults = judge.failures({}, {**line, "products": [shown], "citations": []}, [], "en")
        assert len(faults) == 4
        assert judge.failures({}, {**line, "reply": "<b>"}, [], "en") == ["reply holds markup"]
        assert len(judge.failures({}, line, [], "fr")) == 1


def test_the_command_writes_one_line_a_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("product_id", "title", "brand", "price", "colour", "stock")
    rows = [",".join([*(f'"{v}"' if isinstance(v, str) else str(v) for v in row), "EUR"]) for row in _quoted()]
    (tmp_path / "products.csv").write_text("\n".join([",".join((*names, "currency")), *rows]), encoding="utf-8")
    (tmp_path / "script.json").write_text(json.dumps(SCRIPT), encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["chat", "--replay", str(tmp_path / "script.json"), "--catalog", str(tmp_path / "products.csv"),
              "--out", str(tmp_path / "out.jsonl"), "--json"])  # fmt: skip
    printed = json.loads(capsys.readouterr().out)
    lines = [json.loads(text) for text in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (left.value.code or 0) == (0 if printed["turns_passed"] == 3 else 1)
    assert [set(line) for line in lines] == [KEYS] * 3
    assert set(lines[0]["products"][0]) == {"id", "title", "price", "currency", "stock"}


def _quoted() -> list[tuple[object, ...]]:
    return [tuple(v.replace('"', '""') if isinstance(v, str) else v for v in row) for row in PRODUCTS]


NO_SCRIPTS = (
    "",
    "[]",
    '{"dialogues": 3}',
    '{"dialogues": [{"turns": [{"usr": "x"}]}]}',
    '{"dialogues": [], "categories": {"a": {"include": "("}}}',
)


@pytest.mark.parametrize("content", NO_SCRIPTS)
def test_a_file_that_is_no_script_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError):
        read_script(tmp_path / "bad.json")


def test_a_replay_is_logged_on_request(stores: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = catalog().frame[["product_id", "title", "brand", "price", "currency", "colour", "stock"]]
    frame.to_parquet(tmp_path / "products.parquet")
    (tmp_path / "script.json").write_text(json.dumps(SCRIPT), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["chat", "--replay", str(tmp_path / "script.json"), "--catalog", str(tmp_path / "products.parquet"),
              "--track", "--json"])  # fmt: skip
    printed = json.loads(capsys.readouterr().out)
    found = client(stores).search_runs([client(stores).get_experiment_by_name("chat").experiment_id])
    assert [(run.info.status, run.data.metrics["turns_passed"]) for run in found] == [
        ("FINISHED", printed["turn_accuracy"])
    ]


def test_a_replay_needs_its_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["chat", "--replay", "x.json"])
    assert left.value.code == 2
    assert "--catalog" in capsys.readouterr().err


def test_the_scripted_dialogues_and_fresh_paraphrases_pass(shared_data: Path) -> None:
    """The development dialogues, and a generated one of each capability: all facts true, few turns amiss."""
    path = shared_data / "chat" / "dialogues_dev.json"
    sold, _ = read_catalog(shared_data / "search" / "chorus_products.parquet", currency="EUR")
    script = read_script(path)
    more = generated(sold, path, seed=2026, n=1)
    with Player(sold, script.fixtures) as player:
        judge = player.judge(script)
        found = summary([player.play(d, judge) for d in script.dialogues])
        fresh = summary([player.play(d, judge) for d in more.dialogues])
    assert (found.turn_accuracy >= 0.95, found.dialogue_success >= 0.9, found.invented) == (True, True, 0)
    assert (fresh.turn_accuracy >= 0.93, fresh.invented) == (True, 0)
