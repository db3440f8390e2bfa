"""Errors as events, and their groups; vitals and calls against figures by hand."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.analytics.health.errors import ErrorHandler, browser_error, error_event, fingerprint, hooked
from shopr.analytics.health.quality import calls, error_groups, rating, vitals, weighted_quantile
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.clock import ManualClock
from shopr.data.events import Event
from shopr.errors import DataError, InputError
from shopr.storage import Database

Make = Callable[..., Event]


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> EventStore:
    return EventStore(Database.open(url=f"sqlite:///{tmp_path / 'events.db'}"), tmp_path / "parts", clock=clock)


def raised(source: str, name: str = "total") -> BaseException:
    scope: dict[str, Callable[[], None]] = {}
    exec(compile(source, "/srv/app/shopr/cart.py", "exec"), scope)
    try:
        scope[name]()
    except Exception as error:
        return error
    raise AssertionError


def test_a_group_survives_moved_lines_and_other_values() -> None:
    before = raised("def total():\n    n = 3\n    raise ValueError(f'cart {n} of ann@example.org')")
    after = raised("# moved\n\n\ndef total():\n    n = 4\n    x = 1\n    raise ValueError(f'cart {n}')")
    other = raised("def subtotal():\n    raise ValueError('cart 3')", "subtotal")
    prints = [error_event(e).properties["fingerprint"] for e in (before, after, other)]
    assert prints[0] == prints[1] != prints[2]
    assert fingerprint("E", [], "row 17 of 'x' at 0xff") == fingerprint("E", [], "row 9 of 'y' at 0x1")
    assert fingerprint("E", [], "a") != fingerprint("E", [], "b")


def test_an_exception_is_kept_with_its_stack_and_a_redacted_context(clock: ManualClock) -> None:
    held = "password, email, rows = 'hunter2', 'ann@example.org', [1]"
    source = f"def total():\n    {held}\n    raise KeyError(email)"
    event = error_event(raised(source), clock=clock, release="1.2", page="/cart", user_id="ann")
    held = event.properties["frames"][-1]["held"]
    assert held["rows"] == "<list>"
    assert "hunter2" not in str(held)
    assert "example.org" not in str(event.properties["message"]) + str(held)
    assert event.properties["frames"][-1]["function"] == "total"
    assert event.properties["frames"][-1]["file"] == "shopr/cart.py"
    assert "KeyError" in event.properties["stack"]
    assert (event.properties["name"], event.properties["release"], event.user_id) == ("KeyError", "1.2", "ann")


def test_logging_records_errors_and_never_itself(clock: ManualClock) -> None:
    found: list[Event] = []
    log = logging.getLogger("tests.analytics.errors")
    log.propagate = False

    def record(event: Event) -> None:
        found.append(event)
        log.error("recording says something")

    handler = ErrorHandler(record, clock=clock)
    log.addHandler(handler)
    try:
        log.warning("no error")
        log.error("lost %d rows", 3)
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            log.exception("failed")
    finally:
        log.removeHandler(handler)
    assert [e.properties["name"] for e in found] == ["RuntimeError", "ZeroDivisionError"]
    assert found[0].properties["message"] == "lost 3 rows"


def test_what_nobody_caught_is_recorded_and_still_shown() -> None:
    source = (
        "from shopr.analytics.health.errors import hooked\n"
        "with hooked(lambda e: print(e.properties['name'], e.properties['handled'])):\n    pass\n"
        "keep = hooked(lambda e: print(e.properties['name'], e.properties['handled']))\nkeep.__enter__()\n1 / 0\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "ZeroDivisionError False\n"
    assert "ZeroDivisionError: division by zero" in done.stderr
    before = sys.excepthook
    with hooked(lambda e: None):
        assert sys.excepthook is not before
    assert sys.excepthook is before


APP = "https://shop.example/app.js"
CHROME = f"TypeError: x is undefined\n    at addToCart ({APP}?v=3:10:5)\n    at HTMLButtonElement.onclick ({APP}:99:1)"
FIREFOX = f"addToCart@{APP}:77:5\nonclick@{APP}:3:1"


def test_a_browsers_error_is_grouped_whatever_the_browser_and_build(clock: ManualClock) -> None:
    one = browser_error(
        {"type": "TypeError", "message": "x is undefined", "stack": CHROME, "page": "/cart"}, clock=clock
    )
    moved = browser_error({"type": "TypeError", "message": "y is undefined", "stack": CHROME.replace(":10:", ":44:")})
    assert one.properties["fingerprint"] == moved.properties["fingerprint"]
    assert (
        browser_error({"message": "m", "stack": FIREFOX}).properties["fingerprint"]
        == browser_error({"message": "n", "stack": FIREFOX.replace(":77:", ":78:")}).properties["fingerprint"]
    )
    row_of(one)
    for bad in ({}, {"message": 7}, {"message": "m", "page": ["/"]}):
        with pytest.raises(DataError):
            browser_error(bad)


@given(
    st.dictionaries(st.sampled_from(["type", "message", "stack", "page", "device", "user_id"]), st.text(max_size=300))
)
def test_whatever_a_browser_sends_is_a_row_or_refused(data: dict[str, str]) -> None:
    try:
        event = browser_error(data)
    except DataError:
        return
    assert row_of(event)[1] == "error_raised"


def test_groups_tell_who_suffers_since_when_and_what_came_back(
    store: EventStore, event: Make, clock: ManualClock
) -> None:
    def put(kind: str, release: str, user: str) -> None:
        clock.advance(3600)
        given = {"name": kind, "message": kind, "fingerprint": kind, "release": release, "user_id": user}
        store.append([row_of(event("error_raised", **given))])

    for release, kinds in (("1", "ab"), ("2", "b"), ("3", "abb")):
        for number, kind in enumerate(kinds):
            put(kind, release, f"u{number}")
    table = error_groups(store).set_index("fingerprint")
    assert table["errors"].to_dict() == {"b": 4.0, "a": 2.0}
    assert table["regressed"].to_dict() == {"b": False, "a": True}
    assert table["users"].to_dict() == {"b": 3, "a": 1}
    assert table.loc["a", "releases"] == ("1", "3")
    assert table.loc["b", "trend"] == 0
    assert error_groups(store, start="2030-01-01").empty


def test_vitals_are_judged_at_the_75th_percentile(store: EventStore, event: Make) -> None:
    values = [1000, 2000, 2500, 5000]
    store.append(
        [row_of(event("vital_measured", name="LCP", value=v, page="/", device="mobile"), weight=10) for v in values]
        + [row_of(event("vital_measured", name="CLS", value=0.3, page="/", device="mobile"))]
        + [row_of(event("vital_measured", name="nonsense", value=1))]
    )
    table = vitals(store).set_index("name")
    assert table.loc["LCP", ["p75", "rating", "good", "poor", "measured"]].tolist() == [2500, "good", 0.75, 0.25, 4]
    assert table.loc["CLS", "rating"] == "poor"
    assert set(table.index) == {"LCP", "CLS"}
    assert vitals(store, least=2)["name"].tolist() == ["LCP"]
    assert [rating("INP", v) for v in (200, 201, 500, 501)] == [
        "good",
        "needs improvement",
        "needs improvement",
        "poor",
    ]
    with pytest.raises(InputError, match="told apart by 'user_id'"):
        vitals(store, by=("user_id",))


def test_calls_by_route_with_errors_and_durations(store: EventStore, event: Make) -> None:
    made = [("/search", 10.0 * n, 200) for n in range(1, 11)] + [("/chat", 6000.0, 503), ("/chat", 40.0, 404)]
    store.append([row_of(event("api_called", name=r, value=v, status=s), weight=10) for r, v, s in made])
    table = calls(store).set_index("route")
    assert table.loc["/search", ["calls", "errors", "p50", "p95"]].tolist() == [100, 0, 50, 100]
    assert table.loc["/chat", ["calls", "errors", "error_share", "slow"]].tolist() == [20, 10, 0.5, 0.5]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), min_size=1), st.floats(0.01, 1))
def test_a_weighted_quantile_is_that_of_repeated_values(pairs: list[tuple[int, int]], q: float) -> None:
    values, weights = zip(*pairs, strict=True)
    repeated = np.repeat(values, weights)
    assert weighted_quantile(values, weights, q) == np.quantile(repeated, q, method="inverted_cdf")
