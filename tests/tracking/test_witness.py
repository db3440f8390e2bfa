"""The files of open runs: what a killed process leaves behind, and what is done about it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from shopr.cli.main import main
from shopr.tracking.store import client
from shopr.tracking.witness import left_behind, witnessed

HOLD = """
import os, sys
from shopr.config import Settings
from shopr.tracking.runs import run
with run("train ease", settings=Settings(), experiment="x") as made:
    print(made.run_id, flush=True)
    sys.stdin.read()
"""


def test_a_file_as_long_as_the_block(settings):
    with witnessed(settings.home, "mlflow", mlflow_uri="u") as witness:
        witness.note(run_id="r")
        (path,) = (settings.home / "open").iterdir()
        content = json.loads(path.read_text())
        assert (content["kind"], content["pid"], content["run_id"]) == ("mlflow", os.getpid(), "r")
        assert left_behind(settings.home) == []
    assert list((settings.home / "open").iterdir()) == []


def test_what_is_left_behind(settings):
    folder = settings.home / "open"
    folder.mkdir(parents=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = socket.gethostname()
    for name, content in (
        ("gone", {"host": host, "pid": gone.pid, "began": 0.0}),
        ("reused", {"host": host, "pid": os.getpid(), "began": 1.0}),
        ("elsewhere", {"host": "another", "pid": gone.pid, "began": 0.0}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "broken.json").write_text("{")
    assert [witness.token for witness in left_behind(settings.home)] == ["gone", "reused"]
    assert not (folder / "broken.json").exists()


def test_a_disk_that_refuses_ends_no_run(settings, caplog):
    settings.home.mkdir(parents=True)
    (settings.home / "open").write_text("a file where the folder should be")
    with witnessed(settings.home, "mlflow"):
        assert "cannot be written" in caplog.text
    assert left_behind(settings.home) == []


def test_a_killed_training_is_killed_on_record_before_the_next_command_prints(stores, capsys):
    """`shopr train`, `tune` and notebooks in JupyterLab log through `run`: kill -9 leaves no RUNNING."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    assert client(stores).get_run(run_id).info.status == "RUNNING"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with pytest.raises(SystemExit):
        main(["config", "show", "--help"])
    assert client(stores).get_run(run_id).info.status == "RUNNING"  # help opens no store
    with pytest.raises(SystemExit) as left:
        main(["config", "show"])
    assert left.value.code == 0
    assert client(stores).get_run(run_id).info.status == "KILLED"
    assert list((stores.home / "open").iterdir()) == []


def test_looking_costs_no_database(settings):
    script = (
        "import sys\nfrom shopr.cli.main import main\n"
        "try:\n    main(['config', 'show', '--json'])\nexcept SystemExit:\n    pass\n"
        "print('HEAVY', sorted({'sqlalchemy', 'mlflow', 'psutil', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
