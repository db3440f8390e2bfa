"""The scripted customers: their goals and the oracle are right, and the agent serves them on the real database."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from benchmarks.retailing.customer import noisy, templates
from benchmarks.retailing.goals import KINDS, Goal, Wish, draw
from benchmarks.retailing.oracle import expected, start
from benchmarks.retailing.playing import play_all, verdict
from shopr.clock import ManualClock
from shopr.commerce import Commerce, OrderPolicy
from shopr.commerce.retail_data import CURRENCY, RetailData, state
from shopr.storage import Database
from tests.chat.retail.shop import ORDERS, PRODUCTS, USERS, retail_shop


@pytest.fixture(scope="module")
def real(shared_data: Path) -> RetailData:
    return RetailData.load(shared_data / "chat" / "tau_retail")


def test_both_sets_of_templates_say_the_same_things_in_other_words() -> None:
    dev, held_out = templates("dev"), templates("held_out")
    assert dev.keys() == held_out.keys()
    shared = {key: set(dev[key]) & set(held_out[key]) - {"", "{id}", "{request}"} for key in dev}
    assert not {key: both for key, both in shared.items() if both}


def test_noise_keeps_places_to_fill() -> None:
    rng = Random(1)
    for _ in range(300):
        assert noisy("Please cancel the {order} with {item}.", rng).format(order="A", item="B").count("A") >= 1


def test_the_oracle_starts_where_the_shop_starts(database: Database, clock: ManualClock) -> None:
    data = RetailData(PRODUCTS, USERS, ORDERS)
    assert state(retail_shop(database, clock), USERS) == start(data, USERS)


def test_the_oracle_counts_in_cents() -> None:
    data = RetailData(PRODUCTS, USERS, ORDERS)
    swap = Wish("modify_items", "#W1000001", swaps=(("lamp-b", "lamp-w"),), method_id="gift_card_1")
    held = expected(data, Goal("", "ann_lee_1", (swap,)))
    assert held["orders"]["#W1000001"]["payments"] == [("payment", 2050, "gift_card_1"), ("payment", 12000, "paypal_1")]
    assert held["users"]["ann_lee_1"]["balances"] == {"gift_card_1": 1500 - 2050}
    refund = Wish("cancel", "#W1000001", reason="no longer needed")
    held = expected(data, Goal("", "ann_lee_1", (refund,)))
    assert held["orders"]["#W1000001"]["payments"] == [("payment", 12000, "paypal_1"), ("refund", 12000, "paypal_1")]
    assert expected(data, Goal("", "ann_lee_1", (refund,), identified=False)) == start(data, ["ann_lee_1"])


def test_a_wrong_end_is_noticed() -> None:
    data = RetailData(PRODUCTS, USERS, ORDERS)
    goal = Goal("", "ann_lee_1", (Wish("cancel", "#W1000001", reason="no longer needed"),), others=("bob_fox_2",))
    right = expected(data, goal)
    assert verdict(data, goal, right, "", False) == []
    assert verdict(data, goal, start(data, ["ann_lee_1", "bob_fox_2"]), "", False) == ["order #W1000001 differs"]
    assert verdict(data, goal, right, "", True) == ["handed over without need"]
    assert verdict(data, goal, right, "They live in 99 Secret Road", False) == ["told of another person"]


def test_goals_are_the_same_for_the_same_seed(real: RetailData) -> None:
    for kind in KINDS:
        assert draw(real, kind, Random(f"3:{kind}")) == draw(real, kind, Random(f"3:{kind}"))


def test_scripted_customers_are_served(real: RetailData, database: Database) -> None:
    catalog = real.catalog()
    shop = Commerce(database, "retail", lambda: catalog, currency=CURRENCY, policy=OrderPolicy.retail())
    played = play_all(real, shop, templates("dev"), seed=7, each=2)
    failed = [(p.kind, p.failures, p.lines) for p in played if p.failures]
    assert not [f for f in failed if {"acted without a yes", "told of another person"} & set(f[1])]
    assert len(failed) <= 0.05 * len(played), failed
