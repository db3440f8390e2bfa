"""The life of an alert on PostgreSQL: what the tests of the watch show on SQLite, once through every table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shopr.analytics.alerts.acting import Acting
from shopr.analytics.alerts.outbox import Outbox
from shopr.analytics.alerts.raised import Alerts
from shopr.config import Settings
from shopr.errors import NotReadyError
from shopr.storage import Database
from tests.analytics.alerts.conftest import NOON, Shop
from tests.analytics.alerts.test_watch import ESCALATED, FIRED, RESOLVED, broken


@pytest.fixture
def shop(settings: Settings, postgres_url: str) -> Iterator[Shop]:
    """An installation whose state and events are on PostgreSQL."""
    settings.home.mkdir(parents=True, exist_ok=True)
    made = Shop(settings.model_copy(update={"database_url": postgres_url}))
    yield made
    made.watch.close()


def test_an_alert_is_silenced_told_escalated_acknowledged_and_resolved(shop: Shop) -> None:
    with Database.open(shop.settings) as database:
        assert not database.is_sqlite
        acting, alerts = Acting(database, clock=shop.clock), Alerts(database)
        silence = acting.silence("failing", by="maria", reason="release", lasts=timedelta(minutes=60))
        broken(shop)
        assert shop.said == []
        acting.end_silence(silence[:8], by="maria")
        other = shop.another()
        assert not other.look().led  # one process leads
        shop.minutes(1, good=3, bad=3)
        assert shop.said == [FIRED]
        shop.restart()  # neither told again nor forgotten
        shop.minutes(22, good=3, bad=3, every=11)
        assert sorted(shop.said[1:]) == [f"boss: {ESCALATED}", f"ops: {ESCALATED}"]
        (row,) = alerts.table().to_dict("records")
        assert row["time"] > row["began_at"] > NOON
        assert acting.acknowledge(row["id"][:8], by="maria", note="rolling back")["acknowledged_by"] == "maria"
        shop.minutes(14, good=9, every=7)
        assert sorted(shop.said[3:]) == ["boss: [RESOLVED] failing", RESOLVED]
        (row,) = alerts.table().to_dict("records")
        assert (row["resolution"], alerts.open()) == ("back within bounds", [])
        told = Outbox(database, clock=shop.clock).table(row["id"])
        assert len(told) == 5
        assert {one["channel"] for one in told} == {"ops", "boss"}
        other.close()


def test_a_notice_that_cannot_be_sent_is_tried_again(shop: Shop) -> None:
    real, tried = shop.watch.outbox._send, []

    def refused(name: str, *rest: object) -> None:
        tried.append(name)
        if len(tried) == 1:
            raise NotReadyError("the channel is away", hint="Wait")
        real(name, *rest)  # type: ignore[arg-type]

    shop.watch.outbox._send = refused
    broken(shop)
    assert (len(tried), shop.said) == (1, [])
    shop.minutes(5, good=3, bad=3)
    assert shop.said == [FIRED]
    assert shop.watch.outbox.waiting() == 0
