"""The Streamlit app as a child process: started, waited for, stopped.

The app runs in a process of its own because Streamlit wants a main thread; this module never imports it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.config.sources import project_root
from shopr.errors import InputError, NotReadyError, RunError

__all__ = ["DEFAULT_PORT", "AppServer", "app_script", "launch"]

DEFAULT_PORT = 8501
HEALTH = "/_stcore/health"
SCRIPT_HEALTH = "/_stcore/script-health-check"
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # bound everywhere, reached here


@dataclass
class AppServer:
    """A running app.

    Attributes:
        process: the server's process.
        host, port: where it listens.
        log: the file that takes its output.
        checks_script: whether the server also answers for the app's script (`launch(check=True)`).
    """

    process: subprocess.Popen[bytes]
    host: str
    port: int
    log: Path
    checks_script: bool = False
    clock: Clock = field(default_factory=SystemClock)
    pause: Callable[[float], None] = time.sleep

    @property
    def address(self) -> str:
        """The URL to open in a browser on this machine."""
        host = _ANYWHERE.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self.process.poll() is None

    def healthy(self) -> bool:
        """Whether the server answers now; with `checks_script`, whether the app's script also runs."""
        paths = (HEALTH, SCRIPT_HEALTH) if self.checks_script else (HEALTH,)
        return all(self._answers(path) for path in paths)

    def wait_healthy(self, seconds: float = 90.0) -> Self:
        """Wait until the server answers.

        Raises:
            RunError: if it ends or stays silent for `seconds`, with the last line of its log.
        """
        end = self.clock.monotonic() + seconds
        while not self.healthy():
            if not self.running:
                raise RunError(
                    f"the app ended with status {self.process.returncode} before it answered: {self._last_words()}",
                    hint=f"Read {self.log}",
                )
            if self.clock.monotonic() >= end:
                raise RunError(
                    f"the app did not answer at {self.address} within {seconds:g} s: {self._last_words()}",
                    hint=f"Read {self.log}",
                )
            self.pause(0.1)
        return self

    def wait(self) -> int:
        """Wait until the process ends; its exit status."""
        return self.process.wait()

    def stop(self, seconds: float = 5.0) -> None:
        """End the server, politely at first; does nothing where it has ended already."""
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _answers(self, path: str) -> bool:
        # A plain connection: a proxy set in the environment must not be asked for a server on this machine.
        host = _ANYWHERE.get(self.host, self.host)
        patience = 2.0 if path == HEALTH else 60.0  # the script's answer takes as long as its first run
        with closing(HTTPConnection(host, self.port, timeout=patience)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status == 200
            except (OSError, HTTPException):
                return False

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = [line.strip() for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
            if lines:
                return lines[-1][:300]
        return "its log is empty"


def app_script() -> Path:
    """The app's main script, which lives in the checkout beside the package.

    Raises:
        NotReadyError: if it is not there.
    """
    roots = dict.fromkeys([project_root(), Path(__file__).resolve().parents[2]])
    for root in roots:
        script = root / "app" / "main.py"
        if script.is_file():
            return script
    raise NotReadyError(
        f"the app's files are not in {next(iter(roots)) / 'app'}", hint="Run the command inside a clone of the project"
    )


def launch(settings: Settings, port: int | None = None, *, host: str = "127.0.0.1", check: bool = False) -> AppServer:
    """Start the app on the shop and the stores of `settings`, without waiting for it.

    Args:
        port: 0 takes any free port; None takes 8501, or a free one where that is taken.
        host: the address to listen on; others than 127.0.0.1 let the network in, which then sees the dashboards unless
            `settings.require_sign_in` asks for an account.
        check: also let the server answer whether the app's script runs, which runs it on every such request.

    Raises:
        InputError: if the port is out of range or taken.
        NotReadyError: if the app's files are not there.
    """
    script = app_script()
    port = _free_port(port, host)
    log = settings.home / "logs" / f"app-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    options = {
        "server.headless": "true",
        "server.address": host,
        "server.port": str(port),
        "server.fileWatcherType": "none",
        "server.scriptHealthCheckEnabled": str(check).lower(),
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "global.developmentMode": "false",
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script.with_name("server.py")), *flags],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(settings) | {"SHOPR_APP_HOST": host},
            cwd=script.parent.parent,
        )
    return AppServer(process, host, port, log, checks_script=check)


def _environment(settings: Settings) -> dict[str, str]:
    """This process's variables with every setting in force, so that the child works on the very same stores."""
    values = {}
    for name in settings.names():
        value = getattr(settings, name)
        values[f"SHOPR_{name.upper()}"] = str(value.value if isinstance(value, Enum) else value)
    strays = {name for name in os.environ if name.startswith("STREAMLIT_")}  # they would outrank config.toml
    return {name: value for name, value in os.environ.items() if name not in strays} | values


def _free_port(port: int | None, host: str) -> int:
    if port is None:
        return DEFAULT_PORT if _bindable(host, DEFAULT_PORT) else _any_port(host)
    if port == 0:
        return _any_port(host)
    if not 1 <= port <= 65535:
        raise InputError(f"port is {port}", hint="Use 1 to 65535, or 0 for any free port")
    if not _bindable(host, port):
        raise InputError(
            f"port {port} on {host} is taken or not permitted", hint="Use another --port, or 0 for any free one"
        )
    return port


def _bindable(host: str, port: int) -> bool:
    try:
        _bind(host, port).close()
    except OSError:
        return False
    return True


def _any_port(host: str) -> int:
    try:
        with _bind(host, 0) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        raise InputError(
            f"host {host!r} is no address of this machine: {error.strerror}", hint="Use 127.0.0.1"
        ) from error


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As the server itself does: a port whose last connections are still closing counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener
