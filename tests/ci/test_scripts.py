"""The scripts behind `make check`: the lock in step, dead links found, an old Python refused."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = {
    "requires-python": ">=3.11",
    "dependencies": ["numpy>=2,<3"],
    "optional-dependencies": {
        "dev": ["PyYAML>=6"],
        "redis": [],
        "postgres": ["psycopg[binary]>=3"],
        "dask": [],
        "sentry": [],
    },
}
LOCK = "numpy==2.1.0 \\\n    --hash=sha256:0\npsycopg[binary]==3.2.1 \\\npyyaml==6.0 ; python_version < '4' \\\n"


def script(project: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ci_{name}", project / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lock(project: Path) -> ModuleType:
    return script(project, "lock")


def test_a_lock_in_step_has_nothing_to_say(lock: ModuleType) -> None:
    assert lock.check(PROJECT, f"# asked for: {lock.digest(PROJECT)}\n{LOCK}") == []


def test_a_lock_out_of_step_names_the_packages(lock: ModuleType) -> None:
    text = f"# asked for: {lock.digest(PROJECT)}\n{LOCK}"
    more = PROJECT | {"dependencies": ["numpy>=2.2,<3", "scipy>=1"]}
    assert lock.check(more, text) == [
        "pyproject.toml has changed since it was written",
        "numpy 2.1.0 is outside <3,>=2.2",
        "scipy is missing",
    ]
    assert lock.check(PROJECT, text + "--index-url https://example.org\n") == ["it names an address"]


def test_our_own_lock_pins_files_by_hash_and_names_no_address(project: Path, lock: ModuleType) -> None:
    text = (project / "requirements.lock").read_text(encoding="utf-8")
    pinned = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert len(pinned) > 100
    assert all(line.endswith("\\") for line in pinned), "a package without hashes"
    assert "://" not in text


def test_dead_links_are_found_with_their_lines(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = script(project, "links")
    monkeypatch.setattr(links, "ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# A heading: `code` & more\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[good](other.md) [web](https://example.org/none) [heading](other.md#a-heading-code--more)\n"
        "[self](#here) `[code](none.md)`\n\n## Here\n"
        "[dead](none.md)\n[no heading](other.md#b) ![picture](none.png)\n```\n[fenced](none.md)\n```\n"
    )
    assert links.check(page) == [
        "page.md:5: none.md does not exist",
        "page.md:6: other.md#b: no such heading",
        "page.md:6: none.png does not exist",
    ]
    assert links.pages() == [tmp_path / "other.md", page]


@pytest.mark.parametrize("version", [(3, 10, 12), (3, 11, 4), (3, 14, 0)])
def test_a_python_that_will_not_do_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    bootstrap = script(project, "bootstrap")
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"needs 3\.11\.5 up to 3\.13.*make PYTHON="):
        bootstrap.main()
