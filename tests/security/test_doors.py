"""The doors on a real server: uvicorn, sockets, and a small app behind them."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse

import pytest
import uvicorn

from shopr.clock import ManualClock
from shopr.config import Environment
from shopr.security.access_book import AccessBook
from shopr.security.asgi import Message, Receive, Scope, Send, context_of, headers_of
from shopr.security.csrf import csrf_token
from shopr.security.doors import DoorConfig, Doors
from shopr.security.headers import HeaderPolicy, SecurityHeaders
from shopr.security.limits import LimitConfig, Limits, StateWindows
from shopr.security.principal import Principal
from shopr.security.proxies import TrustedProxies
from shopr.security.sessions import Sessions
from shopr.security.state import MemoryState
from shopr.storage import Database
from tests.waiting import PATIENCE

PAGE = b"<!doctype html><html><head><script>window.x = 1</script><script src='a.js'></script></head></html>"
NAVIGATION = {
    "Accept": "text/html",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """A page, a text, an echo of what the doors tell, and a WebSocket that echoes."""
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message.get("text") or ""})
        return
    headers = headers_of(scope)
    told = {name: value for name, value in headers.items() if name.startswith("x-shopr")}
    told["method"] = scope["method"]
    kind, body = ("application/json", json.dumps(told).encode())
    status = 404 if scope["path"].startswith("/nowhere") else 200
    if scope["path"] == "/page":
        kind, body = "text/html; charset=utf-8", PAGE
    start: Message = {"type": "http.response.start", "status": status, "headers": [
        (b"content-type", kind.encode()), (b"etag", b'"1"'), (b"x-powered-by", b"me"),
        (b"content-length", str(len(body)).encode())]}  # fmt: skip
    await send(start)
    half = len(body) // 2
    await send({"type": "http.response.body", "body": body[:half], "more_body": True})
    await send({"type": "http.response.body", "body": body[half:]})


@dataclass
class House:
    """A running server with all its parts."""

    port: int
    sessions: Sessions
    access: AccessBook
    clock: ManualClock
    refused: list[tuple[str, Principal, str]] = field(default_factory=list)
    reports: list[tuple[str, str, str]] = field(default_factory=list)
    acts: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, method: str = "GET", path: str = "/page", body: bytes | None = None, **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        response = connection.getresponse()
        response.body = response.read()  # type: ignore[attr-defined]
        connection.close()
        return response

    def visit(self, **headers: str) -> tuple[str, HTTPResponse]:
        """Open the page as a browser does; the cookie it gets."""
        response = self.ask(**NAVIGATION, **headers)
        found = re.match(r"shopr=([\w-]{22}); Path=/; HttpOnly; SameSite=Lax$", response.getheader("set-cookie") or "")
        return (found[1] if found else ""), response


@pytest.fixture
def house(database: Database, clock: ManualClock) -> Iterator[House]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    made = House(listener.getsockname()[1], Sessions(database, clock=clock), AccessBook(database, clock=clock), clock)
    limits = Limits(
        StateWindows(MemoryState(clock=clock)), LimitConfig(per_window={"request": 40, "session": 5}, network_factor=2)
    )
    doors = Doors(
        behind,
        DoorConfig(secure=False, hosts=("127.0.0.1",), closed=("/closed/",), token_exempt=("/exempt",)),
        proxies=TrustedProxies(["127.0.0.1"]),
        access=made.access,
        limits=limits,
        sessions=made.sessions,
        clock=clock,
        on_refusal=lambda *what: made.refused.append(what),
        on_act=lambda act, who, what: made.acts.append((act, what)),
    )
    policy = HeaderPolicy.of(Environment.DEVELOPMENT, stamped=True)
    app = SecurityHeaders(doors, policy, on_report=lambda *report: made.reports.append(report))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield made
    server.should_exit = True
    thread.join()
    listener.close()


def test_a_page_has_every_header_and_a_nonce_of_its_own(house: House) -> None:
    nonces = set()
    for _ in range(3):
        _, response = house.visit(X_Forwarded_For="203.0.113.7")
        assert response.status == 200
        csp = response.getheader("content-security-policy") or ""
        (nonce,) = re.findall(r"script-src 'nonce-([\w-]{24})'", csp)
        nonces.add(nonce)
        body: bytes = response.body  # type: ignore[attr-defined]
        assert body.count(f'<script nonce="{nonce}"'.encode()) == 2
        assert len(body) == int(response.getheader("content-length") or 0)
        assert response.getheader("cache-control") == "no-store"
        assert response.getheader("etag") is None
        assert response.getheader("x-powered-by") is None
    assert len(nonces) == 3


def test_what_is_no_page_is_left_as_it_is(house: House) -> None:
    response = house.ask(path="/data")
    assert response.getheader("etag") == '"1"'
    assert response.getheader("x-content-type-options") == "nosniff"
    assert response.getheader("set-cookie") is None  # parts of pages and programs start no sessions


def test_a_visitor_gets_a_session_and_keeps_it(house: House) -> None:
    token, _ = house.visit()
    assert token
    again = house.ask(path="/data", Cookie=f"shopr={token}", User_Agent="Firefox")
    told = json.loads(again.body)  # type: ignore[attr-defined]
    assert told["x-shopr-session"] == house.sessions.active()[0].id
    assert token not in str(told)
    assert again.getheader("set-cookie") is None
    assert len(house.sessions.active()) == 1


def test_the_token_turns_and_its_answer_is_not_cached(house: House) -> None:
    token, _ = house.visit()
    house.clock.advance(901)
    turned = house.ask(path="/data", Cookie=f"shopr={token}")
    assert "shopr=" in (turned.getheader("set-cookie") or "")
    assert turned.getheader("cache-control") == "no-store"


def test_nobody_sets_what_the_doors_tell(house: House) -> None:
    forged = house.ask(path="/data", X_Shopr_Session="admin", X_Shopr_Address="10.0.0.1", X_Forwarded_For="203.0.113.7")
    assert json.loads(forged.body) == {"x-shopr-address": "203.0.113.7", "method": "GET"}  # type: ignore[attr-defined]


def test_a_cookie_that_is_there_twice_is_none(house: House) -> None:
    token, _ = house.visit()
    told = json.loads(house.ask(path="/data", Cookie=f"shopr={token}; shopr=x").body)  # type: ignore[attr-defined]
    assert "x-shopr-session" not in told


def test_a_state_changing_request_needs_the_sessions_token(house: House) -> None:
    token, _ = house.visit()
    own = {"Origin": f"http://127.0.0.1:{house.port}", "Sec-Fetch-Site": "same-origin", "Cookie": f"shopr={token}"}
    assert house.ask("POST", "/data", b"x", **own).status == 403
    assert house.ask("POST", "/data", b"x", **own, X_CSRF_Token=csrf_token("other")).status == 403
    assert house.ask("POST", "/data", b"x", **own, X_CSRF_Token=csrf_token(token)).status == 200
    assert house.ask("PUT", "/exempt", b"x", **own).status == 200
    foreign = {**own, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert house.ask("POST", "/data", b"x", **foreign, X_CSRF_Token=csrf_token(token)).status == 403
    assert house.ask("PUT", "/exempt", b"x", **foreign).status == 403
    assert [what for what, _, _ in house.refused] == ["csrf"] * 4


def test_a_host_that_is_not_ours_gets_nothing(house: House) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "127.0.0.1:99999999"):
        assert house.ask(path="/data", Host=host).status in (400, 421)
    assert house.ask(path="/data", Host="127.0.0.1:80").status == 200


def test_closed_paths_do_not_exist(house: House) -> None:
    assert house.ask(path="/closed/agent").status == 404


def test_a_blocked_network_stays_outside(house: House) -> None:
    house.access.add("203.0.113.0/24", "deny", reason="abuse", actor="maria")
    house.clock.advance(3)
    assert house.ask(path="/data", X_Forwarded_For="203.0.113.7").status == 403
    assert house.ask(path="/data", X_Forwarded_For="198.51.100.7").status == 200
    assert house.refused[-1][0] == "access"


def test_too_many_requests_are_told_when_to_come_back(house: House) -> None:
    answers = [house.ask(path="/data", X_Forwarded_For="203.0.113.7") for _ in range(41)]
    assert [a.status for a in answers] == [200] * 40 + [429]
    assert answers[-1].getheader("retry-after") == "60"
    assert answers[-1].getheader("ratelimit") == '"request";r=0;t=60'
    assert house.refused[-1][0] == "rate"


def test_a_robot_without_cookies_does_not_fill_the_table(house: House) -> None:
    tokens = [house.visit()[0] for _ in range(10)]
    assert sum(bool(token) for token in tokens) == 5
    assert house.sessions.count() == 5


def test_reports_are_taken_and_bounded(house: House) -> None:
    report = {"csp-report": {"violated-directive": "script-src", "blocked-uri": "inline", "document-uri": "http://x/"}}
    assert (
        house.ask("POST", "/security/csp-report", json.dumps(report).encode(), Sec_Fetch_Site="cross-site").status
        == 204
    )
    assert house.reports == [("script-src", "inline", "http://x/")]
    assert house.ask("POST", "/security/csp-report", b"x" * 20_000).status == 413
    assert house.ask("GET", "/security/csp-report").status == 405


def test_with_storage_away_the_doors_are_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from shopr.errors import StorageError

    token, _ = house.visit()

    def locked(*args: object, **more: object) -> None:
        raise StorageError("the store is locked", hint="secret path")

    monkeypatch.setattr(Sessions, "resume", locked)
    response = house.ask(path="/data", Cookie=f"shopr={token}")
    assert response.status == 503
    assert b"secret" not in response.body  # type: ignore[attr-defined]


def test_sessions_and_missing_pages_are_told_to_the_watch(house: House) -> None:
    house.visit()
    house.visit()
    assert house.ask(path="/nowhere.php").status == 404
    assert house.acts == [("session_started", ""), ("session_started", ""), ("page_missing", "/nowhere.php")]


# -- WebSockets -------------------------------------------------------------------------------------------------------


def upgraded(house: House, **headers: str) -> tuple[int, socket.socket]:
    """Open a WebSocket; the status of the answer, and the connection."""
    link = socket.create_connection(("127.0.0.1", house.port), 20)
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = {"Host": f"127.0.0.1:{house.port}", "Upgrade": "websocket", "Connection": "Upgrade",
             "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **headers}  # fmt: skip
    link.sendall(("GET /ws HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = link.recv(4096)
        if not part:
            break
        answer += part
    return int(answer.split()[1]), link


def say(link: socket.socket, text: bytes) -> bytes:
    """Send a masked text frame; the bytes of the answer."""
    link.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
    return link.recv(4096)


def test_a_websocket_opens_to_our_own_pages_alone(house: House) -> None:
    status, link = upgraded(house, Origin=f"http://127.0.0.1:{house.port}")
    assert status == 101
    assert say(link, b"hello") == b"\x81\x05hello"
    link.close()
    for origin in ({}, {"Origin": "https://evil.example"}):
        status, link = upgraded(house, **origin)
        assert status == 403
        link.close()


def test_an_open_websocket_ends_soon_after_its_session(house: House) -> None:
    token, _ = house.visit()
    status, link = upgraded(house, Origin=f"http://127.0.0.1:{house.port}", Cookie=f"shopr={token}")
    assert status == 101
    assert say(link, b"a") == b"\x81\x01a"
    house.sessions.end(token)
    assert say(link, b"b") == b"\x81\x01b"
    house.clock.advance(31)
    answer = say(link, b"c")
    assert not answer.startswith(b"\x81")
    link.close()


def test_in_earnest_the_cookie_is_bound_to_host_and_https() -> None:
    assert DoorConfig().cookie_name == "__Host-shopr"
    assert context_of({"type": "http"}) == {}
