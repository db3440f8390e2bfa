"""Lineage is that of the project one stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from shopr.tracking.lineage import lineage_tags, lock_hash


def test_the_lock_is_that_of_the_project_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = lock_hash()
    for name, content in (("one", "a==1\n"), ("two", "a==2\n"), ("none", None)):
        root = tmp_path / name
        root.mkdir()
        (root / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
        if content is not None:
            (root / "requirements.lock").write_text(content)
    found = []
    for name in ("one", "two", "none"):
        monkeypatch.chdir(tmp_path / name)
        found.append(lock_hash())
    assert len({here, *found}) == 4
    assert found[2] == ""


def test_tags_name_package_lock_and_python() -> None:
    tags = lineage_tags()
    assert {"shopr.version", "shopr.source", "shopr.lock", "shopr.python", "shopr.libraries"} <= set(tags)
    assert "numpy==" in tags["shopr.libraries"]
