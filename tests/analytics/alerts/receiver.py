"""A web server on this machine that takes notices, and does to them what a test asks for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import PATIENCE


class Receiver:
    """What came in: (path, headers, body) of each request.

    Attributes:
        answers: statuses of the next answers; 200 when there are none left.
        location: where a redirect leads.
        held: answers wait for this; set by default.
    """

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answers: list[int] = []
        self.location = ""
        self.held, self.arrived = threading.Event(), threading.Event()
        self.held.set()
        self.port = 0

    @property
    def keys(self) -> list[str]:
        """Idempotency keys of what came in."""
        return [headers.get("Idempotency-Key", "") for _, headers, _ in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that runs while the block does."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.got.append((self.path, dict(self.headers), json.loads(body or b"{}")))
            made.arrived.set()
            made.held.wait(PATIENCE)
            status = made.answers.pop(0) if made.answers else 200
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", made.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.held.set()
        server.shutdown()
        server.server_close()
