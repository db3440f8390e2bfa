"""Errors called resolved: a later release in which they come back is told, an old one that still runs is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shopr.analytics.health.quality import error_groups
from shopr.analytics.health.resolutions import Resolutions
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.clock import ManualClock
from shopr.data.events import Event
from shopr.errors import InputError

Make = Callable[..., Event]


@pytest.fixture
def fails(store: EventStore, event: Make, clock: ManualClock) -> Callable[..., None]:
    """Lets an error happen in a release, a minute after the one before."""

    def fail(release: str | None, group: str = "f1", **more: str) -> None:
        clock.advance(60)
        given = {"release": release} if release else {}
        store.append([row_of(event("error_raised", name="E", fingerprint=group, **given, **more))])

    return fail


def states(store: EventStore, clock: ManualClock) -> dict[str, str]:
    judged = Resolutions(store, clock=clock).judged(error_groups(store))
    return dict(zip(judged["fingerprint"], judged["state"], strict=True))


def test_an_error_that_comes_back_is_a_regression(
    store: EventStore, clock: ManualClock, fails: Callable[..., None]
) -> None:
    book = Resolutions(store, clock=clock)
    fails("1.0")
    fails("1.0", "f2")
    clock.advance(1)
    book.resolve("f1", "1.1", actor="maria")
    assert states(store, clock) == {"f1": "resolved", "f2": "open"}
    fails("1.0")  # still runs somewhere
    assert states(store, clock)["f1"] == "resolved"
    fails("1.1")
    fails("1.2")
    assert states(store, clock) == {"f1": "regressed", "f2": "open"}
    (row,) = book.regressions().to_dict("records")
    assert (row["resolved_in"], row["back_in"], row["errors"]) == ("1.1", "1.1", 2)
    clock.advance(1)
    book.resolve("f1", "1.3", actor="maria")
    fails("1.2")
    assert states(store, clock)["f1"] == "resolved"
    fails("1.3")
    assert states(store, clock)["f1"] == "regressed"
    assert book.reopen("f1")
    assert not book.reopen("f1")
    assert states(store, clock)["f1"] == "open"


def test_releases_are_known_from_all_events(
    store: EventStore, event: Make, clock: ManualClock, fails: Callable[..., None]
) -> None:
    store.append([row_of(event("page_viewed", release="2.0", ago=100))])
    store.append([row_of(event("page_viewed", release="1.9", ago=200))])
    fails("2.0")
    clock.advance(1)
    Resolutions(store, clock=clock).resolve("f1", "2.0", actor="maria")
    fails("1.9")
    assert states(store, clock)["f1"] == "resolved"
    fails(None)  # whoever does not say what runs is taken at the worst
    assert states(store, clock)["f1"] == "regressed"


def test_what_cannot_be_resolved_is_named(store: EventStore, fails: Callable[..., None]) -> None:
    book = Resolutions(store)
    assert book.regressions().empty
    assert book.judged(error_groups(store)).empty
    fails("1.0")
    with pytest.raises(InputError, match="no error has the fingerprint 'nope'"):
        book.resolve("nope", "1.0", actor="maria")
    with pytest.raises(InputError, match="release has 0 characters"):
        book.resolve("f1", "", actor="maria")
