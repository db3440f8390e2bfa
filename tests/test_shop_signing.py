"""Accounts and people's own data as a shop wires them: log-ins join what came before, acts are on record, consent is
followed, a person is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from shopr.analytics.store.pseudonyms import private_id
from shopr.chat.need import Need
from shopr.clock import ManualClock
from shopr.commerce.sql import visitor
from shopr.config import Settings
from shopr.data.events import Event
from shopr.errors import InputError, NotReadyError
from shopr.security.passwords import Passwords
from shopr.security.session_records import Session
from shopr.shop import Shop
from shopr.shop.measured import GPC
from shopr.shop.privacy import NOTICE
from tests.app.sample import sample_dataset

GOOD, OTHER = "seven green lamps", "nine loud rivers"
HOME = {"address": "203.0.113.7", "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Iterator[Shop]:
    sample_dataset(shoppers=5, lines=60).save(settings.shop_folder())
    shop = Shop.open(settings.model_copy(update={"ask_consent": True}), clock=clock)
    shop.accounts._passwords = Passwords(time_cost=1, memory_kib=64, lanes=1)
    yield shop
    if "collector" in shop.__dict__:
        shop.collector.close()


def of(shop: Shop, token: str) -> Session:
    found = shop.security.sessions.resume(token, **HOME).session
    assert found is not None
    return found


def click(shop: Shop, user: str | None, session: str) -> Event:
    said = {"product_id": "p005"}
    return Event(type="product_clicked", time=shop.clock.now(), user_id=user, session_id=session, properties=said)


def actions(shop: Shop) -> list[str]:
    return [entry.action for entry in shop.security.audit.entries(50)][::-1]


def test_a_new_person_is_signed_in_and_on_record_without_a_name(shop: Shop) -> None:
    token, before = shop.security.sessions.start(**HOME)
    attempt, fresh = shop.register("ann@example.com", GOOD, token=token, session=before.id, **HOME)
    assert attempt.account is not None
    session = of(shop, fresh)
    assert (session.user, session.privilege, session.device) == (attempt.account.user_id, "user", "Firefox on Linux")
    assert shop.security.sessions.resume(token, **HOME).session is None  # the visitor's token is worth nothing now
    assert session.id != before.id
    assert actions(shop) == ["account_created"]
    with shop.database.read() as connection:
        entries = connection.execute(text("SELECT * FROM audit_log")).mappings().all()
    assert "ann@" not in str([dict(row) for row in entries])
    with pytest.raises(InputError, match="has an account already"):
        shop.register("ann@example.com", OTHER, token=None, **HOME)


def test_the_visit_before_the_log_in_is_the_persons(shop: Shop, clock: ManualClock) -> None:
    made = shop.accounts.create("ann", GOOD)
    token, before = shop.security.sessions.start(**HOME)
    shop.choose("", before.id, ["analytics"], origin="banner")
    assert shop.record(click(shop, None, before.id))
    conversation = "c" * 32
    shop.commerce.carts.add(made.user_id, "p005", 1)
    shop.commerce.carts.add(visitor(before.id), "p005", 2)
    shop.commerce.carts.add(visitor(conversation), "p006", 1)
    clock.advance(1)
    attempt, fresh = shop.enter("ann", GOOD, token=token, session=before.id, conversation=conversation, **HOME)
    assert attempt.outcome == "accepted"
    cart = shop.commerce.carts.of(made.user_id)
    assert {line.product_id: line.quantity for line in cart.lines} == {"p005": 3, "p006": 1}
    assert shop.events.identities.sessions_of(made.user_id) == [before.id]
    choice = shop.choice_of(made.user_id, of(shop, fresh).id)
    assert (choice.words(), choice.notice) == (("necessary", "analytics"), NOTICE)
    assert not shop.must_ask(made.user_id, of(shop, fresh).id)  # who was asked as a visitor is not asked again


def test_a_conversation_of_somebody_else_brings_no_cart(shop: Shop) -> None:
    shop.accounts.create("ann", GOOD)
    shop.assistant.reply("show me mugs", conversation_id="b" * 32, user_id="bob")
    shop.commerce.carts.add(visitor("b" * 32), "p006", 1)
    token, before = shop.security.sessions.start(**HOME)
    attempt, _ = shop.enter("ann", GOOD, token=token, session=before.id, conversation="b" * 32, **HOME)
    assert attempt.account is not None
    assert len(shop.commerce.carts.of(attempt.account.user_id)) == 0


def test_another_password_ends_every_other_session_and_turns_this_one(shop: Shop) -> None:
    made = shop.accounts.create("ann", GOOD)
    _, first = shop.enter("ann", GOOD, token=None, **HOME)
    _, second = shop.enter("ann", GOOD, token=None, **HOME)
    refused, none = shop.change_password(of(shop, second), OTHER, "ten quiet stones", token=second, **HOME)
    assert (refused.outcome, none) == ("refused", "")
    before = of(shop, second).id
    _, third = shop.change_password(of(shop, second), GOOD, OTHER, token=second, **HOME)
    assert shop.security.sessions.resume(first, **HOME).session is None
    assert shop.security.sessions.resume(second, **HOME).session is None
    assert of(shop, third).id != before
    assert [one.id for one in shop.security.sessions.of_user(made.user_id)] == [of(shop, third).id]
    assert shop.enter("ann", GOOD, token=None, **HOME)[0].outcome == "refused"
    assert actions(shop) == ["password_changed", "sessions_ended"]


def test_nobody_ends_a_session_that_is_not_theirs(shop: Shop) -> None:
    ann, bob = (shop.accounts.create(name, GOOD) for name in ("ann", "bob"))
    _, hers = shop.enter("ann", GOOD, token=None, **HOME)
    _, his = shop.enter("bob", GOOD, token=None, **HOME)
    assert not shop.end_own(bob.user_id, of(shop, hers).id)
    assert shop.end_own(ann.user_id, of(shop, hers).id)
    assert not shop.end_own(ann.user_id, "")
    assert shop.leave_everywhere(bob.user_id) == 1
    assert shop.security.sessions.resume(his, **HOME).session is None


def test_an_operators_acts_end_sessions_and_are_on_record(shop: Shop) -> None:
    made = shop.add_account("ann", GOOD, privilege="analyst", actor="maria")
    _, token = shop.enter("ann", GOOD, token=None, **HOME)
    assert of(shop, token).privilege == "analyst"
    assert shop.set_role(made, "operator", actor="maria") == 1
    assert shop.security.sessions.resume(token, **HOME).session is None
    _, token = shop.enter("ann", GOOD, token=None, **HOME)
    assert shop.lock_account(made, reason="a lost phone", actor="maria") == 1
    assert shop.enter("ann", GOOD, token=None, **HOME)[0].outcome == "closed"
    shop.unlock_account(made, reason="found", actor="maria")
    shop.reset_password(made, OTHER, actor="maria")
    assert shop.enter("ann", OTHER, token=None, **HOME)[0].outcome == "accepted"
    said = [(e.action, e.actor) for e in shop.security.audit.entries(50)][::-1]
    assert said == [
        ("account_created", "maria"), ("signed_in", "ann"), ("role_changed", "maria"), ("signed_in", "ann"),
        ("account_locked", "maria"), ("account_unlocked", "maria"), ("password_reset", "maria"), ("signed_in", "ann"),
    ]  # fmt: skip
    assert shop.security.audit.verify().sound


# -- consent ----------------------------------------------------------------------------------------------------------


def test_nothing_optional_is_kept_before_a_choice_nor_after_a_refusal(shop: Shop) -> None:
    assert shop.must_ask("", "s1")
    assert not shop.record(click(shop, None, "s1"))
    shop.choose("", "s1", [], origin="banner")
    assert not shop.must_ask("", "s1")
    assert not shop.record(click(shop, None, "s1"))
    shop.choose("", "s1", ["analytics"], origin="privacy page")
    assert shop.record(click(shop, None, "s1"))
    assert [(row["purposes"], row["notice"], row["origin"]) for row in shop.consent.history("s1")] == [
        ("necessary", NOTICE, "banner"), ("necessary analytics", NOTICE, "privacy page"),
    ]  # fmt: skip


def test_a_signal_of_privacy_control_is_no_answer_but_holds(shop: Shop) -> None:
    shop.under_gpc("s1")
    assert shop.must_ask("", "s1")
    choice = shop.choose("", "s1", ["analytics", "marketing"], origin="banner", gpc=True)
    assert choice.words() == ("necessary", "analytics")
    assert shop.consent.history("s1")[0]["notice"] == GPC


def test_another_wording_is_asked_again_and_nobody_is_asked_in_development(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.choose("", "s1", ["analytics"], origin="banner")
    monkeypatch.setattr("shopr.shop.privacy.NOTICE", "2027-01")
    assert shop.must_ask("", "s1")
    relaxed = Shop.open(settings, clock=shop.clock)
    assert not relaxed.must_ask("", "s2")
    assert relaxed.consent.of("s2").allows("marketing")


def test_who_refuses_personalisation_is_neither_remembered_nor_followed(shop: Shop) -> None:
    user = shop.accounts.create("ann", GOOD).user_id
    shop.choose(user, "s1", ["analytics", "personalisation"], origin="banner")
    shop.assistant.reply("please remember me", conversation_id="c1", user_id=user)
    shop.assistant.reply("show me red mugs", conversation_id="c1", user_id=user)
    assert shop.record(click(shop, user, "s1"))
    assert shop.remembered(user)
    assert "mug" in shop.remembered(user)[0]
    assert (shop.personal(user), len(shop.live.of(user))) == (user, 1)
    shop.choose(user, "s1", ["analytics"], origin="privacy page")
    assert shop.remembered(user) == []
    assert (shop.personal(user), len(shop.live.of(user))) == (None, 0)
    shop.assistant.reply("show me blue lamps", conversation_id="c1", user_id=user)  # the same conversation goes on
    assert shop.remembered(user) == []
    assert shop.personal(None) is None


def test_a_remembered_need_is_worded(shop: Shop) -> None:
    user = shop.accounts.create("ann", GOOD).user_id
    need = Need(called=("mugs",), colours=("red",), brands=("Pico",), price_max=3000)
    shop.memory.allow(user)
    with shop.database.begin() as connection:
        shop.memory._put_facts(connection, user, [need.as_dict()], shop.clock.now())
    assert shop.remembered(user) == ["red mugs by Pico, up to £30.00"]


# -- a copy, and to be forgotten --------------------------------------------------------------------------------------


def test_a_copy_holds_everything_but_secrets(shop: Shop) -> None:
    user = shop.accounts.create("ann@example.com", GOOD).user_id
    _, token = shop.enter("ann@example.com", GOOD, token=None, **HOME)
    shop.choose(user, of(shop, token).id, ["analytics"], origin="banner")
    shop.record(click(shop, user, of(shop, token).id))
    assert shop.collector.flush()
    shop.assistant.reply("show me mugs", conversation_id="c1", user_id=user)
    shop.commerce.carts.add(user, "p005", 1)
    copy = json.loads(shop.copy_of(user))
    data = copy["data"]
    assert data["accounts"][0]["sealed"] == "ann@example.com"  # in clear, as it is hers
    assert data["chat_turns"][0]["said"] == "show me mugs"
    assert {"web_sessions", "events", "consent_log", "cart_lines"} <= set(data)
    assert "argon2" not in shop.copy_of(user).decode()
    assert not {"token_hash", "successor", "password_hash", "name_key"} & {
        name for rows in data.values() for row in rows for name in row
    }
    assert ("Products in the cart", 1) in shop.kept_of(user)


def test_a_person_is_forgotten_with_account_and_sessions(shop: Shop) -> None:
    user = shop.accounts.create("ann", GOOD).user_id
    _, token = shop.enter("ann", GOOD, token=None, **HOME)
    shop.commerce.carts.add(user, "p005", 1)
    shop.memory.allow(user)
    gone = shop.forget_person(user)
    assert (gone["accounts"], gone["web_sessions"], gone["cart_lines"], gone["chat_memories"]) == (1, 1, 1, 1)
    assert shop.security.sessions.resume(token, **HOME).session is None
    assert shop.enter("ann", GOOD, token=None, **HOME)[0].outcome == "refused"
    assert shop.kept_of(user) == []
    assert actions(shop) == ["person_erased"]


def test_a_visit_without_a_name_is_copied_and_forgotten_alone(shop: Shop) -> None:
    token, visit = shop.security.sessions.start(**HOME)
    for session in (visit.id, "other"):
        shop.choose("", session, ["analytics"], origin="banner")
        shop.record(click(shop, None, session))
        shop.commerce.carts.add(visitor(session), "p005", 2)
    shop.record(click(shop, "ann", visit.id))  # what has a name is not the visit's
    assert shop.collector.flush()
    kept = dict(shop.kept_of_visit(visit.id))
    assert (kept["Choices of consent"], kept["Products in the cart"]) == (1, 1)
    copy = json.loads(shop.copy_of_visit(visit.id))["data"]
    assert {row["session_id"] for row in copy["events"]} == {visit.id}
    assert {row["user_id"] for row in copy["events"]} == {None}
    assert shop.forget_visit(visit.id) >= 3
    assert shop.kept_of_visit(visit.id) == []
    assert len(shop.kept_of_visit("other")) == 3
    assert shop.security.sessions.resume(token, **HOME).session is None
    assert actions(shop) == ["visit_erased"]


@pytest.mark.parametrize("user", ["zoe-of-no-15", "zoe@example.com", "+44 7700 900123"])
def test_no_file_names_who_was_forgotten(shop: Shop, user: str) -> None:
    """An address as user id stands in events by a stand-in; a choice has it as its session; the spool holds it."""
    shop.choose(user, "", ["analytics", "personalisation"], origin="banner")
    shop.record(click(shop, user, "s1"))
    assert shop.collector.flush()
    shop.record(click(shop, user, "s1"))
    rows = json.loads(shop.copy_of(user))["data"]["events"]
    assert sorted(row["type"] for row in rows) == ["consent_changed", "product_clicked", "product_clicked"]
    shop.record(click(shop, user, "s1"))  # waits on disk
    shop.forget_person(user)
    assert shop.collector.flush()
    assert shop.kept_of(user) == []
    names = {user.encode(), (private_id(user) or "").encode()}
    files = [path for path in shop.settings.home.rglob("*") if path.is_file()]
    assert [path.name for path in files if any(name in path.read_bytes() for name in names)] == []


def test_a_known_shoppers_orders_are_not_used_again(shop: Shop) -> None:
    user = shop.shoppers(1)[0]
    shop.accounts.create("ann", GOOD, user_id=user)
    assert shop.profiles.card(user).known
    shop.forget_person(user)
    assert not shop.profiles.card(user).known
    assert shop.accounts.of(user) is None


def test_a_copy_that_is_too_large_is_not_made_by_a_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shopr.shop.privacy._MOST_BYTES", 10)
    with pytest.raises(NotReadyError, match="over 10"):
        shop.copy_of("ann")
