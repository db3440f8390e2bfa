"""A private PostgreSQL server for the tests, made from the installed programs, on a socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import PATIENCE

ABSENT = "PostgreSQL's server programs are not installed"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    return found[0].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def server(folder_of_programs: Path) -> Iterator[str]:
    """The URL of a fresh server's own database. The server refuses root, so root steps aside for another user."""
    place = Path(tempfile.mkdtemp(prefix="shopr-pg-", dir="/tmp"))
    data = place / "data"
    as_user = _other_user(place)

    def call(*command: object) -> None:
        subprocess.run([*as_user, *map(str, command)], check=True, capture_output=True, cwd=place, timeout=PATIENCE)

    try:
        call(folder_of_programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={place} -c fsync=off -c max_connections=40"
        call(folder_of_programs / "pg_ctl", "-D", data, "-l", place / "log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={place}"
        finally:
            call(folder_of_programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _other_user(place: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(place, user.pw_uid, user.pw_gid)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    raise RuntimeError("no user 'postgres' or 'nobody' to run PostgreSQL as")
