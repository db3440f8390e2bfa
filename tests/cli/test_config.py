"""`shopr config` and `shopr doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from shopr.cli.config import config
from shopr.cli.doctor import doctor


def test_every_setting_with_its_value_and_origin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOPR_SEED", "7")
    monkeypatch.setenv("SHOPR_REDIS_URL", "redis://:s3cret@h")
    monkeypatch.setenv("SHOPR_SEEED", "8")
    done = CliRunner().invoke(config, ["show", "--json"])
    shown = json.loads(done.stdout)
    assert shown["seed"] == {"value": 7, "origin": "environment SHOPR_SEED"}
    assert shown["home"] == {"value": str(tmp_path / "home"), "origin": "environment SHOPR_HOME"}
    assert shown["currency"]["origin"] == "default"
    assert done.stderr == "warning: SHOPR_SEEED is no setting of Shopr; did you mean SHOPR_SEED?\n"
    table = CliRunner().invoke(config, ["show"]).stdout
    assert "environment SHOPR_SEED" in table
    assert "s3cret" not in table + done.stdout


def test_a_healthy_machine() -> None:
    done = CliRunner().invoke(doctor, ["--json"])
    report = json.loads(done.stdout)
    assert done.exit_code == 0, report
    assert report["ok"] is True
    assert "All is well." in CliRunner().invoke(doctor, []).stdout


def test_a_broken_machine_leaves_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_DATABASE_URL", "sqlite:////proc/nowhere/state.db")
    done = CliRunner().invoke(doctor, ["--json"])
    assert done.exit_code == 1
    broken = [f for f in json.loads(done.stdout)["findings"] if f["verdict"] == "broken"]
    assert [f["name"] for f in broken] == ["database"]
    assert "1 broken" in CliRunner().invoke(doctor, []).stdout
