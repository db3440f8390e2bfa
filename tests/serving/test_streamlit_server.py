from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import InputError, NotReadyError, RunError
from shopr.serving import streamlit_server
from shopr.serving.streamlit_server import AppServer, app_script, launch

SLEEP = "import time; time.sleep(600)"


def server(tmp_path: Path, code: str, port: int = 1, host: str = "127.0.0.1", **more: object) -> AppServer:
    """A server whose process runs `code`."""
    log = tmp_path / "app.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=out, stderr=out)
    return AppServer(process, host, port, log, **more)  # type: ignore[arg-type]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_process_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broken = server(tmp_path, "import sys; sys.exit('no such theme')")
    broken.process.wait()
    with pytest.raises(RunError, match=r"status 1 before it answered: no such theme"):
        broken.wait_healthy()


def test_a_silent_process_is_given_up_after_the_time_allowed(tmp_path: Path) -> None:
    clock = ManualClock()
    with server(tmp_path, SLEEP, clock=clock, pause=clock.advance) as silent:
        with pytest.raises(RunError, match=r"did not answer at http://127.0.0.1:1 within 30 s"):
            silent.wait_healthy(30)
        assert clock.monotonic() >= 30
    assert not silent.running


def test_a_server_that_ignores_the_polite_way_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    deaf = server(tmp_path, code)
    while "deaf" not in deaf.log.read_text():
        assert deaf.running
    deaf.stop(seconds=0.2)
    assert not deaf.running
    deaf.stop()


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],
)
def test_the_address_can_be_opened_here(tmp_path: Path, host: str, address: str) -> None:
    with server(tmp_path, "", host=host) as made:
        assert made.address == address


def test_a_taken_port_is_refused_before_anything_starts(settings: Settings, taken: int) -> None:
    with pytest.raises(InputError, match=f"port {taken} on 127.0.0.1 is taken"):
        launch(settings, taken)


@pytest.mark.parametrize(("port", "host"), [(70_000, "127.0.0.1"), (-1, "127.0.0.1"), (0, "203.0.113.7")])
def test_a_port_or_host_out_of_reach_is_refused(settings: Settings, port: int, host: str) -> None:
    with pytest.raises(InputError):
        launch(settings, port, host=host)


def test_without_the_apps_files_the_error_says_where_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(streamlit_server, "project_root", lambda: tmp_path)
    monkeypatch.setattr(streamlit_server, "__file__", str(tmp_path / "shopr" / "serving" / "x.py"))
    with pytest.raises(NotReadyError, match="clone"):
        app_script()


def test_the_child_works_on_the_very_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMLIT_THEME_BASE", "dark")
    settings = Settings(home=tmp_path / "elsewhere", shop="other", currency="EUR")
    for name, value in streamlit_server._environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "environ", streamlit_server._environment(settings))
    assert Settings().model_dump(exclude={"origins"}) == settings.model_dump(exclude={"origins"})
    assert "STREAMLIT_THEME_BASE" not in os.environ
