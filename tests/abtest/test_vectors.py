"""Recorded cases of other libraries agree with ours to 1e-9; what is not covered is printed with its reason."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.abtest.vectors import ADAPTERS, Case, Uncovered, adapter_of, differences, same


@dataclass
class Played:
    """What came of one file."""

    agreed: int = 0
    uncovered: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.agreed + len(self.uncovered) + len(self.wrong)

    @property
    def covered(self) -> int:
        return self.agreed + len(self.wrong)


def play(adapter: ModuleType, document: dict[str, Any]) -> Played:
    played = Played()
    for case in adapter.cases(document):
        _play_one(adapter, case, played)
    return played


def _play_one(adapter: ModuleType, case: Case, played: Played) -> None:
    label = f"{case.kind} ({case.label})"
    try:
        got, recorded = adapter.run(case)
    except Uncovered as reason:
        played.uncovered.append((case.kind, case.label, str(reason)))
        return
    except Exception as error:
        played.wrong.append(f"{label}: {type(error).__name__}: {error}")
        return
    found = list(differences(got, recorded))
    if found:
        played.wrong.append(f"{label}: {'; '.join(found[:4])}")
    else:
        played.agreed += 1


def documents(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [(path, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> list[tuple[Path, dict[str, Any]]]:
    folder = shared_data / "abtest" / "vectors"
    if not folder.is_dir():
        pytest.skip(f"shared data absent: {folder}")
    return documents(folder)


@pytest.mark.parametrize("library", ADAPTERS)
def test_recorded_cases_agree_and_coverage_holds(
    library: str, vectors: list[tuple[Path, dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = [(path, document, adapter_of(document)) for path, document in vectors]
    mine = [(p, d, a) for p, d, a in found if a is not None and a.__name__.rpartition(".")[2] == library]
    assert mine, f"no file of {library} was found"
    for path, document, adapter in mine:
        played = play(adapter, document)
        with capsys.disabled():
            sys.stdout.write(_summary(path.name, played))
        assert not played.wrong, f"{len(played.wrong)} of {played.total} differ:\n" + "\n".join(played.wrong[:20])
        assert played.covered >= adapter.FLOOR * played.total, "too few cases are covered"
        if played.total == adapter.RECORDED[1]:
            assert played.covered >= adapter.RECORDED[0], "fewer cases are covered than were once"


def _summary(name: str, played: Played) -> str:
    lines = [f"\n{name}: {played.agreed} agree, {len(played.wrong)} differ, {len(played.uncovered)} uncovered"]
    counts = Counter((kind, reason) for kind, _, reason in played.uncovered)
    lines += [f"  uncovered {count} {kind}: {reason}" for (kind, reason), count in counts.items()]
    return "\n".join(lines) + "\n"


def test_the_comparison_itself_finds_what_differs() -> None:
    assert list(differences({"a": [1.0, None]}, {"a": [1.0 + 1e-11, float("nan")]})) == []
    assert list(differences({"a": 1.0}, {"a": 1.0 + 1e-8})) != []
    assert list(differences({}, {"a": 1})) == [".a: missing"]
    assert list(differences([1], [1, 2])) != []
    assert not same(True, 1.0)
