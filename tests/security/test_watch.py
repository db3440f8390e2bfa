"""Events of the guard, and the checks that plug into it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopr.clock import ManualClock
from shopr.errors import StorageError
from shopr.security.access_book import AccessBook
from shopr.security.behaviour import Behaviour
from shopr.security.checks import AccessCheck, FailureCheck, RateCheck, principal_of
from shopr.security.guard import Decision, Request, Verdict
from shopr.security.limits import LimitConfig, Limits, StateWindows
from shopr.security.lockout import Lockout
from shopr.security.principal import Principal
from shopr.security.state import MemoryState
from shopr.security.watch import Watch
from shopr.storage import Database, SubjectStores

ANN = Request("hello", user_id="ann", session_id="s1", address="203.0.113.7")
BLOCK = Verdict(Decision.BLOCK, 0.99, ("sqli-1",), threat="sqli", reason="union select, mail a@b.example")
FLAG = Verdict(Decision.FLAG, 0.7, ("xss-3",), threat="xss")


@pytest.fixture
def failures(watch: Watch, book: AccessBook, clock: ManualClock) -> FailureCheck:
    state = MemoryState(clock=clock)
    return FailureCheck(Lockout(state), Behaviour(state), book, watch)


def test_a_verdict_is_kept_without_the_text_and_personal_data(
    failures: FailureCheck, watch: Watch, clock: ManualClock
) -> None:
    failures.observe(Request("1' union select mail from users --", user_id="ann", address="203.0.113.7"), BLOCK)
    failures.observe(ANN, FLAG)
    failures.observe(ANN, Verdict(Decision.ALLOW, 0.0))
    found = watch.events(clock.now() - timedelta(days=1))
    assert list(found["decision"]) == ["block", "flag"]
    assert list(found["classes"]) == [["sqli"], ["xss"]]
    assert list(found["door"]) == ["text", "text"]
    assert found["reason"][0] == "union select, mail [e-mail]"
    assert "from users" not in found.to_string()


def test_five_blocked_messages_lock_the_caller_and_no_one_else(
    failures: FailureCheck, watch: Watch, clock: ManualClock
) -> None:
    for _ in range(5):
        assert failures.check(ANN) is None
        failures.observe(ANN, BLOCK)
    stopped = failures.check(ANN)
    assert stopped is not None
    assert (stopped.decision, stopped.rules, stopped.retry_after) == (Decision.BLOCK, ("lockout",), 300.0)
    assert stopped.message == "Too many requests were refused. Please try again in 5 minutes."
    assert failures.check(Request("x", session_id="s2", address="203.0.113.7")) is None
    assert failures.check(Request("x", user_id="ann", session_id="s3", address="198.51.100.1")) is None
    held = watch.locks()
    assert {lock.who for lock in held} == {"account ann on 203.0.113.7"} or {lock.who for lock in held} == {
        "session s1"
    }
    clock.advance(301)
    assert failures.check(ANN) is None
    assert watch.locks() == []


def test_a_refused_login_counts_as_well(failures: FailureCheck) -> None:
    who = Principal.of(user="ann", address="198.51.100.66")
    made = [failures.failed(who, "wrong password") for _ in range(5)]
    assert [lock is not None for lock in made] == [False] * 4 + [True]


def test_a_prober_is_blocked_by_network_with_an_end(
    failures: FailureCheck, watch: Watch, book: AccessBook, clock: ManualClock
) -> None:
    for number in range(8):
        request = Request("x", session_id=f"s{number}", address="198.51.100.66")
        failures.observe(request, Verdict(Decision.FLAG, 0.7, ("r",), threat=("sqli", "xss")[number % 2]))
    check = AccessCheck(book, watch)
    stopped = check.check(Request("x", session_id="new", address="198.51.100.66"))
    assert stopped is not None
    assert stopped.rules == ("access:deny",)
    assert "probing" in stopped.reason
    assert "probing" not in stopped.message
    assert check.check(Request("x", user_id="ann", address="198.51.100.66")) is None  # signed in: left alone
    assert check.check(Request("x", address="198.51.100.67")) is None
    assert [lock.kind for lock in watch.locks()] == ["block"]
    clock.advance(601)
    assert check.check(Request("x", session_id="new", address="198.51.100.66")) is None


def test_without_an_address_the_session_is_held(failures: FailureCheck, watch: Watch) -> None:
    request = Request("x", session_id="probe")
    for number in range(8):
        failures.observe(request, Verdict(Decision.FLAG, 0.7, ("r",), threat=("sqli", "xss")[number % 2]))
    stopped = failures.check(request)
    assert stopped is not None
    assert stopped.retry_after == 600
    assert [lock.who for lock in watch.locks()] == ["session probe"]


def test_who_comes_too_often_is_told_when_to_come_back(watch: Watch, clock: ManualClock) -> None:
    limits = Limits(
        StateWindows(MemoryState(clock=clock)), LimitConfig(per_window={"text": 2, "image": 1, "request": 9})
    )
    check = RateCheck(limits, watch)
    answers = [check.check(ANN) for _ in range(20)]
    assert answers[:2] == [None, None]
    last = answers[-1]
    assert last is not None
    assert (last.rules, last.retry_after) == (("limit:text",), 60.0)
    assert last.message == "That was a little fast. Please try again in 60 seconds."
    assert check.check(Request(kind="upload", session_id="s1")) is None
    assert check.check(Request(kind="api", session_id="s1")) is None
    assert len(watch.events(clock.now() - timedelta(days=1), kind="rate")) == 1  # a flood is one row a minute
    clock.advance(59)
    check.check(ANN)
    assert len(watch.events(clock.now() - timedelta(days=1), kind="rate")) == 1


def test_an_address_that_is_none_breaks_nothing(failures: FailureCheck, book: AccessBook) -> None:
    strange = Request("x", session_id="s", address="banana")
    assert principal_of(strange) == Principal(session="s")
    assert AccessCheck(book).check(strange) is None
    failures.observe(strange, BLOCK)
    assert failures.check(Request("x")) is None


def test_whoever_listens_is_told_of_each_event(database: Database, clock: ManualClock) -> None:
    heard: list[object] = []
    watch = Watch(database, "demo", clock=clock, tell=lambda row: heard.append(row["kind"]))
    watch.record("verdict", Principal(user="ann"))
    assert heard == ["verdict"]


def test_old_events_go_and_an_erased_person_has_none(watch: Watch, database: Database, clock: ManualClock) -> None:
    watch.record("verdict", Principal(user="ann"))
    watch.record("verdict", Principal(user="bob"))
    assert SubjectStores(database).erase("ann")["guard_events"] == 1
    clock.advance(91 * 86_400)
    Watch(database, "demo", clock=clock).record("verdict", Principal(user="eve"))
    assert list(watch.events(clock.now() - timedelta(days=1000))["user_id"]) == ["eve"]


def test_with_storage_away_the_guard_goes_on_by_what_it_knows(
    failures: FailureCheck, watch: Watch, book: AccessBook, clock: ManualClock, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    book.add("203.0.113.7", "deny", reason="abuse", actor="maria")
    check = AccessCheck(book, watch)
    assert check.check(ANN.__class__("x", address="203.0.113.7")) is not None

    def locked(*args: object, **more: object) -> None:
        raise StorageError("the store is locked")

    for name in ("begin", "read"):
        monkeypatch.setattr(Database, name, locked)
    clock.advance(10)
    assert check.check(Request("x", address="203.0.113.7")) is not None  # the list as it was last known
    assert check.check(Request("x", address="203.0.113.8")) is None
    for number in range(8):
        failures.observe(ANN, Verdict(Decision.BLOCK, 0.9, ("r",), threat=("sqli", "xss")[number % 2]))
    assert failures.check(ANN) is not None  # locks are in this process's memory here
    assert "was not kept" in caplog.text
    assert "could not be blocked" in caplog.text


def test_a_listener_that_fails_stops_nothing(database: Database, clock: ManualClock) -> None:
    def broken(row: object) -> None:
        raise ZeroDivisionError

    assert Watch(database, "demo", clock=clock, tell=broken).record("verdict", Principal(user="ann"))
