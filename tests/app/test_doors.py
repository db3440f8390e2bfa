"""The app behind its doors, in a real browser and on the wire: nothing violates its own policy, nothing foreign gets
in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

import pytest
from playwright.sync_api import Page

from shopr.config import Settings
from shopr.serving.streamlit_server import AppServer, launch
from shopr.shop import Shop
from tests.app.browsing import DRAWN, READY, chromium, visitor
from tests.app.sample import sample_dataset
from tests.waiting import PATIENCE, until

NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def settings_here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("doors")
    given = Settings(
        home=folder / "home", mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder / "artifacts"
    )
    sample_dataset().save(given.shop_folder())
    return given


@pytest.fixture(scope="module")
def server(settings_here: Settings) -> Iterator[AppServer]:
    with launch(settings_here, 0) as running:
        yield running.wait_healthy(PATIENCE)


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield visitor(browser).new_page()


def asked(server: AppServer, path: str = "/", method: str = "GET", **headers: str) -> HTTPResponse:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        response.read()
        return response


def test_a_page_keeps_its_own_policy_and_its_session(server: AppServer, settings_here: Settings, page: Page) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('Content Security: ' + e.violatedDirective"
        " + ' ' + e.blockedURI + ' ' + e.sourceFile))"
    )
    page.goto(server.address)
    page.wait_for_selector(READY)
    page.wait_for_selector(DRAWN)
    assert problems == []
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "shopr"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.reload()
    page.wait_for_selector(READY)
    assert [c["value"] for c in page.context.cookies() if c["name"] == "shopr"] == [cookie["value"]]
    page.goto(server.address + "/chat")
    page.wait_for_selector(READY)
    page.wait_for_timeout(1000)
    assert problems == []
    sessions = Shop.open(settings_here).security.sessions.active()
    assert len(sessions) == 1


def test_an_injected_script_does_not_run(server: AppServer, page: Page) -> None:
    page.goto(server.address)
    page.wait_for_selector(READY)
    ran = page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.bad = 1';"
        " document.body.append(s); const i = document.createElement('img');"
        " i.setAttribute('onerror', 'window.bad = 1');"
        " i.src = 'data:x'; document.body.append(i); return new Promise(r => setTimeout(() => r(window.bad), 200)); }"
    )
    assert ran is None


def test_a_style_element_that_is_not_ours_has_no_effect(server: AppServer, page: Page) -> None:
    page.goto(server.address)
    page.wait_for_selector(READY)
    shown = page.evaluate(
        "() => { const s = document.createElement('style'); s.textContent = 'h1 { display: none !important }';"
        " document.head.append(s); return getComputedStyle(document.querySelector('.stHtml h1')).display; }"
    )
    assert shown != "none"
    ink = "() => getComputedStyle(document.querySelector('.stApp')).getPropertyValue('--ink')"
    assert page.evaluate(ink).strip()  # the theme's own counts


def test_headers_are_on_every_answer(server: AppServer) -> None:
    for path in ("/", "/_stcore/health", "/static/none.js", "/nowhere"):
        answer = asked(server, path)
        assert "script-src 'self' 'nonce-" in (answer.getheader("content-security-policy") or "")
        assert answer.getheader("x-content-type-options") == "nosniff"
        assert answer.getheader("cross-origin-opener-policy") == "same-origin"


def test_foreign_hosts_sites_and_agents_stay_outside(server: AppServer) -> None:
    assert asked(server, Host="evil.example").status == 421
    assert asked(server, "/_stcore/agent/openapi.json").status == 404
    assert asked(server, "/_stcore/agent/interact", "POST").status == 404
    assert asked(server, "/_stcore/upload_file/a/b", "PUT", Sec_Fetch_Site="cross-site").status == 403
    assert asked(server, **NAVIGATION, Sec_Fetch_Site="cross-site").status == 200  # a link from elsewhere


def test_a_blocked_network_sees_nothing(server: AppServer, settings_here: Settings) -> None:
    security = Shop.open(settings_here).security
    rule = security.block("127.0.0.1", reason="a test", actor="maria")
    try:
        # Another process follows soon; asked faster, it would limit the rate first.
        until(lambda: asked(server, **NAVIGATION).status == 403, every=0.5)
        assert asked(server, "/_stcore/health").status == 200
    finally:
        security.unblock(rule.id, reason="the test is over", actor="maria")


def test_names_that_a_proxy_passes_on_are_set(settings_here: Settings) -> None:
    named = settings_here.model_copy(update={"app_hosts": "shop.example, WWW.shop.example"})
    with launch(named, 0) as running:
        running.wait_healthy(PATIENCE)
        assert asked(running, "/_stcore/health", Host="www.shop.example").status == 200
        assert asked(running, "/_stcore/health", Host="evil.example").status == 421
        assert asked(running, "/_stcore/health").status == 200
