"""Reloading: all or nothing, what needs a restart stays, and subscribers hear of changes alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shopr.config import Reload, Settings, SettingsHolder


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text("seed = 1\n")
    monkeypatch.setenv("SHOPR_CONFIG", str(path))
    return path


def test_a_valid_file_is_taken_over(file: Path) -> None:
    holder = SettingsHolder()
    heard: list[tuple[int, Reload]] = []
    holder.subscribe(lambda settings, report: heard.append((settings.seed, report)))
    file.write_text("seed = 2\n")
    report = holder.reload()
    assert report == Reload({"seed": ("1", "2")})
    assert report.ok
    assert holder.current.seed == 2
    assert heard == [(2, report)]
    assert holder.reload() == Reload({})
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("seed = -5\n", "setting seed is -5"),
        ("sed = 2\n", "unknown setting 'sed'. Did you mean 'seed'?"),
        ("seed =\n", "is not valid TOML"),
    ],
)
def test_a_bad_file_keeps_the_old_settings_and_says_why(file: Path, text: str, why: str) -> None:
    holder = SettingsHolder()
    before = holder.current
    file.write_text(text)
    report = holder.reload()
    assert not report.ok
    assert why in report.error
    assert holder.current is before


def test_a_vanished_file_keeps_the_old_settings(file: Path) -> None:
    holder = SettingsHolder()
    file.unlink()
    assert "is not a file" in holder.reload().error
    assert holder.current.seed == 1


def test_what_is_in_use_waits_for_a_restart(file: Path, tmp_path: Path) -> None:
    holder = SettingsHolder()
    old = holder.current.database_url
    file.write_text('seed = 1\ncurrency = "EUR"\ndatabase_url = "postgresql://ann:s3cret@h/d"\n')
    report = holder.reload()
    assert report.applied == {"currency": ("GBP", "EUR")}
    assert report.needs_restart == ("database_url",)
    assert holder.current.database_url == old
    assert holder.current.origin("database_url") == "default"
    assert holder.current.origin("currency") == f"file {file}"
    assert "s3cret" not in repr(report)


def test_polling_reads_only_a_changed_file(file: Path) -> None:
    holder = SettingsHolder(Settings())
    assert holder.poll() is None
    file.write_text("seed = 22\n")
    os.utime(file, ns=(1, 1))
    report = holder.poll()
    assert report is not None
    assert report.applied == {"seed": ("1", "22")}
    assert holder.poll() is None
