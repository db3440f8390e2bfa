"""Events over HTTP, over real sockets: each answered for itself, stored once, and nothing taken for what it is not."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pandas as pd
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.security.asgi import Receive, Scope, Send
from shopr.security.limits import LimitConfig
from shopr.serving.collect.batch import LONGEST_BODY
from shopr.serving.collect.calls import CallMeter, Routes
from shopr.serving.collect.pages import Collecting
from shopr.shop import Shop
from tests.waiting import PATIENCE

PAGE = b"<!doctype html><html><head><title>x</title></head><body></body></html>"
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
SITE = "https://shop.example"


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """The app behind: one page."""
    length = str(len(PAGE)).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def statuses(self) -> list[str]:
        return [result["status"] for result in self.json["results"]]


class Client:
    """A browser or a program, with its cookie."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            told |= {"Cookie": self.cookie} if self.cookie else {}
            connection.request(method, path, raw, told)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            self.cookie = found.get("set-cookie", self.cookie).partition(";")[0]
            return Answer(response.status, found, response.read())

    def own(self, *events: Any, **more: Any) -> Answer:
        return self.ask("POST", "/collect/own", {"events": list(events), **more}, Sec_Fetch_Site="same-origin")


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Iterator[Shop]:
    folder = settings.shop_folder()
    folder.mkdir(parents=True)
    (folder / "events.yaml").write_text(
        "events:\n  box_opened: {about: A box., kept: fact, properties: {size: {type: whole, most: 9}}}\n"
        "  box_sold: {about: A box., kept: fact, browser: false}\n"
    )
    shop = Shop.open(settings, clock=clock)
    yield shop
    shop.collector.close()


@pytest.fixture
def client(shop: Shop) -> Iterator[Client]:
    app = CallMeter(
        shop.security.doors(Collecting(pages, shop)), Routes(["/", "/collect/own", "/collect", "/metrics"]),
        shop.metrics.called, shop.called,
    )  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)  # who connects before the server serves waits
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield Client(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def click(shop: Shop, number: int = 1, ago: float = 0, **more: Any) -> dict[str, Any]:
    when = (shop.clock.now() - timedelta(seconds=ago)).isoformat()
    properties = {"product_id": "p1", **more}
    return {"event_id": f"e{number}", "type": "product_clicked", "time": when, "properties": properties}


def stored(shop: Shop) -> pd.DataFrame:
    assert shop.collector.flush()
    return shop.events.frame()


def test_a_page_of_ours_sends_events_of_its_session(client: Client, shop: Shop) -> None:
    page = client.ask("GET", "/", **NAVIGATION)
    nonce = page.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}" src="/collect/measure.js?v=' in page.body.decode()
    assert 'data-allowed="necessary analytics' in page.body.decode()
    one = click(shop, query="' OR 1=1; DROP TABLE events; --", mood="good")
    sent = client.own(one, one, {**click(shop, 2), "type": "box_opened", "properties": {"size": 3}})
    assert (sent.status, sent.statuses, sent.json["accepted"]) == (200, ["accepted"] * 3, 3)
    assert client.own(one).statuses == ["accepted"]  # again: it counts once
    found = stored(shop)
    kinds = found["type"].value_counts().to_dict()
    assert {name: kinds[name] for name in kinds if name != "api_called"} == {  # calls are sampled
        "product_clicked": 1, "custom_occurred": 1, "threat_detected": 3,
    }  # fmt: skip
    (row,) = found[found["type"] == "product_clicked"].to_dict("records")
    assert {json.loads(each)["door"] for each in found.loc[found["type"] == "threat_detected", "properties"]} == {
        "collect"
    }
    (session,) = shop.security.sessions.active()
    assert row["session_id"] == session.id
    assert row["query"] == "' OR 1=1; DROP TABLE events; --"  # data, not code
    assert json.loads(row["properties"]) == {"_unknown": {"mood": "good"}}
    assert row["device"] is None or row["device"] in ("mobile", "desktop")
    assert shop.security.access.check("127.0.0.1").allowed


