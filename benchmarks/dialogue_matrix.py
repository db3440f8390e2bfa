"""Every capability of the assistant in every language: how often a scripted request is understood.

    python benchmarks/dialogue_matrix.py --wording second --record
    python benchmarks/dialogue_matrix.py --language tr --verbose

Plays `benchmarks/dialogues/matrix.yaml` against the shared catalogue with the checks and fixtures of
`chat/dialogues_dev.json`. A cell passes when every turn meets what is expected and no invariant is broken
(facts as in the catalogue, the language of the reply). Languages more than five points below English are "unmeasured".
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shopr.chat.lexicon import LANGUAGES  # noqa: E402 - the folder must be on the path first
from shopr.chat.replay import Played, Player  # noqa: E402
from shopr.chat.replay.script import parse_script  # noqa: E402
from shopr.data.sources.catalog_file import read_catalog  # noqa: E402
from shopr.search import ProductSearch  # noqa: E402

FILE = ROOT / "benchmarks" / "results" / "matrix.json"
MATRIX = ROOT / "benchmarks" / "dialogues" / "matrix.yaml"
TOLERANCE = 0.05
"""How far a language may lie below English before it is called unmeasured."""


def dialogues(table: dict[str, Any], wording: str, languages: list[str]) -> list[dict[str, Any]]:
    """The matrix as dialogues of the replay format; "@xx " before a turn says that its reply is in that language."""
    found = []
    for language in languages:
        for capability, line in table[wording].get(language, {}).items():
            turns, spoken = [], language
            for text, expect in zip(line.split(" | "), table["frames"][capability], strict=True):
                spoken = text[1:3] if text.startswith("@") else language
                turns.append({"user": text.removeprefix(f"@{spoken} "), "expect": expect | {"reply_lang": spoken}})
            # No language is given along: the assistant has to tell it from the message.
            found.append({"id": f"{capability}:{language}", "capability": capability, "turns": turns})
    return found


def played(wording: str, languages: list[str], shared: Path) -> list[Played]:
    """Every cell, played against the shared catalogue."""
    table = yaml.safe_load(MATRIX.read_text(encoding="utf-8"))
    dev = json.loads((shared / "chat" / "dialogues_dev.json").read_text(encoding="utf-8"))
    script = parse_script({**dev, "dialogues": dialogues(table, wording, languages)})
    catalog, _ = read_catalog(shared / "search" / "chorus_products.parquet", currency=script.fixtures.currency)
    with Player(catalog, script.fixtures, search=ProductSearch.build(catalog)) as player:
        judge = player.judge(script)
        return [player.play(dialogue, judge) for dialogue in script.dialogues]


def cells(found: list[Played]) -> dict[str, dict[str, bool]]:
    """language -> capability -> whether its dialogue passed."""
    out: dict[str, dict[str, bool]] = {}
    for one in found:
        capability, language = one.dialogue.id.split(":")
        out.setdefault(language, {})[capability] = one.passed
    return out


def verdicts(table: dict[str, dict[str, bool]]) -> dict[str, dict[str, Any]]:
    """Pass rate of each language, and whether it counts as measured beside English."""
    rates = {language: sum(row.values()) / len(row) for language, row in table.items()}
    bar = rates.get("en", 1.0) - TOLERANCE
    return {
        language: {"passed": sum(row.values()), "of": len(row), "rate": round(rates[language], 4),
                   "label": "measured" if rates[language] >= bar else "unmeasured",
                   "failed": [name for name, passed in row.items() if not passed]}
        for language, row in table.items()
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wording", choices=("first", "second", "third"), default="third")
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    parser.add_argument("--verbose", action="store_true", help="show what failed and why")
    parser.add_argument("--record", action="store_true", help="keep the table in results/matrix.json")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    shared = Path(os.environ.get("SHOPR_SHARED_DATA", ""))
    if not (shared / "chat").is_dir():
        raise SystemExit("set SHOPR_SHARED_DATA to the folder of the shared data (it holds chat/ and search/)")
    found = played(asked.wording, asked.language or list(LANGUAGES), shared)
    result = verdicts(cells(found))
    if asked.record:
        kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
        FILE.write_text(
            json.dumps({**kept, asked.wording: result}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    if asked.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for one in found if asked.verbose else ():
        for line in one.lines:
            if line["failures"]:
                said = one.dialogue.steps[line["turn"]].user
                print(f"{one.dialogue.id} turn {line['turn']} {said!r}\n   {'; '.join(line['failures'])[:300]}\n"
                      f"   -> {line['intent']}: {line['reply'][:160]!r}")  # fmt: skip
    print(f"{'language':<10}{'passed':>8}{'rate':>8}  label       failed")
    for language, row in result.items():
        print(
            f"{language:<10}{row['passed']:>5}/{row['of']}{row['rate']:8.1%}  {row['label']:<11} "
            + ", ".join(row["failed"])
        )


if __name__ == "__main__":
    main()
