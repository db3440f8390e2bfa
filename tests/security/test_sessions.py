"""Sessions: tokens that turn, end, are revoked, and tell when they were stolen."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from shopr.clock import ManualClock
from shopr.errors import InputError
from shopr.security.csrf import csrf_token, token_fits
from shopr.security.sessions import SessionConfig, Sessions
from shopr.storage import Database, SubjectStores

HOME = {"address": "203.0.113.7", "agent": "Firefox"}


@pytest.fixture
def signs() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def sessions(database: Database, clock: ManualClock, signs: list[tuple[str, str, str]]) -> Sessions:
    return Sessions(database, clock=clock, pepper=b"p", on_sign=lambda *sign: signs.append(sign))


def test_a_session_is_resumed_by_its_token_alone(sessions: Sessions) -> None:
    token, session = sessions.start(**HOME)
    found = sessions.resume(token, **HOME)
    assert (found.session, found.token, found.signs) == (session, None, ())
    assert (session.user, session.privilege, len(session.id)) == ("", "visitor", 32)
    for wrong in ("", token[:-1], token + "x", token[::-1], "x" * 22, "é" * 22, session.id, token + "\n"):
        assert sessions.resume(wrong).session is None


def test_tokens_are_128_random_bits_and_stored_as_hashes(sessions: Sessions, database: Database) -> None:
    tokens = [sessions.start()[0] for _ in range(100)]
    assert len(set(tokens)) == 100
    assert {len(token) for token in tokens} == {22}  # 128 bits in Base64
    with database.read() as connection:
        stored = str(connection.execute(text("SELECT * FROM web_sessions")).all())
    assert not any(token in stored for token in tokens)


def test_a_session_ends_when_idle_and_when_too_old(sessions: Sessions, clock: ManualClock) -> None:
    token, _ = sessions.start()
    clock.advance(1801)
    assert sessions.resume(token).session is None
    token, session = sessions.start()
    ages = 0
    while True:  # in use all the time
        clock.advance(600)
        found = sessions.resume(token)
        if found.session is None:
            break
        token, ages = found.token or token, ages + 600
    assert ages == 43_200
    assert not sessions.alive(session.id)


def test_a_clock_that_is_set_back_ends_no_session_and_forwards_it_does(sessions: Sessions, clock: ManualClock) -> None:
    token, session = sessions.start()
    clock.set_wall(datetime(2025, 12, 31, tzinfo=UTC))
    assert sessions.resume(token).session
    assert sessions.alive(session.id)
    clock.set_wall(datetime(2027, 1, 1, tzinfo=UTC))
    assert sessions.resume(token).session is None


def test_a_token_turns_with_time_and_the_one_before_has_a_grace(sessions: Sessions, clock: ManualClock) -> None:
    first, session = sessions.start(**HOME)
    clock.advance(901)
    turned = sessions.resume(first, **HOME)
    assert turned.token not in (None, first)
    assert turned.session is not None
    assert turned.session.id == session.id
    second = str(turned.token)
    clock.advance(29)
    late = sessions.resume(first, **HOME)  # a request that was under way gets the same successor
    assert (late.token, late.session and late.session.id) == (second, session.id)
    assert sessions.resume(second, **HOME).token is None


def test_a_replaced_token_that_comes_back_ends_the_session(
    sessions: Sessions, clock: ManualClock, signs: list[tuple[str, str, str]]
) -> None:
    first, session = sessions.start(**HOME)
    clock.advance(901)
    second = str(sessions.resume(first, **HOME).token)
    clock.advance(31)
    stolen = sessions.resume(first, **HOME)
    assert (stolen.session, stolen.token, stolen.signs) == (None, None, ("replayed",))
    assert sessions.resume(second, **HOME).session is None  # thief and owner alike
    assert signs == [("replayed", session.id, "")]


def test_storage_gives_no_working_token_away(sessions: Sessions, database: Database, clock: ManualClock) -> None:
    first, _ = sessions.start()
    clock.advance(901)
    second = str(sessions.resume(first).token)
    with database.read() as connection:
        stored = str(connection.execute(text("SELECT * FROM web_sessions")).all())
    assert second not in stored
    assert first not in stored


def test_fifty_requests_on_one_rotation_get_one_successor(
    sessions: Sessions, database: Database, clock: ManualClock
) -> None:
    token, session = sessions.start(**HOME)
    clock.advance(901)
    barrier, found = threading.Barrier(50), []

    def run() -> None:
        barrier.wait()
        found.append(sessions.resume(token, **HOME))

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 50
    assert len({one.token for one in found}) == 1
    assert {one.session.id for one in found if one.session} == {session.id}
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM web_sessions")).scalar() == 2


def test_a_login_replaces_the_token_without_grace(sessions: Sessions) -> None:
    planted, visitor = sessions.start(**HOME)  # by somebody who wants to be signed in with the victim
    token, session = sessions.login(planted, "ann", **HOME)
    assert token != planted
    assert session.id != visitor.id
    assert (session.user, session.privilege) == ("ann", "user")
    assert sessions.resume(planted, **HOME).session is None
    assert sessions.resume(token, **HOME).session == session
    raised, operator = sessions.login(token, "ann", "operator", **HOME)
    assert operator.privilege == "operator"
    assert sessions.resume(token, **HOME).session is None
    assert sessions.end(raised)
    assert sessions.resume(raised, **HOME).session is None
    assert not sessions.end(raised)
    with pytest.raises(InputError):
        sessions.login(None, "")


def test_sessions_are_revoked_one_by_one_and_all_of_a_user(sessions: Sessions, database: Database) -> None:
    (one, first), (two, _), (other, _) = (sessions.login(None, user, **HOME) for user in ("ann", "ann", "bob"))
    assert {session.user for session in sessions.active()} == {"ann", "bob"}
    assert sessions.count() == 3
    assert sessions.revoke(first.id, why="lost phone") == 1
    assert sessions.resume(one, **HOME).session is None
    assert sessions.revoke_user("ann", why="password changed") == 1
    assert sessions.resume(two, **HOME).session is None
    assert Sessions(database, clock=ManualClock(), pepper=b"p").resume(other, **HOME).session  # another process agrees
    assert sessions.count() == 1


def test_a_change_of_network_or_browser_is_a_sign_and_both_end_a_signed_in_session(
    sessions: Sessions, signs: list[tuple[str, str, str]]
) -> None:
    token, session = sessions.login(None, "ann", **HOME)
    moved = sessions.resume(token, address="198.51.100.1", agent="Firefox")
    assert (moved.signs, moved.session is not None) == (("network_changed",), True)
    assert sessions.resume(token, address="198.51.100.1", agent="Firefox").signs == ()  # the new one is remembered
    stolen = sessions.resume(token, address="192.0.2.1", agent="curl")
    assert (stolen.signs, stolen.session) == (("moved",), None)
    assert sessions.resume(token, **HOME).session is None
    assert [sign for sign, _, _ in signs] == ["network_changed", "moved"]
    assert signs[-1] == ("moved", session.id, "ann")
    visitor, _ = sessions.start(**HOME)
    assert sessions.resume(visitor, address="192.0.2.1", agent="curl").session  # a visitor has nothing to steal


def test_an_ipv6_client_may_change_its_address_within_its_network(sessions: Sessions) -> None:
    token, _ = sessions.start(address="2001:db8::1", agent="Firefox")
    assert sessions.resume(token, address="2001:db8::dead:beef", agent="Firefox").signs == ()


def test_an_erased_person_has_no_sessions(sessions: Sessions, database: Database) -> None:
    token, _ = sessions.login(None, "ann")
    assert SubjectStores(database).erase("ann")["web_sessions"] == 1
    assert sessions.resume(token).session is None


def test_what_ended_long_ago_is_forgotten(sessions: Sessions, clock: ManualClock) -> None:
    sessions.start()
    clock.advance(31 * 86_400)
    sessions.start()
    assert sessions.tidy() == 1


def test_times_can_be_set(database: Database, clock: ManualClock) -> None:
    brief = Sessions(database, SessionConfig(idle_seconds=10, rotate_seconds=5, grace_seconds=0), clock=clock)
    token, _ = brief.start()
    clock.advance(6)
    second = str(brief.resume(token).token)
    clock.advance(1)
    assert brief.resume(token).signs == ("replayed",)
    assert brief.resume(second).session is None


def test_a_csrf_token_belongs_to_one_session_and_never_looks_the_same(sessions: Sessions) -> None:
    mine, _ = sessions.start()
    other, _ = sessions.start()
    pages = {csrf_token(mine) for _ in range(50)}
    assert len(pages) == 50
    assert all(token_fits(mine, page) for page in pages)
    page = pages.pop()
    for wrong in (
        "",
        page[:-2],
        page + "AA",
        page[::-1],
        csrf_token(other),
        mine,
        "é",
        "=" * 86,
        "A" * 86,
        "x" * 10_000,
    ):
        assert not token_fits(mine, wrong)
