"""What visitors do reaches the guard's watch: scrapers are held back by themselves, and operators see it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopr import Settings, Shop
from shopr.clock import ManualClock
from shopr.data.events import Event, EventType
from shopr.security.guard import Request
from shopr.shop.guarded import act_of


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Shop:
    return Shop.open(settings, clock=clock)


def view(shop: Shop, number: int, session: str = "s1", *, ago: float = 0.0) -> Event:
    return Event(
        type=EventType.PRODUCT_VIEWED, time=shop.clock.now() - timedelta(seconds=ago), session_id=session,
        properties={"product_id": f"P{number}"},
    )  # fmt: skip


def test_a_session_that_reads_the_catalogue_like_a_clock_is_held(shop: Shop, clock: ManualClock) -> None:
    asked = Request("is the lamp in stock?", session_id="s1")
    assert shop.inspect(asked).allowed
    for number in range(60):  # two minutes
        clock.advance(2)
        shop.record(view(shop, number))
    refused = shop.inspect(asked)
    assert not refused.allowed
    assert refused.rules == ("lockout",)
    assert shop.inspect(Request("is the lamp in stock?", session_id="s2")).allowed
    (held,) = shop.security.watch.locks()
    assert held.kind == "block"
    assert held.reason.startswith("scraping: 60 products viewed")
    shop.security.unlock(held.id, reason="a friend", actor="ann")
    assert shop.inspect(asked).allowed


def test_a_network_that_scrapes_is_kept_out_for_a_while(shop: Shop, clock: ManualClock) -> None:
    clock.advance(600)
    shop.watch_acts([view(shop, n, ago=3.0 * n) for n in range(60)], "198.51.100.7")
    assert not shop.security.access.check("198.51.100.7").allowed
    assert shop.security.access.check("198.51.100.8").allowed
    clock.advance(601)
    assert shop.security.access.check("198.51.100.7").allowed


def test_old_events_and_others_are_no_acts_of_now(shop: Shop) -> None:
    now = shop.clock.now()
    assert act_of(view(shop, 1), now) == ("item_viewed", "P1", 0.0)
    assert act_of(view(shop, 1, ago=4000), now) is None
    asked = Event(type=EventType.SEARCH_PERFORMED, time=now, session_id="s", properties={"query": "lamp"})
    assert act_of(asked, now) == ("searched", "lamp", 0.0)
    assert act_of(Event(type=EventType.PAGE_VIEWED, time=now, session_id="s", properties={"page": "/"}), now) is None
    assert act_of(Event(type=EventType.PRODUCT_VIEWED, time=now, session_id="s"), now) is None
