"""The simulated shop live: what happens follows from the moment alone, so that nothing is sent twice or left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.cli.main import main
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.events import Event, EventType, events_frame
from shopr.data.simulator import simulate
from shopr.errors import InputError
from shopr.shop import Shop
from shopr.shop.livestream import LiveSessions, future_of, stream
from tests.app.sample import sample_dataset

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def future(sessions: int = 7) -> pd.DataFrame:
    """Sessions of a page, a click after a minute and an order after five."""
    kinds = ((EventType.PAGE_VIEWED, 0), (EventType.PRODUCT_CLICKED, 60), (EventType.ORDER_COMPLETED, 300))
    made = []
    for number in range(sessions):
        for at, (kind, seconds) in enumerate(kinds):
            properties = {"page": "home", "device": "mobile"} if at == 0 else {"product_id": f"p{number}"}
            if at == 2:
                properties |= {"order_id": f"o{number}", "price": 500, "quantity": 1, "currency": "GBP"}
            time = datetime(2025, 5, 1, 8, number, tzinfo=UTC) + timedelta(seconds=seconds)
            made.append(
                Event(event_id=f"e{number}-{at}", type=kind, time=time, user_id=f"U{number}", session_id=f"s{number}",
                      properties=properties)
            )  # fmt: skip
    return events_frame(made)


def live(rate: float = 60.0, seed: int = 1) -> LiveSessions:
    return LiveSessions(future(), rate=rate, seed=seed)


def ids(events: list[Event]) -> set[str]:
    assert len({event.event_id for event in events}) == len(events)
    return {event.event_id for event in events}


@given(st.lists(st.integers(0, 1_200_000), min_size=2, max_size=6))
@settings(max_examples=25, deadline=None)
def test_what_is_due_does_not_depend_on_when_one_looks(cuts: list[int]) -> None:
    sessions = live()
    moments = [NOW + timedelta(milliseconds=ms) for ms in sorted(cuts)]
    pieces = [event for low, high in pairwise(moments) for event in sessions.due(low, high)]
    whole = LiveSessions(future(), rate=60.0, seed=1).due(moments[0], moments[-1])
    assert [event.model_dump() for event in pieces] == [event.model_dump() for event in whole]
    assert all(moments[0] <= event.time < moments[-1] for event in whole)


def test_the_rate_is_kept_and_a_higher_one_sends_the_same_and_more() -> None:
    hour = (NOW, NOW + timedelta(minutes=30))
    slow, fast = live(30.0).due(*hour), live(90.0).due(*hour)
    assert ids(slow) < ids(fast)
    for rate, events in ((30, slow), (90, fast)):
        shoppers = sum(event.type.value in ("page_viewed", "product_clicked", "order_completed") for event in events)
        # Sessions begin at random: their number has the variance of a Poisson law, and each has three events.
        assert abs(shoppers - 30 * rate) < 4 * 3 * (30 * rate / 3) ** 0.5
    assert not ids(live(30.0, seed=2).due(*hour)) & ids(fast)
    kinds = {event.type.value for event in fast}
    assert {"vital_measured", "api_called"} <= kinds
    assert any(event.type is EventType.ERROR_RAISED for event in live(700.0).due(NOW, NOW + timedelta(minutes=15)))


def test_visits_are_told_apart_and_keep_their_order() -> None:
    events = live(90.0).due(NOW, NOW + timedelta(hours=1))
    orders = [event.properties["order_id"] for event in events if event.type is EventType.ORDER_COMPLETED]
    assert len(set(orders)) == len(orders) > 7
    by_session: dict[str | None, list[float]] = {}
    for event in events:
        if event.type is EventType.PRODUCT_CLICKED:
            by_session.setdefault(event.session_id, []).append(event.time.timestamp())
    assert all(len(times) == 1 for times in by_session.values())


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Shop:
    clock.set_wall(NOW)
    return Shop.open(settings.model_copy(update={"sample_behaviour": 1.0, "sample_performance": 1.0}), clock=clock)


def waits(
    clock: ManualClock, seconds: float, *, jumps: Callable[[int], float] = lambda _: 0.0
) -> Callable[[float], bool]:
    """Lets time go by until so many seconds have passed."""
    turns = iter(range(10**6))

    def wait(tick: float) -> bool:
        clock.advance(tick)
        if (by := jumps(next(turns))) != 0:
            clock.set_wall(clock.now() + timedelta(seconds=by))
        return clock.monotonic() - began >= seconds

    began = clock.monotonic()
    return wait


def test_stopped_and_started_again_it_goes_on_and_doubles_nothing(shop: Shop, clock: ManualClock) -> None:
    sessions = live(120.0)
    first = stream(shop.record, sessions, clock=clock, wait=waits(clock, 60), backfill=10)
    assert first.kept == first.sent > 0
    clock.advance(120)  # it was off for two minutes
    second = stream(shop.record, live(120.0), clock=clock, wait=waits(clock, 60), backfill=10)
    assert second.sent > 0
    assert shop.collector.flush()
    found = shop.events.frame()
    assert not found["event_id"].duplicated().any()
    last = clock.now() - timedelta(seconds=1)  # of the last look: it was stopped before the next
    whole = ids(sessions.due(NOW - timedelta(minutes=10), last))
    assert set(found["event_id"]) == whole
    assert shop.collector.counts().doubled == first.sent + second.sent - len(whole)


def test_a_clock_that_jumps_leaves_nothing_out(shop: Shop, clock: ManualClock) -> None:
    sessions = live(240.0)
    wait = waits(clock, 90, jumps=lambda turn: {20: -600.0, 50: 1_200.0}.get(turn, 0.0))
    stream(shop.record, sessions, clock=clock, wait=wait)
    assert shop.collector.flush()
    found = set(shop.events.frame()["event_id"])
    last = NOW + timedelta(seconds=89 + 600)
    assert found >= ids(sessions.due(NOW, last))
    assert len(found) == shop.collector.counts().stored


def test_what_cannot_be_streamed_is_refused() -> None:
    for rate in (0.0, -1.0, 1e6):
        with pytest.raises(InputError, match="events a minute"):
            live(rate)
    with pytest.raises(InputError, match="no sessions"):
        LiveSessions(future().iloc[:0], rate=1.0)
    with pytest.raises(InputError, match="not from the simulator"):
        future_of(sample_dataset(shoppers=5, lines=60))
    with pytest.raises(InputError, match="Give minutes from 0 on"):
        stream(lambda _: True, live(), clock=ManualClock(NOW), wait=lambda _: True, backfill=-1.0)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["data", "simulate", *words])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_the_command_streams_a_simulated_shop(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(preset="tiny", products=120, shoppers=60, days=30, images=False).save(settings.shop_folder("demo"))
    words = ("--live", "--minutes", "0", "--rate", "60", "--backfill", "30")
    code, out, _ = run(capsys, *words, "--json")
    first = json.loads(out)
    assert (code, first["known"]) == (0, 0)
    assert 0 < first["new"] == first["kept"] < first["sent"]
    again = json.loads(run(capsys, *words, "--json")[1])
    assert again["known"] > 0.8 * first["new"]
    assert "events were sent" in run(capsys, *words)[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--rate", "5"), "go with --live"),
        (("--live", "--products", "9"), "--products is for a new shop"),
        (("--live", "--name", "nowhere"), "has no data"),
    ],
)
def test_a_wrong_call_is_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    code, out, err = run(capsys, *words)
    assert code in (1, 2)
    assert out == ""
    assert says in err
    assert err.count("\n") == 1
