"""What no single request shows: attackers are seen, people are left alone."""

from __future__ import annotations

import random

import pytest

from shopr.clock import ManualClock
from shopr.security.behaviour import Behaviour, Sign
from shopr.security.principal import Principal
from shopr.security.state import MemoryState, State

NET = Principal.of(address="198.51.100.66", session="s")


@pytest.fixture
def watch(clock: ManualClock) -> Behaviour:
    return Behaviour(MemoryState(clock=clock))


def seen(found: list[Sign | None]) -> list[str]:
    return [sign.kind for sign in found if sign is not None]


def test_stuffing_is_many_accounts_refused_on_one_network(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for number in range(10):
        clock.advance(3)
        found.append(watch.observe("login_refused", NET, f"user{number}"))
    assert seen(found) == ["credential_stuffing"]
    last = found[-1]
    assert last is not None
    assert (last.scope, last.network, last.seconds) == ("network", "198.51.100.66", 600)
    assert last.evidence == "10 accounts refused in 600 s, 0 of 10 logins accepted"


def test_somebody_who_forgot_a_password_is_no_stuffer(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for _ in range(30):
        clock.advance(3)
        found.append(watch.observe("login_refused", NET, "ann"))
    assert seen(found) == []


def test_an_office_in_the_morning_is_no_stuffer(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for number in range(40):
        clock.advance(5)
        if number % 3 == 0:
            found.append(watch.observe("login_refused", NET, f"user{number}"))
        found.append(watch.observe("login_accepted", NET, f"user{number}"))
    assert seen(found) == []


def test_scraping_like_a_clock_is_seen_early(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for number in range(60):
        clock.advance(2)
        found.append(watch.observe("item_viewed", NET, f"p{number}"))
    assert seen(found) == ["scraping"]
    assert "like a clock" in str(found[-1])


def test_scraping_with_random_pauses_is_seen_by_its_amount(watch: Behaviour, clock: ManualClock) -> None:
    draw, found = random.Random(42), []
    for number in range(400):
        clock.advance(draw.expovariate(1.0))
        found.append(watch.observe("item_viewed", NET, f"p{number}"))
    assert seen(found) == ["scraping"]


def test_a_keen_shopper_is_no_scraper(watch: Behaviour, clock: ManualClock) -> None:
    draw, found = random.Random(42), []
    for _ in range(600):  # two hours, a product every 12 s with people's pauses, some of them again
        clock.advance(draw.lognormvariate(2.0, 1.0))
        found.append(watch.observe("item_viewed", NET, f"p{draw.randint(1, 150)}"))
    assert seen(found) == []


def test_probing_is_suspect_requests_of_several_classes_or_many_missing_pages(
    watch: Behaviour, clock: ManualClock
) -> None:
    classes = ["sql", "xss", "path", "command"]
    assert seen([watch.observe("request_suspect", NET, classes[n % 4]) for n in range(8)]) == ["probing"]
    other = Principal.of(address="198.51.100.67")
    assert seen([watch.observe("request_suspect", other, "sql") for _ in range(20)]) == []  # one odd word, said again
    assert seen([watch.observe("page_missing", other, f"/{n}.php") for n in range(30)]) == ["probing"]


def test_changing_sessions_does_not_help(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for number in range(25):
        who = Principal.of(address="198.51.100.66", session=f"s{number}")
        clock.advance(5)
        found += [watch.observe("session_started", who), watch.observe("request_suspect", who, "sql")]
    assert seen(found) == ["session_churn"]


def test_each_further_block_is_twice_as_long_and_a_sign_rests_meanwhile(watch: Behaviour, clock: ManualClock) -> None:
    lengths = []
    for _ in range(4):
        found = [watch.observe("request_suspect", NET, f"c{n % 4}") for n in range(40)]
        (sign,) = [one for one in found if one is not None]
        lengths.append(sign.seconds)
        clock.advance(sign.seconds + 1)
    assert lengths == [600, 1200, 2400, 4800]


def test_what_lies_before_the_window_is_forgotten(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for number in range(40):
        clock.advance(70)
        found.append(watch.observe("login_refused", NET, f"user{number}"))
    assert seen(found) == []


def test_without_an_address_the_session_is_watched(watch: Behaviour) -> None:
    found = [watch.observe("request_suspect", Principal(session="s"), f"c{n % 4}") for n in range(8)]
    assert [(sign.scope, sign.network) for sign in found if sign] == [("session", "")]
    assert watch.observe("item_viewed", Principal(user="ann"), "p") is None


def test_a_flood_keeps_a_bounded_history_without_names(clock: ManualClock) -> None:
    state = MemoryState(clock=clock)
    watch = Behaviour(state, most=100)
    for _ in range(500):
        watch.observe("item_viewed", NET, "secret-product")
    (value,) = [entry[1] for entry in state._values.values()]
    assert len(value) < 10_000
    assert b"secret" not in value


def test_it_works_in_every_store(anywhere: State) -> None:
    watch = Behaviour(anywhere)
    assert seen([watch.observe("request_suspect", NET, f"c{n % 4}") for n in range(20)]) == ["probing"]
