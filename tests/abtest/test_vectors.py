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

    def add(self, other: Played) -> None:
        """Count another file of the same library in."""
        self.agreed += other.agreed
        self.uncovered += other.uncovered
        self.wrong += other.wrong

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
    whole, adapter = Played(), mine[0][2]
    for path, document, _ in mine:
        played = play(adapter, document)
        with capsys.disabled():
            sys.stdout.write(_summary(path.name, played))
        whole.add(played)
        if played.total == adapter.RECORDED[1]:
            assert played.covered >= adapter.RECORDED[0], "fewer cases are covered than were once"
    assert not whole.wrong, f"{len(whole.wrong)} of {whole.total} differ:\n" + "\n".join(whole.wrong[:20])
    assert whole.covered >= adapter.FLOOR * whole.total, "too few cases are covered"


def _summary(name: str, played: Played) -> str:
    lines = [f"\n{name}: {played.agreed} agree, {len(played.wrong)} differ, {len(played.uncovered)} uncovered"]
    counts = Counter((kind, reason) for kind, _, reason in played.uncovered)
    lines += [f"  uncovered {count} {kind}: {reason}" for (kind, reason), count in counts.items()]
    return "\n".join(lines) + "\n"


def test_every_file_is_read_by_one_library(vectors: list[tuple[Path, dict[str, Any]]]) -> None:
    assert [path.name for path, document in vectors if adapter_of(document) is None] == []


def test_a_file_is_known_by_its_source_or_by_its_kinds_of_case() -> None:
    named = adapter_of({"source": "growthbook/growthbook-python 1.2", "cases": {}})
    assert named is not None
    assert named.__name__.endswith("growthbook")
    unnamed = adapter_of({"cases": [{"class": "SampleSize.binomial"}]})
    assert unnamed is not None
    assert unnamed.__name__.endswith("spotify_confidence")
    assert adapter_of({"source": "elsewhere", "cases": []}) is None


def test_the_comparison_itself_finds_what_differs() -> None:
    assert list(differences({"a": [1.0, None]}, {"a": [1.0 + 1e-11, float("nan")]})) == []
    assert list(differences({"a": 1.0}, {"a": 1.0 + 1e-8})) != []
    assert list(differences({}, {"a": 1})) == [".a: missing"]
    assert list(differences([1], [1, 2])) != []
    assert not same(True, 1.0)