def test_each_event_is_answered_for_itself(client: Client, shop: Shop) -> None:
    client.ask("GET", "/", **NAVIGATION)
    deep: Any = 1
    for _ in range(12):
        deep = [deep]
    bad = [
        (7, "no object"),
        (click(shop) | {"type": "product_clickd"}, "Did you mean 'product_clicked'"),
        (click(shop, product_id=5), "product_id of product_clicked is 5"),
        (click(shop, more="x" * 70_000), "over 65,536 bytes"),
        (click(shop, more=deep), "nested over 8 deep"),
        (click(shop) | {"user_id": "ann"}, "does not say who its user is"),
        (click(shop) | {"type": "order_completed"}, "not taken from browsers"),
        (click(shop) | {"type": "box_sold", "properties": {}}, "not taken from browsers"),
        (click(shop) | {"time": "soon"}, "time is 'soon'"),
        (click(shop) | {"time": "2026-01-01T00:00:00"}, "has no zone"),
        (click(shop, ago=86_400 * 31), "older than 30 days"),
        (click(shop) | {"event_id": 7}, "event_id is '7', no text"),
        (click(shop) | {"event_id": "x" * 300}, "event_id"),
        (click(shop) | {"properties": []}, "no object"),
    ]
    sent = client.own(*[event for event, _ in bad], click(shop, 99))
    assert sent.statuses == ["rejected"] * len(bad) + ["accepted"]
    for result, (_, words) in zip(sent.json["results"], bad, strict=False):
        assert words in result["reason"]
    assert len(stored(shop).query("type == 'product_clicked'")) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"events": 1}', 400),
        (b"[" * 5000, 400),
        (b'{"events": [], "sent_at": "x"}', 400),
        (b'{"events": [NaN]}', 400),
        (b'{"events": [' + b"1," * 500 + b"1]}", 400),
        (b" " * (LONGEST_BODY + 1), 413),
        (b"[]", 200),
    ],
)
def test_a_batch_has_bounds(client: Client, body: bytes, status: int) -> None:
    client.ask("GET", "/", **NAVIGATION)
    assert client.ask("POST", "/collect/own", body, Sec_Fetch_Site="same-origin").status == status


