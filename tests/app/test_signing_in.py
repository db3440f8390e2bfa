"""Signing in and being asked, in a real browser: by keyboard, in both modes, wide and narrow, without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from shopr.config import Settings
from shopr.serving.streamlit_server import AppServer, launch
from shopr.shop import Shop
from tests.app.browsing import NARROW, READY, WIDE, violations, visitor
from tests.app.sample import sample_dataset
from tests.waiting import PATIENCE

GOOD, OTHER = "seven green lamps", "nine loud rivers"


@pytest.fixture(scope="module")
def settings_here(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("signing")
    given = Settings(
        home=folder / "home", mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder / "artifacts",
        ask_consent=True, require_sign_in=True, sample_performance=1.0, sample_behaviour=1.0,
    )  # fmt: skip
    sample_dataset().save(given.shop_folder())
    Shop.open(given).add_account("olga", GOOD, privilege="operator", actor="test")
    return given


@pytest.fixture(scope="module")
def server(settings_here: Settings) -> Iterator[AppServer]:
    with launch(settings_here, 0) as running:
        yield running.wait_healthy(PATIENCE)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = visitor(browser)
    yield made
    made.close()


def opened(context: BrowserContext, server: AppServer, path: str) -> Page:
    page = context.new_page()
    page.goto(server.address + path)
    if not path.startswith("/account"):
        page.wait_for_selector(READY)
    return page


def filled(page: Page, button: str, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f"#{name}", value)
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state()


def entered(context: BrowserContext, server: AppServer, name: str, password: str = GOOD) -> Page:
    page = opened(context, server, "/account/sign-in")
    filled(page, "Sign in", name=name, password=password)
    return page


def batches(server: AppServer) -> list[str]:
    """What Prometheus is told of batches of events that pages sent."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    return [line for line in text.splitlines() if 'route="/collect/own"' in line]


def test_who_refuses_by_keyboard_is_not_followed(
    context: BrowserContext, server: AppServer, settings_here: Settings
) -> None:
    before = batches(server)
    page = opened(context, server, "/chat")
    page.wait_for_selector("[data-testid=stChatInput]")
    assert page.evaluate(
        "document.querySelector('[data-testid=stChatInput]').getBoundingClientRect().bottom"
        " <= document.querySelector('#consent').getBoundingClientRect().top"
    )  # the banner takes its own room: nothing lies behind it
    assert page.evaluate(  # first of all on the page
        "[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]"
        ".find(one => one.tabIndex >= 0 && one.checkVisibility()).closest('#consent') !== null"
    )
    page.locator("#consent a").first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Refuse all"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Accept all"
    sizes = page.evaluate(
        "[...document.querySelectorAll('#consent .equal')].map(b => { const s = getComputedStyle(b);"
        " return [b.offsetWidth, b.offsetHeight, s.backgroundColor, s.color, s.fontWeight].join() })"
    )
    assert sizes[0] == sizes[1]  # to refuse is as easy as to accept
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    assert "/chat" in page.url
    assert page.locator("#consent").count() == 0
    page.locator("h1").click()
    page.goto("about:blank")  # which hides the page: whatever waits would be sent
    assert batches(server) == before
    (cookie,) = [one for one in context.cookies() if one["name"] == "shopr"]
    session = Shop.open(settings_here).security.sessions.resume(cookie["value"]).session
    assert session is not None
    assert Shop.open(settings_here).consent.of(session.id).words() == ("necessary",)


def test_privacy_control_is_said_and_marketing_cannot_be_ticked(browser: Browser, server: AppServer) -> None:
    context = visitor(browser, extra_http_headers={"Sec-GPC": "1"})
    page = opened(context, server, "/account/sign-in")
    assert "Your browser sends Global Privacy Control" in page.locator("#consent").inner_text()
    page.click("#consent summary")
    assert page.locator("#consent input[name=marketing]").is_disabled()
    context.close()


def test_everything_works_without_scripts(browser: Browser, server: AppServer) -> None:
    context = visitor(browser, java_script_enabled=False)
    page = opened(context, server, "/account/register?next=/account/")
    page.get_by_role("button", name="Refuse all").click()
    page.wait_for_load_state()
    filled(page, "Make the account", name="quiet", password=GOOD, again=GOOD)
    page.goto(server.address + "/account/")
    assert "Signed in as quiet" in page.locator("main").inner_text()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_load_state()
    page.goto(server.address + "/account/")
    assert page.locator("h1").inner_text() == "Sign in"
    context.close()


