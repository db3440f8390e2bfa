"""What no single request shows: attackers are seen, people are left alone."""

from __future__ import annotations

import random

import pytest

from shopr.clock import ManualClock
from shopr.data.simulator import simulate
from shopr.security.behaviour import Behaviour, Done, Sign
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
    for mean in (0.5, 1.0, 2.0, 3.0):
        draw, found = random.Random(42), []
        who = Principal.of(address=f"198.51.100.{int(10 * mean)}", session="s")
        for number in range(150):
            clock.advance(draw.expovariate(1.0 / mean))
            found.append(watch.observe("item_viewed", who, f"p{number}"))
        assert seen(found) == ["scraping"]


def test_a_scraper_that_throws_its_cookies_away_is_seen_on_its_network(watch: Behaviour, clock: ManualClock) -> None:
    draw, found = random.Random(42), []
    for number in range(400):
        clock.advance(draw.expovariate(1.0))
        who = Principal.of(address="198.51.100.66", session=f"s{number}")
        found.append(watch.observe("item_viewed", who, f"p{number}"))
    assert seen(found) == ["scraping"]
    assert "400 sessions" in str(found[-1])


def test_searching_like_a_machine_is_scraping(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for number in range(120):
        clock.advance(3)
        found.append(watch.observe("searched", NET, f"word {number}"))
    assert seen(found) == ["scraping"]
    assert "120 different searches" in str(found[-1])


@pytest.mark.parametrize("network", ["", "203.0.113.9"], ids=["sessions", "one network for all"])
def test_simulated_shoppers_are_never_stopped(network: str) -> None:
    """Every product and search of a simulated month; its sessions begin within a day, so that the network is busy."""
    acts = {
        **{"product_viewed": "item_viewed", "product_clicked": "item_viewed"},
        **{"search_performed": "searched", "cart_item_added": "carted"},
    }
    events = simulate(name="demo", seed=5, products=400, shoppers=500, days=30).events
    events = events[events["type"].isin(list(acts))]
    begun, first = events.groupby("session_id")["time"].transform("min"), events["time"].min()
    events = events.assign(time=events["time"] - (begun - first) * (29 / 30)).sort_values("time")
    clock = ManualClock(first.to_pydatetime())
    watch, now = Behaviour(MemoryState(clock=clock)), clock.now()
    for event in events.itertuples():
        clock.advance(max(0.0, (event.time.to_pydatetime() - now).total_seconds()))
        now = clock.now()
        who = Principal.of(session=str(event.session_id), address=network or None)
        what = event.query if event.type == "search_performed" else event.product_id
        assert watch.observe(acts[event.type], who, str(what)) is None  # type: ignore[arg-type]
    assert len(events) > 2500


def test_what_became_known_at_once_counts_by_its_own_times(watch: Behaviour, clock: ManualClock) -> None:
    draw, ago = random.Random(7), 0.0
    done: list[Done] = []
    for number in range(70):  # a browser that was offline sends what somebody looked at
        ago += draw.lognormvariate(1.5, 0.8)
        done.append(("item_viewed", f"p{number}", ago))
    assert watch.observe_all(done, NET) is None
    clock.advance(5000)
    machine: list[Done] = [("item_viewed", f"p{number}", 5.0 * number) for number in range(60)]
    sign = watch.observe_all(machine, NET)
    assert sign is not None
    assert "one every 5.0 s" in sign.evidence


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
    assert len(state._values) == 2
    for _, value in state._values.values():
        assert len(value) < 10_000
        assert b"secret" not in value


def test_it_works_in_every_store(anywhere: State) -> None:
    watch = Behaviour(anywhere)
    assert seen([watch.observe("request_suspect", NET, f"c{n % 4}") for n in range(20)]) == ["probing"]


def test_many_principals_at_once_are_each_watched(clock: ManualClock) -> None:
    one, many = Behaviour(MemoryState(clock=clock)), Behaviour(MemoryState(clock=clock))
    done = {
        Principal.of(session=f"s{n}", address="203.0.113.9" if n < 2 else None): [
            ("item_viewed", f"p{i}", 3.0 * i) for i in range(60 * n)
        ]
        for n in range(5)
    }
    alone = [(who, sign) for who, acts in done.items() if (sign := one.observe_all(acts, who)) is not None]
    assert many.observe_many(done) == alone
    assert alone
    assert many.observe_many({}) == []


def test_what_an_earlier_version_kept_is_let_go() -> None:
    from shopr.security.behaviour import _load

    acts, rests = _load(b'{"acts": [[1.0, "login_failed", "x"], [2.0, "page_missing", "y", "s1"]], "rests": {}}')
    assert acts == [(2.0, "page_missing", "y", "s1")]
    assert rests == {}


def slowly(watch: Behaviour, clock: ManualClock, draw: random.Random, who: Principal, count: int) -> list[Sign | None]:
    found = []
    for number in range(count):
        clock.advance(draw.lognormvariate(4.0, 1.2))  # a minute or two, at no rhythm
        found.append(watch.observe("item_viewed", who, f"p{number}"))
    return found


def test_reading_the_catalogue_slowly_and_at_no_rhythm_is_seen_within_a_day(
    watch: Behaviour, clock: ManualClock
) -> None:
    found = slowly(watch, clock, random.Random(3), NET, 230)
    assert seen(found) == ["scraping"]
    (sign,) = [one for one in found if one]
    assert (sign.scope, sign.seconds) == ("session", 7200)
    assert sign.evidence.startswith("200 products viewed within a day")


def test_who_searches_carts_or_comes_back_to_products_reads_like_a_person(clock: ManualClock) -> None:
    def played(act: str) -> list[str]:
        watch, draw, found = Behaviour(MemoryState(clock=clock)), random.Random(4), []
        for number in range(400):
            clock.advance(draw.lognormvariate(4.0, 1.0))
            if act == "again":
                found.append(
                    watch.observe("item_viewed", NET, f"p{draw.randrange(number + 1) if number % 8 == 0 else number}")
                )
            elif number % 40 == 0:
                found.append(watch.observe(act, NET, f"w{number}"))  # type: ignore[arg-type]
            else:
                found.append(watch.observe("item_viewed", NET, f"p{number}"))
        return seen(found)

    assert [played(act) for act in ("searched", "carted", "again")] == [[], [], []]


def test_a_day_is_a_day_and_each_session_has_its_own(watch: Behaviour, clock: ManualClock) -> None:
    draw = random.Random(5)
    assert seen(slowly(watch, clock, draw, NET, 150)) == []
    clock.advance(86_400)
    assert seen(slowly(watch, clock, draw, NET, 150)) == []
    many = [Principal.of(address="198.51.100.77", session=f"s{n}") for n in range(20)]
    found = []
    for number in range(1000):  # twenty people on one network, fifty products each, popular ones again and again
        clock.advance(draw.lognormvariate(3.0, 1.0))
        found.append(watch.observe("item_viewed", many[number % 20], f"p{int(draw.paretovariate(0.8)) % 3000}"))
    assert seen(found) == []


def test_a_click_and_the_page_that_it_opens_are_one_look(watch: Behaviour, clock: ManualClock) -> None:
    found = []
    for number in range(210):  # some share a place with another and count as seen again
        for _ in range(2):
            clock.advance(40)
            found.append(watch.observe("item_viewed", NET, f"p{number}"))
    assert seen(found) == ["scraping"]
