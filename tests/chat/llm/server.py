"""A real HTTP server on this machine that answers as an OpenAI-compatible endpoint does, well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Endpoint:
    """The running server: what it was asked, and what it says next."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], str] = lambda body: "fine"
    status: int = 200
    raw: bytes | None = None
    location: str = ""
    hang: threading.Event | None = None

    def user(self, place: int = -1) -> str:
        """What the user's part of a prompt was."""
        return str(self.asked[place]["messages"][-1]["content"])


@contextmanager
def serving() -> Iterator[Endpoint]:
    """An endpoint that lives as long as the context."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.asked.append({"path": self.path, **body})
            endpoint.headers.append(dict(self.headers))
            if endpoint.hang is not None:
                endpoint.hang.wait(30)
            said = {
                "choices": [{"message": {"role": "assistant", "content": endpoint.answer(body)}}],
                "usage": {"total_tokens": 50},
            }
            raw = json.dumps(said).encode() if endpoint.raw is None else endpoint.raw
            self.send_response(endpoint.status)
            if endpoint.location:
                self.send_header("Location", endpoint.location)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            try:
                self.wfile.write(raw)
            except OSError:
                return

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        if endpoint.hang is not None:
            endpoint.hang.set()
        server.shutdown()
        server.server_close()
