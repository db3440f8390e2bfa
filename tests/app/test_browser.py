"""The app in a real browser: both modes, wide and narrow, by keyboard, by axe-core, without the network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from shopr.abtest.records.keeping import keep
from shopr.abtest.records.kept import Kept
from shopr.analytics.alerts.raised import Alerts
from shopr.config import Settings
from shopr.data.splitting import four_way
from shopr.recommend.contract.registry import make
from shopr.security.principal import Principal
from shopr.serving.streamlit_server import AppServer, launch
from shopr.shop import Shop
from shopr.tracking.gate import Rules
from shopr.tracking.packaging import log_model
from shopr.tracking.promotion import promote
from shopr.tracking.registry import CANDIDATE_TAG
from shopr.tracking.runs import run
from tests.abtest.units import SPEC, START, units
from tests.app.browsing import DRAWN, NARROW, READY, WIDE, violations, visitor
from tests.app.browsing import opened as opened_by
from tests.app.happenings import happened
from tests.app.sample import sample_dataset
from tests.waiting import PATIENCE

Scheme = Literal["light", "dark"]
BELOW = "[data-testid=stMain], [data-testid=stAppScrollToBottomContainer]"
"""What is below Streamlit's own header; a page with a message box at its foot scrolls in a container of its own."""
PAGES = ["/", "/for-you", "/store", "/search", "/profile", "/chat", "/experiments", "/alerts", "/security"]
LOOKS = SPEC + "design: {type: group_sequential, n: 2800, looks: 4}\n"

WEEK = "period=Own dates&from=2026-03-09&to=2026-03-15"
"""The last week that was drawn: pages that other tests open measure themselves, today."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The app on the sample shop with a model that really was promoted."""
    folder = tmp_path_factory.mktemp("browser")
    settings = Settings(
        home=folder / "home", mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder / "artifacts"
    )
    sample_dataset(shoppers=200, lines=4000).save(settings.shop_folder())
    log = Shop.open(settings).interactions
    with run("sample", settings=settings, tags={CANDIDATE_TAG: "true"}) as made:
        log_model(made, make("item_knn").fit(four_way(log).before_gate))
    judged = promote(settings, log, rules=Rules(slice_users=1000, most_latency_ms=60_000))
    assert judged.version == "1", judged.decision.text()
    for days in (7, 14):
        keep(Kept(settings.home), units(effect=0.1), LOOKS, at=START + timedelta(days=days))
    once = SPEC.replace("name: checkout", "name: once")
    keep(Kept(settings.home), units(effect=0.4), once, at=START + timedelta(days=28))
    guarded(settings)
    happened(settings)
    with launch(settings, 0) as running:
        yield running.wait_healthy(PATIENCE)


def guarded(settings: Settings) -> None:
    """Something came to the doors: verdicts, a lock, a rule, a session."""
    security = Shop.open(settings).security
    who = Principal.of(user="ann", address="198.51.100.66")
    for threat in ("sql", "sql", "xss"):
        security.watch.record("verdict", who, door="text", classes=(threat,), rules=(f"{threat}-rule",))
    for _ in range(5):
        security.failures.failed(who, "wrong password")
    security.block("203.0.113.0/24", reason="abuse", actor="maria")
    security.sessions.login(None, "ann", address="203.0.113.7", agent="Firefox")
    Alerts(Shop.open(settings).database).raise_alert("payment", "the provider answers slowly", about="shop")


@pytest.fixture
def hosts() -> set[str]:
    """Every host that the page asked for anything."""
    return set()