def test_only_our_own_pages_may(client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.own(click(shop)).status == 403  # no session yet
    client.ask("GET", "/", **NAVIGATION)
    assert client.ask("POST", "/collect/own", {"events": []}, Sec_Fetch_Site="cross-site").status == 403
    assert client.ask("POST", "/collect/own", {"events": []}, Origin="https://evil.example").status == 403
    assert client.ask("GET", "/collect/own").status == 405
    gzip = {"Content-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
    assert client.ask("POST", "/collect/own", b"x", **gzip).status == 415
    limits = shop.security.limits
    monkeypatch.setattr(limits, "config", LimitConfig(per_window={**limits.config.per_window, "events": 4}))
    answers = [client.own() for _ in range(5)]
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_clocks_that_are_wrong_are_put_right(client: Client, shop: Shop) -> None:
    client.ask("GET", "/", **NAVIGATION)
    hour = 3600.0
    client.own(click(shop, 1, ago=hour + 30), sent_at=(shop.clock.now() - timedelta(hours=1)).isoformat())
    client.own(click(shop, 2, ago=-hour + 30), sent_at=(shop.clock.now() + timedelta(hours=1)).isoformat())
    client.own(click(shop, 3, ago=-hour))  # from the future, and nobody says why
    client.own(click(shop, 4, ago=7), sent_at=(shop.clock.now() - timedelta(seconds=1)).isoformat())
    found = stored(shop).query("type == 'product_clicked'")
    ago = (pd.Timestamp(shop.clock.now()) - found["time"]).dt.total_seconds()
    ids = found["event_id"].str.partition(":")[2]
    assert dict(zip(ids, ago, strict=True)) == {"e1": 30, "e2": 30, "e3": 0, "e4": 7}


def test_privacy_control_is_honoured_from_the_first_event(client: Client, shop: Shop) -> None:
    page = client.ask("GET", "/", **NAVIGATION, Sec_GPC="1")
    assert 'data-allowed="necessary"' in page.body.decode()
    assert client.own(click(shop)).statuses == ["not allowed"]
    said = {"purposes": ["analytics", "marketing"], "notice": "2026-01"}
    told = client.ask("POST", "/collect/consent", said, Sec_Fetch_Site="same-origin", Sec_GPC="1")
    assert told.json == {"purposes": ["necessary", "analytics"]}
    assert client.own(click(shop, 2)).statuses == ["accepted"]
    found = stored(shop)
    assert set(found["type"]) - {"api_called"} == {"product_clicked", "consent_changed"}
    assert set(found.loc[found["type"] == "product_clicked", "consent"]) == {"necessary analytics"}
    refused = {"purposes": [], "notice": "2026-01"}
    client.ask("POST", "/collect/consent", refused, Sec_Fetch_Site="same-origin")
    assert client.own(click(shop, 3)).statuses == ["not allowed"]
    wrong = client.ask("POST", "/collect/consent", {"purposes": ["everything"], "notice": "x"},
                       Sec_Fetch_Site="same-origin")  # fmt: skip
    assert wrong.status == 400


def test_another_site_sends_by_its_key(client: Client, shop: Shop) -> None:
    key, made = shop.security.api_keys.create("maria", "shop", kind="publishable", origins=[SITE])
    path = f"/collect?key={key}"
    preflight = client.ask("OPTIONS", path, Origin=SITE, Access_Control_Request_Method="POST")
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-credentials" not in preflight.headers
    body = {
        "events": [{**click(shop), "session_id": "s1"}, {**click(shop, 2), "type": "page_viewed", "session_id": "s1"}],
        "consent": {"purposes": ["analytics"], "notice": "site-3"},
    }
    sent = client.ask("POST", path, body, Origin=SITE, Content_Type="text/plain", Sec_Fetch_Site="cross-site")
    assert sent.status == 200
    assert sent.statuses[0] == "accepted"
    (row,) = stored(shop).query("type == 'product_clicked'").to_dict("records")
    assert row["session_id"] == f"{made.id}:s1"  # never one of ours
    assert row["event_id"] == f"{made.id}:e1"
    assert shop.consent.of(f"{made.id}:s1").notice == "site-3"
    for bad in ("https://evil.example", None):
        headers = {"Origin": bad} if bad else {}
        assert client.ask("POST", path, body, **headers).status == 401
        assert client.ask("OPTIONS", path, **headers).status == 401
    shop.security.api_keys.revoke(made.id)
    assert client.ask("POST", path, body, Origin=SITE).status == 401


def test_a_program_sends_what_browsers_may_not(client: Client, shop: Shop) -> None:
    key, _ = shop.security.api_keys.create("maria", "till", scopes=["events"])
    other, _ = shop.security.api_keys.create("maria", "other")
    order = {**click(shop), "type": "order_completed", "user_id": "ann", "session_id": "s1"}
    order["properties"] |= {"order_id": "o1", "quantity": 1, "device_id": "d1"}
    chose = {**click(shop, 3), "type": "consent_changed", "user_id": "bob"}
    chose["properties"] = {"purposes": ["analytics"], "notice": "v2"}
    bearer = {"Authorization": f"Bearer {key}"}
    sent = client.ask("POST", "/collect", {"events": [order, chose, {**click(shop), "type": "nope"}]}, **bearer)
    assert sent.statuses == ["accepted", "accepted", "rejected"]
    assert shop.consent.of("bob").notice == "v2"
    assert shop.events.identities.export("ann")[0]["device_id"] == "d1"
    assert client.ask("POST", "/collect", {"events": []}, Authorization=f"Bearer {other}").status == 403
    assert client.ask("POST", f"/collect?key={key}", {"events": []}).status == 401  # a secret in an address


def test_a_browsers_errors_are_grouped_and_vitals_counted(client: Client, shop: Shop) -> None:
    client.ask("GET", "/", **NAVIGATION)
    said = {"name": "TypeError", "message": "x is 7 of ann@example.com", "stack": "f@https://h/a.js:1:2", "page": "/a"}
    now = shop.clock.now().isoformat()
    client.own(
        {"type": "error_raised", "time": now, "properties": said},
        {"type": "vital_measured", "time": now, "properties": {"name": "LCP", "value": 2700}},
    )
    (row,) = stored(shop).query("type == 'error_raised'").to_dict("records")
    kept = json.loads(row["properties"])
    assert kept["message"] == "x is 7 of [e-mail]"
    assert kept["platform"] == "browser"
    assert len(kept["fingerprint"]) == 16
    text = client.ask("GET", "/metrics").body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    errors = [
        s.value for s in families["shopr_errors"].samples if s.labels == {"platform": "browser", "handled": "false"}
    ]
    assert 1 in errors
    assert any(s.labels.get("vital") == "LCP" and s.value == 2.7 for s in families["shopr_web_vital_seconds"].samples)
    calls = {
        (s.labels["route"], s.labels["code"]) for s in families["shopr_http_requests"].samples if "code" in s.labels
    }
    assert {("/", "200"), ("/collect/own", "200")} <= calls


def test_metrics_are_for_those_who_may(client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.ask("GET", "/metrics").status == 200  # development, on this machine
    assert client.ask("GET", "/metrics", X_Forwarded_For="203.0.113.7").status == 404
    key, _ = shop.security.api_keys.create("maria", "prometheus", scopes=["metrics"])
    other, _ = shop.security.api_keys.create("maria", "till", scopes=["events"])
    monkeypatch.setattr(shop, "settings", shop.settings.model_copy(update={"environment": "production"}))
    assert client.ask("GET", "/metrics").status == 404
    assert client.ask("GET", "/metrics", Authorization=f"Bearer {other}").status == 404
    assert client.ask("GET", "/metrics", Authorization=f"Bearer {key}", X_Forwarded_For="203.0.113.7").status == 200


def test_the_script_is_small_and_asks_nobody_else(client: Client) -> None:
    import gzip

    found = client.ask("GET", "/collect/measure.js")
    assert found.status == 200
    assert found.headers["content-type"].startswith("text/javascript")
    assert len(gzip.compress(found.body, 9)) <= 2048
    assert b"http" not in found.body.replace(b"https://web.dev", b"")
    assert b"//" not in found.body
    assert client.ask("POST", "/collect/measure.js", b"", Sec_Fetch_Site="same-origin").status in (403, 405)


def test_a_full_disk_is_told_and_sent_again(client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from shopr.errors import StorageError

    client.ask("GET", "/", **NAVIGATION)
    client.own(click(shop, 1))

    def full(self: object, records: object) -> None:
        raise StorageError("the spool cannot be written", hint="Free some space")

    with monkeypatch.context() as patch:
        patch.setattr("shopr.analytics.intake.spool.Spool.write", full)
        sent = client.own(click(shop, 2))
        assert (sent.status, sent.headers["retry-after"]) == (503, "5")
    assert client.own(click(shop, 2)).statuses == ["accepted"]
    assert len(stored(shop).query("type == 'product_clicked'")) == 2


def test_a_batch_that_breaks_off_is_no_refusal(client: Client, shop: Shop) -> None:
    client.ask("GET", "/", **NAVIGATION)
    asked: list[Any] = [{"type": "http.request", "body": b'{"eve', "more_body": True}, {"type": "http.disconnect"}]
    answered: list[int] = []

    async def receive() -> Any:
        return asked.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": "/collect/own", "headers": [(b"content-length", b"99")]}
    asyncio.run(Collecting(pages, shop)(scope, receive, send))
    assert answered == [499]
