"""A private Redis server for the tests, made from the installed program, on a socket of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ABSENT = "Redis's server program is not installed"


@contextmanager
def server() -> Iterator[str]:
    """The URL of a fresh server that keeps nothing on disk."""
    import redis

    program = shutil.which("redis-server")
    assert program is not None
    place = Path(tempfile.mkdtemp(prefix="shopr-redis-", dir="/tmp"))
    socket = place / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", str(place)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"unix://{socket}"
    try:
        client = redis.Redis.from_url(url)
        while True:
            assert process.poll() is None, "redis-server ended before it answered"
            try:
                client.ping()
                break
            except redis.ConnectionError:
                continue
        client.close()
        yield url
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(place, ignore_errors=True)