def test_a_visitors_cart_and_conversation_come_along(
    context: BrowserContext, server: AppServer, settings_here: Settings
) -> None:
    page = opened(context, server, "/chat")
    page.get_by_role("button", name="Accept all").click()
    page.wait_for_selector(READY)
    box = page.locator("[data-testid=stChatInputTextArea]")
    for number, message in enumerate(("show me red mugs", "add the first one")):
        box.fill(message)
        box.press("Enter")
        page.locator(".talk .they:not(.busy)").nth(number).wait_for()
        page.wait_for_selector(READY)
    page.wait_for_selector(".cart .sum")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Make an account").click()
    filled(page, "Make the account", name="ann@example.com", password=GOOD, again=GOOD)
    page.wait_for_selector(READY)
    assert "/chat?c=" in page.url
    page.wait_for_selector(".viewer:has-text('ann@example.com')")
    page.wait_for_selector(".cart .sum")
    assert page.locator(".talk .they").count() == 2  # the conversation goes on
    account = Shop.open(settings_here).accounts.named("ann@example.com")
    assert account is not None
    assert Shop.open(settings_here).commerce.carts.of(account.user_id).pieces == 1


def test_five_wrong_passwords_say_how_long_to_wait(context: BrowserContext, server: AppServer) -> None:
    page = opened(context, server, "/account/sign-in")
    for _ in range(5):
        filled(page, "Sign in", name="somebody", password=OTHER)
    assert "Please try again in 5 minutes" in page.get_by_role("alert").inner_text()
    assert page.locator("#name").input_value() == "somebody"
    assert page.locator("#password").input_value() == ""


def test_sign_out_everywhere_reaches_the_other_browser(
    browser: Browser, context: BrowserContext, server: AppServer
) -> None:
    other = visitor(browser)
    here, there = entered(context, server, "olga"), entered(other, server, "olga")
    there.wait_for_selector(".viewer:has-text('olga')")
    assert there.get_by_role("link", name="Overview").count() == 1  # an operator sees the dashboards
    here.goto(server.address + "/account/")
    assert here.locator("ul.sessions li").count() == 2
    cookies = {c["name"]: c for c in context.cookies()}
    assert cookies["shopr"]["httpOnly"]
    assert cookies["shopr"]["sameSite"] == "Lax"
    here.get_by_role("button", name="Sign out everywhere").click()
    here.wait_for_selector(READY)
    there.goto(server.address + "/account/")
    assert there.locator("h1").inner_text() == "Sign in"
    other.close()


def test_a_copy_is_downloaded_and_a_person_erased(
    context: BrowserContext, server: AppServer, settings_here: Settings
) -> None:
    shop = Shop.open(settings_here)
    user = shop.add_account("vera", GOOD, actor="test").user_id
    page = entered(context, server, "vera")
    page.goto(server.address + "/your-data")
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Make a copy").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download it").click()
    copy = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert copy["data"]["accounts"][0]["sealed"] == "vera"
    page.get_by_role("button", name="Erase everything").click()
    page.get_by_text("I want everything about me to be erased").click()
    page.get_by_role("button", name="Erase for good").click()
    page.wait_for_selector("text=Everything is erased.")
    assert shop.accounts.of(user) is None
    page.goto(server.address + "/account/")
    assert page.locator("h1").inner_text() == "Sign in"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_pages_are_accessible_and_stay_within_the_window(
    browser: Browser, server: AppServer, scheme: str, size: tuple[int, int]
) -> None:
    context = visitor(browser, size, scheme)
    page = opened(context, server, "/account/register")
    page.click("#consent summary")
    assert violations(page, "body") == []
    page.get_by_role("button", name="Refuse all").click()
    page.wait_for_load_state()
    entered(context, server, "olga").close()
    for path in ("/account/", "/account/consent"):
        page.goto(server.address + path)
        assert violations(page, "body") == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.goto(server.address + "/your-data")
    page.wait_for_selector(READY)
    page.wait_for_selector("text=Be forgotten")
    assert violations(page, "[data-testid=stMain]") == []
    assert page.locator(".notice.warning, [data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
