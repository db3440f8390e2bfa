from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.waiting import PATIENCE


def shopr(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shopr", "app", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_check_starts_the_app_prints_its_address_and_stops_it(project: Path) -> None:
    done = shopr("--check", "--port", "0", cwd=project)
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.startswith("The app answers at http://127.0.0.1:")
    port = int(done.stdout.split("http://127.0.0.1:")[1].split()[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_one_line_and_status_2(project: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        done = shopr("--port", str(listener.getsockname()[1]), cwd=project)
    assert done.returncode == 2
    assert done.stderr.startswith("error: port ")
    assert done.stderr.count("\n") == 1


def test_a_shop_with_an_impossible_name_is_refused(project: Path) -> None:
    done = shopr("--shop", "../etc", cwd=project)
    assert done.returncode == 2
    assert "setting shop is '../etc'" in done.stderr
