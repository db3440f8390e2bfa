"""The page Store in a real browser: typing, narrowing, opening and buying by keyboard; both modes, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from shopr.config import Settings
from shopr.serving.streamlit_server import AppServer, launch
from tests.app.browsing import NARROW, READY, WIDE
from tests.app.sample import sample_dataset
from tests.app.test_browser import BELOW, Scheme, opened, violations
from tests.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def settings_of(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The sample shop, all behaviour kept."""
    folder = tmp_path_factory.mktemp("store")
    settings = Settings(home=folder / "home", mlflow_uri=f"sqlite:///{folder / 'mlflow.db'}", sample_behaviour=1.0)
    sample_dataset().save(settings.shop_folder())
    return settings


@pytest.fixture(scope="module")
def server(settings_of: Settings) -> Iterator[AppServer]:
    with launch(settings_of, 0) as running:
        yield running.wait_healthy(PATIENCE)


@pytest.fixture
def hosts() -> set[str]:
    """Every host that the page asked for anything."""
    return set()


HEARING = """window.heard = []; const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) {
  const root = attach.call(this, options);
  new MutationObserver(() => heard.push(root.textContent)).observe(root, {childList: true, subtree: true});
  return root;
}"""
"""Keeps what a page says to who cannot see it: it stands where neither search nor copying finds it."""


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/store?q=mug&brand=Nordlys&max=120", ".card .match"),
        ("/store?q=lamp windscreen wiper", ".section"),
        ("/store?q=mug&product=p004", ".product-price"),
    ],
    ids=["list", "nothing", "product"],
)
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "dark"), (NARROW, "light")], ids=["wide-dark", "narrow-light"])
def test_each_of_its_pages_is_whole_and_accessible(
    browser: Browser, server: AppServer, hosts: set[str], path: str, shown: str, size: tuple[int, int], scheme: Scheme
) -> None:
    page = opened(browser, server, path, hosts, size, scheme)
    try:
        expect(page.locator(shown).first).to_be_visible()
        assert page.locator("[data-testid=stException], .notice.warning").count() == 0
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert violations(page, BELOW) == []
        assert hosts - {""} == {urlsplit(server.address).netloc}
    finally:
        page.context.close()


def test_typing_finds_at_once_and_counts_once_it_stands(browser: Browser, server: AppServer, hosts: set[str]) -> None:
    page = opened(browser, server, "/store", hosts)
    try:
        page.add_init_script(HEARING)
        page.reload()
        page.wait_for_selector(READY)
        box = page.get_by_role("searchbox", name="Search the store")
        before = page.evaluate("history.length")
        box.press_sequentially("red lam", delay=40)
        expect(page.get_by_text("Found for “red lam”")).to_be_visible()
        box.press("p")
        expect(page.get_by_text("Found for “red lamp”")).to_be_visible()
        expect(box).to_be_focused()
        expect(box).to_have_value("red lamp")
        assert asked(page)["q"] == ["red lamp"]
        page.wait_for_function("heard.some(words => words.includes('Found for “red lamp”'))")
        assert page.evaluate("history.length") == before + 1  # typed in one go: one entry, whatever pauses it had
        box.fill("quilted bathrobe")
        expect(page.get_by_text("Nothing is a match for “quilted bathrobe”")).to_be_visible()
        merchant = opened(browser, server, "/search?way=Not+found", hosts)
        missed = merchant.get_by_role("rowheader", name="quilted bathrobe")

        def counted() -> bool:  # once it has stood for a while
            merchant.reload()
            merchant.wait_for_selector(READY)
            expect(merchant.get_by_text("Not found").first).to_be_visible()
            return missed.count() == 1

        until(counted, every=0.5)
        merchant.context.close()
    finally:
        page.context.close()


def test_narrowing_opening_and_buying_by_keyboard(browser: Browser, server: AppServer, hosts: set[str]) -> None:
    page = opened(browser, server, "/store?q=mug", hosts)
    try:
        expect(page.get_by_role("button", name="View").first).to_be_visible()
        page.get_by_role("searchbox", name="Search the store").focus()
        names: list[str] = []
        while len(names) < 30 and "View" not in "".join(names):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''"))
        order = [next(i for i, name in enumerate(names) if word in name) for word in ("Cart", "Brand", "Price", "View")]
        assert order == sorted(order), names
        page.get_by_role("button", name="Brand", exact=False).first.focus()
        page.keyboard.press("Enter")
        pico = page.get_by_role("button", name="Pico · 5")
        expect(pico).to_be_visible()
        pico.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("1 – 5 of 5")).to_be_visible()
        assert asked(page) == {"q": ["mug"], "brand": ["Pico"]}
        page.keyboard.press("Escape")
        page.get_by_role("button", name="View", exact=False).first.focus()
        page.keyboard.press("Enter")
        add = page.get_by_role("button", name="Add to cart")
        expect(page.get_by_role("heading", name="Sand mug no. 8", level=2)).to_be_focused()  # what was opened
        expect(page).to_have_title("Sand mug no. 8 · Shopr")
        add.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("is in the cart")).to_be_visible()
        expect(page.get_by_role("button", name="Cart · 1")).to_be_visible()
        assert asked(page) == {"q": ["mug"], "brand": ["Pico"], "product": ["p008"]}
        page.go_back()
        expect(page.get_by_text("1 – 5 of 5")).to_be_visible()
        expect(page.get_by_role("button", name="View", exact=False).first).to_be_focused()  # where it was opened
        page.go_forward()
        page.get_by_role("button", name="Back to the results").click()
        expect(page.get_by_text("1 – 5 of 5")).to_be_visible()
        page.get_by_role("button", name="Brand: Pico").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("1 – 12 of 15")).to_be_visible()
        expect(page.get_by_role("heading", name="Found for “mug”")).to_be_focused()  # no condition is left
        page.get_by_text("In stock (14)").click()
        expect(page.get_by_text("of 14")).to_be_visible()
        assert asked(page) == {"q": ["mug"], "stock": ["1"]}  # nor does the popover, which is closed, bring one back
    finally:
        page.context.close()


def test_a_link_to_a_list_opens_it_for_somebody_else(browser: Browser, server: AppServer, hosts: set[str]) -> None:
    page = opened(browser, server, "/store", hosts)
    try:
        page.get_by_role("button", name="Next page").click()
        expect(page.get_by_text("13 – 24 of 60")).to_be_in_viewport()
        other = opened(browser, server, f"/store?{urlsplit(page.url).query}", hosts)
        expect(other.get_by_text("13 – 24 of 60")).to_be_visible()
        other.context.close()
    finally:
        page.context.close()
