"""Headers by environment, nonces, and what another site may not do."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from shopr.config import Environment
from shopr.security.csrf import cross_site
from shopr.security.headers import HeaderPolicy, _read

OWN = "https://shop.example"


def test_the_policy_is_strict_by_default() -> None:
    csp = HeaderPolicy().csp("n0nce")
    assert "default-src 'none'" in csp
    assert "script-src 'nonce-n0nce' 'strict-dynamic'" in csp
    assert "frame-ancestors 'none'" in csp
    assert "base-uri 'none'" in csp
    assert "object-src 'none'" in csp
    assert "report-uri /security/csp-report" in csp
    assert "unsafe" not in csp
    assert "*" not in csp


@pytest.mark.parametrize("environment", list(Environment))
def test_https_is_demanded_everywhere_but_in_development(environment: Environment) -> None:
    fields = HeaderPolicy.of(environment).headers("n")
    strict = environment is not Environment.DEVELOPMENT
    assert ("strict-transport-security" in fields) is strict
    assert ("upgrade-insecure-requests" in fields["content-security-policy"]) is strict
    assert fields["cross-origin-opener-policy"] == "same-origin"
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["x-frame-options"] == "DENY"
    assert fields["referrer-policy"] == "same-origin"
    assert "camera=()" in fields["permissions-policy"]
    assert "geolocation=()" in fields["permissions-policy"]


def test_style_elements_count_by_their_text_alone() -> None:
    policy = HeaderPolicy.streamlit("production", styles=("p { color: red }",)).csp("N")
    parts = dict(part.partition(" ")[::2] for part in policy.split("; "))
    assert "'unsafe-inline'" not in parts["style-src-elem"]
    for text in ("", "p { color: red }"):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in parts["style-src-elem"]
    assert parts["style-src-attr"] == "'unsafe-inline'"


def test_streamlits_pages_may_do_what_they_need_and_load_nothing_from_elsewhere() -> None:
    policy = HeaderPolicy.streamlit(Environment.PRODUCTION)
    csp = policy.csp("n")
    scripts = next(part for part in csp.split("; ") if part.startswith("script-src"))
    assert scripts == "script-src 'self' 'nonce-n' 'wasm-unsafe-eval'"
    assert "http" not in csp.replace("report", "")
    assert "microphone=(self)" in policy.headers("n")["permissions-policy"]


@pytest.mark.parametrize(
    ("method", "headers", "through"),
    [
        ("GET", {}, True),
        ("GET", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, False),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, False),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}, False),
        ("GET", {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}, True),
        ("POST", {"sec-fetch-site": "same-origin", "origin": OWN}, True),
        ("POST", {"sec-fetch-site": "cross-site", "origin": OWN}, False),
        ("POST", {"sec-fetch-site": "same-site"}, False),
        ("POST", {"sec-fetch-site": "none"}, False),
        ("POST", {"origin": OWN}, True),
        ("POST", {"origin": "https://SHOP.example:443"}, True),
        ("POST", {"origin": "https://evil.example"}, False),
        ("POST", {"origin": "https://shop.example.evil.example"}, False),
        ("POST", {"origin": "http://shop.example"}, False),
        ("POST", {"origin": "null"}, False),
        ("POST", {"referer": f"{OWN}/cart?x=1"}, True),
        ("POST", {"referer": "https://evil.example/https://shop.example"}, False),
        ("POST", {"origin": "https://[bad"}, False),
        ("POST", {}, False),
        ("DELETE", {}, False),
    ],
)
def test_another_site_cannot_make_a_browser_act(method: str, headers: dict[str, str], through: bool) -> None:
    assert (cross_site(method, headers, OWN) == "") is through


@pytest.mark.parametrize(
    ("headers", "through"),
    [
        ({"origin": OWN}, True),
        ({"origin": "wss://shop.example"}, True),
        ({}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
    ],
)
def test_a_websocket_opens_to_our_own_pages_alone(headers: dict[str, str], through: bool) -> None:
    assert (cross_site("GET", headers, OWN, websocket=True) == "") is through


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[1]", b'{"csp-report": 1}', b"[" * 5000, b"\xff", b'{"body": {}}']
)
def test_no_report_breaks_the_endpoint(body: bytes) -> None:
    assert _read(body) in ([], [("", "", "")])


def test_reports_of_both_formats_are_read_and_redacted() -> None:
    page = "https://shop.example/"
    before = {"violated-directive": "script-src", "blocked-uri": "https://evil.example/x.js?a=1"}
    old = {"csp-report": {**before, "document-uri": f"{page}?mail=a@b.example"}}
    body = {"effectiveDirective": "img-src", "blockedURL": "data", "documentURL": f"{page}a@b.example"}
    new = [{"type": "csp-violation", "body": body}]
    assert _read(json.dumps(old).encode()) == [("script-src", "https://evil.example/x.js", "https://shop.example/")]
    assert _read(json.dumps(new).encode()) == [("img-src", "data", "https://shop.example/[e-mail]")]
