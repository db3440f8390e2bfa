"""The browser that the app's tests look with: as patient as a busy machine needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from shopr.serving.streamlit_server import AppServer
from tests.waiting import PATIENCE

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
READY = "[data-testid=stApp][data-test-script-state=notRunning] .stHtml h1"
"""Where a page has been drawn."""
DRAWN = "[data-testid=stVegaLiteChart] :is(canvas, svg)"
"""Where a chart has been drawn, which happens after the script has run."""
WIDE, NARROW = (1440, 900), (390, 844)

expect.set_options(timeout=1000 * PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; where there is none the test is skipped."""
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1000 * PATIENCE)
        yield browser
        browser.close()


def visitor(
    browser: Browser, size: tuple[int, int] = WIDE, scheme: Literal["light", "dark"] = "light", **options: Any
) -> BrowserContext:
    """Somebody who has never been here."""
    made = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce", **options
    )
    made.set_default_timeout(1000 * PATIENCE)
    return made


def opened(context: BrowserContext, server: AppServer, path: str = "/") -> Page:
    """A page of the app, once it has been drawn."""
    page = context.new_page()
    page.goto(server.address + path)
    page.wait_for_selector(READY)
    return page


def violations(page: Page, within: str | None = None) -> list[str]:
    """What axe-core finds, one line a node.

    Args:
        within: selector of the part that is looked at; None for all.
    """
    found = Axe().run(page, context=within).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['html'][:160]}" for rule in found for node in rule["nodes"]]
