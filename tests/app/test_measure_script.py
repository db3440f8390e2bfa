"""The script that pages measure themselves with, on observations that are given: each vital by its value.

The browser is a real one; only its observer of performance is replaced, so that what it reports is known.
"""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.app.browsing import visitor

PAGE = """<!doctype html><title>x</title><h1>x</h1>
<script src="/measure.js" data-send="/collect" data-allowed="analytics" data-release="1"></script>"""
FAKE = """
window.sent = []; window.observers = {};
navigator.sendBeacon = (url, blob) => {
  blob.text().then(text => window.sent.push(...JSON.parse(text).events));
  return true;
};
window.PerformanceObserver = class {
  constructor(each) { this.each = each; }
  observe(options) { window.observers[options.type] = this.each; }
};
Object.defineProperty(performance, "interactionCount", {get: () => window.interactions || 0});
window.report = (type, ...entries) => window.observers[type]({getEntries: () => entries});
window.leave = () => {
  Object.defineProperty(document, "visibilityState", {get: () => "hidden", configurable: true});
  document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
};
"""


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    return visitor(browser)


def vitals(context: BrowserContext, reports: str) -> dict[str, float]:
    """What a page sends whose browser reports this before its visitor leaves."""
    page = context.new_page()
    script = files("shopr.serving").joinpath("static", "measure.js").read_text(encoding="utf-8")
    page.route("**/measure.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.route("http://shop.test/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.add_init_script(FAKE)
    page.goto("http://shop.test/")
    page.evaluate(reports)
    page.evaluate("leave()")
    page.wait_for_function("sent.length > 0")
    sent = json.loads(page.evaluate("JSON.stringify(sent)"))
    page.close()
    found = [(event["properties"]["name"], event["properties"]["value"]) for event in sent if "value" in str(event)]
    assert len({name for name, _ in found}) == len(found)  # each is told once
    return dict(found)


def interactions(count: int) -> str:
    """So many interactions of 100, 101, … ms, each of two events of which the longer counts."""
    return (
        f"interactions = {count}; for (let i = 0; i < {count}; i++) {{"
        "report('event', {interactionId: i + 1, duration: 100 + i});"
        "report('event', {interactionId: i + 1, duration: 50}); }"
        "report('event', {interactionId: 0, duration: 9000});"  # a movement is none
    )


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, None),  # nobody did anything
        (1, 100.0),
        (49, 148.0),  # the longest
        (50, 148.0),  # of 50, one may be longer: the second longest, 149 left out
        (100, 197.0),  # of 100, two
        (900, 990.0),  # no more than ten are kept, of which the last is told
    ],
)
def test_inp_is_the_longest_interaction_less_one_of_fifty(
    context: BrowserContext, count: int, expected: float | None
) -> None:
    assert vitals(context, "report('first-input', {interactionId: 0, duration: 1});" + interactions(count)).get(
        "INP"
    ) == (expected)


def test_cls_is_the_worst_spell_and_lcp_ends_with_the_first_click(context: BrowserContext) -> None:
    found = vitals(
        context,
        "report('paint', {name: 'first-contentful-paint', startTime: 300});"
        "report('largest-contentful-paint', {startTime: 400}, {startTime: 900.12345});"
        "dispatchEvent(new Event('click')); report('largest-contentful-paint', {startTime: 5000});"
        # Shifts within a second of each other and five of the first are one spell; .1 + .2, then .25 alone.
        "report('layout-shift', {startTime: 1000, value: .1}, {startTime: 1900, value: .2}, "
        "{startTime: 4000, value: .25}, {startTime: 4100, value: .9, hadRecentInput: true});",
    )
    assert found["FCP"] == 300
    assert found["LCP"] == 900.1235
    assert found["CLS"] == 0.3
    assert "INP" not in found
