"""Whose events these are and what they allowed: Global Privacy Control, logins, forgetting; models are timed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shopr.analytics.reading.log import EventLog
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.events import Event
from shopr.errors import NotReadyError, SpecError
from shopr.shop import Shop
from tests.app.sample import sample_dataset


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Iterator[Shop]:
    sample_dataset(shoppers=5, lines=60).save(settings.shop_folder())
    shop = Shop.open(settings, clock=clock)
    yield shop
    shop.collector.close()


def click(shop: Shop, user: str | None = None, session: str | None = None, **more: Any) -> Event:
    return Event(
        type="product_clicked", time=shop.clock.now(), user_id=user, session_id=session,
        properties={"product_id": "p001", **more},
    )  # fmt: skip


def consents(shop: Shop) -> list[str]:
    assert shop.collector.flush()
    return shop.events.frame().query("type == 'product_clicked'")["consent"].tolist()


def test_privacy_control_holds_in_the_process_as_well(shop: Shop) -> None:
    assert shop.record(click(shop, session="s0"))
    assert shop.under_gpc("s1").words() == ("necessary",)
    assert not shop.record(click(shop, session="s1"))
    shop.consent.set("s2", ("analytics", "marketing"), notice="v1")
    shop.under_gpc("s2")
    shop.under_gpc("s2")
    assert len(shop.consent.history("s2")) == 2  # said once, written down once
    assert shop.record(click(shop, session="s2"))
    shop.consent.set("ann", ("analytics", "marketing"), notice="v1")
    assert shop.record(click(shop, "ann", "s1"))  # what she allowed in so many words, but marketing
    assert not shop.record(click(shop, "bob", "s1"))  # whom nobody asked
    everything = "necessary analytics personalisation marketing"
    assert sorted(consents(shop)) == [*["necessary analytics"] * 2, everything]


def test_a_login_merges_what_came_before_and_carries_the_choice(shop: Shop, clock: ManualClock) -> None:
    shop.record(click(shop, session="s1", device_id="phone"))
    shop.record(click(shop, session="s3", device_id="phone"))
    clock.advance(1)
    shop.consent.set("s1", ("analytics",), notice="v2")
    shop.signed_in("ann", session_id="s1", device_id="phone")
    assert shop.consent.of("ann").notice == "v2"
    shop.record(click(shop, "ann", "s2"))
    assert shop.collector.flush()
    assert set(EventLog.read(shop.events).person_ids) == {"ann"}
    shop.consent.set("bob", (), notice="v1")
    shop.signed_in("bob", session_id="s9", device_id="phone")  # does not want to be followed, and is not
    assert set(EventLog.read(shop.events).person_ids) == {"ann"}
    assert shop.events.identities.export("bob") == []


def test_what_a_session_refuses_its_user_does_not_allow_there(shop: Shop) -> None:
    shop.consent.set("ann", ("analytics", "marketing"), notice="v1")
    shop.consent.set("s1", ("analytics", "marketing"), notice="v1")
    assert shop.choice_of("ann", "s1").allows("marketing")
    shop.under_gpc("s1")
    assert shop.choice_of("ann", "s1").words() == ("necessary", "analytics")
    assert shop.choice_of("ann", "s2").allows("marketing")
    assert shop.choice_of("bob", "s1").words() == ("necessary", "analytics")  # nobody asked him


def test_signing_in_ends_the_visitors_session_and_owns_it(shop: Shop) -> None:
    token, visit = shop.security.sessions.start()
    shop.record(click(shop, session=visit.id))
    fresh, session = shop.sign_in(token, "ann")
    shop.record(click(shop, session.user, session.id))
    assert shop.security.sessions.resume(token).session is None
    assert shop.security.sessions.resume(fresh).session == session
    assert shop.collector.flush()
    assert set(EventLog.read(shop.events).person_ids) == {"ann"}
    shop.sign_in(fresh, "bob")  # a session of ann's does not become bob's
    assert shop.events.identities.sessions_of("bob") == []


def test_a_wrong_file_of_events_loses_nothing(shop: Shop) -> None:
    (shop.folder / "events.yaml").write_text("events: {a_b: {abuot: x}}")
    assert shop.record(click(shop, "ann"))
    with pytest.raises(SpecError, match="Did you mean 'about'"):
        _ = shop.event_book


def test_a_person_is_forgotten_in_the_event_store_as_well(shop: Shop) -> None:
    shop.record(click(shop, session="s1"))
    shop.signed_in("ann", session_id="s1")
    shop.record(click(shop, "ann", "s2"))
    shop.consent.set("ann", ("analytics",), notice="v1")
    assert shop.collector.flush()
    copy = shop.security.subjects.export("ann")
    assert len(copy["events"]) == 2
    assert len(copy["identities"]) == 1
    assert len(copy["consent_log"]) == 1
    gone = shop.security.subjects.erase("ann")
    assert (gone["events"], gone["consent_log"]) == (2, 1)
    assert shop.events.count() == 0
    assert shop.events.identities.export("ann") == []


def test_answers_of_models_are_timed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shop, "champion", None)
    with pytest.raises(NotReadyError):
        shop.recommend("u001")
    assert b'shopr_model_duration_seconds_count{model="recommend"} 1.0' in shop.metrics.text()