def opened(
    browser: Browser,
    server: AppServer,
    path: str,
    hosts: set[str],
    size: tuple[int, int] = WIDE,
    scheme: Scheme = "light",
) -> Page:
    """A page to a visitor of its own; whom it asks goes into `hosts`."""
    context = visitor(browser, size, scheme)
    context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    context.on("page", lambda page: page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).netloc)))
    return opened_by(context, server, path)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_page_is_whole_accessible_and_asks_nobody_else(
    browser: Browser, server: AppServer, hosts: set[str], path: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    page = opened(browser, server, path, hosts, size, scheme)
    try:
        assert page.locator("[data-testid=stException], .notice.warning").count() == 0
        assert page.locator("h1").count() == 1
        named = path.strip("/").replace("-", " ").capitalize() or "Overview"
        assert page.title() == f"{named} · Shopr"
        assert page.locator("img:not([alt])").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        assert background == ("rgb(251, 250, 247)" if scheme == "light" else "rgb(19, 21, 22)")
        assert violations(page, BELOW) == []
        assert hosts - {""} == {urlsplit(server.address).netloc}  # "": pictures within the page itself
    finally:
        page.context.close()


@pytest.mark.parametrize(
    ("path", "scheme", "size", "shown"),
    [
        (f"/journeys?{WEEK}", "light", WIDE, ".funnel .bar"),
        (f"/journeys?{WEEK}&by=Device", "dark", NARROW, ".shades .shade"),
        (f"/experience?{WEEK}", "dark", WIDE, ".vitals .split"),
        (f"/experience?{WEEK}", "light", NARROW, ".errors .spark"),
    ],
    ids=["journeys-light-wide", "journeys-dark-narrow", "experience-dark-wide", "experience-light-narrow"],
)
def test_a_page_of_analysis_is_drawn_accessible_and_stays_within_the_window(
    browser: Browser, server: AppServer, hosts: set[str], path: str, scheme: Scheme, size: tuple[int, int], shown: str
) -> None:
    page = opened(browser, server, path, hosts, size, scheme)
    try:
        page.wait_for_selector(shown)
        page.wait_for_selector(DRAWN)
        assert page.locator("[data-testid=stException], .notice.warning").count() == 0
        assert "period=Own+dates" in page.url.replace("%20", "+")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert violations(page, BELOW) == []
        assert hosts - {""} == {urlsplit(server.address).netloc}
    finally:
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_conversation_is_accessible_and_survives_a_reload(
    browser: Browser, server: AppServer, hosts: set[str], scheme: Scheme
) -> None:
    page = opened(browser, server, "/chat", hosts, NARROW if scheme == "dark" else WIDE, scheme)
    try:
        box = page.locator("[data-testid=stChatInputTextArea]")
        for number, message in enumerate(("show me red mugs", "add the first one")):
            box.fill(message)
            box.press("Enter")
            page.locator(".talk .they:not(.busy)").nth(number).wait_for()
            page.wait_for_selector(READY)
        page.wait_for_selector(".cart .sum")
        assert page.locator(".offer .title").first.inner_text().startswith("1")
        assert violations(page, BELOW) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.reload()
        page.wait_for_selector(".talk .they:nth-of-type(4)")
        assert page.locator(".talk .you").count() == 2
        assert hosts - {""} == {urlsplit(server.address).netloc}
    finally:
        page.context.close()


def test_the_champion_and_its_evidence_are_shown(browser: Browser, server: AppServer, hosts: set[str]) -> None:
    page = opened(browser, server, "/", hosts)
    page.wait_for_selector(".forest tr.best")
    assert page.locator(".champion .name").inner_text() == "Item neighbours"
    assert page.locator(".log li").count() == 1
    page.wait_for_selector(DRAWN)  # drawn after the script
    page.context.close()


def test_reasons_open_by_keyboard(browser: Browser, server: AppServer, hosts: set[str]) -> None:
    page = opened(browser, server, "/for-you", hosts)
    page.wait_for_selector(".card")
    page.wait_for_selector("[data-testid=stMain] input[role=combobox]")
    page.locator("h1").click()  # where Tab starts from: a page that is still settling may start it elsewhere
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        tag = page.evaluate("document.activeElement.tagName + '.' + document.activeElement.className")
        reached.add("strip" if "strip" in tag else tag.split(".")[0])
        if tag.startswith("SUMMARY"):
            break
    assert {"INPUT", "strip", "SUMMARY"} <= reached
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1
    assert "Shares of the score" in page.locator("details[open]").inner_text()
    page.context.close()


def test_a_typed_shopper_goes_into_the_address_and_survives_a_reload(
    browser: Browser, server: AppServer, hosts: set[str]
) -> None:
    page = opened(browser, server, "/for-you", hosts)
    box = page.get_by_role("combobox").first
    box.click()
    box.fill("somebody new")
    box.press("Enter")
    page.wait_for_selector("text=No purchases are known for “somebody new”")
    assert "shopper=somebody" in page.url
    page.reload()
    page.wait_for_selector("text=No purchases are known for “somebody new”")
    page.context.close()


def test_a_shopper_can_be_acted_for_with_the_mouse(browser: Browser, server: AppServer, hosts: set[str]) -> None:
    page = opened(browser, server, "/for-you?shopper=u030", hosts)
    page.wait_for_selector(".card")
    page.get_by_text("Act as this shopper").click()
    bought = page.locator(".card h3").first.inner_text()
    page.get_by_role("button", name="Buy").first.click()
    page.wait_for_selector(f"text=u030 bought “{bought}”")
    assert bought not in page.locator(".card h3").all_inner_texts()
    assert violations(page, BELOW) == []
    page.context.close()


def test_an_experiment_is_chosen_by_keyboard_and_stays_in_the_address(
    browser: Browser, server: AppServer, hosts: set[str]
) -> None:
    page = opened(browser, server, "/experiments", hosts)
    page.wait_for_selector(".verdict h2")
    assert page.locator(".verdict h2").inner_text() == "Ship short"
    page.wait_for_selector("[data-testid=stMain] input[role=combobox]")
    page.locator("h1").click()  # where Tab starts from
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "checkout":
            break
    assert page.evaluate("document.activeElement.tagName") == "A"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Keep running until look 3")
    assert "experiment=checkout" in page.url
    page.reload()
    page.wait_for_selector(".verdict:has-text('Keep running until look 3')")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_experiment_with_looks_is_drawn_and_accessible(
    browser: Browser, server: AppServer, hosts: set[str], scheme: Scheme
) -> None:
    page = opened(browser, server, "/experiments?experiment=checkout", hosts, NARROW, scheme)
    page.wait_for_selector(DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_text("The spec that it was read by").click()
    page.wait_for_selector("text=name: checkout")
    assert violations(page, BELOW) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Decision report (HTML)").click()
    assert download.value.suggested_filename == "checkout-2.html"
    report = Path(download.value.path()).read_text(encoding="utf-8")
    assert "<svg" in report
    page.set_content(report)
    assert violations(page) == []
    page.context.close()
