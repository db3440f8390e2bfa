"""Security as a shop wires it."""

from __future__ import annotations

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import InputError, NotReadyError, UnknownNameError
from shopr.security.guard import Decision, Request
from shopr.shop import Shop

ATTACK = "1' UNION SELECT password FROM users -- "


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Shop:
    return Shop.open(settings, clock=clock)


def test_an_attack_is_blocked_and_the_fifth_locks(shop: Shop) -> None:
    request = Request(ATTACK, session_id="s1", address="198.51.100.66")
    verdicts = [shop.inspect(request) for _ in range(6)]
    assert [v.decision for v in verdicts] == [Decision.BLOCK] * 6
    assert verdicts[-1].rules == ("lockout",)
    assert (
        shop.inspect(Request("a blue mug, please", session_id="s2", address="203.0.113.7")).decision is Decision.ALLOW
    )
    (lock,) = shop.security.watch.locks()
    with pytest.raises(UnknownNameError):
        shop.security.unlock(lock.id + 1, reason="a mistake", actor="maria")
    shop.security.unlock(lock.id, reason="a mistake", actor="maria")
    assert shop.inspect(Request("a blue mug", session_id="s1", address="198.51.100.66")).decision is Decision.ALLOW
    assert shop.security.watch.locks() == []
    entry = shop.security.audit.entries(1)[0]
    assert (entry.actor, entry.action, entry.reason) == ("maria", "lock_lifted", "a mistake")


def test_an_operator_blocks_and_unblocks_with_reasons_on_record(shop: Shop) -> None:
    with pytest.raises(InputError, match="Give the reason"):
        shop.security.block("203.0.113.0/24", reason="", actor="maria")
    rule = shop.security.block("203.0.113.0/24", reason="abuse", actor="maria")
    visitor = Request("hello", session_id="s", address="203.0.113.7")
    assert shop.inspect(visitor).rules == ("access:deny",)
    shop.security.unblock(rule.id, reason="a customer's office", actor="maria")
    assert shop.inspect(visitor).decision is Decision.ALLOW
    with pytest.raises(NotReadyError):
        shop.security.unblock(rule.id, reason="again", actor="maria")
    assert [entry.action for entry in shop.security.audit.entries()] == ["network_unblocked", "network_blocked"]
    assert shop.security.audit.verify().sound


def test_limits_follow_the_settings(settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_RATE_TEXT", "3")
    shop = Shop.open(Settings(), clock=clock)
    verdicts = [shop.inspect(Request("hello", session_id="s")) for _ in range(4)]
    assert [v.allowed for v in verdicts] == [True, True, True, False]
    assert verdicts[-1].rules == ("limit:text",)


def test_two_shops_on_one_database_share_limits_and_keys(settings: Settings, clock: ManualClock) -> None:
    one, two = (Shop.open(settings, clock=clock) for _ in range(2))
    answers = [shop.inspect(Request("hello", session_id="s")).allowed for _ in range(20) for shop in (one, two)]
    assert sum(answers) == 30
    place = {"table": "t", "row": "1", "subject": "ann"}
    assert two.security.cipher.decrypt(one.security.cipher.encrypt("hello", **place), **place) == "hello"


def test_redis_is_used_where_the_settings_name_one(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_REDIS_URL", "unix:///nowhere/redis.sock")
    shop = Shop.open(Settings(), clock=clock)
    answers = [shop.inspect(Request("hello", session_id="s")).allowed for _ in range(31)]
    assert sum(answers) == 30  # and while it is away this process counts for itself


def test_a_session_is_ended_with_a_reason(shop: Shop) -> None:
    token, session = shop.security.sessions.login(None, "ann", address="203.0.113.7", agent="Firefox")
    shop.security.sessions.resume(token, address="198.51.100.1", agent="Firefox")
    assert shop.security.end_session(session.id, reason="a lost phone", actor="maria")
    assert shop.security.sessions.resume(token).session is None
    assert not shop.security.end_session(session.id, reason="again", actor="maria")
    assert "session" in list(shop.security.watch.events(shop.clock.now().replace(year=2020))["kind"])
