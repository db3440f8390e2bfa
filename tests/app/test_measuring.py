"""The app measures itself in a real browser: vitals, page views and errors of its pages arrive in its own store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.spool import Spool
from shopr.analytics.store.event_store import EventStore
from shopr.config import Settings
from shopr.serving.streamlit_server import AppServer, launch
from tests.app.browsing import READY, visitor
from tests.app.sample import sample_dataset
from tests.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def settings_here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("measuring")
    given = Settings(
        home=folder / "home", mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder / "artifacts",
        sample_performance=1.0, sample_behaviour=1.0, release="7.7",
    )  # fmt: skip
    sample_dataset().save(given.shop_folder())
    return given


@pytest.fixture(scope="module")
def server(settings_here: Settings) -> Iterator[AppServer]:
    with launch(settings_here, 0) as running:
        yield running.wait_healthy(PATIENCE)


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> list[BrowserContext]:
    """A visitor who says nothing, and one who sends `Sec-GPC: 1`."""
    return [visitor(browser), visitor(browser, extra_http_headers={"Sec-GPC": "1"})]


def visit(context: BrowserContext, server: AppServer) -> tuple[str, list[str], set[str]]:
    """Look at a page, click, let something fail, go to another page, and leave; what was allowed, what broke the
    page's policy, and whom it asked."""
    page = context.new_page()
    problems: list[str] = []
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("console", lambda line: problems.append(line.text) if "Content Security" in line.text else None)
    page.goto(server.address)
    page.wait_for_selector(READY)
    allowed = str(page.evaluate("document.querySelector('script[data-send]').dataset.allowed"))
    page.locator("h1").click()
    fail(page)
    page.evaluate("history.pushState({}, '', '/chat')")
    page.wait_for_function("location.pathname === '/chat'")
    page.evaluate("new Promise(done => setTimeout(done))")  # a page view is told once the page has moved
    page.goto("about:blank")  # which hides the page: everything that waits is sent
    page.close()
    return allowed, problems, hosts


def fail(page: Page) -> None:
    """Two errors in scripts of the page's own, which playwright's own evaluations are not."""
    page.evaluate("setTimeout(() => { throw new TypeError('broken for ann@example.com'); })")
    page.evaluate("setTimeout(() => Promise.reject(new RangeError('kept')))")
    page.evaluate("dispatchEvent(new ErrorEvent('error', {message: 'ResizeObserver loop limit exceeded'}))")  # is none
    page.evaluate("new Promise(done => setTimeout(done, 20))")


def metrics(server: AppServer) -> str:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def arrived(settings: Settings, server: AppServer) -> pd.DataFrame:
    """The events of the store once the server was killed: what it had not stored yet is taken up from its spool."""
    # A beacon is on its own way.
    until(lambda: 'shopr_web_vital_seconds_count{vital="LCP"} 1.0' in metrics(server), lambda: metrics(server))
    server.process.kill()
    server.process.wait()
    store = EventStore.open(settings)
    Collector(store, Spool(settings.home / "spool")).recover()
    return store.frame()


def test_privacy_control_sends_nothing(server: AppServer, contexts: list[BrowserContext]) -> None:
    allowed, problems, _ = visit(contexts[1], server)
    assert allowed == "necessary"
    assert 'route="/collect/own"' not in metrics(server)
    assert problems == []


def test_vitals_views_and_errors_arrive_in_the_store(
    server: AppServer, settings_here: Settings, contexts: list[BrowserContext]
) -> None:
    allowed, problems, hosts = visit(contexts[0], server)
    assert "analytics" in allowed
    assert problems == []
    assert hosts - {""} == {urlsplit(server.address).netloc}
    found = arrived(settings_here, server)
    found = found[found["session_id"].notna()]
    vitals = found[found["type"] == "vital_measured"].set_index("name")
    assert {"TTFB", "FCP", "LCP", "CLS"} <= set(vitals.index)
    assert vitals.index.is_unique
    assert 0 < vitals.loc["FCP", "value"] <= vitals.loc["LCP", "value"] < 60_000
    assert 0 <= vitals.loc["CLS", "value"] < 100  # a score, which a slow machine may push above 1: no milliseconds
    assert set(vitals["page"]) == {"/"}
    assert set(vitals["release"]) == {"7.7"}
    assert set(vitals["device"]) == {"desktop"}
    assert found["session_id"].nunique() == 1  # of the other visitor nothing was kept
    assert set(found.loc[found["type"] == "page_viewed", "page"]) == {"/", "/chat"}
    errors = found[found["type"] == "error_raised"].set_index("name")
    assert set(errors.index) == {"TypeError", "RangeError"}
    assert json.loads(errors.loc["TypeError", "properties"])["message"] == "broken for [e-mail]"
