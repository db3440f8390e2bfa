"""Steps that are remembered by what they were made from."""

from __future__ import annotations

from pathlib import Path

from shopr.config import Settings
from shopr.data.finished import Finished
from shopr.progress import Step


def test_a_step_is_recalled_for_the_same_key_alone_and_also_by_the_next_process(tmp_path: Path) -> None:
    settings, doing = Settings(home=tmp_path / "home"), Step("A step")
    first = Finished(settings)
    assert first.recall("data", {"seed": 1}, doing) is None
    first.keep("data", {"seed": 1}, {"rows": 3})
    again = Finished(settings)
    assert again.recall("data", {"seed": 2}, doing) is None
    assert again.recall("data", {"seed": 1}, doing) == {"rows": 3}
    assert again.reused == ["data"]
    assert "kept from before" in doing.description
    assert Finished(settings, forget=True).recall("data", {"seed": 1}, doing) is None


def test_a_damaged_memory_only_costs_the_steps_and_a_refused_one_nothing(tmp_path: Path) -> None:
    settings, doing = Settings(home=tmp_path / "home"), Step("A step")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "demo.json").write_text("{", encoding="utf-8")
    damaged = Finished(settings)
    assert damaged.recall("data", {"seed": 1}, doing) is None
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused = Finished(Settings(home=tmp_path / "file"))
    refused.keep("data", {"seed": 1}, 1)
    assert refused.recall("data", {"seed": 1}, doing) == 1
