"""What the doctor finds, each ailment brought about on purpose."""

from __future__ import annotations

import shutil
import socket
from collections import namedtuple
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from shopr.config import Settings
from shopr.operate import doctor
from shopr.operate.doctor import Finding, examine


def found(name: str, settings: Settings | None = None) -> Finding:
    return next(f for f in examine(settings) if f.name == name)


def test_a_healthy_machine_has_no_ailment() -> None:
    findings = examine()
    assert {f.verdict for f in findings} <= {"ok", "absent"}
    assert all(f.fix for f in findings if f.verdict != "ok" and f.verdict != "absent")


def test_broken_settings_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_SEED", "minus one")
    last = examine()[-1]
    assert (last.name, last.verdict) == ("settings", "broken")
    assert "minus one" in last.detail


def test_a_misspelt_variable_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_HOMES", "x")
    assert found("settings") == Finding("settings", "warning", "SHOPR_HOMES is no setting", "Use SHOPR_HOME")


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = found("home", Settings(home=tmp_path / "file" / "home"))
    assert finding.verdict == "broken"
    assert "SHOPR_HOME" in finding.fix


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "implicit":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(doctor, "version", version)
    assert found("implicit").verdict == "broken"
    assert found("numpy").verdict == "ok"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sqlite:///{}/file/mlflow.db", "file is not writable"),
        ("http://127.0.0.1:1", "cannot be reached"),
        ("file:mlruns", "neither"),
    ],
)
def test_an_mlflow_store_out_of_reach(uri: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = found("mlflow store", Settings(mlflow_uri=uri.format(tmp_path)))
    assert finding.verdict == "broken"
    assert said in finding.detail


def test_an_mlflow_server_that_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert found("mlflow store", Settings(mlflow_uri=uri)) == Finding("mlflow store", "ok", uri)


@pytest.mark.parametrize(("free", "verdict"), [(2**20, "broken"), (2**30, "warning"), (2**40, "ok")])
def test_disk_space(monkeypatch: pytest.MonkeyPatch, free: int, verdict: str) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**41, 0, free))
    assert found("disk").verdict == verdict


def test_an_extra_is_missed_only_where_a_setting_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    assert found("extra redis").verdict == "absent"
    assert found("extra redis", Settings(redis_url="redis://h")).verdict == "broken"
