"""What happens in the shop reaches the store: clicks, turns of the assistant, verdicts of the guard; as allowed."""

from __future__ import annotations

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.events import Event, EventType
from shopr.shop import Shop
from tests.app.sample import sample_dataset


@pytest.fixture
def shop(settings: Settings, clock: ManualClock) -> Shop:
    sample_dataset(shoppers=5, lines=60).save(settings.shop_folder())
    return Shop.open(settings, clock=clock)


def kinds(shop: Shop) -> dict[str, int]:
    assert shop.collector.flush()
    with shop.events.query() as events:
        return dict(events.sql("SELECT type, count(*) FROM events GROUP BY type").fetchall())


def click(shop: Shop, user: str) -> Event:
    return Event(type=EventType.PRODUCT_CLICKED, time=shop.clock.now(), user_id=user, properties={"product_id": "p001"})


def test_a_click_is_stored_and_changes_what_the_shop_knows(shop: Shop) -> None:
    assert shop.record(click(shop, "ann"))
    assert kinds(shop) == {"product_clicked": 1}
    assert len(shop.live.of("ann")) == 1


def test_who_refuses_is_neither_stored_nor_learnt_from(shop: Shop) -> None:
    shop.consent.set("ann", (), notice="2026-01")
    assert not shop.record(click(shop, "ann"))
    assert kinds(shop) == {}
    assert len(shop.live.of("ann")) == 0
    shop.consent.set("ann", ("analytics",), notice="2026-01")
    assert shop.record(click(shop, "ann"))
    assert len(shop.live.of("ann")) == 0


def test_outside_development_nothing_is_allowed_before_somebody_was_asked(
    settings: Settings, clock: ManualClock
) -> None:
    strict = Shop.open(settings.model_copy(update={"environment": "production"}), clock=clock)
    assert strict.consent.of("ann").words() == ("necessary",)
    assert Shop.open(settings, clock=clock).consent.of("ann").allows("personalisation")


def test_a_turn_of_the_assistant_is_kept_without_its_words(shop: Shop) -> None:
    for number in range(80):  # behaviour is sampled by person
        shop.assistant.reply("show me mugs, my secret is 4711", conversation_id=f"c{number}", user_id=None)
    assert shop.collector.flush()
    found = shop.events.frame()
    assert set(found["type"]) == {"message_sent", "reply_shown"}
    assert 0 < len(found) < 40
    assert (found["weight"] == 20).all()
    assert set(found.loc[found["type"] == "reply_shown", "name"]) == {"search"}
    assert "4711" not in found.to_csv()
    assert not found["properties"].str.contains("_unknown").any()
    assert b'shopr_model_duration_seconds_count{model="assistant"} 80.0' in shop.metrics.text()


def test_a_verdict_of_the_guard_is_a_fact(shop: Shop) -> None:
    shop.inspect("' OR 1=1; DROP TABLE users; --")
    assert kinds(shop) == {"threat_detected": 1}
