"""The script that keeps pages steady: served to anybody, in every page, and in nothing else."""

from __future__ import annotations

from shopr.serving.scripts import script
from shopr.serving.steady import SCRIPT, Steady
from tests.serving.visiting import Browser


def page(kind: bytes) -> Browser:
    """A browser in front of an app that answers everything with one page of this kind."""

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": b"<html><head><title>x</title></head></html>"})

    return Browser(Steady(app))


def test_its_tag_stands_in_every_page_and_in_nothing_else() -> None:
    tag = f'<script src="{SCRIPT}?v={script("steady.js")[1]}"></script></head>'
    assert tag in page(b"text/html").get("/store?q=mug").body
    assert tag not in page(b"application/json").get("/store").body


def test_the_script_is_served_and_can_be_kept() -> None:
    browser = page(b"text/html")
    answer = browser.ask("GET", SCRIPT)
    assert answer.body.encode() == script("steady.js")[0]
    assert answer.header("content-type").startswith("text/javascript")
    assert "max-age" in answer.header("cache-control")
    head = browser.ask("HEAD", SCRIPT)
    assert (head.body, head.header("content-length")) == ("", str(len(script("steady.js")[0])))
    assert browser.ask("POST", SCRIPT).status == 405
