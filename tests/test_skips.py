"""A skip without a reason that we know of fails the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.skip(reason="no time")
def test_marked(): ...

def test_called():
    pytest.skip("later")

def test_known():
    pytest.skip("shared data absent: here")

@pytest.mark.xfail(reason="known bug", strict=True)
def test_expected():
    raise AssertionError
"""
WHOLE = 'import pytest\npytest.importorskip("no_such_module_anywhere")\n'


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "below a controller"])
def test_unknown_reasons_fail(project: Path, tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_whole.py").write_text(WHOLE)
    workers = [*workers, "--continue-on-collection-errors"]
    command = [sys.executable, "-m", "pytest", "-c", project / "pyproject.toml", "-p", "tests.conftest", *workers]
    done = subprocess.run([*command, tmp_path], capture_output=True, text=True, cwd=project, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    for part in ("1 failed", "1 skipped", "1 xfailed", "2 errors"):
        assert part in last, done.stdout
    assert "skipped without an allowed reason: no time" in done.stdout
