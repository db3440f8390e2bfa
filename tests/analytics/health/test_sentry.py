"""Errors sent on to Sentry: off by default, redacted before they leave, seen by a server that stands in for theirs."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from shopr.analytics.health.errors import browser_error, error_event
from shopr.analytics.health.sentry import forwarder
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import ConfigError
from shopr.shop import Shop


class Sentry(HTTPServer):
    """Takes envelopes."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.raw: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def dsn(self) -> str:
        return f"http://0123456789abcdef@127.0.0.1:{self.server_port}/7"


class _Handler(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = (gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body).decode()
        self.server.raw.append(text)
        lines = [json.loads(line) for line in text.splitlines() if line]
        assert self.path == "/api/7/envelope/"
        self.server.events += [line for line in lines if "exception" in line]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    server = Sentry()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def broken(secret_token: str) -> None:
    card = "4111 1111 1111 1111"
    raise ValueError(f"no order of ann@example.com by {card[:4]}")


def test_off_unless_a_dsn_is_set(settings: Settings) -> None:
    assert forwarder(settings) is None
    with pytest.raises(ConfigError, match="sentry_dsn"):
        Settings(sentry_dsn="sentry.example")


def test_an_error_is_sent_redacted(settings: Settings, clock: ManualClock, sentry: Sentry) -> None:
    send = forwarder(settings.model_copy(update={"sentry_dsn": sentry.dsn, "release": "1.4"}))
    assert send is not None
    try:
        broken("s3cr3t-of-ann")
    except ValueError as error:
        made = error_event(error, clock=clock, release="1.4", page="/cart", user_id="ann", session_id="s1")
    send(made)
    said = {"message": "x of bob@example.com", "type": "TypeError", "stack": "f@https://h/a.js:1:2", "device": "mobile"}
    send(browser_error(said, clock=clock))
    send.close()
    first, second = sentry.events
    assert (first["release"], first["environment"], first["platform"]) == ("1.4", "development", "python")
    (exception,) = first["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", "no order of [e-mail] by 4111")
    assert exception["stacktrace"]["frames"][-1]["function"] == "broken"
    assert first["fingerprint"] == [made.properties["fingerprint"]]
    assert (second["platform"], second["tags"]["device"]) == ("javascript", "mobile")
    everything = "".join(sentry.raw)
    for private in ("ann@", "bob@", "s3cr3t", "4111 1111", '"user"', "s1", "127.0.0.1"):
        assert private not in everything.replace(sentry.dsn, "").replace(f"127.0.0.1:{sentry.server_port}", "")


def test_the_shop_sends_on_what_it_records(settings: Settings, clock: ManualClock, sentry: Sentry) -> None:
    shop = Shop.open(settings.model_copy(update={"sentry_dsn": sentry.dsn}), clock=clock)
    assert shop.record(error_event(KeyError("gone"), clock=clock))
    assert shop._forwarder is not None
    shop._forwarder.close()
    assert [event["exception"]["values"][0]["type"] for event in sentry.events] == ["KeyError"]
    assert shop.collector.flush()


def test_a_server_that_is_away_costs_nothing(settings: Settings, clock: ManualClock) -> None:
    send = forwarder(settings.model_copy(update={"sentry_dsn": "http://0123456789abcdef@127.0.0.1:1/7"}))
    assert send is not None
    send(error_event(KeyError("gone"), clock=clock))
    send.close(0.1)
