"""`shopr events engagement | revenue | searches | recommendations | backfill` on a store of two weeks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import Row, row_of
from shopr.cli.events import events
from shopr.config import Settings
from shopr.data.events import Event, EventType
from tests.app.happenings import happened
from tests.app.sample import sample_dataset


def run(*words: str) -> Result:
    return CliRunner().invoke(events, list(words))


def told(*words: str) -> Any:
    found = run(*words, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.fixture
def lively(settings: Settings) -> Settings:
    happened(settings)
    return settings


@pytest.mark.usefixtures("lively")
def test_figures_of_the_days_up_to_the_newest_act() -> None:
    found = told("engagement")
    assert (found["from"], found["until"], len(found["rows"])) == ("2026-02-14", "2026-03-15", 30)
    figures = {row["figure"]: row for row in found["figures"]}
    assert figures["sessions"]["value"] == 280
    assert 0 < figures["sessions that buy"]["lo"] < figures["sessions that buy"]["hi"] < 1
    part = told("engagement", "--since", "2026-03-09", "--until", "2026-03-15", "--device", "mobile")
    assert len(part["rows"]) == 7
    assert part["figures"][1]["value"] < 140


@pytest.mark.usefixtures("lively")
def test_money_is_written_as_decimals_and_totals_agree() -> None:
    found = told("revenue", "--step", "week")
    (pounds,) = found["figures"]
    assert pounds["currency"] == "GBP"
    assert float(pounds["revenue"]) == 25.0 * pounds["orders"]
    assert pounds["order_value"] == "25.00"
    assert sum(row["orders"] for row in found["rows"]) == pounds["orders"]
    assert "GBP" in run("revenue").stdout


def test_a_funnel_of_sampled_steps_tells_for_how_many_those_stand_who_were_kept(settings: Settings) -> None:
    """A twentieth of the shoppers' views was kept, as by default, and every cart: so one who viewed is twenty."""
    store, day = EventStore.open(settings), datetime(2026, 3, 2, tzinfo=UTC)

    def row(kind: EventType, user: int, weight: float) -> Row:
        time = day - timedelta(minutes=weight)
        return row_of(Event(type=kind, time=time, user_id=f"u{user}", properties={"product_id": "p"}), weight=weight)

    carts = [row(EventType.CART_ITEM_ADDED, user, 1.0) for user in range(40)]
    store.append([*(row(EventType.PRODUCT_VIEWED, user, 20.0) for user in range(3)), *carts])
    viewed, added = told("funnel", "product_viewed", "cart_item_added")
    assert (viewed["persons"], viewed["seen"], viewed["persons_lo"]) == (60, 3, 3)
    assert (added["persons"], added["share"]) == (60, 1.0)
    (facts,) = told("funnel", "cart_item_added")
    assert [facts[name] for name in ("persons", "persons_lo", "persons_hi", "seen")] == [40] * 4


@pytest.mark.usefixtures("lively")
def test_searches_and_recommendations() -> None:
    found = told("searches", "--top", "1")
    assert len(found["rows"]) == 1
    assert {row["figure"] for row in found["figures"]} == {"clicked", "carted", "bought", "empty", "refined"}
    shown = told("recommendations", "--by", "policy", "--by", "position")
    assert [row["policy"] for row in shown["rows"]] == ["ease"] * 4
    assert sum(row["impressions"] for row in shown["rows"]) == 280
    assert "home" in run("recommendations").stdout


def test_an_empty_store_and_bad_questions(settings: Settings) -> None:
    assert "Nothing was ordered in this time." in run("revenue").stdout
    assert "Nobody searched in this time." in run("searches").stdout
    assert "Nothing was recommended in this time." in run("recommendations").stdout
    assert run("engagement", "--since", "yesterday").exit_code == 2
    wrong = run("engagement", "--segment", "buyer")
    assert wrong.exit_code != 0
    assert "buyers" in str(wrong.exception)


def test_the_history_of_the_shop_is_stored_once(settings: Settings) -> None:
    assert "there is no shop" in str(run("backfill").exception)
    sample_dataset().save(settings.shop_folder())
    assert told("backfill")["new"] == 900
    assert "0 of 900 events are new." in run("backfill").stdout
